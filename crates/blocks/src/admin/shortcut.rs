//! The end of a residual sub-layer whose shortcut carries a weight.

use mmt_tensor::ops::sum::add_column_sums;
use mmt_tensor::{Real, Result, check_finite, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2};

use crate::{LayerNorm, LayerNormTape};

/// A weighted shortcut added to a branch, and the sum normalized: Post-LN with one more vector per sub-layer.
///
/// **eq-1.19-admin**
/// ```math
/// y = \mathrm{LN}(b), \qquad b = \omega \odot x + f(x)
/// ```
///
/// `x, f: [n, d]`, `omega: [d]` → `y: [n, d]`
///
/// With `ω = 1` it is the sub-layer of eq-1.13-post-ln-block. A large `ω` makes the branch a small share of the sum, so
/// that a small change of its weights is a small change of the output: eq-1.18-amplification. `ω` begins as a constant,
/// the three published ones are [`AdminKind`](crate::AdminKind), and is trained with everything else. It adds nothing to
/// what the model can express: `ω` can be moved into the norm before it, see
/// [`AdminEncoder::fold`](crate::AdminEncoder::fold).
///
/// The caller computes `f`, so that any branch will do: attention, attention over a memory, a feed-forward network.
///
/// Source: Liu et al. 2020, *Understanding the Difficulty of Training Transformers*, section 4.
#[derive(Clone, Debug)]
pub struct Shortcut<R> {
    /// `ω: [d]`
    pub omega: Array1<R>,
    /// `LN`
    pub norm: LayerNorm<R>,
}

tree!(Shortcut { omega, norm });

/// What [`Shortcut::backward`] reads.
#[derive(Clone, Debug)]
pub struct ShortcutTape<R> {
    /// `x: [n, d]`
    pub x: Array2<R>,
    /// Of the norm; its input is `b`.
    pub norm: LayerNormTape<R>,
}

tree!(ShortcutTape { x, norm });

impl<R: Real> Shortcut<R> {
    /// `ω = 1` before the given norm.
    pub fn new(norm: LayerNorm<R>) -> Self {
        Shortcut { omega: Array1::ones(norm.gamma.len()), norm }
    }

    /// `x: [n, d]` and the branch `f: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) if `f` has not the shape of `x` or `ω` not its width;
    /// [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for NaN and infinities; those of
    /// [`layer_norm`](mmt_tensor::ops::layer_norm()).
    pub fn forward(&self, x: &ArrayRef2<R>, f: &ArrayRef2<R>) -> Result<(Array2<R>, ShortcutTape<R>)> {
        check_shape("shortcut: omega", self.omega.shape(), &[x.ncols()])?;
        check_shape("shortcut: f", f.shape(), x.shape())?;
        let mut b = x.to_owned();
        b *= &self.omega;
        *b += f;
        let (y, norm) = self.norm.forward(&b).or_else(|error| {
            check_finite("shortcut: omega", &self.omega)?;
            check_finite("shortcut: x", x)?;
            check_finite("shortcut: f", f)?;
            Err(error)
        })?;
        Ok((y, ShortcutTape { x: x.to_owned(), norm }))
    }

    /// Gradients: returns that of the shortcut and that of the branch, adds to those of `ω` and the norm.
    ///
    /// **eq-1.19-admin, backward**
    /// ```math
    /// \bar b = \mathrm{LN}\text{-backward}(\bar y), \qquad \bar f = \bar b, \qquad \bar x = \omega \odot \bar b, \qquad
    /// \bar\omega = \sum_\text{rows} \bar b \odot x
    /// ```
    ///
    /// Derivation: `b_{ij} = ω_j x_{ij} + f_{ij}` has the slopes
    /// ```math
    /// \frac{\partial b_{ij}}{\partial f_{ij}} = 1, \qquad \frac{\partial b_{ij}}{\partial x_{ij}} = \omega_j, \qquad
    /// \frac{\partial b_{ij}}{\partial \omega_j} = x_{ij}
    /// ```
    /// and `ω_j` is used in every row, so its gradient is a sum over the rows. What `f` sends back to `x` comes on top:
    /// `x̄ = ω ⊙ b̄ + f-backward(b̄)` for the sub-layer as a whole.
    pub fn backward(
        &self,
        tape: &ShortcutTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let df = self.norm.backward(&tape.norm, dy, &mut grad.norm);
        add_column_sums(&mut grad.omega, &(&df * &tape.x));
        (&df * &self.omega, df)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(shortcut: &Shortcut<f64>, x: &Array2<f64>, f: &Array2<f64>) -> String {
        shortcut.forward(x, f).unwrap_err().to_string()
    }

    #[test]
    fn a_branch_of_another_shape_is_refused() {
        let shortcut = Shortcut::new(LayerNorm::new(4, 1e-5));
        let x = Array2::ones((3, 4));
        let text = refused(&shortcut, &x, &Array2::ones((2, 4)));
        assert_eq!(text, "shortcut: f: expected shape [3, 4], got [2, 4]");
        let text = refused(&shortcut, &Array2::ones((3, 5)), &Array2::ones((3, 5)));
        assert_eq!(text, "shortcut: omega: expected shape [5], got [4]");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY] {
            let shortcut = Shortcut::new(LayerNorm::new(2, 1e-5));
            let (fine, mut wrong) = (Array2::ones((3, 2)), Array2::ones((3, 2)));
            wrong[(2, 1)] = bad;
            assert_eq!(refused(&shortcut, &wrong, &fine), "shortcut: x: not a finite number");
            assert_eq!(refused(&shortcut, &fine, &wrong), "shortcut: f: not a finite number");
            let weight = Shortcut { omega: ndarray::array![1.0, bad], ..shortcut };
            assert_eq!(refused(&weight, &fine, &fine), "shortcut: omega: not a finite number");
        }
    }

    #[test]
    fn settings_of_the_norm_are_checked() {
        let shortcut = Shortcut::new(LayerNorm::new(2, 0.0));
        let x = Array2::ones((1, 2));
        assert_eq!(refused(&shortcut, &x, &x), "layer_norm: eps: must be positive, got 0");
        let (shortcut, empty) = (Shortcut::new(LayerNorm::new(2, 1e-5)), Array2::ones((0, 2)));
        assert_eq!(refused(&shortcut, &empty, &empty), "layer_norm: x: empty");
    }
}
