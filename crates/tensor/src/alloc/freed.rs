//! Blocks that were handed back and wait to be used again.

use std::alloc::{GlobalAlloc, System};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::huge::OWN;
use super::{CLASSES, LIMIT, block};

/// Freed blocks of each class: the address of the first, zero for none. A freed block begins with that of the next one.
pub(super) struct Freed {
    first: [usize; CLASSES],
    /// In blocks that can be returned to the system.
    pub(super) bytes: usize,
}

static FREED: Mutex<Freed> = Mutex::new(Freed { first: [0; CLASSES], bytes: 0 });

impl Freed {
    /// Takes a block of a class out of the list.
    fn take(&mut self, class: usize, size: usize) -> Option<*mut u8> {
        let block = self.first[class] as *mut u8;
        if block.is_null() {
            return None;
        }
        // SAFETY: a block in the list was handed back by its owner, holds at least `LARGE` bytes and begins with the
        // address that `give` wrote there.
        #[allow(unsafe_code)]
        let next = unsafe { block.cast::<usize>().read() };
        self.first[class] = next;
        self.bytes -= returnable(size);
        Some(block)
    }

    /// Returns one of the largest blocks to the system; false if none can be.
    pub(super) fn shrink(&mut self) -> bool {
        let largest = (0..CLASSES).rev().find(|&class| self.first[class] != 0);
        let Some((class, layout)) = largest.and_then(|class| Some((class, block(class)?))) else {
            return false;
        };
        if layout.size() < OWN {
            return false;
        }
        let Some(block) = self.take(class, layout.size()) else { return false };
        // SAFETY: its size says that it came from `System`, with the layout of its class, and it is no longer in the list.
        #[allow(unsafe_code)]
        unsafe {
            System.dealloc(block, layout);
        }
        true
    }
}

/// The bytes of a block, if it can be returned to the system.
fn returnable(size: usize) -> usize {
    if size < OWN { 0 } else { size }
}

/// The lists. Nothing panics while they are locked, so that what a panic left would be in order.
pub(super) fn freed() -> MutexGuard<'static, Freed> {
    FREED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A freed block of a class.
pub(super) fn take(class: usize, size: usize) -> Option<*mut u8> {
    freed().take(class, size)
}

/// Keeps a block for later, in place of the largest that are kept if they are too many; false if it alone is too large.
pub(super) fn give(block: *mut u8, class: usize, size: usize) -> bool {
    let mut freed = freed();
    while size >= OWN && freed.bytes + size > LIMIT {
        if size > LIMIT || !freed.shrink() {
            return false;
        }
    }
    // SAFETY: the owner handed the block back, it is aligned to 64 bytes and holds at least `LARGE`.
    #[allow(unsafe_code)]
    unsafe {
        block.cast::<usize>().write(freed.first[class]);
    }
    freed.first[class] = block.expose_provenance();
    freed.bytes += returnable(size);
    true
}
