//! New arrays, element by element.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array, ArrayRef, Dimension, IntoDimension};

use super::fork::{new_blocks, piece, worth_a_fork};
use super::{contiguous, elements};
use crate::alloc::Part;
use crate::simd::vectorize;
use crate::{Error, Real, Result};

/// Elements that are computed at a time where they have no rows are a multiple of this.
const CHUNK: usize = 1 << 12;

/// Elements of a piece of work out of `size` elements of `cost` operations each.
pub(super) fn chunk(size: usize, cost: usize) -> usize {
    piece(size, cost).next_multiple_of(CHUNK)
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

/// Zeros of `shape`.
pub fn zeros<R: Real, S: IntoDimension>(shape: S) -> Array<R, S::Dim> {
    new_elements(
        shape.into_dimension(),
        1,
        #[inline(always)]
        |_, part| {
            part.zeros();
        },
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
