//! The Gaussian error linear unit, exact form.

use ndarray::{Array, ArrayRef, Dimension};

use crate::parallel::{try_map_elements, zip_elements};
use crate::{Real, Result, check_not_empty};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 20;

/// GELU with the error function.
///
/// **eq-1.9-gelu-erf**
/// ```math
/// y = x\,\Phi(x), \qquad \Phi(x) = \tfrac12 \bigl( 1 + \operatorname{erf}(x/\sqrt2) \bigr)
/// ```
///
/// `x: [..]` → `y: [..]`
///
/// Computed with `Φ(x) = ½ erfc(-x/√2)`, which does not cancel for negative `x`.
///
/// Source: Hendrycks & Gimpel 2016, *Gaussian Error Linear Units*. BERT papers, ViLBERT, VL-BERT, UNITER, HERO and
/// ViLT use this form.
///
/// # Errors
/// [`Error::EmptyInput`](crate::Error::EmptyInput) for no element;
/// [`Error::NonFinite`](crate::Error::NonFinite) for NaN and infinities.
pub fn gelu<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    check_not_empty("gelu: x", x)?;
    try_map_elements(
        "gelu: x",
        x,
        COST,
        #[inline(always)]
        |x| x * phi(x),
    )
}

/// `Φ(x)`, the distribution function of the standard normal distribution.
#[inline(always)]
fn phi<R: Real>(x: R) -> R {
    R::of(0.5) * argument(x).erfc()
}

/// `-x/√2`
#[inline(always)]
fn argument<R: Real>(x: R) -> R {
    -x * R::of(0.5).sqrt()
}

/// Gradient of [`gelu`], given its input.
///
/// **eq-1.9-gelu-erf, backward**
/// ```math
/// \bar x = \bar y \bigl( \Phi(x) + x\,\varphi(x) \bigr), \qquad \varphi(x) = \frac{e^{-x^2/2}}{\sqrt{2\pi}}
/// ```
///
/// Derivation: `Φ' = φ`, and the product rule.
pub fn gelu_backward<R: Real, D: Dimension>(x: &ArrayRef<R, D>, dy: &ArrayRef<R, D>) -> Array<R, D> {
    let scale = R::of(1.0) / (R::of(2.0) * R::pi()).sqrt();
    zip_elements(
        x,
        dy,
        COST,
        #[inline(always)]
        move |x, dy| {
            // The exponential that `erfc` takes as well: written alike, it is computed once.
            let density = scale * (-(argument(x) * argument(x))).exp();
            dy * (phi(x) + x * density)
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
            assert_eq!(gelu(&array![0.0, x]).unwrap_err().to_string(), "gelu: x: not a finite number");
        }
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(gelu(&Array1::<f64>::zeros(0)).unwrap_err().to_string(), "gelu: x: empty");
    }
}
