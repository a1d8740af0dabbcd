//! New blocks on huge pages: a processor keeps the places of some thousand pages at hand, and a page costs a fault when it
//! is first touched; 2 MiB at a time are fewer of both than 4 KiB.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::{Mutex, PoisonError};

/// Blocks of this size and more have pages of their own, and can be returned to the system.
pub(super) const OWN: usize = 1 << 22;

/// Smaller blocks are cut from chunks of this size, which the program keeps.
const CHUNK: Layout = match Layout::from_size_align(1 << 25, 1 << 21) {
    Ok(chunk) => chunk,
    Err(_) => panic!("a power of two"),
};

/// What is left of the last chunk.
struct Rest {
    at: *mut u8,
    bytes: usize,
}

// SAFETY: the memory belongs to nobody until it is cut off, by one thread at a time.
#[allow(unsafe_code)]
unsafe impl Send for Rest {}

static REST: Mutex<Rest> = Mutex::new(Rest { at: ptr::null_mut(), bytes: 0 });

/// A new block, null if there is no memory.
pub(super) fn fresh(block: Layout) -> *mut u8 {
    if block.size() >= OWN { whole(block) } else { cut(block) }
}

/// A block from the system.
fn whole(block: Layout) -> *mut u8 {
    // SAFETY: a layout of at least 4 KiB.
    #[allow(unsafe_code)]
    let at = unsafe { System.alloc(block) };
    if !at.is_null() {
        ask_for_huge_pages(at, block.size());
    }
    at
}

/// A block from what is left of a chunk, or from a new one. Sizes of blocks are multiples of 64, and so are addresses.
fn cut(block: Layout) -> *mut u8 {
    let (size, mut rest) = (block.size(), REST.lock().unwrap_or_else(PoisonError::into_inner));
    if rest.bytes < size {
        let at = whole(CHUNK);
        if at.is_null() {
            return whole(block);
        }
        *rest = Rest { at, bytes: CHUNK.size() };
    }
    let at = rest.at;
    *rest = Rest { at: at.wrapping_add(size), bytes: rest.bytes - size };
    at
}

/// A wish: an error changes nothing.
fn ask_for_huge_pages(at: *mut u8, size: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const PAGE: usize = 4096;
        let skipped = at.addr().next_multiple_of(PAGE) - at.addr();
        let pages = (size - skipped) / PAGE * PAGE;
        // SAFETY: whole pages inside the block, whose contents stay as they are.
        #[allow(unsafe_code)]
        unsafe {
            libc::madvise(at.add(skipped).cast(), pages, libc::MADV_HUGEPAGE);
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (at, size);
}
