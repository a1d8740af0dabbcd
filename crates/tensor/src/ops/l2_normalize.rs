//! Rows of length one.

use ndarray::{Array1, Array2, ArrayRef2};

use crate::alloc::Part;
use crate::ops::sum::{dot, sum_of};
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting, tree};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 6;

/// What [`l2_normalize_backward`] reads.
#[derive(Clone, Debug)]
pub struct L2NormalizeTape<R> {
    /// The rows of length one: `[n, d]`
    pub u: Array2<R>,
    /// `|x|` of every row: `[n]`
    pub norms: Array1<R>,
    /// The smallest number that a row is divided by.
    pub eps: Option<f64>,
}

tree!(L2NormalizeTape { u, norms; eps });

/// Divides every row by its Euclidean length.
///
/// **eq-0.7-l2-normalise**
/// ```math
/// u = \frac{x}{|x|}, \qquad |x| = \sqrt{\textstyle\sum_i x_i^2}
/// ```
///
/// `x: [n, d]` → `u: [n, d]`
///
/// A row of zeros has no direction and is refused, unless `eps` is given: then the row is divided by `max(|x|, ε)`.
/// Rows so long or so short that their squares leave the range of the number type are measured in units of their
/// largest element.
///
/// Source: the `normalize` of PyTorch and of CLIP's released code, the former with `ε = 1e-12`.
///
/// # Errors
/// [`Error::EmptyInput`] for no element; [`Error::NonFinite`] for NaN and infinities, and for a row of zeros if there is
/// no `eps`; [`Error::InvalidHyperparameter`] if `eps` is not positive, or
/// rounds to zero or to infinity in the number type.
pub fn l2_normalize<R: Real>(x: &ArrayRef2<R>, eps: Option<f64>) -> Result<(Array2<R>, L2NormalizeTape<R>)> {
    check_not_empty("l2_normalize: x", x)?;
    check_setting("l2_normalize: eps", eps.is_none_or(|eps| eps > 0.0 && eps.is_finite()), || {
        format!("must be positive, got {}", eps.unwrap_or(0.0))
    })?;
    let in_range = eps.map(R::of).is_none_or(|eps| eps > R::of(0.0) && eps.is_finite());
    check_setting("l2_normalize: eps", in_range, || {
        format!("{:e} is outside the range of the number type", eps.unwrap_or(0.0))
    })?;
    let (n, d) = x.dim();
    let x_all = contiguous(x);
    let rows = elements(&x_all);
    let norms = new_rows(
        n,
        1,
        COST * d,
        #[inline(always)]
        |i, norm| {
            norm.fill(length(&rows[i * d..(i + 1) * d]));
        },
    );
    let u = new_rows(
        (n, d),
        d,
        COST,
        #[inline(always)]
        |i, u| {
            let divisor = eps.map_or(norms[i], |eps| norms[i].max(R::of(eps)));
            divide(&rows[i * d..][..u.len()], divisor, u);
        },
    );
    let fine = |&norm: &R| norm.is_finite() && (eps.is_some() || norm > R::of(0.0));
    if !norms.iter().all(fine) {
        check_finite("l2_normalize: x", x)?;
        return Err(Error::NonFinite { at: "l2_normalize: length of a row of x" });
    }
    Ok((u.clone(), L2NormalizeTape { u, norms, eps }))
}

/// `x / divisor`
#[inline(always)]
fn divide<R: Real>(x: &[R], divisor: R, u: Part<R>) {
    u.write(
        #[inline(always)]
        |j| x[j] / divisor,
    );
}

/// `|x|`
#[inline(always)]
fn length<R: Real>(x: &[R]) -> R {
    let squares = sum_of(
        x,
        #[inline(always)]
        |x| x * x,
    );
    if squares.is_finite() && squares > R::of(1e-30) { squares.sqrt() } else { scaled_length(x) }
}

/// `|x| = m |x / m|` with `m` the largest absolute value: no square leaves the range of the type.
#[cold]
fn scaled_length<R: Real>(x: &[R]) -> R {
    let m = x.iter().fold(R::of(0.0), |m, x| m.max(x.abs()));
    let squares = sum_of(x, |x| (x / m) * (x / m));
    // All zeros have no unit; a NaN makes the squares NaN.
    if x.iter().all(|&x| x == R::of(0.0)) { R::of(0.0) } else { m * squares.sqrt() }
}

