//! A table of positions that is learned, and how any table of positions is added to tokens.

use mmt_tensor::parallel::for_rows;
use mmt_tensor::{Error, Ragged, Random, Real, Result, check_finite, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// A learned row for every position: `y_p = x_p + E_p`.
///
/// Source: Gehring et al. 2017, *Convolutional Sequence to Sequence Learning*, section 3.1; BERT and ViT learn theirs.
#[derive(Clone, Debug)]
pub struct LearnedPositions<R> {
    /// `E: [longest, d]`
    pub table: Array2<R>,
}

tree!(LearnedPositions { table });

impl<R: Real> LearnedPositions<R> {
    /// Normal entries with standard deviation `std`; BERT and ViT take 0.02.
    pub fn new(longest: usize, d: usize, std: f64, random: &mut Random) -> Self {
        LearnedPositions { table: random.normal((longest, d), std) }
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// As [`add_positions`].
    pub fn forward(&self, x: &ArrayRef2<R>, rows: &Ragged) -> Result<Array2<R>> {
        add_positions(x, &self.table, rows)
    }

    /// `dy: [n, d]` → `[n, d]`; adds the gradient of the table.
    pub fn backward(&self, dy: &ArrayRef2<R>, rows: &Ragged, grad: &mut Self) -> Array2<R> {
        add_positions_backward(dy, rows, &mut grad.table);
        dy.to_owned()
    }
}

/// Adds its row of a table to every token; positions count from 0 at the beginning of each sample.
///
/// ```math
/// y_{b,p} = x_{b,p} + E_p
/// ```
///
/// `x: [n, d]`, `table: [longest, d]` → `[n, d]`
///
/// # Errors
/// [`Error::IndexOutOfRange`] for a sample that is longer than the table; [`Error::ShapeMismatch`] if the widths
/// differ or `x` has not one row per token; [`Error::NonFinite`] for NaN, infinities and sums that overflow.
pub fn add_positions<R: Real>(x: &ArrayRef2<R>, table: &ArrayRef2<R>, rows: &Ragged) -> Result<Array2<R>> {
    rows.check("positions: x", x)?;
    check_shape("positions: table", table.shape(), &[table.nrows(), x.ncols()])?;
    if let Some(n) = rows.lengths().find(|&n| n > table.nrows()) {
        return Err(Error::IndexOutOfRange { at: "positions: table", index: n - 1, size: table.nrows() });
    }
    let places: Vec<usize> = rows.lengths().flat_map(|n| 0..n).collect();
    let mut y = x.as_standard_layout().into_owned();
    for_rows(y.as_slice_mut().expect("standard layout"), x.ncols(), 1, |i, y| {
        for (y, &e) in y.iter_mut().zip(table.row(places[i])) {
            *y += e;
        }
    });
    check_finite("positions: y", &y).or_else(|error| {
        check_finite("positions: x", x)?;
        check_finite("positions: table", table)?;
        Err(error)
    })?;
    Ok(y)
}

/// Gradient of [`add_positions`] with respect to the table; that of the tokens is `dy` itself.
///
/// ```math
/// \bar E_p = \sum_b \bar y_{b,p}
/// ```
///
/// Derivation: row `p` of the table is used once in every sample that has a token `p`, and the gradients of all uses
/// add up, in the order of the samples.
pub fn add_positions_backward<R: Real>(dy: &ArrayRef2<R>, rows: &Ragged, dtable: &mut ArrayRef2<R>) {
    for range in rows.ranges() {
        for (p, i) in range.enumerate() {
            let mut row = dtable.row_mut(p);
            row += &dy.row(i);
        }
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Tree;

    use super::*;

    fn refused(x: (usize, usize), table: (usize, usize), rows: Ragged) -> String {
        let (x, table) = (Array2::<f64>::zeros(x), Array2::zeros(table));
        add_positions(&x, &table, &rows).unwrap_err().to_string()
    }

    #[test]
    fn a_sample_that_is_longer_than_the_table_is_refused() {
        let text = refused((7, 2), (3, 2), Ragged::of_lengths([3, 4]));
        assert_eq!(text, "positions: table: index 3 is outside a table of 3");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let text = refused((2, 2), (3, 4), Ragged::one(2));
        assert_eq!(text, "positions: table: expected shape [3, 2], got [3, 4]");
        let text = refused((2, 2), (3, 2), Ragged::one(3));
        assert_eq!(text, "positions: x: expected shape [3, 2], got [2, 2]");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_by_name() {
        let text = |x: f64, e: f64| {
            let (x, table) = (ndarray::array![[0.0, x]], ndarray::array![[0.0, e]]);
            add_positions(&x, &table, &Ragged::one(1)).unwrap_err().to_string()
        };
        for bad in [f64::NAN, f64::INFINITY] {
            assert_eq!(text(bad, 1.0), "positions: x: not a finite number");
            assert_eq!(text(1.0, bad), "positions: table: not a finite number");
        }
        assert_eq!(text(1.5e308, 1.5e308), "positions: y: not a finite number");
    }

    #[test]
    fn positions_begin_again_with_every_sample() {
        let layer = LearnedPositions::<f64> { table: ndarray::array![[1.0], [10.0], [100.0]] };
        let rows = Ragged::of_lengths([2, 3, 0, 1]);
        let y = layer.forward(&Array2::zeros((6, 1)), &rows).unwrap();
        assert_eq!(y, ndarray::array![[1.0], [10.0], [1.0], [10.0], [100.0], [1.0]]);
        let mut grad = layer.zeros_like();
        let dy = ndarray::array![[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]];
        assert_eq!(layer.backward(&dy, &rows, &mut grad), dy);
        assert_eq!(grad.table, ndarray::array![[10.0], [6.0], [5.0]]);
    }
}
