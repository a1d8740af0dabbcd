//! Softmax over the last axis.

use ndarray::{Array, ArrayRef, Dimension};

use crate::alloc::Part;
use crate::ops::sum::{self, sum_of_2};
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Error, Real, Result, check_not_empty};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 10;

/// Softmax of every row.
///
/// **eq-0.2-softmax**
/// ```math
/// p_i = \frac{e^{x_i}}{\sum_j e^{x_j}}
/// ```
///
/// `x: [.., n]` → `p: [.., n]`
///
/// Computed as `exp(x_i - m) / Σ_j exp(x_j - m)` with `m = max_j x_j`: the same number, and it cannot
/// overflow. An entry `-∞` gives exactly zero.
///
/// # Errors
/// [`Error::FullyMaskedRow`] if a row is `-∞` everywhere; [`Error::NonFinite`] for NaN and `+∞`;
/// [`Error::EmptyInput`] for no element.
pub fn softmax<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    check_not_empty("softmax: x", x)?;
    let width = x.shape().last().copied().unwrap_or(1);
    let x = contiguous(x);
    let (shape, x) = (x.raw_dim(), elements(&x));
    let p = new_rows(
        shape,
        width,
        COST,
        #[inline(always)]
        |i, p| softmax_row(&x[i * width..][..p.len()], p),
    );
    // A row that is not finite was filled with NaN; which rule it broke is asked only then.
    match elements(&p.view().into()).chunks(width).position(|p| !p[0].is_finite()) {
        None => Ok(p),
        Some(row) if x[row * width..][..width].iter().all(|&x| x == R::of(f64::NEG_INFINITY)) => {
            Err(Error::FullyMaskedRow { row })
        }
        Some(_) => Err(Error::NonFinite { at: "softmax: x" }),
    }
}

/// One row. The sum is NaN for a NaN, for `+∞` and for nothing but `-∞`, and so is then all of `p`.
#[inline(always)]
fn softmax_row<R: Real>(x: &[R], p: Part<R>) {
    let m = sum::max(x);
    let p = p.write(
        #[inline(always)]
        |j| (x[j] - m).exp(),
    );
    let scale = R::of(1.0) / sum::sum(p);
    for p in p {
        *p *= scale;
    }
}

/// Gradient of [`softmax`], given its output `p` and `p̄`.
///
/// **eq-0.2-softmax, backward**
/// ```math
/// \bar x_i = p_i \Bigl( \bar p_i - \sum_j \bar p_j\, p_j \Bigr)
/// ```
///
/// Derivation:
/// ```math
/// \frac{\partial p_j}{\partial x_i} = p_j (\delta_{ij} - p_i) \quad\Rightarrow\quad
/// \bar x_i = \sum_j \bar p_j\, p_j (\delta_{ij} - p_i) = p_i \bar p_i - p_i \sum_j \bar p_j\, p_j
/// ```
///
/// The Jacobian is never formed: O(n) per row, not O(n²).
pub fn softmax_backward<R: Real, D: Dimension>(p: &ArrayRef<R, D>, dp: &ArrayRef<R, D>) -> Array<R, D> {
    let width = p.shape().last().copied().unwrap_or(1);
    let (p, dp) = (contiguous(p), contiguous(dp));
    let shape = p.raw_dim();
    let (p, dp) = (elements(&p), elements(&dp));
    new_rows(
        shape,
        width,
        COST,
        #[inline(always)]
        |i, dx| {
            let (p, dp) = (&p[i * width..][..dx.len()], &dp[i * width..][..dx.len()]);
            let mean = sum_of_2(
                dp,
                p,
                #[inline(always)]
                |dp, p| dp * p,
            );
            dx.write(
                #[inline(always)]
                |j| p[j] * (dp[j] - mean),
            );
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr0, array};

    use super::*;

    const MASKED: f64 = f64::NEG_INFINITY;

    #[test]
    fn a_masked_entry_is_exactly_zero() {
        assert_eq!(softmax(&array![[1.0, MASKED, 1.0]]).unwrap(), array![[0.5, 0.0, 0.5]]);
    }

    #[test]
    fn a_row_without_any_entry_is_refused() {
        let error = softmax(&array![[0.0, 1.0], [MASKED, MASKED]]).unwrap_err();
        assert_eq!(error.to_string(), "query 1 may see no key");
    }

    #[test]
    fn nan_and_infinity_are_refused() {
        for x in [f64::NAN, f64::INFINITY] {
            for at in 0..3 {
                let mut row = array![[0.0, 1.0, 2.0]];
                row[(0, at)] = x;
                assert_eq!(softmax(&row).unwrap_err().to_string(), "softmax: x: not a finite number");
            }
        }
    }

    #[test]
    fn a_number_without_axes_is_a_row_of_one() {
        let p = softmax(&arr0(3.0)).unwrap();
        assert_eq!(p, arr0(1.0));
        assert_eq!(softmax_backward(&p, &arr0(2.0)), arr0(0.0));
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(softmax(&Array2::<f64>::zeros((2, 0))).unwrap_err().to_string(), "softmax: x: empty");
    }
}
