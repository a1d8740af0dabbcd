//! New arrays that several threads fill: each writes its own part first, while the part is in its cache.

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
        self.fill(R::of(0.0))
    }

    /// Writes `x` to every place.
    #[inline(always)]
    pub fn fill(self, x: R) -> &'a mut [R] {
        self.write(
            #[inline(always)]
            |_| x,
        )
    }

    /// How many numbers.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    /// Writes `f(i)` to every place `i`: the part, now of numbers.
    #[inline(always)]
    pub fn write(self, mut f: impl FnMut(usize) -> R) -> &'a mut [R] {
        // By index: the compiler then sees that `f` reads no further than lists of the same length, and has no numbers to
        // compute one by one because a read might fail.
        #[allow(clippy::needless_range_loop)]
        for i in 0..self.memory.len() {
            self.memory[i].write(f(i));
        }
        self.set.fetch_add(self.memory.len(), Ordering::Relaxed);
        // SAFETY: every element was written in the loop above, and `MaybeUninit<R>` has the layout of `R`.
        #[allow(unsafe_code)]
        unsafe {
            &mut *(std::ptr::from_mut(self.memory) as *mut [R])
        }
    }

    /// Takes the first `width` elements off, or what is left of them.
    #[inline(always)]
    pub fn next_row(&mut self, width: usize) -> Self {
        let memory = std::mem::take(&mut self.memory);
        let (row, rest) = memory.split_at_mut(width.min(memory.len()));
        self.memory = rest;
        Part { memory: row, set: self.set }
    }
}

/// `N` lists of numbers, made by `make` in parts: `sizes[k]` numbers of list `k` in parts of `lengths[k]`, the last one
/// shorter, and as many parts of every list.
///
/// # Panics
/// If `make` drops a part without writing it, and if the lists have different numbers of parts.
pub fn in_parts<R: Real, const N: usize>(
    sizes: [usize; N],
    lengths: [usize; N],
    make: impl FnOnce(Vec<[Part<'_, R>; N]>),
) -> [Vec<R>; N] {
    let mut memory = sizes.map(Vec::with_capacity);
    let set = AtomicUsize::new(0);
    let mut parts = {
        let mut lists = memory.each_mut().into_iter().zip(sizes).zip(lengths);
        [(); N].map(|()| {
            let ((memory, size), length) = lists.next().expect("N lists");
            memory.spare_capacity_mut()[..size].chunks_mut(length.max(1))
        })
    };
    let count = parts.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
    let part = |_| parts.each_mut().map(|list| list.next().expect("as many parts of every list"));
    make((0..count).map(part).map(|parts| parts.map(|memory| Part { memory, set: &set })).collect());
    assert_eq!(set.into_inner(), sizes.iter().sum(), "every part is set");
    // SAFETY: there is room for `size` numbers in a list. The parts are disjoint and make up all of the lists, each was
    // counted at most once, when it was written, and the count is complete.
    #[allow(unsafe_code)]
    memory.iter_mut().zip(sizes).for_each(|(memory, size)| unsafe { memory.set_len(size) });
    memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_zero_and_make_up_the_whole() {
        for size in [0, 1, 6, 7, 8] {
            let lists = in_parts::<f64, 2>([size, 2 * size], [3, 6], |parts| {
                for (i, parts) in parts.into_iter().enumerate() {
                    for part in parts {
                        part.zeros().iter_mut().for_each(|x| *x += i as f64);
                    }
                }
            });
            for (list, length) in lists.iter().zip([3, 6]) {
                assert_eq!(*list, (0..list.len()).map(|i| (i / length) as f64).collect::<Vec<_>>());
            }
            assert_eq!(lists.map(|list| list.len()), [size, 2 * size]);
        }
    }

    #[test]
    fn a_part_can_be_written_at_once() {
        let [list] = in_parts::<f64, 1>([5], [3], |parts| {
            for (i, [part]) in parts.into_iter().enumerate() {
                let part = part.write(|x| x as f64 + 10.0 * i as f64);
                part[0] += 0.5;
            }
        });
        assert_eq!(list, [0.5, 1.0, 2.0, 10.5, 11.0]);
    }

    #[test]
    fn rows_are_taken_off() {
        let [list] = in_parts::<f64, 1>([7], [5], |parts| {
            for [mut part] in parts {
                let mut lengths = vec![];
                while !part.is_empty() {
                    let row = part.next_row(2).zeros();
                    assert!(row.iter().all(|&x| x == 0.0));
                    lengths.push(row.len());
                    row.fill(lengths.len() as f64);
                }
                assert!(part.next_row(2).is_empty() && part.next_row(0).is_empty());
                assert!(lengths == [2, 2, 1] || lengths == [2]);
            }
        });
        assert_eq!(list, [1.0, 1.0, 2.0, 2.0, 3.0, 1.0, 1.0]);
    }

    #[test]
    #[should_panic(expected = "every part is set")]
    fn a_part_that_is_left_out_is_noticed() {
        in_parts::<f64, 1>([4], [2], |mut parts| {
            let [part] = parts.remove(0);
            part.zeros();
        });
    }

    #[test]
    #[should_panic(expected = "as many parts of every list")]
    fn lists_with_different_numbers_of_parts_are_refused() {
        in_parts::<f64, 2>([4, 4], [2, 4], |_| ());
    }
}
