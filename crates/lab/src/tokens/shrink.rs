//! Pictures of fewer pixels.

use std::ops::Range;

use mmt_tensor::ops::sum::sum;
use ndarray::{Array2, ArrayView2};

/// The mean of each of `rows x columns` parts of a table, which differ by at most one line. Where there are more parts than
/// lines, a line stands in several.
pub fn shrink(x: &ArrayView2<f64>, rows: usize, columns: usize) -> Array2<f64> {
    let mut line = Vec::new();
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let part = x.slice(ndarray::s![part(i, rows, x.nrows()), part(j, columns, x.ncols())]);
        line.clear();
        line.extend(part.iter().copied());
        sum(&line) / line.len() as f64
    })
}

/// Part `i` of `parts` of `size` lines; never empty.
pub fn part(i: usize, parts: usize, size: usize) -> Range<usize> {
    let start = i * size / parts;
    start..((i + 1) * size / parts).max(start + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn parts_are_means_and_none_is_empty() {
        let x = array![[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]];
        assert_eq!(shrink(&x.view(), 1, 3), array![[3.0, 4.0, 5.0]]);
        assert_eq!(shrink(&x.view(), 2, 2), array![[1.0, 2.5], [5.0, 6.5]]);
        assert_eq!(shrink(&x.view(), 4, 1), array![[2.0], [2.0], [6.0], [6.0]]);
    }
}
