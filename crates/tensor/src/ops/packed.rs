//! The inner loops of a product: the bits of [`matmul`](super::matmul()), in less time than matrixmultiply takes.
//!
//! A block of `b` (256 rows) and, unless it is read only a few times, a block of `a` (256 columns) are copied into
//! panels, in the order in which they are read; then tiles of two registers of columns, and of as many rows as the
//! registers hold, stay in registers while the inner index runs. The same code serves registers of 256 and of 512 bits: see [`Register`].

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::cell::RefCell;
use std::thread::LocalKey;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::matmul::BLOCK;
use super::panel::{Matrix, pack};
use super::register::Register;

/// Tiles of rows of `a` in a block: 120 KiB of `f32` for registers of 256 bits, for the second cache.
const A_TILES: usize = 20;
/// Columns of `b` in a block: 1 MiB of `f32`.
const B_COLUMNS: usize = 1024;
/// Columns of `b` up to which `a` is read where it stands: a copy into panels would cost more than it saves.
const DIRECT: usize = 128;

/// 64 bytes, so that a register is never loaded from two cache lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Line(#[allow(dead_code)] [u8; 64]);

/// Panels of `a` and of `b`, kept by each thread because fresh memory costs more than the copy into it.
type Panels = RefCell<[Vec<Line>; 2]>;

thread_local! {
    static PANELS: Panels = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// `c += a b`, or `c = a b` if `fresh`, for registers `V`. False, and nothing done, if neither the rows nor the columns
/// of `c` are without gaps. Only for processors that have them.
pub(crate) fn product<V: Register>(
    a: ArrayView2<V::Number>,
    b: ArrayView2<V::Number>,
    mut c: ArrayViewMut2<V::Number>,
    fresh: bool,
) -> bool {
    let ((n, k), m) = (a.dim(), b.ncols());
    let dense = |axis: usize| c.strides()[axis] == 1 || c.shape()[axis] == 1;
    if !dense(1) {
        return dense(0) && product::<V>(b.reversed_axes(), a.reversed_axes(), c.reversed_axes(), fresh);
    }
    if k == 0 && fresh {
        c.fill(V::Number::default());
    }
    if n == 0 || m == 0 || k == 0 {
        return true;
    }
    let to = Matrix { at: c.as_mut_ptr(), row: c.strides()[0], column: 1 };
    let [a, b] = [a, b].map(|x| Matrix { at: x.as_ptr(), row: x.strides()[0], column: x.strides()[1] });
    with_panels::<V>(&PANELS, (n, k, m), |panels| {
        // SAFETY: sizes and strides are those of valid views, `c` is borrowed mutably and overlaps neither `a` nor
        // `b`, the panels are as large as a block can be, and the caller has asked for the registers.
        #[allow(unsafe_code)]
        unsafe {
            V::enable(
                #[inline(always)]
                || blocks::<V>((n, k, m), a, b, to, panels, fresh),
            );
        }
    });
    true
}

/// Whether `a` is copied for a product with `m` columns.
fn packs_a(m: usize) -> bool {
    m > DIRECT
}

fn with_panels<V: Register>(
    panels: &'static LocalKey<Panels>,
    (n, k, m): (usize, usize, usize),
    f: impl FnOnce([*mut V::Number; 2]),
) {
    let depth = k.min(BLOCK);
    let a = if packs_a(m) { n.min(A_TILES * V::ROWS).next_multiple_of(V::ROWS) * depth } else { 0 };
    let b = m.min(B_COLUMNS).next_multiple_of(2 * V::LANES) * depth;
    panels.with_borrow_mut(|panels| {
        for (panel, size) in panels.iter_mut().zip([a, b]) {
            let lines = (size * size_of::<V::Number>()).div_ceil(size_of::<Line>());
            panel.resize(lines.max(panel.len()), Line([0; 64]));
        }
        f(panels.each_mut().map(|panel| panel.as_mut_ptr().cast()));
    });
}

/// # Safety
/// The registers; matrices `a: [n, k]`, `b: [k, m]`, `c: [n, m]`, and panels of at least a block each.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn blocks<V: Register>(
    (n, k, m): (usize, usize, usize),
    a: Matrix<*const V::Number>,
    b: Matrix<*const V::Number>,
    c: Matrix<*mut V::Number>,
    [a_panels, b_panels]: [*mut V::Number; 2],
    fresh: bool,
) {
    let width = 2 * V::LANES;
    // SAFETY: every offset is that of an element of a matrix, or inside a panel of the block.
    unsafe {
        for j in (0..m).step_by(B_COLUMNS) {
            let columns = B_COLUMNS.min(m - j);
            for p in (0..k).step_by(BLOCK) {
                let depth = BLOCK.min(k - p);
                for l in (0..columns).step_by(width) {
                    let lines = b.part(p, j + l).transposed();
                    let count = width.min(columns - l);
                    pack(lines, count, depth, width, b_panels.add(l * depth));
                }
                for i in (0..n).step_by(A_TILES * V::ROWS) {
                    let rows = (A_TILES * V::ROWS).min(n - i);
                    let mut block = a.part(i, p);
                    let mut tile = V::ROWS as isize * block.row;
                    if packs_a(m) {
                        for l in (0..rows).step_by(V::ROWS) {
                            let lines = block.part(l, 0);
                            pack(lines, V::ROWS.min(rows - l), depth, V::ROWS, a_panels.add(l * depth));
                        }
                        block = Matrix { at: a_panels, row: 1, column: V::ROWS as isize };
                        tile = (V::ROWS * depth) as isize;
                    }
                    let c = Matrix { at: c.at.offset(c.offset(i, j)), ..c };
                    tiles::<V>((rows, depth, columns), (block, tile), b_panels, c, fresh && p == 0);
                }
            }
        }
    }
}

