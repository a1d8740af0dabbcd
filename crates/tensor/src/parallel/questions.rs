//! Questions to all elements.

use ndarray::{ArrayRef, Dimension};

use super::fork::map;
use super::{contiguous, elements};
use crate::Real;
use crate::simd::vectorize;

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
    let finite = map_blocks(
        elements(&contiguous(x)),
        1 << 15,
        1,
        #[inline(always)]
        |x| x.iter().fold(true, |finite, x| finite & x.is_finite()),
    );
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
