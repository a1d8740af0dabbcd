//! The rectifier.

use ndarray::{Array, ArrayRef, Dimension};

use crate::parallel::{try_map_elements, zip_elements};
use crate::{Real, Result, check_not_empty};

/// The rectified linear unit.
///
/// **eq-1.8-relu**
/// ```math
/// y = \max(x, 0)
/// ```
///
/// `x: [..]` → `y: [..]`
///
/// Source: Nair & Hinton 2010, *Rectified Linear Units Improve Restricted Boltzmann Machines*.
///
/// # Errors
/// [`Error::EmptyInput`](crate::Error::EmptyInput) for no element;
/// [`Error::NonFinite`](crate::Error::NonFinite) for NaN and infinities: a maximum would turn a NaN into 0.
pub fn relu<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    check_not_empty("relu: x", x)?;
    try_map_elements(
        "relu: x",
        x,
        1,
        #[inline(always)]
        |x| if x > R::of(0.0) { x } else { R::of(0.0) },
    )
}

/// Gradient of [`relu`], given its input.
///
/// **eq-1.8-relu, backward**
/// ```math
/// \bar x = \bar y \cdot [x > 0]
/// ```
///
/// Derivation: the slope is 1 above zero and 0 below; at zero, where there is none, it is fixed to 0.
pub fn relu_backward<R: Real, D: Dimension>(x: &ArrayRef<R, D>, dy: &ArrayRef<R, D>) -> Array<R, D> {
    zip_elements(
        x,
        dy,
        1,
        #[inline(always)]
        |x, dy| if x > R::of(0.0) { dy } else { R::of(0.0) },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn nan_and_infinity_are_refused() {
        for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(relu(&array![1.0, x]).unwrap_err().to_string(), "relu: x: not a finite number");
        }
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(relu(&Array1::<f64>::zeros(0)).unwrap_err().to_string(), "relu: x: empty");
    }

    #[test]
    fn the_slope_at_zero_is_zero() {
        assert_eq!(relu_backward(&array![-1.0, 0.0, 2.0], &array![3.0, 3.0, 3.0]), array![0.0, 0.0, 3.0]);
    }
}
