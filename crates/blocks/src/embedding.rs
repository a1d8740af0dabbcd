//! A table of vectors, one per id.

use mmt_tensor::ops::{lookup, lookup_backward};
use mmt_tensor::{Random, Real, Result, check_index, tree};
use ndarray::{Array2, ArrayRef2};

/// `y_i = E[t_i]`, eq-0.9-embedding.
#[derive(Clone, Debug)]
pub struct Embedding<R> {
    /// `E: [ids, d]`
    pub table: Array2<R>,
}

tree!(Embedding { table });

impl<R: Real> Embedding<R> {
    /// Normal entries with standard deviation `std`; BERT and ViT take 0.02.
    pub fn new(ids: usize, d: usize, std: f64, random: &mut Random) -> Self {
        Embedding { table: random.normal((ids, d), std) }
    }

    /// `ids: [n]` → `[n, d]`
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for an id that is not in the table; otherwise as
    /// [`lookup()`].
    pub fn forward(&self, ids: &[usize]) -> Result<Array2<R>> {
        ids.iter().try_for_each(|&id| check_index("embedding: ids", id, self.table.nrows()))?;
        lookup(&self.table, ids, None)
    }

    /// Adds `dy: [n, d]` to the rows that were looked up: ids have no gradient.
    pub fn backward(&self, ids: &[usize], dy: &ArrayRef2<R>, grad: &mut Self) {
        lookup_backward(ids, None, dy, &mut grad.table);
    }
}
