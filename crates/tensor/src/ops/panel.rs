//! Matrices in memory, and copies of their lines in the order in which a product reads them.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes in a line of the cache.
const CACHE_LINE: usize = 64;

/// A matrix in memory: where it begins, and the distances between its rows and between its columns.
#[derive(Clone, Copy)]
pub(super) struct Matrix<P> {
    pub(super) at: P,
    pub(super) row: isize,
    pub(super) column: isize,
}

impl<P> Matrix<P> {
    #[inline(always)]
    pub(super) fn offset(&self, row: usize, column: usize) -> isize {
        row as isize * self.row + column as isize * self.column
    }
}

impl<T> Matrix<*mut T> {
    /// The same to read from.
    pub(super) fn read(self) -> Matrix<*const T> {
        Matrix { at: self.at.cast_const(), row: self.row, column: self.column }
    }
}

impl<T> Matrix<*const T> {
    /// The part that begins at an element.
    ///
    /// # Safety
    /// The matrix has the element.
    #[allow(unsafe_code)]
    #[inline(always)]
    pub(super) unsafe fn part(self, row: usize, column: usize) -> Self {
        // SAFETY: the caller's promise.
        Matrix { at: unsafe { self.at.offset(self.offset(row, column)) }, ..self }
    }

    pub(super) fn transposed(self) -> Self {
        Matrix { row: self.column, column: self.row, ..self }
    }
}

/// Copies `count <= width` lines of `depth` numbers, the rows of a matrix, to `panel[k * width + line]`. What stands
/// in the places of missing lines does not matter: nobody reads it, or only into columns that are not stored.
///
/// # Safety
/// The lines are valid for reads, the panel for writes of `width * depth` numbers.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn pack<T: Copy>(
    lines: Matrix<*const T>,
    count: usize,
    depth: usize,
    width: usize,
    panel: *mut T,
) {
    // SAFETY: all offsets are within `count` lines of `depth` numbers and within the panel.
    unsafe {
        if lines.row == 1 {
            for k in 0..depth {
                let (from, to) = (lines.at.offset(lines.offset(0, k)), panel.add(k * width));
                if count == width {
                    to.copy_from_nonoverlapping(from, width);
                } else {
                    to.copy_from_nonoverlapping(from, count);
                }
            }
            return;
        }
        // Four lines at a time: many lines whose distance is a power of two would share a place in the cache.
        let mut first = 0;
        while first + 4 <= count {
            pack_four(lines.part(first, 0), depth, width, panel.add(first));
            first += 4;
        }
        for line in first..count {
            for k in 0..depth {
                *panel.add(k * width + line) = *lines.at.offset(lines.offset(line, k));
            }
        }
    }
}

/// [`pack`] for the first four lines. The four after them are asked for meanwhile: each line is in a place of its own,
/// where the processor does not look ahead.
///
/// # Safety
/// As for [`pack`].
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn pack_four<T: Copy>(lines: Matrix<*const T>, depth: usize, width: usize, panel: *mut T) {
    // SAFETY: all offsets are within lines of `depth` numbers and within the panel. What is asked for is not read.
    unsafe {
        let [mut four, mut next] = [[lines.at; 4]; 2];
        for i in 0..4 {
            four[i] = lines.part(i, 0).at;
            next[i] = lines.at.wrapping_offset((4 + i as isize) * lines.row);
        }
        let mut k = 0;
        // A square of four by four, turned in registers.
        while lines.column == 1 && k + 4 <= depth {
            if k % (CACHE_LINE / size_of::<T>()) == 0 {
                for line in next {
                    _mm_prefetch::<_MM_HINT_T0>(line.wrapping_add(k).cast());
                }
            }
            let [p, q, r, s] = four;
            let (p, q, r, s) = (four_of(p, k), four_of(q, k), four_of(r, k), four_of(s, k));
            for i in 0..4 {
                panel.add((k + i) * width).cast::<[T; 4]>().write([p[i], q[i], r[i], s[i]]);
            }
            k += 4;
        }
        for k in k..depth {
            for (i, line) in four.iter().enumerate() {
                *panel.add(k * width + i) = *line.offset(k as isize * lines.column);
            }
        }
    }
}

/// Four numbers of a line without gaps, from number `k` on.
///
/// # Safety
/// The line is valid for reads of them.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn four_of<T: Copy>(line: *const T, k: usize) -> [T; 4] {
    // SAFETY: the caller's promise.
    unsafe { line.add(k).cast::<[T; 4]>().read() }
}
