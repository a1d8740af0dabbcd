//! Layer normalization as a layer.

use mmt_tensor::ops::{Moments, layer_norm, layer_norm_backward};
use mmt_tensor::parallel::copy;
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array1, Array2, ArrayRef2};

/// Every row normalized, scaled by `γ` and shifted by `β`, eq-1.12-layernorm.
#[derive(Clone, Debug)]
pub struct LayerNorm<R> {
    /// `γ: [d]`
    pub gamma: Array1<R>,
    /// `β: [d]`
    pub beta: Array1<R>,
    /// `ε`, inside the root: 1e-12 in BERT, 1e-6 in ViT, 1e-5 in PyTorch.
    pub eps: f64,
}

tree!(LayerNorm { gamma, beta; eps });

/// What [`LayerNorm::backward`] reads.
#[derive(Clone, Debug)]
pub struct LayerNormTape<R> {
    /// The input: `[n, d]`
    pub x: Array2<R>,
    /// The moments of its rows.
    pub moments: Moments<R>,
}

tree!(LayerNormTape { x, moments });

impl<R: Real> LayerNorm<R> {
    /// `γ = 1`, `β = 0`.
    pub fn new(d: usize, eps: f64) -> Self {
        LayerNorm { gamma: Array1::ones(d), beta: Array1::zeros(d), eps }
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// As [`layer_norm()`].
    pub fn forward(&self, x: &ArrayRef2<R>) -> Result<(Array2<R>, LayerNormTape<R>)> {
        let (y, moments) = layer_norm(x, &self.gamma, &self.beta, self.eps)?;
        Ok((y, LayerNormTape { x: copy(x), moments }))
    }

    /// `dy: [n, d]` → `[n, d]`
    pub fn backward(&self, tape: &LayerNormTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        layer_norm_backward(&tape.moments, &tape.x, &self.gamma, dy, &mut grad.gamma, &mut grad.beta)
    }
}
