//! Section 1.2 of the note: Post-LN and Pre-LN.

use crate::{checks, equations};

equations! { "1.2",
    layer_norm = "eq-1.12-layernorm": mmt_tensor::ops::layer_norm => checks::layer_norm;
    post_ln = "eq-1.13-post-ln-block": mmt_blocks::PostLn => checks::post_ln;
    pre_ln = "eq-1.14-pre-ln-block": mmt_blocks::PreLn => checks::pre_ln;
    final_norm = "eq-1.15-pre-ln-final-norm": mmt_blocks::Encoder => checks::encoder;
}
