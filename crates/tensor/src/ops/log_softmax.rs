//! Logarithms of softmax and of sums of exponentials.

use ndarray::{Array, Array1, ArrayRef, ArrayRef1, Dimension};

use crate::ops::sum::{max, sum, sum_of};
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Error, Real, Result, check_not_empty};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 10;

/// Logarithm of the sum of exponentials of every row.
///
/// **eq-0.3-logsumexp**
/// ```math
/// \operatorname{lse}(z) = \log \sum_j e^{z_j} = m + \log \sum_j e^{z_j - m}, \qquad m = \max_j z_j
/// ```
///
/// `z: [.., n]` → `[rows]`
///
/// The second form cannot overflow. Entries `-∞` count as zero terms.
///
/// Source: Blanchard, Higham & Higham 2021, *Accurately computing the log-sum-exp and softmax functions*.
///
/// # Errors
/// [`Error::EmptyInput`] for no element; [`Error::FullyMaskedRow`] for a row of nothing but `-∞`;
/// [`Error::NonFinite`] for NaN and `+∞`.
pub fn log_sum_exp<R: Real, D: Dimension>(z: &ArrayRef<R, D>) -> Result<Array1<R>> {
    check_not_empty("log_sum_exp: z", z)?;
    let width = z.shape().last().copied().unwrap_or(1);
    let z = contiguous(z);
    let z = elements(&z);
    let sums = new_rows(
        z.len() / width,
        1,
        COST * width,
        #[inline(always)]
        |i, sum| {
            sum.fill(log_sum_exp_row(&z[i * width..(i + 1) * width]));
        },
    );
    match sums.iter().position(|s: &R| !s.is_finite()) {
        None => Ok(sums),
        Some(row) if sums[row] == R::of(f64::NEG_INFINITY) => Err(Error::FullyMaskedRow { row }),
        Some(_) => Err(Error::NonFinite { at: "log_sum_exp: z" }),
    }
}

/// `-∞` for a row of `-∞`, and not finite for NaN and `+∞`.
#[inline(always)]
pub(crate) fn log_sum_exp_row<R: Real>(z: &[R]) -> R {
    let m = max(z);
    let none = m == R::of(f64::NEG_INFINITY);
    // A row of NaN has the maximum -∞ as well, but its plain sum is NaN.
    if none {
        return sum(z);
    }
    let sum = sum_of(
        z,
        #[inline(always)]
        |z| (z - m).exp(),
    );
    m + sum.ln()
}

/// Gradient of [`log_sum_exp`], given its input, its output `s` and `s̄`.
///
/// **eq-0.3-logsumexp, backward**
/// ```math
/// \bar z = \bar s\, \operatorname{softmax}(z)
/// ```
///
/// Derivation:
/// ```math
/// \frac{\partial \operatorname{lse}}{\partial z_i} = \frac{e^{z_i}}{\sum_j e^{z_j}} = e^{z_i - \operatorname{lse}(z)}
/// ```
pub fn log_sum_exp_backward<R: Real, D: Dimension>(
    z: &ArrayRef<R, D>,
    s: &ArrayRef1<R>,
    ds: &ArrayRef1<R>,
) -> Array<R, D> {
    let width = z.shape().last().copied().unwrap_or(1);
    let z = contiguous(z);
    let (shape, z) = (z.raw_dim(), elements(&z));
    new_rows(
        shape,
        width,
        COST,
        #[inline(always)]
        |i, dz| {
            let z = &z[i * width..][..dz.len()];
            dz.write(
                #[inline(always)]
                |j| ds[i] * (z[j] - s[i]).exp(),
            );
        },
    )
}

/// Logarithm of the softmax of every row.
///
/// **eq-0.3-log-softmax**
/// ```math
/// l_i = z_i - \operatorname{lse}(z)
/// ```
///
/// `z: [.., n]` → `l: [.., n]`
///
/// Never the logarithm of a softmax: that is `-∞` for a gap of more than 745 in `f64`.
///
/// Source: as [`log_sum_exp`].
///
/// # Errors
/// As [`log_sum_exp`].
pub fn log_softmax<R: Real, D: Dimension>(z: &ArrayRef<R, D>) -> Result<Array<R, D>> {
    let sums = log_sum_exp(z)?;
    let width = z.shape().last().copied().unwrap_or(1);
    let z = contiguous(z);
    let (shape, z) = (z.raw_dim(), elements(&z));
    Ok(new_rows(
        shape,
        width,
        1,
        #[inline(always)]
        |i, l| {
            let z = &z[i * width..][..l.len()];
            l.write(
                #[inline(always)]
                |j| z[j] - sums[i],
            );
        },
    ))
}

/// Gradient of [`log_softmax`], given its output `l` and `l̄`.
///
/// **eq-0.3-log-softmax, backward**
/// ```math
/// \bar z_i = \bar l_i - p_i \sum_j \bar l_j, \qquad p = e^l
/// ```
///
/// Derivation: `z_i` appears in its own `l_i`, and in every `l_j` through the sum, whose gradient is `p_i`:
/// ```math
/// \frac{\partial l_j}{\partial z_i} = \delta_{ij} - p_i
/// ```
pub fn log_softmax_backward<R: Real, D: Dimension>(l: &ArrayRef<R, D>, dl: &ArrayRef<R, D>) -> Array<R, D> {
    let width = l.shape().last().copied().unwrap_or(1);
    let (l, dl) = (contiguous(l), contiguous(dl));
    let shape = l.raw_dim();
    let (l, dl) = (elements(&l), elements(&dl));
    new_rows(
        shape,
        width,
        COST,
        #[inline(always)]
        |i, dz| {
            let (l, dl) = (&l[i * width..][..dz.len()], &dl[i * width..][..dz.len()]);
            let sum = sum(dl);
            dz.write(
                #[inline(always)]
                |j| dl[j] - l[j].exp() * sum,
            );
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, arr0, array};

    use super::*;

    const NEVER: f64 = f64::NEG_INFINITY;

    #[test]
    fn a_gap_of_a_thousand_keeps_its_logarithm() {
        assert_eq!(log_softmax(&array![[0.0, -1000.0]]).unwrap(), array![[0.0, -1000.0]]);
    }

    #[test]
    fn a_number_without_axes_is_a_row_of_one() {
        let (z, one) = (arr0(3.0), array![1.0]);
        assert_eq!(log_sum_exp(&z).unwrap(), array![3.0]);
        assert_eq!(log_sum_exp_backward(&z, &array![3.0], &one), arr0(1.0));
        assert_eq!(log_softmax(&z).unwrap(), arr0(0.0));
        assert_eq!(log_softmax_backward(&arr0(0.0), &arr0(2.0)), arr0(0.0));
    }

    #[test]
    fn rows_without_a_number_are_refused() {
        let text = |z: Array2<f64>| {
            assert_eq!(log_sum_exp(&z).unwrap_err(), log_softmax(&z).unwrap_err());
            log_sum_exp(&z).unwrap_err().to_string()
        };
        assert_eq!(text(array![[0.0, 1.0], [NEVER, NEVER]]), "query 1 may see no key");
        assert_eq!(text(Array2::zeros((2, 0))), "log_sum_exp: z: empty");
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(text(array![[0.0, bad]]), "log_sum_exp: z: not a finite number");
            assert_eq!(text(array![[bad, bad]]), "log_sum_exp: z: not a finite number");
            assert_eq!(text(array![[NEVER, bad]]), "log_sum_exp: z: not a finite number");
        }
    }
}
