//! Loops over elements, in chunks.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array, ArrayRef, Dimension};

use super::fork::{each_part, new_blocks, piece, worth_a_fork};
use super::{contiguous, elements};
use crate::alloc::Part;
use crate::simd::vectorize;
use crate::{Error, Real, Result};

/// Elements that are computed at a time where they have no rows are a multiple of this.
const CHUNK: usize = 1 << 12;

/// Elements of a piece of work out of `size` elements of `cost` operations each.
fn chunk(size: usize, cost: usize) -> usize {
    CHUNK * piece(size.saturating_mul(cost)).div_ceil(CHUNK * cost)
}

/// `y = f(x)` element by element.
pub fn map_elements<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    cost: usize,
    f: impl Fn(R) -> R + Send + Sync,
) -> Array<R, D> {
    let x = contiguous(x);
    let (shape, x) = (x.raw_dim(), elements(&x));
    new_elements(
        shape,
        cost,
        #[inline(always)]
        |at, y| {
            let x = &x[at..at + y.len()];
            y.write(
                #[inline(always)]
                |i| f(x[i]),
            );
        },
    )
}

/// A copy of `x` in row-major order.
pub fn copy<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Array<R, D> {
    map_elements(
        x,
        // It waits for memory: as long as a few operations.
        4,
        #[inline(always)]
        |x| x,
    )
}

/// Zeros.
pub fn zeros<R: Real, D: Dimension>(shape: D) -> Array<R, D> {
    new_elements(shape, 1, |_, part| {
        part.zeros();
    })
}

/// `a + b`, in the memory of `a`.
pub fn add<R: Real, D: Dimension>(mut a: Array<R, D>, b: &ArrayRef<R, D>) -> Array<R, D> {
    match (a.as_slice_mut(), b.as_slice()) {
        (Some(a), Some(b)) if a.len() == b.len() => {
            for_chunks_of(
                [a],
                b,
                2,
                #[inline(always)]
                |[a], b| {
                    for (a, &b) in a.iter_mut().zip(b) {
                        *a += b;
                    }
                },
            );
        }
        _ => a.zip_mut_with(b, |a, &b| *a += b),
    }
    a
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
    let y = new_elements(
        shape,
        cost,
        #[inline(always)]
        |at, y| {
            let (x, mut finite) = (&x[at..at + y.len()], true);
            y.write(
                #[inline(always)]
                |i| {
                    finite &= x[i].is_finite();
                    f(x[i])
                },
            );
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
    new_elements(
        shape,
        cost,
        #[inline(always)]
        |at, z| {
            let (x, y) = (&x[at..at + z.len()], &y[at..at + z.len()]);
            z.write(
                #[inline(always)]
                |i| f(x[i], y[i]),
            );
        },
    )
}

/// A new array of `shape`, made by `f(first, part)` in parts, of which `first` is the index of the first element.
fn new_elements<R: Real, D: Dimension>(
    shape: D,
    cost: usize,
    f: impl Fn(usize, Part<R>) + Send + Sync,
) -> Array<R, D> {
    let size = shape.size();
    let block = chunk(size, cost);
    let run = |b: usize, [part]: [Part<R>; 1]| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(b * block, part),
        );
    };
    let [list] = new_blocks([size], [block], worth_a_fork(size, cost), &run);
    Array::from_shape_vec(shape, list).expect("the elements of the shape")
}

/// `f(first, chunk)` for consecutive chunks of `out`, where `first` is the index of the first element of a chunk.
pub fn for_chunks<R: Real>(out: &mut [R], cost: usize, f: impl Fn(usize, &mut [R]) + Send + Sync) {
    let chunk = chunk(out.len(), cost);
    let run = |c: usize, part: &mut [R]| {
        vectorize::<R, _>(
            #[inline(always)]
            || f(c * chunk, part),
        );
    };
    let forked = worth_a_fork(out.len(), cost);
    each_part(out.chunks_mut(chunk).collect(), forked, &run);
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
    each_part(chunks_of(out, x, chunk(x.len(), cost)), worth_a_fork(x.len(), cost), &run);
}

/// Chunks of several arrays of one length at the same places.
fn chunks_of<'a, R, const N: usize>(
    out: [&'a mut [R]; N],
    x: &'a [R],
    chunk: usize,
) -> Vec<([&'a mut [R]; N], &'a [R])> {
    let mut rest = out.map(|out| {
        assert_eq!(out.len(), x.len(), "arrays of one length");
        out.chunks_mut(chunk)
    });
    x.chunks(chunk).map(|x| (rest.each_mut().map(|rest| rest.next().expect("as many chunks")), x)).collect()
}