/// All tiles of a block; `a` comes with the distance between its tiles.
///
/// # Safety
/// As for [`blocks`], with a packed panel of `b`.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn tiles<V: Register>(
    (rows, depth, columns): (usize, usize, usize),
    (a, distance): (Matrix<*const V::Number>, isize),
    b: *const V::Number,
    c: Matrix<*mut V::Number>,
    fresh: bool,
) {
    for j in (0..columns).step_by(2 * V::LANES) {
        let left = (columns - j).min(2 * V::LANES);
        for i in (0..rows).step_by(V::ROWS) {
            let tile = V::tile((rows - i).min(V::ROWS), left > V::LANES);
            // SAFETY: the panels hold whole tiles, and a tile writes only the rows and columns that `c` has.
            unsafe {
                let a = Matrix { at: a.at.offset((i / V::ROWS) as isize * distance), ..a };
                tile(depth, a, b.add(j * depth), c.at.offset(c.offset(i, j)), (c.row, left), fresh);
            }
        }
    }
}

/// One tile of `M` rows and `W` registers: a fused multiply-add per element and inner index, in order, from zero.
///
/// # Safety
/// As for [`blocks`].
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn tile<V: Register, const M: usize, const W: usize>(
    depth: usize,
    mut a: Matrix<*const V::Number>,
    mut b: *const V::Number,
    c: *mut V::Number,
    (row, columns): (isize, usize),
    fresh: bool,
) {
    // SAFETY: `a` has `M` rows of `depth` numbers, the panel `depth` times two registers, `c` `M` rows of `columns`.
    unsafe {
        for i in 0..M {
            _mm_prefetch::<_MM_HINT_T0>(c.offset(i as isize * row).cast());
            _mm_prefetch::<_MM_HINT_T0>(c.offset(i as isize * row).wrapping_add(V::LANES).cast());
        }
        let zero = V::set(std::mem::zeroed());
        let mut sums = [[zero; W]; M];
        for _ in 0..depth {
            let mut column = [zero; W];
            for (w, column) in column.iter_mut().enumerate() {
                *column = V::load(b.add(w * V::LANES), V::LANES);
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let x = V::set(*a.at.offset(i as isize * a.row));
                for (sum, &column) in sums.iter_mut().zip(&column) {
                    *sum = x.fused(column, *sum);
                }
            }
            a.at = a.at.wrapping_offset(a.column);
            b = b.add(2 * V::LANES);
        }
        for (i, sums) in sums.iter().enumerate() {
            for (w, &sum) in sums.iter().enumerate() {
                let to = c.offset(i as isize * row).add(w * V::LANES);
                let count = (columns - w * V::LANES).min(V::LANES);
                let sum = if fresh { sum } else { V::load(to, count).plus(sum) };
                sum.store(to, count);
            }
        }
    }
}
