//! Primitives that the note takes for granted.

use crate::{checks, equations};

equations! { "0",
    linear = "eq-0.1-linear": mmt_tensor::ops::linear => checks::linear;
    softmax = "eq-0.2-softmax": mmt_tensor::ops::softmax => checks::softmax;
}
