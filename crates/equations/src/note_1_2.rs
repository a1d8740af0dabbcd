//! Section 1.2 of the note: Post-LN and Pre-LN.

use crate::{checks, equations};

equations! { "1.2",
    layer_norm = "eq-1.12-layernorm": mmt_tensor::ops::layer_norm => checks::layer_norm;
    post_ln = "eq-1.13-post-ln-block": mmt_blocks::PostLn => checks::post_ln;
    pre_ln = "eq-1.14-pre-ln-block": mmt_blocks::PreLn => checks::pre_ln;
    final_norm = "eq-1.15-pre-ln-final-norm": mmt_blocks::Encoder => checks::encoder;
    gradient_scale = "eq-1.16-gradient-scale": mmt_blocks::depth::DepthProbe => checks::gradient_scale;
    warm_up = "eq-1.17-warm-up": mmt_blocks::depth::Reverser => checks::warm_up;
    amplification = "eq-1.18-amplification": mmt_blocks::depth::output_change => checks::amplification;
    admin = "eq-1.19-admin": mmt_blocks::Shortcut => checks::admin;
    relative_update = "eq-1.20-relative-update": mmt_blocks::depth::relative_updates => checks::relative_update;
}