/// Gradient of [`l2_normalize`].
///
/// **eq-0.7-l2-normalise, backward**
/// ```math
/// \bar x = \frac{\bar u - u\,(u^\top \bar u)}{|x|}
/// ```
///
/// Derivation: `∂|x| / ∂x = u`, so
/// ```math
/// \frac{\partial u_j}{\partial x_i} = \frac{\delta_{ij}}{|x|} - \frac{x_j\, u_i}{|x|^2}
///   = \frac{\delta_{ij} - u_i u_j}{|x|}
/// ```
/// Where a row was divided by `ε`, which does not depend on it, the gradient is `ū / ε`.
pub fn l2_normalize_backward<R: Real>(tape: &L2NormalizeTape<R>, du: &ArrayRef2<R>) -> Array2<R> {
    let d = du.ncols();
    let (u, du) = (contiguous(&tape.u), contiguous(du));
    let (u, du) = (elements(&u), elements(&du));
    new_rows(
        (tape.norms.len(), d),
        d,
        COST,
        #[inline(always)]
        |i, dx| {
            let (u, du, norm) = (&u[i * d..][..dx.len()], &du[i * d..][..dx.len()], tape.norms[i]);
            match tape.eps {
                Some(eps) if norm < R::of(eps) => divide(du, R::of(eps), dx),
                _ => {
                    let along = dot(u, du);
                    dx.write(
                        #[inline(always)]
                        |j| (du[j] - u[j] * along) / norm,
                    );
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(x: Array2<f64>, eps: Option<f64>) -> String {
        l2_normalize(&x, eps).unwrap_err().to_string()
    }

    #[test]
    fn a_row_of_zeros_is_refused_or_stays_zero() {
        let x = array![[3.0, 4.0], [0.0, 0.0]];
        assert_eq!(text(x.clone(), None), "l2_normalize: length of a row of x: not a finite number");
        let (u, tape) = l2_normalize(&x, Some(1e-12)).unwrap();
        assert_eq!(u, array![[0.6, 0.8], [0.0, 0.0]]);
        let dx = l2_normalize_backward(&tape, &array![[0.0, 0.0], [1.0, 0.0]]);
        assert_eq!(dx, array![[0.0, 0.0], [1e12, 0.0]]);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        assert_eq!(text(array![[1.0]], Some(0.0)), "l2_normalize: eps: must be positive, got 0");
        assert_eq!(text(array![[1.0]], Some(f64::NAN)), "l2_normalize: eps: must be positive, got NaN");
        assert_eq!(text(Array2::zeros((2, 0)), None), "l2_normalize: x: empty");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for eps in [None, Some(1e-12)] {
                assert_eq!(text(array![[1.0, bad]], eps), "l2_normalize: x: not a finite number");
                assert_eq!(text(array![[0.0, bad]], eps), "l2_normalize: x: not a finite number");
            }
        }
    }

    #[test]
    fn a_bound_outside_the_range_of_the_type_is_refused() {
        for eps in [1e-60, 1e60] {
            let error = l2_normalize(&array![[0.0_f32, 0.0]], Some(eps)).unwrap_err();
            let refused = format!("l2_normalize: eps: {eps:e} is outside the range of the number type");
            assert_eq!(error.to_string(), refused);
            assert!(l2_normalize(&array![[0.0_f64, 0.0]], Some(eps)).is_ok());
        }
    }

    #[test]
    fn lengths_whose_squares_leave_the_range_are_right() {
        for scale in [1e-300, 1e-160, 1e160, 1e300] {
            let (u, tape) = l2_normalize(&(array![[3.0, 4.0]] * scale), None).unwrap();
            assert!((&u - &array![[0.6, 0.8]]).iter().all(|d| d.abs() < 1e-15), "{scale} {u}");
            assert!((tape.norms[0] / scale - 5.0).abs() < 1e-14, "{scale}");
        }
    }
}
