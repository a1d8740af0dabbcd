//! The Gaussian error linear unit, logistic approximation.

use ndarray::{Array, ArrayRef, Dimension};

use crate::parallel::{try_map_elements, zip_elements};
use crate::{Real, Result, check_not_empty};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 15;

/// The slope of the logistic function.
const SLOPE: f64 = 1.702;

/// GELU with a logistic function in the place of the normal distribution.
///
/// **eq-1.11-quickgelu**
/// ```math
/// y = x\,\sigma(1.702\,x), \qquad \sigma(z) = \frac1{1 + e^{-z}}
/// ```
///
/// `x: [..]` → `y: [..]`
///
/// It differs from eq-1.9-gelu-erf by at most 2.04e-2. The logistic function is computed from `e^{-|z|}`, which
/// cannot overflow.
///
/// Source: Hendrycks & Gimpel 2016, *Gaussian Error Linear Units*, section 2. The released code of CLIP uses this form.
///
/// # Errors
/// [`Error::EmptyInput`](crate::Error::EmptyInput) for no element;
/// [`Error::NonFinite`](crate::Error::NonFinite) for NaN and infinities.
pub fn quick_gelu<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    check_not_empty("quick_gelu: x", x)?;
    try_map_elements(
        "quick_gelu: x",
        x,
        COST,
        #[inline(always)]
        |x| x * (R::of(SLOPE) * x).sigmoid(),
    )
}

/// Gradient of [`quick_gelu`], given its input.
///
/// **eq-1.11-quickgelu, backward**, with `s = σ(1.702 x)`:
/// ```math
/// \bar x = \bar y \bigl( s + 1.702\, x\, s\, (1 - s) \bigr)
/// ```
///
/// Derivation: the product rule with `σ' = σ (1 - σ)`. Computed with `x` in the second term cut to `[-1000, 1000]`, where
/// `s (1 - s)` is zero already.
pub fn quick_gelu_backward<R: Real, D: Dimension>(x: &ArrayRef<R, D>, dy: &ArrayRef<R, D>) -> Array<R, D> {
    zip_elements(
        x,
        dy,
        COST,
        #[inline(always)]
        |x, dy| {
            let x = x.max(R::of(-1e3)).min(R::of(1e3));
            let s = (R::of(SLOPE) * x).sigmoid();
            dy * (s + R::of(SLOPE) * x * s * (R::of(1.0) - s))
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn nan_and_infinity_are_refused() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = quick_gelu(&array![0.0, x]).unwrap_err();
            assert_eq!(error.to_string(), "quick_gelu: x: not a finite number");
        }
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(quick_gelu(&Array1::<f64>::zeros(0)).unwrap_err().to_string(), "quick_gelu: x: empty");
    }

    #[test]
    fn the_largest_numbers_have_a_slope() {
        let slope = quick_gelu_backward(&array![-1e307, 1e307], &array![1.0, 1.0]);
        assert!(slope[0].abs() < 1e-300 && slope[1] == 1.0, "{slope}");
    }
}
