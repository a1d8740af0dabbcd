//! Loops over rows, and sums over them.

use std::array;
use std::ops::Range;

use ndarray::{Array, Dimension, IntoDimension};

use super::fork::{each_part, free_threads, new_blocks, piece, worth_a_fork};
use crate::Real;
use crate::alloc::Part;
use crate::ops::sum::first_is_reversed;
use crate::simd::vectorize;

/// Rows in a block of [`fold_rows`].
const BLOCK: usize = 64;

/// `f(i, row)` for every row of `width` elements of `out`; `cost` is the rough number of operations per element.
pub fn for_rows<R: Real>(
    out: &mut [R],
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [R]) + Send + Sync,
) {
    if width == 0 {
        return;
    }
    let rows = out.len() / width;
    let block = block_rows(rows, width * cost);
    let run = |b: usize, part: &mut [R]| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for (i, row) in part.chunks_exact_mut(width).enumerate() {
                    f(b * block + i, row);
                }
            },
        );
    };
    each_part(out.chunks_mut(block * width).collect(), block < rows, &run);
}

/// A new array of `shape`, in rows of `width` elements, the last one perhaps shorter, which `f(i, row)` writes; `cost` is
/// the rough number of operations per element.
///
/// # Panics
/// If `f` drops a row that it did not write.
pub fn new_rows<R: Real, S: IntoDimension>(
    shape: S,
    width: usize,
    cost: usize,
    f: impl Fn(usize, Part<R>) + Send + Sync,
) -> Array<R, S::Dim> {
    let shape = shape.into_dimension();
    let (size, width) = (shape.size(), width.max(1));
    let block = piece(size.div_ceil(width), width * cost);
    let run = |b: usize, [mut part]: [Part<R>; 1]| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for i in 0..part.len().div_ceil(width) {
                    f(b * block + i, part.next_row(width));
                }
            },
        );
    };
    let [list] = new_blocks([size], [block * width], worth_a_fork(size, cost), &run);
    Array::from_shape_vec(shape, list).expect("the elements of the shape")
}

/// `N` new lists with `count` rows each, a row of list `k` as wide as `widths[k]`, none of them empty, which `f(i, rows)`
/// writes together. `cost` is the rough number of operations per row.
///
/// # Panics
/// As [`new_rows`].
pub fn new_rows_of<R: Real, const N: usize>(
    count: usize,
    widths: [usize; N],
    cost: usize,
    f: impl Fn(usize, [Part<R>; N]) + Send + Sync,
) -> [Vec<R>; N] {
    let block = piece(count, cost);
    let run = |b: usize, mut parts: [Part<R>; N]| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for i in b * block..((b + 1) * block).min(count) {
                    let row = array::from_fn(
                        #[inline(always)]
                        |k| parts[k].next_row(widths[k]),
                    );
                    f(i, row);
                }
            },
        );
    };
    let lengths = widths.map(|width| block * width);
    new_blocks(widths.map(|width| count * width), lengths, worth_a_fork(count, cost), &run)
}

/// Sums over rows: `f(range, partial)` adds the rows of a block to a partial sum that starts at zero, and the
/// partial sums are added to `into` in the order of the blocks. `cost` is the number of operations per row.
pub fn fold_rows<R: Real>(
    into: &mut [R],
    rows: usize,
    cost: usize,
    f: impl Fn(Range<usize>, &mut [R]) + Send + Sync,
) {
    let width = into.len();
    let run = |b: usize, [partial]: [Part<R>; 1]| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(b * BLOCK..((b + 1) * BLOCK).min(rows), partial.zeros()),
        );
    };
    let blocks = rows.div_ceil(BLOCK);
    let [partials] = new_blocks([blocks * width], [width], worth_a_fork(rows, cost), &run);
    add_in_order(into, &partials);
}

/// [`new_rows`] and [`fold_rows`] over the same rows in one pass: `f(i, row, partial)` writes a row of `width` elements,
/// not none, and adds it to a partial sum. `cost` is the number of operations per row.
///
/// # Panics
/// As [`new_rows`].
pub fn new_rows_and_sums<R: Real>(
    (count, width): (usize, usize),
    into: &mut [R],
    cost: usize,
    f: impl Fn(usize, Part<R>, &mut [R]) + Send + Sync,
) -> Vec<R> {
    let run = |b: usize, parts: [Part<R>; 2]| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                let [mut rows, partial] = parts;
                let partial = partial.zeros();
                for i in 0..rows.len().div_ceil(width) {
                    f(b * BLOCK + i, rows.next_row(width), partial);
                }
            },
        );
    };
    let sizes = [count * width, count.div_ceil(BLOCK) * into.len()];
    let lengths = [BLOCK * width, into.len()];
    let [rows, partials] = new_blocks(sizes, lengths, worth_a_fork(count, cost), &run);
    add_in_order(into, &partials);
    rows
}

/// Adds the sums of the blocks, the last one first for a reversed type.
fn add_in_order<R: Real>(into: &mut [R], partials: &[R]) {
    let all = partials;
    let partials = all.chunks(into.len().max(1));
    let add = |partial: &[R]| into.iter_mut().zip(partial).for_each(|(a, &b)| *a += b);
    if first_is_reversed(all) { partials.rev().for_each(add) } else { partials.for_each(add) }
}

/// Rows in a piece of work: all of them if that is little, otherwise enough to be worth a fork.
fn block_rows(rows: usize, cost_of_row: usize) -> usize {
    if !worth_a_fork(rows, cost_of_row) {
        return rows.max(1);
    }
    piece(rows, cost_of_row).clamp(1, rows.div_ceil(free_threads()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_width_make_up_the_array() {
        for (n, width) in [(0, 3), (1, 1), (5, 7), (3000, 40)] {
            let y = new_rows((n, width), width, 5, |i, row| {
                row.write(|j| (i * width + j) as f64);
            });
            assert!(y.iter().enumerate().all(|(k, &y)| y == k as f64), "{n} rows of {width}");
        }
    }

    #[test]
    #[should_panic(expected = "every part is set")]
    fn a_row_that_is_not_written_is_noticed() {
        new_rows::<f64, _>((3, 2), 2, 1, |i, row| {
            if i != 1 {
                row.zeros();
            }
        });
    }
}
