//! Work on many rows, samples or elements at once: with `ops/matmul.rs` the only file with threads.
//!
//! Work is split over results, never inside one sum, and partial sums over rows belong to fixed blocks and are
//! added in order. So the number of threads never changes a bit.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array, ArrayRef, CowArray, Dimension};
use rayon::prelude::*;

use crate::alloc::{self, Part};
use crate::simd::vectorize;
use crate::{Error, Real, Result};

/// Elementary operations below which a fork costs more than it gains (about 50 µs on one core).
const GRAIN: usize = 1 << 18;

/// Elements that are computed at a time where they have no rows.
const CHUNK: usize = 1 << 12;

/// Rows in a block of [`fold_rows`].
const BLOCK: usize = 64;

thread_local! {
    /// Whether this thread runs a task of a loop that already keeps every thread busy.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Threads that are free for a split: one inside a task of [`map`] or [`for_each`], where a fork inside a fork
/// costs time and gains nothing.
pub(crate) fn free_threads() -> usize {
    if BUSY.get() { 1 } else { rayon::current_num_threads() }
}

/// `f(i)` for every `i < count` on all threads. The one place where this file hands work out, and without a type
/// parameter: the scheduler is compiled once, not once for each loop.
fn fork(count: usize, f: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(|i| {
        // Put back as it was: a thread that waits may run a task of another loop.
        let before = BUSY.replace(BUSY.get() || count >= rayon::current_num_threads());
        f(i);
        BUSY.set(before);
    });
}

/// [`fork`] over pieces of work that are handed over: `f(i, parts[i])`.
pub(crate) fn fork_parts<P: Send>(parts: impl IntoIterator<Item = P>, f: impl Fn(usize, P) + Sync) {
    let parts: Vec<Mutex<Option<P>>> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    fork(parts.len(), &|i| f(i, emptied(&parts[i])));
}

/// The content of a cell that one task has filled or will empty.
fn emptied<T>(cell: &Mutex<Option<T>>) -> T {
    cell.lock().expect("no task panics with the lock").take().expect("one task per cell")
}

/// `x` in row-major order without gaps: borrowed if it is so already, copied if not.
pub fn contiguous<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> CowArray<'_, R, D> {
    x.as_standard_layout()
}

/// The elements of a row-major array without gaps.
pub(crate) fn elements<'a, R, D: Dimension>(x: &'a CowArray<'_, R, D>) -> &'a [R] {
    x.as_slice().expect("standard layout")
}

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
    let run = |(b, part): (usize, &mut [R])| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for (i, row) in part.chunks_exact_mut(width).enumerate() {
                    f(b * block + i, row);
                }
            },
        );
    };
    if block >= rows {
        run((0, out));
    } else {
        fork_parts(out.chunks_mut(block * width), |b, part| run((b, part)));
    }
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
    let run = |(b, part): (usize, Part<R>)| {
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for (i, row) in part.zeros().chunks_mut(width).enumerate() {
                    f(b * block + i, row);
                }
            },
        );
    };
    let data = alloc::in_parts(size, block * width, |parts| {
        if size.saturating_mul(cost) < GRAIN || free_threads() == 1 {
            parts.into_iter().enumerate().for_each(run);
        } else {
            fork_parts(parts, |b, part| run((b, part)));
        }
    });
    Array::from_shape_vec(shape, data).expect("as many numbers as the shape has")
}

/// `f(i)` for every `i`, in parallel if `count · cost` is worth it; the results in order.
pub fn map<T: Send>(count: usize, cost: usize, f: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
    if count < 2 || count.saturating_mul(cost) < GRAIN || free_threads() == 1 {
        return (0..count).map(f).collect();
    }
    let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
    fork(count, &|i| {
        let result = f(i);
        *results[i].lock().expect("no task panics with the lock") = Some(result);
    });
    results.iter().map(emptied).collect()
}

