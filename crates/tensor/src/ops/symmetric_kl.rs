//! The Kullback-Leibler divergence in both directions.

use ndarray::{Array2, ArrayRef2};

use crate::ops::log_softmax::log_softmax;
use crate::ops::sum::{sum_of_2, total_of_2};
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Error, Real, Result, check_finite, check_not_empty, check_shape, tree};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 20;

/// What [`symmetric_kl_backward`] reads.
#[derive(Clone, Debug)]
pub struct SymmetricKlTape<R> {
    /// `log p`, of the first logits: `[n, k]`
    pub log_p: Array2<R>,
    /// `log q`, of the second logits: `[n, k]`
    pub log_q: Array2<R>,
}

tree!(SymmetricKlTape { log_p, log_q });

/// The mean of both Kullback-Leibler divergences between the softmaxes of two rows of logits, added.
///
/// **eq-4-softce-symmetric-kl**
/// ```math
/// \ell = \frac1n \sum_i \bigl( \mathrm{KL}(p_i \,\|\, q_i) + \mathrm{KL}(q_i \,\|\, p_i) \bigr)
///      = \frac1n \sum_{i,k} (p_{ik} - q_{ik}) (\log p_{ik} - \log q_{ik})
/// ```
///
/// `z: [n, k]`, `w: [n, k]` → a number; `p` is the softmax of `z`, `q` that of `w`
///
/// Computed as the second form says: no term is negative.
///
/// Source: Jeffreys 1946, *An invariant form for the prior probability in estimation problems*; between clean and
/// perturbed logits in VILLA (Gan et al. 2020, *Large-Scale Adversarial Training for Vision-and-Language*, eq. 4).
///
/// # Errors
/// [`Error::ShapeMismatch`] if `w` is not of the shape of `z`; [`Error::EmptyInput`] for no element;
/// [`Error::NonFinite`] for NaN and infinities.
pub fn symmetric_kl<R: Real>(z: &ArrayRef2<R>, w: &ArrayRef2<R>) -> Result<(R, SymmetricKlTape<R>)> {
    check_shape("symmetric_kl: w", w.shape(), z.shape())?;
    check_not_empty("symmetric_kl: z", z)?;
    check_finite("symmetric_kl: z", z)?;
    check_finite("symmetric_kl: w", w)?;
    let (log_p, log_q) = (log_softmax(z)?, log_softmax(w)?);
    let sum = total_of_2(
        &log_p,
        &log_q,
        COST,
        #[inline(always)]
        |log_p, log_q| (log_p.exp() - log_q.exp()) * (log_p - log_q),
    );
    if !sum.is_finite() {
        return Err(Error::NonFinite { at: "symmetric_kl: loss" });
    }
    Ok((sum / R::of(z.nrows() as f64), SymmetricKlTape { log_p, log_q }))
}

/// Gradients of [`symmetric_kl`]: `z̄` and `w̄`.
///
/// **eq-4-softce-symmetric-kl, backward**, with `δ = log p - log q`:
/// ```math
/// \bar z = \frac{\bar\ell}{n} \Bigl( p \odot \bigl( \delta - \langle p, \delta \rangle \bigr) + p - q \Bigr), \qquad
/// \bar w = \frac{\bar\ell}{n} \Bigl( q \odot \bigl( -\delta + \langle q, \delta \rangle \bigr) + q - p \Bigr)
/// ```
///
/// Derivation for `z`; for `w` the roles are exchanged and `δ` changes its sign. `p` is a factor through the softmax,
/// whose gradient takes out the mean, and `log p` through the log-softmax:
/// ```math
/// \bar p = \delta \;\Rightarrow\; p \odot (\delta - \langle p, \delta \rangle), \qquad
/// \overline{\log p} = p - q \;\Rightarrow\; (p - q) - p \sum_k (p_k - q_k) = p - q
/// ```
pub fn symmetric_kl_backward<R: Real>(tape: &SymmetricKlTape<R>, dl: R) -> (Array2<R>, Array2<R>) {
    let scale = dl / R::of(tape.log_p.nrows() as f64);
    (half(&tape.log_p, &tape.log_q, scale), half(&tape.log_q, &tape.log_p, scale))
}

/// The gradient with respect to the logits of `p`.
fn half<R: Real>(log_p: &ArrayRef2<R>, log_q: &ArrayRef2<R>, scale: R) -> Array2<R> {
    let k = log_p.ncols();
    let (p_all, q_all) = (contiguous(log_p), contiguous(log_q));
    let (log_p, log_q) = (elements(&p_all), elements(&q_all));
    new_rows(
        p_all.dim(),
        k,
        COST,
        #[inline(always)]
        |i, dz| {
            let (log_p, log_q) = (&log_p[i * k..][..dz.len()], &log_q[i * k..][..dz.len()]);
            let mean = sum_of_2(
                log_p,
                log_q,
                #[inline(always)]
                |log_p, log_q| log_p.exp() * (log_p - log_q),
            );
            dz.write(
                #[inline(always)]
                |j| {
                    let (p, q) = (log_p[j].exp(), log_q[j].exp());
                    scale * (p * (log_p[j] - log_q[j] - mean) + p - q)
                },
            );
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let text = |z: Array2<f64>, w: Array2<f64>| symmetric_kl(&z, &w).unwrap_err().to_string();
        let z = array![[0.0, 1.0]];
        assert_eq!(text(z.clone(), array![[0.0]]), "symmetric_kl: w: expected shape [1, 2], got [1, 1]");
        assert_eq!(text(Array2::zeros((0, 2)), Array2::zeros((0, 2))), "symmetric_kl: z: empty");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(text(array![[0.0, bad]], z.clone()), "symmetric_kl: z: not a finite number");
            assert_eq!(text(z.clone(), array![[0.0, bad]]), "symmetric_kl: w: not a finite number");
        }
        let far = text(array![[-1e308, 1e308]], array![[1e308, -1e308]]);
        assert_eq!(far, "symmetric_kl: loss: not a finite number");
    }
}
