//! The Gaussian error linear unit, tanh approximation.

use ndarray::{Array, ArrayRef, Dimension};

use crate::parallel::{try_map_elements, zip_elements};
use crate::{Real, Result, check_not_empty};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 20;

/// Beyond this the `tanh` is ±1 in every number type, and powers of `x` are not needed.
const FAR: f64 = 20.0;

/// GELU with a hyperbolic tangent in the place of the error function.
///
/// **eq-1.10-gelu-tanh**
/// ```math
/// y = \tfrac12 x \,(1 + t), \qquad t = \tanh\bigl( a\, (x + 0.044715\, x^3) \bigr), \qquad a = \sqrt{2/\pi}
/// ```
///
/// `x: [..]` → `y: [..]`
///
/// It differs from eq-1.9-gelu-erf by at most 4.74e-4. The argument of the `tanh` is computed from `x` cut to
/// `[-20, 20]`, where `t` is ±1 already, so that `x³` cannot overflow.
///
/// Source: Hendrycks & Gimpel 2016, *Gaussian Error Linear Units*, section 2. The released code of BERT and of ViT (by the
/// default of its library) uses this form.
///
/// # Errors
/// [`Error::EmptyInput`](crate::Error::EmptyInput) for no element;
/// [`Error::NonFinite`](crate::Error::NonFinite) for NaN and infinities.
pub fn gelu_tanh<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    check_not_empty("gelu_tanh: x", x)?;
    let a = (R::of(2.0) / R::pi()).sqrt();
    try_map_elements(
        "gelu_tanh: x",
        x,
        COST,
        #[inline(always)]
        move |x| R::of(0.5) * x * (R::of(1.0) + inner(near(x), a).tanh()),
    )
}

/// `x` cut to where the curve is not straight yet.
#[inline(always)]
fn near<R: Real>(x: R) -> R {
    x.max(R::of(-FAR)).min(R::of(FAR))
}

/// `a (x + 0.044715 x³)`
#[inline(always)]
fn inner<R: Real>(x: R, a: R) -> R {
    a * (x + R::of(0.044715) * x * x * x)
}

/// Gradient of [`gelu_tanh`], given its input.
///
/// **eq-1.10-gelu-tanh, backward**
/// ```math
/// \bar x = \bar y \Bigl( \tfrac12 (1 + t) + \tfrac12 x\, (1 - t^2)\, a\, (1 + 3 \cdot 0.044715\, x^2) \Bigr)
/// ```
///
/// Derivation: the product rule with `tanh' = 1 - tanh²`, and the chain rule through `a (x + 0.044715 x³)`. Where `|x|` is
/// large, `1 - t²` is zero and `x²` must not be infinite: `0 · ∞` is NaN. The second term uses the cut `x` too.
pub fn gelu_tanh_backward<R: Real, D: Dimension>(x: &ArrayRef<R, D>, dy: &ArrayRef<R, D>) -> Array<R, D> {
    let (a, half, one) = ((R::of(2.0) / R::pi()).sqrt(), R::of(0.5), R::of(1.0));
    zip_elements(
        x,
        dy,
        COST,
        #[inline(always)]
        move |x, dy| {
            let x = near(x);
            let t = inner(x, a).tanh();
            let slope = a * (one + R::of(3.0) * R::of(0.044715) * x * x);
            dy * (half * (one + t) + half * x * (one - t * t) * slope)
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
            let error = gelu_tanh(&array![0.0, x]).unwrap_err();
            assert_eq!(error.to_string(), "gelu_tanh: x: not a finite number");
        }
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(gelu_tanh(&Array1::<f64>::zeros(0)).unwrap_err().to_string(), "gelu_tanh: x: empty");
    }

    #[test]
    fn the_largest_numbers_have_a_slope() {
        let x = array![-1e300, -25.0, 25.0, 1e300];
        assert_eq!(gelu_tanh(&x).unwrap(), array![0.0, 0.0, 25.0, 1e300]);
        assert_eq!(gelu_tanh_backward(&x, &array![1.0, 1.0, 1.0, 1.0]), array![0.0, 0.0, 1.0, 1.0]);
    }
}
