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
    conv = "eq-0.10-convolution": mmt_tensor::ops::conv => checks::conv;
    max_pool = "eq-0.10-max-pool": mmt_tensor::ops::max_pool => checks::max_pool;
    avg_pool = "eq-0.10-avg-pool": mmt_tensor::ops::avg_pool => checks::avg_pool;
    global_avg_pool = "eq-0.10-global-avg-pool": mmt_tensor::ops::global_avg_pool => checks::global_avg_pool;
    frozen_norm = "eq-0.10-frozen-norm": mmt_tensor::ops::frozen_norm => checks::frozen_norm;
}