/// `f(item)` for every item, in parallel if `cost` operations per item are worth it: for views into disjoint parts
/// of one result.
pub fn for_each<T: Send>(items: Vec<T>, cost: usize, f: impl Fn(T) + Send + Sync) {
    let count = items.len();
    if count < 2 || count.saturating_mul(cost) < GRAIN || free_threads() == 1 {
        return items.into_iter().for_each(f);
    }
    fork_parts(items, |_, item| f(item));
}

/// Whether no element is NaN or infinite.
pub fn all_finite<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> bool {
    const CHUNK: usize = 1 << 15;
    let x = contiguous(x);
    let x = elements(&x);
    let finite = map(x.len().div_ceil(CHUNK), CHUNK, |c| {
        let chunk = &x[c * CHUNK..((c + 1) * CHUNK).min(x.len())];
        vectorize::<R, _>(
            #[inline(always)]
            || chunk.iter().fold(true, |finite, x| finite & x.is_finite()),
        )
    });
    finite.into_iter().all(|finite| finite)
}

/// [`map`] for work that can fail: the error of the lowest index wins.
pub fn try_map<T: Send>(
    count: usize,
    cost: usize,
    f: impl Fn(usize) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    map(count, cost, f).into_iter().collect()
}

/// [`try_map`] over pieces of work that are handed over: `f(i, parts[i])`, for example disjoint views of one result.
pub fn try_map_parts<P: Send, T: Send>(
    parts: Vec<P>,
    cost: usize,
    f: impl Fn(usize, P) -> Result<T> + Send + Sync,
) -> Result<Vec<T>> {
    // All results first: the error of the lowest index wins, whichever thread was first.
    map_parts(parts, cost, f).into_iter().collect()
}

/// [`try_map_parts`] for work that cannot fail.
pub fn map_parts<P: Send, T: Send>(
    parts: Vec<P>,
    cost: usize,
    f: impl Fn(usize, P) -> T + Send + Sync,
) -> Vec<T> {
    let parts: Vec<Mutex<Option<P>>> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    map(parts.len(), cost, |i| f(i, emptied(&parts[i])))
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

/// `y = f(x)` element by element.
pub fn map_elements<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    cost: usize,
    f: impl Fn(R) -> R + Send + Sync,
) -> Array<R, D> {
    let x = contiguous(x);
    let (shape, x) = (x.raw_dim(), elements(&x));
    new_rows(
        shape,
        CHUNK,
        cost,
        #[inline(always)]
        |c, y| {
            for (y, &x) in y.iter_mut().zip(&x[c * CHUNK..]) {
                *y = f(x);
            }
        },
    )
}

/// A copy of `x` in row-major order.
pub fn copy<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Array<R, D> {
    map_elements(
        x,
        1,
        #[inline(always)]
        |x| x,
    )
}

/// [`map_elements`] that refuses NaN and infinities in `x`.
pub fn try_map_elements<R: Real, D: Dimension>(
    at: &'static str,
    x: &ArrayRef<R, D>,
    cost: usize,
    f: impl Fn(R) -> R + Send + Sync,
) -> Result<Array<R, D>> {
    let x = contiguous(x);
    let (shape, x) = (x.raw_dim(), elements(&x));
    let bad = AtomicBool::new(false);
    let y = new_rows(
        shape,
        CHUNK,
        cost,
        #[inline(always)]
        |c, y| {
            let mut finite = true;
            for (y, &x) in y.iter_mut().zip(&x[c * CHUNK..]) {
                finite &= x.is_finite();
                *y = f(x);
            }
            if !finite {
                bad.store(true, Ordering::Relaxed);
            }
        },
    );
    if bad.into_inner() { Err(Error::NonFinite { at }) } else { Ok(y) }
}

