//! Words of a batch, and what a decoder is given and asked during training.

use mmt_tensor::{Error, Ragged, Result, check_shape};

/// The ids of all samples, one after the other, with a flag for each: `false` is padding.
///
/// Nothing has to be padded, see [`Ragged`]; the flags are there for batches that come padded from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    /// `[n]`, of all samples.
    pub ids: Vec<usize>,
    /// `[n]`: `false` hides a token from all others.
    pub keep: Vec<bool>,
    /// Where each sample begins.
    pub rows: Ragged,
}

impl TokenBatch {
    /// Samples without padding.
    pub fn of_samples(samples: &[&[usize]]) -> Self {
        let ids = samples.concat();
        let keep = vec![true; ids.len()];
        TokenBatch { ids, keep, rows: Ragged::of_lengths(samples.iter().map(|s| s.len())) }
    }

    /// Samples in which the id `padding` is padding.
    pub fn padded(samples: &[&[usize]], padding: usize) -> Self {
        let batch = Self::of_samples(samples);
        TokenBatch { keep: batch.ids.iter().map(|&id| id != padding).collect(), ..batch }
    }

    /// What a decoder is given and asked for these sentences: `bos` and all words but the last, and all words.
    ///
    /// ```math
    /// \text{input} = (\text{bos}, y_1, \dots, y_{n-1}), \qquad \text{labels} = (y_1, \dots, y_n)
    /// ```
    ///
    /// Position `t` sees what stands before `y_t` and is asked for it. A padded word is no label.
    ///
    /// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.1.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of ids or flags than tokens; [`Error::EmptyInput`] for a sample
    /// without a word.
    pub fn teacher_forcing(&self, bos: usize) -> Result<(TokenBatch, Vec<Option<usize>>)> {
        self.check("teacher_forcing: target")?;
        let mut input = self.clone();
        for range in self.rows.ranges() {
            if range.is_empty() {
                return Err(Error::EmptyInput { at: "teacher_forcing: target" });
            }
            let first = range.start;
            input.ids.copy_within(first..range.end - 1, first + 1);
            input.keep.copy_within(first..range.end - 1, first + 1);
            (input.ids[first], input.keep[first]) = (bos, true);
        }
        let labels = self.ids.iter().zip(&self.keep).map(|(&id, &keep)| keep.then_some(id)).collect();
        Ok((input, labels))
    }

    /// Refuses another number of ids or flags than tokens.
    pub(crate) fn check(&self, at: &'static str) -> Result<()> {
        check_shape(at, &[self.ids.len()], &[self.rows.tokens()])?;
        check_shape(at, &[self.keep.len()], &[self.rows.tokens()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_move_by_one_inside_their_sample() {
        let target = TokenBatch::padded(&[&[5, 6, 2], &[7, 2, 0]], 0);
        let (input, labels) = target.teacher_forcing(1).unwrap();
        assert_eq!(input.ids, [1, 5, 6, 1, 7, 2]);
        assert_eq!(input.keep, [true; 6]);
        assert_eq!(labels, [Some(5), Some(6), Some(2), Some(7), Some(2), None]);
    }

    #[test]
    fn padding_moves_with_its_words() {
        let target = TokenBatch::padded(&[&[7, 2, 0, 0]], 0);
        let (input, _) = target.teacher_forcing(1).unwrap();
        assert_eq!((input.ids, input.keep), (vec![1, 7, 2, 0], vec![true, true, true, false]));
    }

    #[test]
    fn a_sample_without_a_word_is_refused() {
        let error = TokenBatch::of_samples(&[&[5], &[]]).teacher_forcing(1).unwrap_err();
        assert_eq!(error.to_string(), "teacher_forcing: target: empty");
    }

    #[test]
    fn flags_that_are_not_one_per_token_are_refused() {
        let batch = TokenBatch { keep: vec![true], ..TokenBatch::of_samples(&[&[5, 6]]) };
        let error = batch.teacher_forcing(1).unwrap_err();
        assert_eq!(error.to_string(), "teacher_forcing: target: expected shape [2], got [1]");
        let batch = TokenBatch { ids: vec![5], ..TokenBatch::of_samples(&[&[5, 6]]) };
        let error = batch.teacher_forcing(1).unwrap_err();
        assert_eq!(error.to_string(), "teacher_forcing: target: expected shape [2], got [1]");
    }
}
