//! Cross entropy of a yes or a no.

use ndarray::{Array, ArrayRef, Dimension};

use crate::ops::sum::total_of_2;
use crate::parallel::zip_elements;
use crate::{Error, Real, Result, check_finite, check_not_empty, check_shape};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 20;

/// What the losses of single elements are added up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their mean times the size of the last axis: the sum over classes, the mean over samples. VILLA's released code.
    MeanTimesClasses,
    /// Their sum.
    Sum,
}

impl Reduction {
    /// What the sum of the losses is multiplied by.
    fn factor<R: Real>(self, shape: &[usize]) -> R {
        let elements = shape.iter().product::<usize>() as f64;
        match self {
            Reduction::Mean => R::of(1.0) / R::of(elements),
            Reduction::MeanTimesClasses => R::of(*shape.last().unwrap_or(&1) as f64) / R::of(elements),
            Reduction::Sum => R::of(1.0),
        }
    }
}

/// Cross entropy between probabilities and the logistic function of the logits.
///
/// **eq-0.6-bce-with-logits**
/// ```math
/// \ell = \frac1N \sum_i \bigl( -t_i \log \sigma(x_i) - (1 - t_i) \log (1 - \sigma(x_i)) \bigr)
///      = \frac1N \sum_i \bigl( \max(x_i, 0) - x_i t_i + \log (1 + e^{-|x_i|}) \bigr)
/// ```
///
/// `x: [..]`, `t: [..]` → a number; `N` is the number of elements, or what [`Reduction`] says
///
/// The second form is the one that is computed: it needs no logarithm of a `σ` that has become zero.
///
/// Source: Good 1952, *Rational Decisions*; the stable form is that of TensorFlow's and PyTorch's functions of this
/// name. It is also the loss eq-4-bce of the pretext tasks.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `t` is not of the shape of `x`; [`Error::EmptyInput`] for no element;
/// [`Error::InvalidProbability`] for a target outside `[0, 1]`; [`Error::NonFinite`] for NaN and infinities.
pub fn binary_cross_entropy<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    t: &ArrayRef<R, D>,
    reduction: Reduction,
) -> Result<R> {
    check_shape("binary_cross_entropy: t", t.shape(), x.shape())?;
    check_not_empty("binary_cross_entropy: x", x)?;
    check_finite("binary_cross_entropy: t", t)?;
    let (zero, one) = (R::of(0.0), R::of(1.0));
    if let Some(index) = t.iter().position(|&t| t < zero || t > one) {
        return Err(Error::InvalidProbability { at: "binary_cross_entropy: t", index });
    }
    let sum = total_of_2(
        x,
        t,
        COST,
        #[inline(always)]
        |x, t| x.max(zero) - x * t + (-x.abs()).exp().ln_1p(),
    );
    let loss = sum * reduction.factor(x.shape());
    if !loss.is_finite() {
        check_finite("binary_cross_entropy: x", x)?;
        return Err(Error::NonFinite { at: "binary_cross_entropy: loss" });
    }
    Ok(loss)
}

/// Gradient of [`binary_cross_entropy`] with respect to the logits.
///
/// **eq-0.6-bce-with-logits, backward**
/// ```math
/// \bar x_i = \frac{\bar\ell}{N} \bigl( \sigma(x_i) - t_i \bigr)
/// ```
///
/// Derivation: with `σ' = σ (1 - σ)`, the slopes of the two logarithms are
/// ```math
/// \frac{d}{dx} \log \sigma = 1 - \sigma, \qquad \frac{d}{dx} \log (1 - \sigma) = -\sigma
/// \quad\Rightarrow\quad -t\,(1 - \sigma) + (1 - t)\,\sigma = \sigma - t
/// ```
/// Targets are constants.
pub fn binary_cross_entropy_backward<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    t: &ArrayRef<R, D>,
    reduction: Reduction,
    dl: R,
) -> Array<R, D> {
    let scale = dl * reduction.factor(x.shape());
    zip_elements(
        x,
        t,
        COST,
        #[inline(always)]
        move |x, t| scale * (x.sigmoid() - t),
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn text(x: Array2<f64>, t: Array2<f64>) -> String {
        binary_cross_entropy(&x, &t, Reduction::Mean).unwrap_err().to_string()
    }

    #[test]
    fn targets_that_are_not_probabilities_are_refused() {
        let x = array![[0.0, 1.0], [2.0, 3.0]];
        for bad in [-0.25, 1.5] {
            assert_eq!(
                text(x.clone(), array![[0.0, 1.0], [bad, 0.5]]),
                "binary_cross_entropy: t: element 2 is not a probability"
            );
        }
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(
                text(x.clone(), array![[0.0, 1.0], [0.0, bad]]),
                "binary_cross_entropy: t: not a finite number"
            );
        }
        assert_eq!(text(x, array![[0.0, 1.0]]), "binary_cross_entropy: t: expected shape [2, 2], got [1, 2]");
    }

    #[test]
    fn logits_that_are_not_finite_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for t in [0.0, 0.5, 1.0] {
                assert_eq!(text(array![[bad]], array![[t]]), "binary_cross_entropy: x: not a finite number");
            }
        }
        let far = array![[1.7e308, 1.7e308]];
        assert_eq!(text(far, array![[0.0, 0.0]]), "binary_cross_entropy: loss: not a finite number");
        assert_eq!(text(Array2::zeros((2, 0)), Array2::zeros((2, 0))), "binary_cross_entropy: x: empty");
    }

    #[test]
    fn a_number_of_1e300_has_a_loss() {
        let (x, t) = (array![1e300, -1e300], array![0.0, 0.0]);
        assert_eq!(binary_cross_entropy(&x, &t, Reduction::Sum).unwrap(), 1e300);
        assert_eq!(binary_cross_entropy_backward(&x, &t, Reduction::Sum, 1.0), array![1.0, 0.0]);
    }
}
