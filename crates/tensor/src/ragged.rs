//! Batches of sequences of different lengths, without padding.

use std::ops::Range;

use ndarray::{ArrayRef2, ArrayView2, s};

use crate::{Error, Result};

/// Where each sample begins in a tall matrix that holds the tokens of all samples as its rows.
///
/// ```math
/// X = \begin{bmatrix} X_0 \\ \vdots \\ X_{B-1} \end{bmatrix}, \qquad X_b \in \mathbb R^{n_b \times d}
/// ```
///
/// The same idea as the `cu_seqlens` of variable-length attention: `offsets = [0, n_0, n_0 + n_1, ..]`. Operations
/// on rows do not need it; operations that mix tokens map over the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ragged {
    offsets: Vec<usize>,
}

impl Ragged {
    /// One sample of `n` tokens.
    pub fn one(n: usize) -> Self {
        Ragged { offsets: vec![0, n] }
    }

    /// `samples` samples of `n` tokens each.
    pub fn even(samples: usize, n: usize) -> Self {
        Ragged { offsets: (0..=samples).map(|b| b * n).collect() }
    }

    /// Samples of these lengths, in this order.
    pub fn of_lengths(lengths: impl IntoIterator<Item = usize>) -> Self {
        let mut offsets = vec![0];
        for n in lengths {
            offsets.push(offsets[offsets.len() - 1] + n);
        }
        Ragged { offsets }
    }

    /// `B`, how many samples.
    pub fn samples(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many tokens in all samples together.
    pub fn tokens(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// `n_b`
    pub fn length(&self, sample: usize) -> usize {
        self.range(sample).len()
    }

    /// All lengths, in order.
    pub fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.offsets.windows(2).map(|w| w[1] - w[0])
    }

    /// The rows of a sample.
    pub fn range(&self, sample: usize) -> Range<usize> {
        self.offsets[sample]..self.offsets[sample + 1]
    }

    /// The rows of all samples.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.offsets.windows(2).map(|w| w[0]..w[1])
    }

    /// The tokens of a sample: `x: [tokens, d]` → `[n_b, d]`
    pub fn of<'a, R>(&self, x: &'a ArrayRef2<R>, sample: usize) -> ArrayView2<'a, R> {
        x.slice(s![self.range(sample), ..])
    }

    /// Refuses a matrix that has not one row per token.
    pub fn check<R>(&self, at: &'static str, x: &ArrayRef2<R>) -> Result<()> {
        if x.nrows() == self.tokens() {
            return Ok(());
        }
        Err(Error::ShapeMismatch { at, expected: vec![self.tokens(), x.ncols()], got: x.shape().to_vec() })
    }

    /// Refuses another number of samples than `samples`.
    pub fn check_samples(&self, at: &'static str, samples: usize) -> Result<()> {
        if self.samples() == samples {
            return Ok(());
        }
        Err(Error::ShapeMismatch { at, expected: vec![samples], got: vec![self.samples()] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_below_each_other() {
        let rows = Ragged::of_lengths([2, 0, 3]);
        assert_eq!((rows.samples(), rows.tokens()), (3, 5));
        assert_eq!(rows.ranges().collect::<Vec<_>>(), [0..2, 2..2, 2..5]);
        assert_eq!(rows.lengths().collect::<Vec<_>>(), [2, 0, 3]);
        assert_eq!(Ragged::even(2, 3), Ragged::of_lengths([3, 3]));
    }

    #[test]
    fn a_matrix_with_other_rows_is_refused() {
        let x = ndarray::Array2::<f64>::zeros((4, 2));
        let error = Ragged::one(5).check("attention: q", &x).unwrap_err();
        assert_eq!(error.to_string(), "attention: q: expected shape [5, 2], got [4, 2]");
    }
}
