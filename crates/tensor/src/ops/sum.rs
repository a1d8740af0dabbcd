//! Sums in a fixed order: the only place, with `matmul.rs` and `parallel/rows.rs`, where numbers are added up.
//!
//! A sum along a row runs in 64 lanes: lane `j` adds the terms `j, j + 64, j + 128, ..`, and the lanes are added
//! as a tree of halves. The order is fixed by the number of terms alone, and any SIMD width computes it at full
//! speed. Lanes are counted by an index: adapters of iterators are functions of their own, which a compiler that
//! builds a crate in several units may leave as calls.

use ndarray::{Array, Array1, ArrayRef, ArrayRef2, Dimension};

use crate::parallel::{contiguous, elements, fold_rows, for_rows};
use crate::{Real, Result};

/// Lanes of a sum.
pub const LANES: usize = 64;

/// Lanes of [`max`].
const MAX_LANES: usize = 16;

/// `Σ_i x_i`
#[inline(always)]
pub fn sum<R: Real>(x: &[R]) -> R {
    sum_of(
        x,
        #[inline(always)]
        |x| x,
    )
}

/// `Σ_i f(x_i)`
#[inline(always)]
pub fn sum_of<R: Real>(x: &[R], f: impl Fn(R) -> R) -> R {
    if first_is_reversed(x) {
        return x.iter().rev().fold(R::of(0.0), |sum, &x| sum + f(x));
    }
    let mut lanes = [R::of(0.0); LANES];
    let (blocks, rest) = x.as_chunks::<LANES>();
    for block in blocks {
        for j in 0..LANES {
            lanes[j] += f(block[j]);
        }
    }
    let last = &mut lanes[..rest.len()];
    for j in 0..last.len() {
        last[j] += f(rest[j]);
    }
    tree(lanes)
}

/// `Σ_i f(x_i, y_i)`
#[inline(always)]
pub fn sum_of_2<R: Real>(x: &[R], y: &[R], f: impl Fn(R, R) -> R) -> R {
    assert_eq!(x.len(), y.len());
    if first_is_reversed(x) {
        return x.iter().zip(y).rev().fold(R::of(0.0), |sum, (&x, &y)| sum + f(x, y));
    }
    let mut lanes = [R::of(0.0); LANES];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    for (i, x) in xs.iter().enumerate() {
        for j in 0..LANES {
            lanes[j] += f(x[j], ys[i][j]);
        }
    }
    let (last, y_rest) = (&mut lanes[..x_rest.len()], &y_rest[..x_rest.len()]);
    for j in 0..last.len() {
        last[j] += f(x_rest[j], y_rest[j]);
    }
    tree(lanes)
}

/// `Σ_i x_i y_i`
#[inline(always)]
pub fn dot<R: Real>(x: &[R], y: &[R]) -> R {
    sum_of_2(
        x,
        y,
        #[inline(always)]
        |x, y| x * y,
    )
}

/// The largest element; `-∞` of nothing. A NaN may be dropped: check the sum.
///
/// Few lanes, which stay in registers: lanes in memory are compared there and stored one by one.
#[inline(always)]
pub fn max<R: Real>(x: &[R]) -> R {
    let mut lanes = [R::of(f64::NEG_INFINITY); MAX_LANES];
    let (blocks, rest) = x.as_chunks::<MAX_LANES>();
    for block in blocks {
        for j in 0..MAX_LANES {
            lanes[j] = lanes[j].max(block[j]);
        }
    }
    let mut max = R::of(f64::NEG_INFINITY);
    for part in [&lanes, rest] {
        for &x in part {
            max = max.max(x);
        }
    }
    max
}

/// Whether the numbers are of a type that is added up from the last to the first.
#[inline(always)]
pub(crate) fn first_is_reversed<R: Real>(x: &[R]) -> bool {
    x.first().is_some_and(|x| x.reversed())
}

/// `lanes[0] + lanes[32]`, .., then halves of the halves.
#[inline(always)]
fn tree<R: Real>(mut lanes: [R; LANES]) -> R {
    let mut half = LANES / 2;
    while half > 0 {
        for j in 0..half {
            lanes[j] += lanes[j + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// `Σ` of all elements: rows first, then the sums of the rows in order.
pub fn total<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> R {
    let x = contiguous(x);
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    let rows: Vec<R> = elements(&x).chunks(width).map(sum).collect();
    sum(&rows)
}

/// `Σ f(x, y)` over all elements of two arrays of one shape, in the order of [`total`]; `cost` is the rough number of
/// operations per element.
pub fn total_of_2<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    y: &ArrayRef<R, D>,
    cost: usize,
    f: impl Fn(R, R) -> R + Send + Sync,
) -> R {
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    let (x, y) = (contiguous(x), contiguous(y));
    let (x, y) = (elements(&x), elements(&y));
    let mut rows = vec![R::of(0.0); x.len() / width];
    for_rows(
        &mut rows,
        1,
        width * cost,
        #[inline(always)]
        |i, row| row[0] = sum_of_2(&x[i * width..(i + 1) * width], &y[i * width..(i + 1) * width], &f),
    );
    sum(&rows)
}

/// The mean of all elements; fails on nothing.
pub fn mean<R: Real, D: Dimension>(at: &'static str, x: &ArrayRef<R, D>) -> Result<R> {
    crate::error::check_not_empty(at, x)?;
    Ok(total(x) / R::of(x.len() as f64))
}

/// The sum of every row: `[.., n]` → `[rows]`
pub fn row_sums<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Array1<R> {
    let x = contiguous(x);
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    elements(&x).chunks(width).map(sum).collect()
}

/// Adds the sum of every column of `x: [n, d]` to `into: [d]`.
pub fn add_column_sums<R: Real>(into: &mut Array1<R>, x: &ArrayRef2<R>) {
    assert_eq!(into.len(), x.ncols(), "one sum per column");
    let (rows, width) = x.dim();
    let x = contiguous(x);
    let x = elements(&x);
    let into = into.as_slice_mut().expect("standard layout");
    fold_rows(
        into,
        rows,
        width,
        #[inline(always)]
        |range, partial| {
            for row in x[range.start * width..range.end * width].chunks_exact(width) {
                for (sum, &x) in partial.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        },
    );
}

/// The sum of every column: `[n, d]` → `[d]`
pub fn column_sums<R: Real>(x: &ArrayRef2<R>) -> Array1<R> {
    let mut sums = Array::zeros(x.ncols());
    add_column_sums(&mut sums, x);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_is_that_of_one_number_after_the_other() {
        for n in 0..70 {
            let x: Vec<f64> = (0..n).map(|k| ((7 * k + 3) % 71) as f64 - 35.0).collect();
            let one_by_one = x.iter().fold(f64::NEG_INFINITY, |max, &x| if x > max { x } else { max });
            assert_eq!(max(&x), one_by_one, "{n} numbers");
        }
    }
}
