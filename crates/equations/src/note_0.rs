//! Primitives that the note takes for granted.

use crate::{checks, equations};

equations! { "0",
    linear = "eq-0.1-linear": mmt_tensor::ops::linear => checks::linear;
    softmax = "eq-0.2-softmax": mmt_tensor::ops::softmax => checks::softmax;
    log_sum_exp = "eq-0.3-logsumexp": mmt_tensor::ops::log_sum_exp => checks::log_sum_exp;
    log_softmax = "eq-0.3-log-softmax": mmt_tensor::ops::log_softmax => checks::log_softmax;
    cross_entropy = "eq-0.4-cross-entropy": mmt_tensor::ops::cross_entropy => checks::cross_entropy;
    soft_cross_entropy = "eq-0.5-soft-cross-entropy": mmt_tensor::ops::soft_cross_entropy => checks::soft_cross_entropy;
    kl_divergence = "eq-0.5-kl-divergence": mmt_tensor::ops::kl_divergence => checks::kl_divergence;
    binary_cross_entropy = "eq-0.6-bce-with-logits": mmt_tensor::ops::binary_cross_entropy => checks::binary_cross_entropy;
    l2_normalize = "eq-0.7-l2-normalise": mmt_tensor::ops::l2_normalize => checks::l2_normalize;
    dropout = "eq-0.8-dropout": mmt_tensor::ops::dropout => checks::dropout;
    lookup = "eq-0.9-embedding": mmt_tensor::ops::lookup => checks::lookup;
    conv = "eq-0.10-convolution": mmt_tensor::ops::conv => checks::conv;
    max_pool = "eq-0.10-max-pool": mmt_tensor::ops::max_pool => checks::max_pool;
    avg_pool = "eq-0.10-avg-pool": mmt_tensor::ops::avg_pool => checks::avg_pool;
    global_avg_pool = "eq-0.10-global-avg-pool": mmt_tensor::ops::global_avg_pool => checks::global_avg_pool;
    max_of_windows = "eq-0.10-max-of-windows": mmt_tensor::ops::max_of_windows => checks::max_of_windows;
    resample = "eq-0.10-resample": mmt_tensor::ops::resample => checks::resample;
    frozen_norm = "eq-0.10-frozen-norm": mmt_tensor::ops::frozen_norm => checks::frozen_norm;
    batch_norm = "eq-0.10-batch-norm": mmt_tensor::ops::batch_norm => checks::batch_norm;
    symmetric_kl = "eq-4-softce-symmetric-kl": mmt_tensor::ops::symmetric_kl => checks::symmetric_kl;
    mse = "eq-4-reg-mse": mmt_tensor::ops::mse => checks::mse;
    l1 = "eq-4-reg-l1": mmt_tensor::ops::l1 => checks::l1;
    smooth_l1 = "eq-4-reg-smooth-l1": mmt_tensor::ops::smooth_l1 => checks::smooth_l1;
    hinge = "eq-4-hinge-sum": mmt_tensor::ops::hinge => checks::hinge;
    hardest_hinge = "eq-4-hinge-hardest": mmt_tensor::ops::hardest_hinge => checks::hardest_hinge;
}
