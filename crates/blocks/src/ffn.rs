//! The feed-forward network of a block.

use mmt_tensor::{Random, Real, Result, check_setting, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Activation, Linear, LinearTape};

/// Two linear maps of every token with a nonlinearity between them.
///
/// **eq-1.7-ffn**
/// ```math
/// Y = \sigma(X W_1 + \mathbf 1 b_1^\top)\, W_2 + \mathbf 1 b_2^\top
/// ```
///
/// `x: [n, d]`, `w_1: [d, f]`, `b_1: [f]`, `w_2: [f, d]`, `b_2: [d]` → `y: [n, d]`
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, eq. 2 (ReLU); Devlin et al. 2019, *BERT*, section 3
/// (GELU). Which of its forms a published code means: [`Activation`].
#[derive(Clone, Debug)]
pub struct Ffn<R> {
    /// `W_1, b_1`
    pub w_1: Linear<R>,
    /// `W_2, b_2`
    pub w_2: Linear<R>,
    /// `σ`
    pub activation: Activation,
}

tree!(Ffn { w_1, w_2; activation });

/// What [`Ffn::backward`] reads.
#[derive(Clone, Debug)]
pub struct FfnTape<R> {
    /// Of `z = x W_1 + b_1`.
    pub w_1: LinearTape<R>,
    /// `z: [n, f]`, before the nonlinearity: the slope of GELU cannot be computed from `h`.
    pub z: Array2<R>,
    /// Of `h W_2 + b_2`; its input is `h = σ(z)`.
    pub w_2: LinearTape<R>,
}

tree!(FfnTape { w_1, z, w_2 });

impl<R: Real> Ffn<R> {
    /// `d` is the width of a token, `f` the hidden width, usually `4 d`.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) if `f` is zero.
    pub fn new(d: usize, f: usize, activation: Activation, random: &mut Random) -> Result<Self> {
        check_setting("ffn: f", f > 0, || "the hidden width must be positive, got 0".to_string())?;
        Ok(Ffn { w_1: Linear::new(d, f, random), w_2: Linear::new(f, d, random), activation })
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// As [`linear`](mmt_tensor::ops::linear()) and the nonlinearity; `InvalidHyperparameter` if `f` is zero.
    pub fn forward(&self, x: &ArrayRef2<R>) -> Result<(Array2<R>, FfnTape<R>)> {
        check_setting("ffn: f", self.w_1.weight.ncols() > 0, || {
            "the hidden width must be positive, got 0".to_string()
        })?;
        let (z, w_1) = self.w_1.forward(x)?;
        let h = self.activation.forward(&z)?;
        let (y, w_2) = self.w_2.forward_owned(h)?;
        Ok((y, FfnTape { w_1, z, w_2 }))
    }

    /// Gradients: returns `x̄`, adds to those of the two maps.
    ///
    /// **eq-1.7-ffn, backward**
    /// ```math
    /// \bar H = \bar Y W_2^\top, \qquad \bar Z = \bar H \odot \sigma'(Z), \qquad \bar X = \bar Z W_1^\top, \qquad
    /// \bar W_2 = H^\top \bar Y, \qquad \bar W_1 = X^\top \bar Z
    /// ```
    ///
    /// Derivation: the chain rule through `z = x W_1 + b_1`, `h = σ(z)`, `y = h W_2 + b_2`, from the last to the first:
    /// ```math
    /// \bar h_j = \sum_k \bar y_k\, (W_2)_{jk}, \qquad
    /// \bar z_j = \bar h_j\, \sigma'(z_j), \qquad
    /// \bar x_i = \sum_j \bar z_j\, (W_1)_{ij}
    /// ```
    /// and `σ` acts on each number alone, so its Jacobian is diagonal.
    pub fn backward(&self, tape: &FfnTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let dh = self.w_2.backward(&tape.w_2, dy, &mut grad.w_2);
        let dz = self.activation.backward(&tape.z, &dh);
        self.w_1.backward(&tape.w_1, &dz, &mut grad.w_1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_width_of_zero_is_refused() {
        let error = Ffn::<f64>::new(4, 0, Activation::Relu, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "ffn: f: the hidden width must be positive, got 0");
        let mut layer = Ffn::<f64>::new(4, 1, Activation::Relu, &mut Random::seed(0)).unwrap();
        layer.w_1 = Linear::new(4, 0, &mut Random::seed(0));
        let error = layer.forward(&Array2::ones((2, 4))).unwrap_err();
        assert_eq!(error.to_string(), "ffn: f: the hidden width must be positive, got 0");
    }

    #[test]
    fn tokens_of_another_width_are_refused() {
        let layer = Ffn::<f64>::new(4, 3, Activation::Gelu, &mut Random::seed(0)).unwrap();
        let error = layer.forward(&Array2::ones((2, 5))).unwrap_err();
        assert_eq!(error.to_string(), "linear: w: expected shape [5, 3], got [4, 3]");
    }

    #[test]
    fn a_nan_is_not_erased_by_the_rectifier() {
        let layer = Ffn::<f64>::new(4, 3, Activation::Relu, &mut Random::seed(0)).unwrap();
        let mut x = Array2::ones((2, 4));
        x[(0, 0)] = f64::NAN;
        assert_eq!(layer.forward(&x).unwrap_err().to_string(), "linear: x: not a finite number");
    }
}
