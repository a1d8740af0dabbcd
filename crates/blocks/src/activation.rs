//! The nonlinearity of a feed-forward network: named, because the published codes differ.

use mmt_tensor::ops::{gelu, gelu_backward, relu, relu_backward};
use mmt_tensor::{Real, Result};
use ndarray::{Array, ArrayRef, Dimension};

/// Which `σ` a feed-forward network uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// eq-1.8-relu: the original Transformer.
    Relu,
    /// eq-1.9-gelu-erf: ViLBERT, VL-BERT, UNITER, HERO, ViLT.
    Gelu,
}

impl Activation {
    /// `z: [..]` → `σ(z): [..]`
    ///
    /// # Errors
    /// [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for NaN and infinities.
    pub fn forward<R: Real, D: Dimension>(self, z: &ArrayRef<R, D>) -> Result<Array<R, D>> {
        match self {
            Activation::Relu => relu(z),
            Activation::Gelu => gelu(z),
        }
    }

    /// `z̄ = h̄ ⊙ σ'(z)`
    pub fn backward<R: Real, D: Dimension>(self, z: &ArrayRef<R, D>, dh: &ArrayRef<R, D>) -> Array<R, D> {
        match self {
            Activation::Relu => relu_backward(z, dh),
            Activation::Gelu => gelu_backward(z, dh),
        }
    }
}
