//! The Kullback-Leibler divergence of logits from targets.

use ndarray::{Array2, ArrayRef2};

use crate::ops::soft_cross_entropy::{
    SoftCrossEntropyTape, map_rows, soft_cross_entropy, soft_cross_entropy_backward,
};
use crate::ops::sum::{sum, sum_of};
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Real, Result};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 12;

/// The mean Kullback-Leibler divergence of the softmax of the logits from the targets.
///
/// **eq-0.5-kl-divergence**
/// ```math
/// \mathrm{KL}(t \,\|\, p) = \frac1n \sum_{i,k} t_{ik} \log \frac{t_{ik}}{p_{ik}} = \ell - H(t), \qquad 0 \log 0 = 0
/// ```
///
/// `z: [n, k]`, `t: [n, k]` → a number, the mean over the rows
///
/// The difference of the cross entropy `ℓ` of eq-0.5-soft-cross-entropy and of the entropy of the targets.
///
/// Source: Kullback & Leibler 1951, *On Information and Sufficiency*.
///
/// # Errors
/// As [`soft_cross_entropy`], under its name.
pub fn kl_divergence<R: Real>(z: &ArrayRef2<R>, t: &ArrayRef2<R>) -> Result<(R, SoftCrossEntropyTape<R>)> {
    let (loss, tape) = soft_cross_entropy(z, t)?;
    let entropies =
        map_rows(t, t, |_, t, _| sum_of(t, |t| if t > R::of(0.0) { -t * t.ln() } else { R::of(0.0) }));
    Ok((loss - sum(&entropies) / R::of(z.nrows() as f64), tape))
}

/// Gradient of [`kl_divergence`] with respect to the logits; that of the targets is
/// [`kl_divergence_targets_backward`].
///
/// **eq-0.5-kl-divergence, backward**
/// ```math
/// \bar z_{ik} = \frac{\bar\ell}{n} \bigl( s_i\, p_{ik} - t_{ik} \bigr), \qquad
/// \bar t_{ik} = \frac{\bar\ell}{n} \bigl( \log t_{ik} - \log p_{ik} + 1 \bigr)
/// ```
///
/// Derivation: the entropy of the targets does not depend on `z`, so `z̄` is that of the cross entropy. For `t̄`, the
/// product rule of `t log t` gives `log t + 1`, and `t` is a factor of `-log p`.
pub fn kl_divergence_backward<R: Real>(
    tape: &SoftCrossEntropyTape<R>,
    z: &ArrayRef2<R>,
    t: &ArrayRef2<R>,
    dl: R,
) -> Array2<R> {
    soft_cross_entropy_backward(tape, z, t, dl)
}

/// The second half of [`kl_divergence_backward`]: the gradient with respect to the targets, where a teacher learns too.
///
/// Where a target is zero the slope is `-∞`. What a softmax hands on of it is zero, and zero is returned.
pub fn kl_divergence_targets_backward<R: Real>(
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
        |i, dt| {
            let (z, t, log_sum) = (&z[i * k..][..dt.len()], &t[i * k..][..dt.len()], tape.log_sums[i]);
            dt.write(
                #[inline(always)]
                |j| {
                    if t[j] > R::of(0.0) {
                        scale * (t[j].ln() - (z[j] - log_sum) + R::of(1.0))
                    } else {
                        R::of(0.0)
                    }
                },
            );
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(z: Array2<f64>, t: Array2<f64>) -> String {
        kl_divergence(&z, &t).unwrap_err().to_string()
    }

    #[test]
    fn what_the_cross_entropy_refuses_is_refused() {
        let z = array![[0.0, 1.0]];
        assert_eq!(
            text(z.clone(), array![[0.5, 0.4]]),
            "soft_cross_entropy: t: row 0 is not a probability distribution"
        );
        assert_eq!(
            text(z.clone(), array![[1.5, -0.5]]),
            "soft_cross_entropy: t: row 0 is not a probability distribution"
        );
        assert_eq!(text(z, array![[1.0]]), "soft_cross_entropy: t: expected shape [1, 2], got [1, 1]");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                text(array![[0.0, bad]], array![[0.5, 0.5]]),
                "soft_cross_entropy: z: not a finite number"
            );
        }
        assert_eq!(text(Array2::zeros((0, 2)), Array2::zeros((0, 2))), "soft_cross_entropy: z: empty");
    }

    #[test]
    fn a_sure_target_has_no_entropy() {
        let (z, t) = (array![[0.0, 1.0]], array![[0.0, 1.0]]);
        assert_eq!(kl_divergence(&z, &t).unwrap().0, soft_cross_entropy(&z, &t).unwrap().0);
        let tape = kl_divergence(&z, &t).unwrap().1;
        assert_eq!(kl_divergence_targets_backward(&tape, &z, &t, 1.0)[(0, 0)], 0.0);
    }
}