/// `z = f(x, y)` element by element.
pub fn zip_elements<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    y: &ArrayRef<R, D>,
    cost: usize,
    f: impl Fn(R, R) -> R + Send + Sync,
) -> Array<R, D> {
    assert_eq!(x.shape(), y.shape(), "a gradient has the shape of what it is the gradient of");
    let (x, y) = (contiguous(x), contiguous(y));
    let shape = x.raw_dim();
    let (x, y) = (elements(&x), elements(&y));
    new_rows(
        shape,
        CHUNK,
        cost,
        #[inline(always)]
        |c, z| {
            for ((z, &x), &y) in z.iter_mut().zip(&x[c * CHUNK..]).zip(&y[c * CHUNK..]) {
                *z = f(x, y);
            }
        },
    )
}

/// `f(first, chunk)` for consecutive chunks of `out`, where `first` is the index of the first element of a chunk.
pub fn for_chunks<R: Real>(out: &mut [R], cost: usize, f: impl Fn(usize, &mut [R]) + Send + Sync) {
    let run = |(c, part): (usize, &mut [R])| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(c * CHUNK, part),
        );
    };
    if out.len() * cost < GRAIN || free_threads() == 1 {
        out.chunks_mut(CHUNK).enumerate().for_each(run);
    } else {
        fork_parts(out.chunks_mut(CHUNK), |c, part| run((c, part)));
    }
}

/// `f(parts, x)` for consecutive chunks of several arrays of one length, written to, and of `x`, read.
pub fn for_chunks_of<R: Real, const N: usize>(
    out: [&mut [R]; N],
    x: &[R],
    cost: usize,
    f: impl Fn([&mut [R]; N], &[R]) + Send + Sync,
) {
    let mut rest = out.map(|out| {
        assert_eq!(out.len(), x.len(), "arrays of one length");
        out.chunks_mut(CHUNK)
    });
    let next = |x| (rest.each_mut().map(|rest| rest.next().expect("as many chunks")), x);
    let run = |(parts, x)| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(parts, x),
        );
    };
    if x.len() * cost < GRAIN || free_threads() == 1 {
        x.chunks(CHUNK).map(next).for_each(run);
    } else {
        fork_parts(x.chunks(CHUNK).map(next), |_, chunk| run(chunk));
    }
}

/// `f` of every block of `size` elements, the last one shorter, in order; `cost` is that of an element.
pub fn map_blocks<R: Real, T: Send>(
    x: &[R],
    size: usize,
    cost: usize,
    f: impl Fn(&[R]) -> T + Send + Sync,
) -> Vec<T> {
    map(x.len().div_ceil(size), size * cost, |b| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(&x[b * size..((b + 1) * size).min(x.len())]),
        )
    })
}

/// Whether `f` holds for every element; read from the last to the first, so that what comes next finds the first ones
/// in the cache.
pub fn all_backwards<R: Real>(x: &[R], f: impl Fn(R) -> bool + Send + Sync) -> bool {
    const CHUNK: usize = 1 << 14;
    let count = x.len().div_ceil(CHUNK);
    let fine = map(count, CHUNK, |c| {
        let c = count - 1 - c;
        let chunk = &x[c * CHUNK..((c + 1) * CHUNK).min(x.len())];
        vectorize::<R, _>(
            #[inline(always)]
            || chunk.iter().fold(true, |fine, &x| fine & f(x)),
        )
    });
    fine.into_iter().all(|fine| fine)
}

/// The elements of an array this module made.
pub(crate) fn slice_of<R, D: Dimension>(y: &mut Array<R, D>) -> &mut [R] {
    y.as_slice_mut().expect("standard layout")
}

/// Rows in a piece of work: all of them if that is little, otherwise enough to be worth a fork.
fn block_rows(rows: usize, cost_of_row: usize) -> usize {
    let threads = free_threads();
    if threads == 1 || rows.saturating_mul(cost_of_row) < GRAIN {
        return rows.max(1);
    }
    (GRAIN / 4).div_ceil(cost_of_row.max(1)).clamp(1, rows.div_ceil(threads))
}
