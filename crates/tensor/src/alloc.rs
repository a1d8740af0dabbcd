//! Memory of arrays, used again instead of returned to the system.
//!
//! An operation returns a fresh array, and a fresh array costs a page fault for every 4 KiB: often more than the
//! operation. A program that installs [`Recycling`] as its global allocator keeps freed blocks and hands them out again: all
//! of the smaller ones, and at most [`LIMIT`] bytes in blocks of 4 MiB and more. Functions stay functions: nothing passes
//! buffers around.

mod freed;
mod huge;
mod parts;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use freed::{give, take};
use huge::fresh;
pub use parts::{Part, in_parts};

/// Blocks below this size are the business of the system's allocator, which returns to the kernel what one thread
/// allocates and another one frees, like the weights of a head: a page fault at every step.
const LARGE: usize = 1 << 12;

/// Most bytes that are kept in freed blocks of 4 MiB and more. Smaller ones are cut from larger pieces of memory, and are
/// all kept.
pub const LIMIT: usize = 512 << 20;

/// Alignment of a large block: a cache line, so that registers are loaded from one line.
const ALIGN: usize = 64;

/// Size classes: four for every power of two.
const CLASSES: usize = 4 * usize::BITS as usize;

/// The allocator: `#[global_allocator] static MEMORY: Recycling = Recycling;`.
pub struct Recycling;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Bytes in large blocks now, if [`Recycling`] is installed.
pub fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// The largest number of bytes in large blocks since the last [`reset_peak`], if [`Recycling`] is installed.
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed)
}

/// Begins a new measurement of [`peak`].
pub fn reset_peak() {
    PEAK.store(live(), Ordering::Relaxed);
}

/// The class of a size and the size of its blocks, at most a quarter more; `None` if the system takes care of it.
fn class(layout: Layout) -> Option<(usize, Layout)> {
    let size = layout.size();
    if size < LARGE || layout.align() > ALIGN || size > isize::MAX as usize / 2 {
        return None;
    }
    let power = size.next_power_of_two();
    let steps = size.div_ceil(power / 8); // 5, 6, 7 or 8
    let class = 4 * power.trailing_zeros() as usize + steps - 5;
    Some((class, block(class)?))
}

/// The blocks of a class: 5, 6, 7 or 8 eighths of a power of two.
fn block(class: usize) -> Option<Layout> {
    Layout::from_size_align((class % 4 + 5) * ((1 << (class / 4)) / 8), ALIGN).ok()
}

fn count(size: usize) {
    let live = LIVE.fetch_add(size, Ordering::Relaxed) + size;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every block is as large as `class` says for a request, and is in the hands of one owner or in the list, never
// both. Those of `OWN` bytes and more come from `System` and are returned to it with the same layout; smaller ones are
// never returned. Nothing here allocates or panics.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Recycling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((class, block)) = class(layout) else {
            // SAFETY: the caller's layout, handed on.
            return unsafe { System.alloc(layout) };
        };
        let at = take(class, block.size()).unwrap_or_else(|| fresh(block));
        if !at.is_null() {
            count(block.size());
        }
        at
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class(layout).is_none() {
            // SAFETY: the caller's layout, handed on.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's layout, handed on; the block is as large as its class, at least `layout.size()`.
        unsafe {
            let at = self.alloc(layout);
            if !at.is_null() {
                at.write_bytes(0, layout.size());
            }
            at
        }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        let Some((class, block)) = class(layout) else {
            // SAFETY: it came from `System` with this layout.
            return unsafe { System.dealloc(at, layout) };
        };
        LIVE.fetch_sub(block.size(), Ordering::Relaxed);
        if !give(at, class, block.size()) {
            // SAFETY: `give` keeps all smaller ones; it came from `System` with the layout of its class.
            unsafe { System.dealloc(at, block) }
        }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises a size that makes a layout.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (class(layout), class(new)) {
            // SAFETY: it came from `System` with this layout.
            (None, None) => unsafe { System.realloc(at, layout, size) },
            (Some((old, _)), Some((new, _))) if old == new => at,
            // SAFETY: a new block, a copy of what fits into both, and the old block is handed back.
            _ => unsafe {
                let to = self.alloc(new);
                if !to.is_null() {
                    to.copy_from_nonoverlapping(at, layout.size().min(size));
                    self.dealloc(at, layout);
                }
                to
            },
        }
    }
}

