//! One vector per sample: its class token, or the mean of its tokens.

use std::ops::Range;

use mmt_fusion::topology::Sequence;
use mmt_tensor::{Error, Real, Result};
use ndarray::{Array2, ArrayRef2, Axis};

/// Which rows of an output each sample is read from.
#[derive(Clone, Debug)]
pub struct Pool {
    tokens: usize,
    rows: Vec<Range<usize>>,
}

/// One for each output.
///
/// # Errors
/// [`Error::EmptyInput`] for a sample without a token.
pub fn pools<'a>(outputs: impl Iterator<Item = &'a Sequence>, class: Option<&str>) -> Result<Vec<Pool>> {
    outputs.map(|output| Pool::new(output, class)).collect()
}

impl Pool {
    fn new(output: &Sequence, class: Option<&str>) -> Result<Self> {
        let (all, segments) = (output.rows(), &output.segments);
        let with_class = |name: &str| segments.iter().position(|s| s.origin.contains(name));
        let segment = class.and_then(with_class);
        let read = |sample: usize| {
            let own = all.range(sample);
            let Some(segment) = segment else { return own };
            let before: usize = segments[..segment].iter().map(|s| s.rows.length(sample)).sum();
            own.start + before..own.start + before + 1
        };
        let rows: Vec<_> = (0..all.samples()).map(read).collect();
        if rows.iter().any(Range::is_empty) {
            return Err(Error::EmptyInput { at: "net: tokens of an output" });
        }
        Ok(Pool { tokens: output.tokens(), rows })
    }

    /// The rows that are read, below each other.
    pub fn gather<R: Real>(&self, y: &ArrayRef2<R>) -> Array2<R> {
        let rows: Vec<usize> = self.rows.iter().cloned().flatten().collect();
        y.select(Axis(0), &rows)
    }

    /// The adjoint of [`gather`](Self::gather).
    pub fn scatter<R: Real>(&self, d: &ArrayRef2<R>) -> Array2<R> {
        let mut dy = Array2::zeros((self.tokens, d.ncols()));
        for (row, d) in self.rows.iter().cloned().flatten().zip(d.rows()) {
            dy.row_mut(row).assign(&d);
        }
        dy
    }

    /// The mean of the gathered rows of every sample, added in order: `[B, d]`
    pub fn means<R: Real>(&self, z: &ArrayRef2<R>) -> Array2<R> {
        let mut means = Array2::zeros((self.rows.len(), z.ncols()));
        let mut at = 0;
        for (rows, mut mean) in self.rows.iter().zip(means.rows_mut()) {
            let share = R::of(1.0) / R::of(rows.len() as f64);
            for row in at..at + rows.len() {
                mean.scaled_add(share, &z.row(row));
            }
            at += rows.len();
        }
        means
    }

    /// The adjoint of [`means`](Self::means).
    pub fn means_backward<R: Real>(&self, dmeans: &ArrayRef2<R>) -> Array2<R> {
        let all: usize = self.rows.iter().map(Range::len).sum();
        let mut dz = Array2::zeros((all, dmeans.ncols()));
        let mut at = 0;
        for (rows, dmean) in self.rows.iter().zip(dmeans.rows()) {
            let share = R::of(1.0) / R::of(rows.len() as f64);
            for row in at..at + rows.len() {
                dz.row_mut(row).scaled_add(share, &dmean);
            }
            at += rows.len();
        }
        dz
    }
}
