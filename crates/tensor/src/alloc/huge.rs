//! Huge pages for large blocks: a processor keeps the places of some thousand pages at hand, and a page costs a fault when
//! it is first touched; 2 MiB at a time are fewer of both than 4 KiB.

use std::alloc::Layout;

/// Blocks of this size and more ask for huge pages. Smaller ones hold one such page at most.
const HUGE: usize = 1 << 22;

/// A new block as `alloc` makes it, on huge pages if it is large and the system has them.
pub(super) fn fresh(block: Layout, alloc: impl FnOnce(Layout) -> *mut u8) -> *mut u8 {
    let at = alloc(block);
    #[cfg(all(target_os = "linux", not(miri)))]
    if block.size() >= HUGE && !at.is_null() {
        const PAGE: usize = 4096;
        let skipped = at.addr().next_multiple_of(PAGE) - at.addr();
        let pages = (block.size() - skipped) / PAGE * PAGE;
        // SAFETY: whole pages inside the block, whose contents stay as they are. It is a wish: an error changes nothing.
        #[allow(unsafe_code)]
        unsafe {
            libc::madvise(at.add(skipped).cast(), pages, libc::MADV_HUGEPAGE);
        }
    }
    at
}
