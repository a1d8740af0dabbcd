//! A table of vectors, one per id.

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
    /// [`Error::IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for an id that is not in the table.
    pub fn forward(&self, ids: &[usize]) -> Result<Array2<R>> {
        let mut y = Array2::zeros((ids.len(), self.table.ncols()));
        for (&id, mut y) in ids.iter().zip(y.rows_mut()) {
            check_index("embedding: ids", id, self.table.nrows())?;
            y.assign(&self.table.row(id));
        }
        Ok(y)
    }

    /// Adds `dy: [n, d]` to the rows that were looked up: ids have no gradient.
    pub fn backward(&self, ids: &[usize], dy: &ArrayRef2<R>, grad: &mut Self) {
        for (&id, dy) in ids.iter().zip(dy.rows()) {
            let mut row = grad.table.row_mut(id);
            row += &dy;
        }
    }
}