#[allow(unsafe_code)]
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::huge::OWN;
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    /// The tests share the list of freed blocks and the counters.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    #[test]
    fn a_class_is_at_most_a_quarter_larger_than_what_is_asked_for() {
        for size in (LARGE..40 * LARGE).step_by(4093) {
            let (_, block) = class(layout(size)).unwrap();
            assert!(block.size() >= size && block.size() * 4 <= size * 5, "{size} {}", block.size());
            assert_eq!(class(block), Some((class(layout(size)).unwrap().0, block)));
        }
        assert_eq!(class(layout(LARGE - 1)), None);
        assert_eq!(class(Layout::from_size_align(LARGE, 4096).unwrap()), None);
    }

    #[test]
    fn a_freed_block_comes_back_and_can_be_zero() {
        let _one = ONE_AT_A_TIME.lock();
        let (a, b) = (layout(3 * LARGE), layout(3 * LARGE - 5));
        // SAFETY: blocks are used as large as they were asked for and freed once, with their layout.
        unsafe {
            let first = Recycling.alloc(a);
            first.write_bytes(7, a.size());
            Recycling.dealloc(first, a);
            let second = Recycling.alloc_zeroed(b);
            assert_eq!(first, second);
            assert!((0..b.size()).all(|i| second.add(i).read() == 0));
            let third = Recycling.alloc(b);
            assert_ne!(second, third);
            Recycling.dealloc(second, b);
            Recycling.dealloc(third, b);
        }
    }

    #[test]
    fn growing_and_shrinking_keep_what_is_stored() {
        let _one = ONE_AT_A_TIME.lock();
        // SAFETY: as above; the layout follows the size.
        unsafe {
            let mut at = Recycling.alloc(layout(100));
            (0..100).for_each(|i| at.add(i).write(i as u8));
            let mut size = 100;
            for next in [LARGE + 1, LARGE + 2, 9 * LARGE, LARGE, 200, 100] {
                at = Recycling.realloc(at, layout(size), next);
                size = next;
                assert!((0..100).all(|i| at.add(i).read() == i as u8));
            }
            Recycling.dealloc(at, layout(size));
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_lives_is_counted() {
        let _one = ONE_AT_A_TIME.lock();
        let big = layout(LIMIT / 4);
        let before = live();
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<_> = (0..6).map(|_| Recycling.alloc(big)).collect();
            assert_eq!(live() - before, 6 * big.size());
            assert!(peak() >= live());
            blocks.into_iter().for_each(|block| Recycling.dealloc(block, big));
        }
        assert_eq!(live(), before);
        assert!(freed::freed().bytes <= LIMIT);
    }

    #[test]
    fn blocks_that_have_to_make_room_are_the_largest() {
        let _one = ONE_AT_A_TIME.lock();
        while freed::freed().shrink() {}
        let (big, other) = (layout(LIMIT / 4), layout(2 * OWN));
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<_> = (0..4).map(|_| Recycling.alloc(big)).collect();
            let at = Recycling.alloc(other);
            blocks.into_iter().for_each(|block| Recycling.dealloc(block, big));
            assert_eq!(freed::freed().bytes, LIMIT, "the list is full");
            Recycling.dealloc(at, other);
            assert_eq!(Recycling.alloc(other), at);
            Recycling.dealloc(at, other);
        }
        assert!(freed::freed().bytes <= LIMIT);
    }

    #[test]
    fn small_blocks_do_not_overlap_and_are_all_kept() {
        let _one = ONE_AT_A_TIME.lock();
        let sizes = [LARGE, 5 << 10, 3 << 20, (1 << 20) + 1];
        let layouts: Vec<_> = sizes.into_iter().cycle().take(60).map(layout).collect();
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<_> = layouts.iter().map(|&layout| Recycling.alloc(layout)).collect();
            for (i, (&at, layout)) in blocks.iter().zip(&layouts).enumerate() {
                assert!(at.addr().is_multiple_of(ALIGN));
                at.write_bytes(i as u8, layout.size());
            }
            for (i, (&at, layout)) in blocks.iter().zip(&layouts).enumerate() {
                let ends = [0, layout.size() - 1].map(|k| at.add(k).read());
                assert_eq!(ends, [i as u8; 2], "block {i}");
            }
            let kept = freed::freed().bytes;
            blocks.iter().zip(&layouts).for_each(|(&at, &layout)| Recycling.dealloc(at, layout));
            assert_eq!(freed::freed().bytes, kept);
            let again: Vec<_> = layouts.iter().map(|&layout| Recycling.alloc(layout)).collect();
            let set = |list: &[*mut u8]| list.iter().map(|at| at.addr()).collect::<BTreeSet<_>>();
            assert_eq!(set(&again), set(&blocks));
            again.iter().zip(&layouts).for_each(|(&at, &layout)| Recycling.dealloc(at, layout));
        }
    }

    #[test]
    fn the_blocks_of_a_class_are_those_of_its_sizes() {
        for size in [LARGE, 5 << 14, 6 << 14, 7 << 14, 8 << 14, (8 << 14) + 1, 1 << 30] {
            let (number, found) = class(layout(size)).unwrap();
            assert_eq!(block(number), Some(found));
            assert!(found.size() >= size && found.size() * 4 <= size * 5, "{size}");
        }
    }
}
