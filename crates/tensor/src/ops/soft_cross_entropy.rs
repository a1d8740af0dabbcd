//! Cross entropy with soft targets.

use ndarray::{Array1, Array2, ArrayRef2};

use crate::ops::log_softmax::log_sum_exp;
use crate::ops::sum::{dot, sum, sum_of_2};
use crate::parallel::{contiguous, elements, new_rows};
use crate::simd::vectorize;
use crate::{Error, Real, Result, check_finite, check_not_empty, check_shape, tree};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 12;

/// How far from one the sum of a target may be.
const TOLERANCE: f64 = 1e-4;

/// What [`soft_cross_entropy_backward`] reads, beside the logits and the targets.
#[derive(Clone, Debug)]
pub struct SoftCrossEntropyTape<R> {
    /// `lse(z_i)` of every row: `[n]`
    pub log_sums: Array1<R>,
}

tree!(SoftCrossEntropyTape { log_sums });

/// The mean cross entropy between targets that are distributions and the softmax of the logits.
///
/// **eq-0.5-soft-cross-entropy**
/// ```math
/// \ell = -\frac1n \sum_{i,k} t_{ik} \log p_{ik}, \qquad \log p_i = z_i - \operatorname{lse}(z_i)
/// ```
///
/// `z: [n, k]`, `t: [n, k]` → a number, the mean over the rows
///
/// Computed as `s_i lse(z_i) - Σ_k t_ik z_ik` with `s_i = Σ_k t_ik`.
///
/// Source: Hinton, Vinyals & Dean 2015, *Distilling the Knowledge in a Neural Network*, section 2.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `t` is not of the shape of `z`; [`Error::EmptyInput`] for no row;
/// [`Error::InvalidDistribution`] for a target that is negative or sums to something else than 1 (by more than 1e-4);
/// [`Error::NonFinite`] for NaN and infinities, and for a loss that overflows.
pub fn soft_cross_entropy<R: Real>(
    z: &ArrayRef2<R>,
    t: &ArrayRef2<R>,
) -> Result<(R, SoftCrossEntropyTape<R>)> {
    check_shape("soft_cross_entropy: t", t.shape(), z.shape())?;
    check_not_empty("soft_cross_entropy: z", z)?;
    check_finite("soft_cross_entropy: z", z)?;
    check_distributions("soft_cross_entropy: t", t)?;
    let log_sums = log_sum_exp(z)?;
    let losses = map_rows(z, t, |i, z, t| sum(t) * log_sums[i] - dot(t, z));
    let loss = sum(&losses) / R::of(z.nrows() as f64);
    if !loss.is_finite() {
        return Err(Error::NonFinite { at: "soft_cross_entropy: loss" });
    }
    Ok((loss, SoftCrossEntropyTape { log_sums }))
}

/// Gradient of [`soft_cross_entropy`] with respect to the logits.
///
/// **eq-0.5-soft-cross-entropy, backward**
/// ```math
/// \bar z_{ik} = \frac{\bar\ell}{n} \bigl( s_i\, p_{ik} - t_{ik} \bigr), \qquad s_i = \sum_k t_{ik}
/// ```
///
/// Derivation: the gradient of `s_i lse(z_i) - Σ_k t_ik z_ik`, with `∂lse/∂z = p`. For distributions `s_i` is 1; it is kept
/// so that the gradient belongs to the loss also where a target misses 1 by rounding. Targets are constants.
pub fn soft_cross_entropy_backward<R: Real>(
    tape: &SoftCrossEntropyTape<R>,
    z: &ArrayRef2<R>,
    t: &ArrayRef2<R>,
    dl: R,
) -> Array2<R> {
    let (n, k) = z.dim();
    let (z, t) = (contiguous(z), contiguous(t));
    let (z, t) = (elements(&z), elements(&t));
    let scale = dl / R::of(n as f64);
    new_rows(
        (n, k),
        k,
        COST,
        #[inline(always)]
        |i, dz| {
            let (z, t) = (&z[i * k..][..dz.len()], &t[i * k..][..dz.len()]);
            let (s, log_sum) = (sum(t), tape.log_sums[i]);
            dz.write(
                #[inline(always)]
                |j| scale * (s * (z[j] - log_sum).exp() - t[j]),
            );
        },
    )
}

/// `f(i, a_i, b_i)` of every row.
pub(crate) fn map_rows<R: Real>(
    a: &ArrayRef2<R>,
    b: &ArrayRef2<R>,
    f: impl Fn(usize, &[R], &[R]) -> R,
) -> Vec<R> {
    let (n, k) = a.dim();
    let (a, b) = (contiguous(a), contiguous(b));
    let (a, b) = (elements(&a), elements(&b));
    vectorize::<R, _>(
        #[inline(always)]
        || (0..n).map(|i| f(i, &a[i * k..(i + 1) * k], &b[i * k..(i + 1) * k])).collect(),
    )
}

/// Refuses rows that are not distributions.
pub fn check_distributions<R: Real>(at: &'static str, t: &ArrayRef2<R>) -> Result<()> {
    check_finite(at, t)?;
    let sums = map_rows(t, t, |_, t, same| {
        let negative = t.iter().any(|&t| t < R::of(0.0));
        if negative { R::of(f64::NEG_INFINITY) } else { sum_of_2(t, same, |t, _| t) }
    });
    match sums.iter().position(|s| !(1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&s.to_f64())) {
        None => Ok(()),
        Some(row) => Err(Error::InvalidDistribution { at, row }),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(z: Array2<f64>, t: Array2<f64>) -> String {
        soft_cross_entropy(&z, &t).unwrap_err().to_string()
    }

    #[test]
    fn targets_that_are_not_distributions_are_refused() {
        let refused = "soft_cross_entropy: t: row 1 is not a probability distribution";
        let z = Array2::zeros((2, 2));
        assert_eq!(text(z.clone(), array![[0.5, 0.5], [0.5, 0.4]]), refused);
        assert_eq!(text(z.clone(), array![[0.5, 0.5], [1.5, -0.5]]), refused);
        let nan = text(z.clone(), array![[0.5, 0.5], [f64::NAN, 0.5]]);
        assert_eq!(nan, "soft_cross_entropy: t: not a finite number");
        let wide = text(z, array![[0.5, 0.5, 0.0], [0.5, 0.4, 0.1]]);
        assert_eq!(wide, "soft_cross_entropy: t: expected shape [2, 2], got [2, 3]");
    }

    #[test]
    fn logits_that_are_not_finite_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = text(array![[0.0, bad]], array![[0.5, 0.5]]);
            assert_eq!(error, "soft_cross_entropy: z: not a finite number");
        }
        assert_eq!(
            text(array![[-1e308, 1e308]], array![[1.0, 0.0]]),
            "soft_cross_entropy: loss: not a finite number"
        );
        assert_eq!(text(Array2::zeros((0, 2)), Array2::zeros((0, 2))), "soft_cross_entropy: z: empty");
    }
}
