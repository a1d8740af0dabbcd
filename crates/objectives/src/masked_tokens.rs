//! The loss of guessed words.

use mmt_tensor::ops::{CrossEntropyTape, OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::{Real, Result};
use ndarray::{Array2, ArrayRef2};

/// What the sum of the losses is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denominator {
    /// `|M|`, a plain mean: PyTorch and what is built on it. Nothing to guess is refused.
    Count,
    /// `|M| + 10⁻⁵`: the released code of BERT. Nothing to guess gives zero.
    Bert,
}

impl Denominator {
    /// `δ`
    fn offset(self) -> f64 {
        match self {
            Denominator::Count => 0.0,
            Denominator::Bert => 1e-5,
        }
    }

    /// `|M| / (|M| + δ)`, by which the loss differs from a mean.
    fn share<R: Real>(self, counted: usize) -> R {
        let counted = R::of(counted.max(1) as f64);
        counted / (counted + R::of(self.offset()))
    }
}

/// Cross entropy of the guesses at the hidden words of a whole batch.
///
/// **eq-1.30-mlm-loss**
/// ```math
/// \ell = \frac{1}{|M| + \delta} \sum_{i \in M} \bigl( \operatorname{lse}(z_i) - z_{i, y_i} \bigr), \qquad
/// \delta \in \{ 0,\, 10^{-5} \}
/// ```
///
/// `z: [k, v]`, `labels: [k]` → a number; `M` is the set of rows with a label
///
/// The sum couples the samples of a batch: a sample with many hidden words weighs more than one with few. Scores that know
/// nothing give `log v`.
///
/// Source: Devlin et al. 2019, *BERT*, section 3.1; `δ` is in the released code, `run_pretraining.py`, where it keeps a
/// batch without hidden words from 0/0.
///
/// # Errors
/// Those of [`cross_entropy()`].
pub fn masked_tokens<R: Real>(
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    denominator: Denominator,
) -> Result<(R, CrossEntropyTape<R>)> {
    let on_empty = match denominator {
        Denominator::Count => OnEmpty::Refuse,
        Denominator::Bert => OnEmpty::Zero,
    };
    let (mean, tape) = cross_entropy(z, labels, on_empty)?;
    Ok((mean * denominator.share(tape.counted), tape))
}

/// Gradient of [`masked_tokens`] with respect to the scores.
///
/// **eq-1.30-mlm-loss, backward**
/// ```math
/// \bar z_i = \frac{\bar\ell}{|M| + \delta} \bigl( \operatorname{softmax}(z_i) - e_{y_i} \bigr) \quad (i \in M), \qquad
/// \bar z_i = 0 \quad (i \notin M)
/// ```
///
/// Derivation: the loss is the mean cross entropy times the constant `|M| / (|M| + δ)`, and so is its gradient.
pub fn masked_tokens_backward<R: Real>(
    tape: &CrossEntropyTape<R>,
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    denominator: Denominator,
    dl: R,
) -> Array2<R> {
    cross_entropy_backward(tape, z, labels, dl * denominator.share(tape.counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_outside_the_vocabulary_are_refused() {
        let error = masked_tokens(&Array2::<f64>::zeros((1, 3)), &[Some(3)], Denominator::Count).unwrap_err();
        assert_eq!(error.to_string(), "cross_entropy: label: index 3 is outside a table of 3");
    }

    #[test]
    fn nothing_to_guess_is_refused_by_a_mean_and_zero_for_bert() {
        let z = Array2::<f64>::ones((2, 3));
        let error = masked_tokens(&z, &[None, None], Denominator::Count).unwrap_err();
        assert_eq!(error.to_string(), "cross_entropy: labels: empty");
        let (loss, tape) = masked_tokens(&z, &[None, None], Denominator::Bert).unwrap();
        assert_eq!(loss, 0.0);
        let dz = masked_tokens_backward(&tape, &z, &[None, None], Denominator::Bert, 1.0);
        assert_eq!(dz, Array2::zeros((2, 3)));
    }

    #[test]
    fn a_score_that_is_not_a_number_is_refused() {
        let z = Array2::from_elem((1, 3), f64::NAN);
        for denominator in [Denominator::Count, Denominator::Bert] {
            let error = masked_tokens(&z, &[Some(0)], denominator).unwrap_err();
            assert_eq!(error.to_string(), "cross_entropy: z: not a finite number");
        }
    }
}
