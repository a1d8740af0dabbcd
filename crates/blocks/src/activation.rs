//! The nonlinearity of a feed-forward network: named, because the published codes differ.

use mmt_tensor::ops::{
    gelu, gelu_backward, gelu_tanh, gelu_tanh_backward, quick_gelu, quick_gelu_backward, relu, relu_backward,
    stored,
};
use mmt_tensor::{Real, Result};
use ndarray::{Array, ArrayRef, Dimension};

/// Which `σ` a feed-forward network or a head uses.
///
/// Papers write "GELU" for three functions, and weights that were trained with one are wrong with another: the exact
/// form and the tanh form differ by up to 4.74e-4 per hidden unit, the exact and the logistic form by up to 2.04e-2. So
/// the form is a setting of every layer that has one, and there is no default. The name in a configuration of Hugging
/// Face stands in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// eq-1.8-relu: the original Transformer (`relu`). G-BERT's configuration says so as well, but its code computes
    /// [`GeluTanh`](Activation::GeluTanh).
    Relu,
    /// eq-1.9-gelu-erf, the exact form: ViLBERT, VL-BERT, UNITER, HERO, ViLT (`gelu`).
    Gelu,
    /// eq-1.10-gelu-tanh: the released code of BERT, of ViT (by the default of its library) and of G-BERT (`gelu_new`,
    /// `gelu_pytorch_tanh`, `gelu_fast`).
    GeluTanh,
    /// eq-1.11-quickgelu: CLIP (`quick_gelu`).
    QuickGelu,
}

impl Activation {
    /// `z: [..]` → `σ(z): [..]`
    ///
    /// # Errors
    /// [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for no element;
    /// [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for NaN and infinities.
    pub fn forward<R: Real, D: Dimension>(self, z: &ArrayRef<R, D>) -> Result<Array<R, D>> {
        let h = match self {
            Activation::Relu => relu(z),
            Activation::Gelu => gelu(z),
            Activation::GeluTanh => gelu_tanh(z),
            Activation::QuickGelu => quick_gelu(z),
        };
        h.map(stored)
    }

    /// `z̄ = h̄ ⊙ σ'(z)`
    pub fn backward<R: Real, D: Dimension>(self, z: &ArrayRef<R, D>, dh: &ArrayRef<R, D>) -> Array<R, D> {
        stored(match self {
            Activation::Relu => relu_backward(z, dh),
            Activation::Gelu => gelu_backward(z, dh),
            Activation::GeluTanh => gelu_tanh_backward(z, dh),
            Activation::QuickGelu => quick_gelu_backward(z, dh),
        })
    }
}
