//! Work on many rows, samples or elements at once. `fork.rs` is the only file with threads.
//!
//! Work is split over results, never inside one sum, and partial sums over rows belong to fixed blocks and are
//! added in order. So the number of threads never changes a bit.

mod chunks;
mod elements;
mod fork;
mod questions;
mod rows;

use ndarray::{Array, ArrayRef, CowArray, Dimension};

pub(crate) use chunks::zip_in_place;
pub use chunks::{add, for_chunks, for_chunks_of};
pub use elements::{copy, map_elements, try_map_elements, zeros, zip_elements};
pub use fork::{for_each, map, map_parts, try_map, try_map_parts};
pub(crate) use fork::{fork_parts, free_threads};
pub use questions::{all_backwards, all_finite, map_blocks};
pub use rows::{fold_rows, for_rows, new_rows, new_rows_and_sums, new_rows_of};

use crate::Real;

/// `x` in row-major order without gaps: borrowed if it is so already, copied if not.
pub fn contiguous<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> CowArray<'_, R, D> {
    x.as_standard_layout()
}

/// The elements of a row-major array without gaps.
pub(crate) fn elements<'a, R, D: Dimension>(x: &'a CowArray<'_, R, D>) -> &'a [R] {
    x.as_slice().expect("standard layout")
}

/// The elements of an array this module made.
pub(crate) fn slice_of<R, D: Dimension>(y: &mut Array<R, D>) -> &mut [R] {
    y.as_slice_mut().expect("standard layout")
}
