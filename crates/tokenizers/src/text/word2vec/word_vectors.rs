//! The two tables of word2vec and both ways to train them.

use mmt_tensor::ops::{lookup, lookup_backward};
use mmt_tensor::{Error, Random, Real, Result, check_setting, check_shape, tree};
use ndarray::Array2;

use super::cbow::{cbow, cbow_backward};
use super::{
    ContextShare, Guess, NegativeSamplingTape, Slope, negative_sampling, negative_sampling_backward,
};

/// Two vectors of every word: one with which it guesses, and one with which it is guessed.
///
/// The vectors that others use are `input`: they can be copied into the table of an
/// [`Embedding`](mmt_blocks::Embedding), and then be trained on or left as they are. BERT and its kin learn their table
/// together with the rest instead.
#[derive(Clone, Debug)]
pub struct WordVectors<R> {
    /// `E_in: [words, d]`
    pub input: Array2<R>,
    /// `E_out: [words, d]`
    pub output: Array2<R>,
    /// What stands for `σ` in the gradient.
    pub slope: Slope,
    /// How CBOW hands a gradient on.
    pub share: ContextShare,
}

tree!(WordVectors { input, output; slope, share });

/// What [`WordVectors::skip_gram_backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct SkipGramTape<R> {
    pub sampling: NegativeSamplingTape<R>,
    pub words: Vec<usize>,
}

tree!(SkipGramTape { sampling; words });

/// What [`WordVectors::cbow_backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct CbowTape<R> {
    pub sampling: NegativeSamplingTape<R>,
    pub contexts: Vec<Vec<usize>>,
}

tree!(CbowTape { sampling; contexts });

impl<R: Real> WordVectors<R> {
    /// Input vectors uniform in `±1 / (2 d)`, output vectors zero, and exact gradients: as `word2vec.c` begins.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no word and for vectors of no number.
    pub fn new(words: usize, d: usize, random: &mut Random) -> Result<Self> {
        if words == 0 || d == 0 {
            return Err(Error::EmptyInput { at: "word_vectors: input" });
        }
        Ok(WordVectors {
            input: random.uniform((words, d), 0.5 / d as f64),
            output: Array2::zeros((words, d)),
            slope: Slope::Exact,
            share: ContextShare::Mean,
        })
    }

    /// `words[i]` guesses `guesses[i]`: the loss of eq-2.4-skip-gram.
    ///
    /// # Errors
    /// Those of [`lookup()`] and [`negative_sampling()`].
    pub fn skip_gram(&self, words: &[usize], guesses: &[Guess]) -> Result<(R, SkipGramTape<R>)> {
        let v = lookup(&self.input, words, None)?;
        let (loss, sampling) = negative_sampling(&v, &self.output, guesses)?;
        Ok((loss, SkipGramTape { sampling, words: words.to_vec() }))
    }

    /// Adds to the gradients of the rows that [`skip_gram`](Self::skip_gram) read.
    pub fn skip_gram_backward(&self, tape: &SkipGramTape<R>, dl: R, grad: &mut Self) {
        let dv = negative_sampling_backward(&tape.sampling, &self.output, self.slope, dl, &mut grad.output);
        lookup_backward(&tape.words, None, &dv, &mut grad.input);
    }

    /// The words of `contexts[i]` together guess `guesses[i]`: the loss of eq-2.5-cbow.
    ///
    /// # Errors
    /// Those of [`cbow`] and [`negative_sampling()`].
    pub fn cbow(&self, contexts: &[Vec<usize>], guesses: &[Guess]) -> Result<(R, CbowTape<R>)> {
        check_shape("cbow: guesses", &[guesses.len()], &[contexts.len()])?;
        let h = cbow(&self.input, contexts)?;
        let (loss, sampling) = negative_sampling(&h, &self.output, guesses)?;
        Ok((loss, CbowTape { sampling, contexts: contexts.to_vec() }))
    }

    /// Adds to the gradients of the rows that [`cbow`](Self::cbow) read.
    pub fn cbow_backward(&self, tape: &CbowTape<R>, dl: R, grad: &mut Self) {
        let dh = negative_sampling_backward(&tape.sampling, &self.output, self.slope, dl, &mut grad.output);
        cbow_backward(&tape.contexts, &dh, self.share, &mut grad.input);
    }
}

/// The learning rate after `done` of `all` words: from `start` down a straight line to a ten-thousandth of it.
///
/// ```math
/// \eta = \eta_0 \max\Bigl( 1 - \frac{\text{done}}{\text{all}},\; 10^{-4} \Bigr)
/// ```
///
/// `word2vec.c` starts skip-gram with 0.025 and CBOW with 0.05, and counts one word more than there are.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for a rate that is not positive and for `all = 0`.
pub fn learning_rate(start: f64, done: usize, all: usize) -> Result<f64> {
    let valid = start > 0.0 && start.is_finite();
    check_setting("learning_rate: start", valid, || format!("must be positive, got {start}"))?;
    check_setting("learning_rate: all", all > 0, || "must be positive, got 0".to_string())?;
    Ok(start * (1.0 - done as f64 / all as f64).max(1e-4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(target: usize) -> Guess {
        Guess { target, negatives: vec![0] }
    }

    #[test]
    fn tables_without_numbers_are_refused() {
        for (words, d) in [(0, 3), (3, 0)] {
            let error = WordVectors::<f64>::new(words, d, &mut Random::seed(0)).unwrap_err();
            assert_eq!(error.to_string(), "word_vectors: input: empty");
        }
    }

    #[test]
    fn words_and_guesses_that_do_not_fit_are_refused() {
        let vectors = WordVectors::<f64>::new(3, 2, &mut Random::seed(0)).unwrap();
        let error = vectors.skip_gram(&[0, 1], &[guess(1)]).unwrap_err();
        assert_eq!(error.to_string(), "negative_sampling: guesses: expected shape [2], got [1]");
        let error = vectors.skip_gram(&[3], &[guess(1)]).unwrap_err();
        assert_eq!(error.to_string(), "lookup: ids: index 3 is outside a table of 3");
        let error = vectors.cbow(&[vec![0], vec![1]], &[guess(1)]).unwrap_err();
        assert_eq!(error.to_string(), "cbow: guesses: expected shape [2], got [1]");
    }

    #[test]
    fn the_rate_falls_in_a_straight_line_and_never_to_zero() {
        assert_eq!(learning_rate(0.5, 0, 4).unwrap(), 0.5);
        assert_eq!(learning_rate(0.5, 1, 4).unwrap(), 0.375);
        assert_eq!(learning_rate(0.5, 5, 4).unwrap(), 0.5e-4);
        let error = learning_rate(f64::NAN, 0, 4).unwrap_err();
        assert_eq!(error.to_string(), "learning_rate: start: must be positive, got NaN");
        let error = learning_rate(0.5, 0, 0).unwrap_err();
        assert_eq!(error.to_string(), "learning_rate: all: must be positive, got 0");
    }
}
