//! Loops over elements, in chunks.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array, ArrayRef, Dimension};

use super::fork::{GRAIN, fork_parts, free_threads, in_blocks, map};
use super::{contiguous, elements, new_rows};
use crate::simd::vectorize;
use crate::{Error, Real, Result};

/// Elements that are computed at a time where they have no rows.
const CHUNK: usize = 1 << 12;

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
    let run = |c: usize, part: &mut [R]| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(c * CHUNK, part),
        );
    };
    let forked = out.len().saturating_mul(cost) >= GRAIN;
    in_blocks(out, CHUNK, forked, &run);
}

/// `f(parts, x)` for consecutive chunks of several arrays of one length, written to, and of `x`, read.
pub fn for_chunks_of<R: Real, const N: usize>(
    out: [&mut [R]; N],
    x: &[R],
    cost: usize,
    f: impl Fn([&mut [R]; N], &[R]) + Send + Sync,
) {
    let run = |_: usize, (parts, x): ([&mut [R]; N], &[R])| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(parts, x),
        );
    };
    let chunks = chunks_of(out, x);
    if x.len().saturating_mul(cost) >= GRAIN && free_threads() > 1 {
        fork_parts(chunks, &run);
    } else {
        chunks.into_iter().for_each(|chunk| run(0, chunk));
    }
}

/// Chunks of several arrays of one length at the same places.
fn chunks_of<'a, R, const N: usize>(out: [&'a mut [R]; N], x: &'a [R]) -> Vec<([&'a mut [R]; N], &'a [R])> {
    let mut rest = out.map(|out| {
        assert_eq!(out.len(), x.len(), "arrays of one length");
        out.chunks_mut(CHUNK)
    });
    x.chunks(CHUNK).map(|x| (rest.each_mut().map(|rest| rest.next().expect("as many chunks")), x)).collect()
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
