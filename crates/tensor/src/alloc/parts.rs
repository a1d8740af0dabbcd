//! New arrays that several threads fill: each sets its own part to zero, while the part is in its cache.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Real;

/// A part of a new list of numbers, not written to yet.
pub struct Part<'a, R> {
    memory: &'a mut [MaybeUninit<R>],
    set: &'a AtomicUsize,
}

impl<'a, R: Real> Part<'a, R> {
    /// The part, set to zero.
    #[inline(always)]
    pub fn zeros(self) -> &'a mut [R] {
        self.memory.fill(MaybeUninit::new(R::of(0.0)));
        self.set.fetch_add(self.memory.len(), Ordering::Relaxed);
        // SAFETY: every element was written in the line before last, and `MaybeUninit<R>` has the layout of `R`.
        #[allow(unsafe_code)]
        unsafe {
            &mut *(std::ptr::from_mut(self.memory) as *mut [R])
        }
    }
}

/// `size` numbers, made by `make` in parts of `part`, the last one shorter: each thread can set its own part to zero.
///
/// # Panics
/// If `make` drops a part without asking for its zeros.
pub fn in_parts<R: Real>(size: usize, part: usize, make: impl FnOnce(Vec<Part<'_, R>>)) -> Vec<R> {
    let mut memory = Vec::with_capacity(size);
    let set = AtomicUsize::new(0);
    let parts = memory.spare_capacity_mut()[..size].chunks_mut(part.max(1));
    make(parts.map(|memory| Part { memory, set: &set }).collect());
    assert_eq!(set.into_inner(), size, "every part is set");
    // SAFETY: there is room for `size` numbers. The parts are disjoint and make up all of them, each was counted at most
    // once, when it was written, and the count is complete.
    #[allow(unsafe_code)]
    unsafe {
        memory.set_len(size);
    }
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_zero_and_make_up_the_whole() {
        for size in [0, 1, 6, 7, 8] {
            let list = in_parts::<f64>(size, 3, |parts| {
                for (i, part) in parts.into_iter().enumerate() {
                    part.zeros().iter_mut().for_each(|x| *x += i as f64);
                }
            });
            assert_eq!(list, (0..size).map(|i| (i / 3) as f64).collect::<Vec<_>>());
        }
    }

    #[test]
    #[should_panic(expected = "every part is set")]
    fn a_part_that_is_left_out_is_noticed() {
        in_parts::<f64>(4, 2, |mut parts| {
            parts.remove(0).zeros();
        });
    }
}
