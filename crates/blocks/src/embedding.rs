//! A table of vectors, one per id.

use mmt_tensor::ops::{lookup, lookup_backward};
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

/// `y_i = E[t_i]`, eq-0.9-embedding.
#[derive(Clone, Debug)]
pub struct Embedding<R> {
    /// `E: [ids, d]`
    pub table: Array2<R>,
    /// The id whose row does not learn.
    pub padding: Option<usize>,
}

tree!(Embedding { table; padding });

impl<R: Real> Embedding<R> {
    /// Normal entries with standard deviation `std`; BERT and ViT take 0.02. Every row learns.
    pub fn new(ids: usize, d: usize, std: f64, random: &mut Random) -> Self {
        Embedding { table: random.normal((ids, d), std), padding: None }
    }

    /// `ids: [n]` → `[n, d]`
    ///
    /// # Errors
    /// As [`lookup()`].
    pub fn forward(&self, ids: &[usize]) -> Result<Array2<R>> {
        lookup(&self.table, ids, self.padding)
    }

    /// Adds `dy: [n, d]` to the rows that were looked up: ids have no gradient.
    pub fn backward(&self, ids: &[usize], dy: &ArrayRef2<R>, grad: &mut Self) {
        lookup_backward(ids, self.padding, dy, &mut grad.table);
    }
}
