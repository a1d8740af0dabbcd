//! What stays in registers while the inner index of a product runs.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::hint::black_box;

use super::inner::{sums_of_columns, sums_of_rows};
use super::panel::Matrix;
use super::register::Register;

/// All tiles of a block; `a`, whose rows or columns are without gaps, comes with the distance between its tiles.
///
/// # Safety
/// The registers; a block of `a` whose `row` or `column` is 1, and one of `c`; packed panels of `b`.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn tiles<V: Register>(
    (rows, depth, columns): (usize, usize, usize),
    (a, distance): (Matrix<*const V::Number>, isize),
    b: *const V::Number,
    c: Matrix<*mut V::Number>,
    held: Option<Matrix<*const V::Number>>,
) {
    for j in (0..columns).step_by(2 * V::LANES) {
        let left = (columns - j).min(2 * V::LANES);
        for i in (0..rows).step_by(V::ROWS) {
            let tile = V::tile((rows - i).min(V::ROWS), left > V::LANES);
            // SAFETY: the panels hold whole tiles, and a tile writes only the rows and columns that `c` has.
            unsafe {
                let a = Matrix { at: a.at.offset((i / V::ROWS) as isize * distance), ..a };
                let (c, row) = (c.at.offset(c.offset(i, j)), c.row);
                tile(depth, a, b.add(j * depth), c, (row, left), held.map(|held| held.part(i, j)));
            }
        }
    }
}

/// One tile of `M` rows and `W` registers: a fused multiply-add per element and inner index, in order, from zero.
///
/// # Safety
/// As for [`tiles`].
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn tile<V: Register, const M: usize, const W: usize>(
    depth: usize,
    a: Matrix<*const V::Number>,
    b: *const V::Number,
    c: *mut V::Number,
    (row, columns): (isize, usize),
    held: Option<Matrix<*const V::Number>>,
) {
    debug_assert!(a.row == 1 || a.column == 1, "rows or columns without gaps");
    // SAFETY: `a` has `M` rows of `depth` numbers, one after the other or side by side, the panel `depth` times two registers, `c` `M` rows of `columns`.
    unsafe {
        let mut sums = [[V::set(std::mem::zeroed()); W]; M];
        let ask = |i| ask_for::<V>(c.wrapping_offset(i as isize * row));
        if a.row == 1 {
            sums_of_columns(&mut sums, depth, a, b, ask);
        } else {
            (0..M).for_each(ask);
            sums_of_rows(&mut sums, depth, rows_of(a), b);
        }
        for (i, sums) in sums.iter().enumerate() {
            let held = held.map(|held| held.part(i, 0).at);
            store(sums, c.offset(i as isize * row), columns, held);
        }
    }
}

/// Asks for the two registers of a row of the result, which a tile stores at its end.
#[inline(always)]
fn ask_for<V: Register>(c: *mut V::Number) {
    for w in 0..2 {
        // SAFETY: what is asked for is neither read nor written.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(w * V::LANES).cast());
        }
    }
}

/// The addresses of the rows of a tile. The compiler must not know how they were made: it would compute each from the one
/// before, a chain of additions that takes longer than the products.
///
/// # Safety
/// `a` has `M` rows.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn rows_of<T, const M: usize>(a: Matrix<*const T>) -> [*const T; M] {
    let mut rows = [a.at; M];
    for (i, row) in rows.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *row = unsafe { a.part(i, 0).at };
    }
    black_box(rows)
}

/// Stores a row of a tile, added to what is held.
///
/// # Safety
/// As for [`tiles`].
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn store<V: Register, const W: usize>(
    sums: &[V; W],
    to: *mut V::Number,
    columns: usize,
    held: Option<*const V::Number>,
) {
    for (w, &sum) in sums.iter().enumerate() {
        let (at, count) = (w * V::LANES, (columns - w * V::LANES).min(V::LANES));
        // SAFETY: both rows have that many columns.
        unsafe {
            let sum = match held {
                Some(held) => V::load(held.add(at), count).plus(sum),
                None => sum,
            };
            sum.store(to.add(at), count);
        }
    }
}
