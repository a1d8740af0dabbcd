//! The linear layer.

use mmt_tensor::ops::{linear, linear_backward};
use mmt_tensor::parallel::copy;
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array1, Array2, ArrayRef2};

/// `Y = XW + b`, eq-0.1-linear.
#[derive(Clone, Debug)]
pub struct Linear<R> {
    /// `W: [d_in, d_out]`
    pub weight: Array2<R>,
    /// `b: [d_out]`
    pub bias: Option<Array1<R>>,
}

tree!(Linear { weight, bias });

/// What [`Linear::backward`] reads.
#[derive(Clone, Debug)]
pub struct LinearTape<R> {
    /// The input: `[n, d_in]`
    pub x: Array2<R>,
}

tree!(LinearTape { x });

impl<R: Real> Linear<R> {
    /// Weights uniform in `±√(6 / (d_in + d_out))`, bias zero.
    ///
    /// Source: Glorot & Bengio 2010, *Understanding the difficulty of training deep feedforward neural networks*,
    /// eq. 16.
    pub fn new(d_in: usize, d_out: usize, random: &mut Random) -> Self {
        let bound = (6.0 / (d_in + d_out).max(1) as f64).sqrt();
        Linear { weight: random.uniform((d_in, d_out), bound), bias: Some(Array1::zeros(d_out)) }
    }

    /// The same layer without a bias.
    pub fn without_bias(self) -> Self {
        Linear { bias: None, ..self }
    }

    /// `x: [n, d_in]` → `[n, d_out]`
    ///
    /// # Errors
    /// As [`linear()`].
    pub fn forward(&self, x: &ArrayRef2<R>) -> Result<(Array2<R>, LinearTape<R>)> {
        self.forward_owned(copy(x))
    }

    /// [`forward`](Self::forward) of an input that nobody else needs: the tape keeps it, without a copy.
    ///
    /// # Errors
    /// As [`linear()`].
    pub fn forward_owned(&self, x: Array2<R>) -> Result<(Array2<R>, LinearTape<R>)> {
        Ok((linear(&x, &self.weight, self.bias.as_deref())?, LinearTape { x }))
    }

    /// `dy: [n, d_out]` → `[n, d_in]`
    pub fn backward(&self, tape: &LinearTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        linear_backward(&tape.x, &self.weight, dy, &mut grad.weight, grad.bias.as_mut())
    }
}
