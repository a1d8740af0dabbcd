//! Whether one text follows another.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::ops::{CrossEntropyTape, OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::{Random, Real, Result, check_index, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// Scores of two classes from the pooled first token, and their cross entropy.
///
/// **eq-1.31-next-sentence**
/// ```math
/// z = p\, W_n + b_n, \qquad
/// \ell = \frac1B \sum_{b=1}^B \bigl( \operatorname{lse}(z_b) - z_{b, y_b} \bigr)
/// ```
///
/// `p: [B, d]`, `w_n: [d, 2]`, `b_n: [2]`, `labels: [B]` → a number
///
/// Class 0 says that the second text follows the first, class 1 that it is a random one. A mean over the samples; BERT adds
/// this loss to that of the guessed words, with weight 1.
///
/// Source: Devlin et al. 2019, *BERT*, section 3.1; the order of the classes is that of the released code,
/// `run_pretraining.py`.
#[derive(Clone, Debug)]
pub struct NextSentence<R> {
    /// `W_n, b_n`
    pub classifier: Linear<R>,
}

tree!(NextSentence { classifier });

/// What [`NextSentence::backward`] reads.
#[derive(Clone, Debug)]
pub struct NextSentenceTape<R> {
    /// Of the scores.
    pub classifier: LinearTape<R>,
    /// `z: [B, 2]`
    pub z: Array2<R>,
    /// Of the loss.
    pub loss: CrossEntropyTape<R>,
    /// `y: [B]`
    pub labels: Vec<Option<usize>>,
}

tree!(NextSentenceTape { classifier, z, loss; labels });

impl<R: Real> NextSentence<R> {
    /// The second text follows the first.
    pub const NEXT: usize = 0;
    /// The second text is a random one.
    pub const RANDOM: usize = 1;

    /// For pooled tokens of width `d`.
    pub fn new(d: usize, random: &mut Random) -> Self {
        NextSentence { classifier: Linear::new(d, 2, random) }
    }

    /// `p: [B, d]`, `labels: [B]` → the mean loss
    ///
    /// # Errors
    /// [`IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for a label that is neither 0 nor 1;
    /// [`ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for a layer with other than two classes and if there is not one
    /// label per sample; [`EmptyInput`](mmt_tensor::Error::EmptyInput) for no sample; those of the layer.
    pub fn forward(&self, p: &ArrayRef2<R>, labels: &[usize]) -> Result<(R, NextSentenceTape<R>)> {
        check_shape("next_sentence: labels", &[labels.len()], &[p.nrows()])?;
        labels.iter().try_for_each(|&y| check_index("next_sentence: labels", y, 2))?;
        check_shape("next_sentence: w", self.classifier.weight.shape(), &[p.ncols(), 2])?;
        let (z, classifier) = self.classifier.forward(p)?;
        let labels: Vec<Option<usize>> = labels.iter().copied().map(Some).collect();
        let (l, loss) = cross_entropy(&z, &labels, OnEmpty::Refuse)?;
        Ok((l, NextSentenceTape { classifier, z, loss, labels }))
    }

    /// Gradients: returns `p̄: [B, d]`, adds to those of the layer.
    ///
    /// **eq-1.31-next-sentence, backward**
    /// ```math
    /// \bar z_b = \frac{\bar\ell}{B} \bigl( \operatorname{softmax}(z_b) - e_{y_b} \bigr), \qquad
    /// \bar p = \bar z\, W_n^\top, \qquad
    /// \bar W_n = p^\top \bar z, \qquad
    /// \bar b_n = \sum_b \bar z_b
    /// ```
    ///
    /// Derivation: the gradient of `lse` is the softmax, the score of the label adds -1, and the linear map follows. With
    /// two classes both entries of `z̄_b` are `± σ(z_{b,1-y} - z_{b,y}) ℓ̄ / B`:
    /// ```math
    /// 1 - \operatorname{softmax}(z)_y = \frac{e^{z_{1-y}}}{e^{z_y} + e^{z_{1-y}}} = \sigma(z_{1-y} - z_y)
    /// ```
    pub fn backward(&self, tape: &NextSentenceTape<R>, dl: R, grad: &mut Self) -> Array2<R> {
        let dz = cross_entropy_backward(&tape.loss, &tape.z, &tape.labels, dl);
        self.classifier.backward(&tape.classifier, &dz, &mut grad.classifier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(p: &Array2<f64>, labels: &[usize]) -> String {
        NextSentence::new(4, &mut Random::seed(0)).forward(p, labels).unwrap_err().to_string()
    }

    #[test]
    fn labels_that_are_no_class_are_refused() {
        let error = text(&Array2::ones((2, 4)), &[0, 2]);
        assert_eq!(error, "next_sentence: labels: index 2 is outside a table of 2");
    }

    #[test]
    fn labels_and_widths_that_do_not_fit_are_refused() {
        let error = text(&Array2::ones((2, 4)), &[0]);
        assert_eq!(error, "next_sentence: labels: expected shape [2], got [1]");
        let error = text(&Array2::ones((1, 3)), &[0]);
        assert_eq!(error, "next_sentence: w: expected shape [3, 2], got [4, 2]");
        let three = NextSentence { classifier: Linear::<f64>::new(4, 3, &mut Random::seed(0)) };
        let error = three.forward(&Array2::ones((1, 4)), &[0]).unwrap_err();
        assert_eq!(error.to_string(), "next_sentence: w: expected shape [4, 2], got [4, 3]");
    }

    #[test]
    fn no_sample_is_refused() {
        assert_eq!(text(&Array2::ones((0, 4)), &[]), "cross_entropy: labels: empty");
    }

    #[test]
    fn a_nan_is_refused() {
        assert_eq!(text(&Array2::from_elem((1, 4), f64::NAN), &[1]), "linear: x: not a finite number");
    }
}
