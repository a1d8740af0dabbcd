//! Loops over rows, and sums over them.

use std::ops::Range;

use ndarray::{Array, Dimension};

use super::fork::{GRAIN, free_threads, in_blocks, map, new_blocks};
use crate::Real;
use crate::alloc::Part;
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
    in_blocks(out, block * width, block < rows, &run);
}

/// A new array of `shape`, in rows of `width` elements, the last one perhaps shorter, which begin as zeros and are made
/// by `f(i, row)`. Each thread sets its rows to zero while they are in its cache, not one thread all of them beforehand.
pub fn new_rows<R: Real, D: Dimension>(
    shape: D,
    width: usize,
    cost: usize,
    f: impl Fn(usize, &mut [R]) + Send + Sync,
) -> Array<R, D> {
    let (size, width) = (shape.size(), width.max(1));
    let block = (GRAIN / 4).div_ceil(width * cost);
    let run = |b: usize, part: Part<R>| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for (i, row) in part.zeros().chunks_mut(width).enumerate() {
                    f(b * block + i, row);
                }
            },
        );
    };
    let forked = size.saturating_mul(cost) >= GRAIN;
    Array::from_shape_vec(shape, new_blocks(size, block * width, forked, &run))
        .expect("the elements of the shape")
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
    let blocks = rows.div_ceil(BLOCK);
    let partials = map(blocks, BLOCK * cost, |b| {
        let mut partial = vec![R::of(0.0); width];
        let range = b * BLOCK..((b + 1) * BLOCK).min(rows);
        vectorize::<R, _>(
            #[inline(always)]
            || f(range, &mut partial),
        );
        partial
    });
    let add = |partial: Vec<R>| into.iter_mut().zip(partial).for_each(|(a, b)| *a += b);
    if R::REVERSED { partials.into_iter().rev().for_each(add) } else { partials.into_iter().for_each(add) }
}

/// Rows in a piece of work: all of them if that is little, otherwise enough to be worth a fork.
fn block_rows(rows: usize, cost_of_row: usize) -> usize {
    let threads = free_threads();
    if threads == 1 || rows.saturating_mul(cost_of_row) < GRAIN {
        return rows.max(1);
    }
    (GRAIN / 4).div_ceil(cost_of_row.max(1)).clamp(1, rows.div_ceil(threads))
}
