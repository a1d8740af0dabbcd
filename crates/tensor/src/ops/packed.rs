//! The inner loops of a product: the bits of [`matmul`](super::matmul()), in less time than matrixmultiply takes.
//!
//! A block of `b` (256 rows) and, unless it is read only a few times, a block of `a` (256 columns) are copied into
//! panels, in the order in which they are read; then tiles of two registers of columns, and of as many rows as the
//! registers hold, stay in registers while the inner index runs. The same code serves registers of 256 and of 512 bits: see [`Register`].

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::thread::LocalKey;

use ndarray::{ArrayView2, ArrayViewMut2};

use super::kernel::Start;
use super::matmul::BLOCK;
use super::panel::{Matrix, pack};
use super::register::Register;
use super::tile::tiles;

/// Tiles of rows of `a` in a block: 120 KiB of `f32` for registers of 256 bits, for the second cache.
const A_TILES: usize = 20;
/// Columns of `b` in a block: 1 MiB of `f32`.
const B_COLUMNS: usize = 1024;
/// Columns of `b` up to which `a` is read where it stands, if its rows or columns are without gaps: a copy into panels would
/// cost more than it saves.
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

/// `c = a b`, added to what it starts from, for registers `V`. False, and nothing done, if neither the rows nor the
/// columns of `c` are without gaps, or if the columns are and a row is the start.
///
/// # Safety
/// The processor has the registers. With [`Start::Held`], `c` holds numbers; afterwards it does, if the result is true.
#[allow(unsafe_code)]
pub(super) unsafe fn product<V: Register>(
    a: ArrayView2<V::Number>,
    b: ArrayView2<V::Number>,
    mut c: ArrayViewMut2<MaybeUninit<V::Number>>,
    start: Start<V::Number>,
) -> bool {
    let ((n, k), m) = (a.dim(), b.ncols());
    let dense = |axis: usize| c.strides()[axis] == 1 || c.shape()[axis] == 1;
    if !dense(1) {
        let turned = dense(0) && !matches!(start, Start::Row(_));
        let (at, bt) = (a.reversed_axes(), b.reversed_axes());
        // SAFETY: the caller's promise.
        return turned && unsafe { product::<V>(bt, at, c.reversed_axes(), start) };
    }
    if n == 0 || m == 0 {
        return true;
    }
    let to = Matrix { at: c.as_mut_ptr().cast(), row: c.strides()[0], column: 1 };
    let start = match start {
        Start::Nothing => None,
        Start::Held => Some(to.read()),
        Start::Row(row) => Some(Matrix { at: row.as_ptr(), row: 0, column: 1 }),
    };
    let [a, b] = [a, b].map(|x| Matrix { at: x.as_ptr(), row: x.strides()[0], column: x.strides()[1] });
    with_panels::<V>(&PANELS, (n, k, m), copies_a(a, m), |panels| {
        // SAFETY: sizes and strides are those of valid views, `c` is borrowed mutably and overlaps neither `a` nor
        // `b`, the panels are as large as a block can be, and the caller has asked for the registers.
        unsafe {
            V::enable(
                #[inline(always)]
                || blocks::<V>((n, k, m), a, b, to, panels, start),
            );
        }
    });
    true
}

/// Whether `a` is copied for a product with `m` columns: for a tile, rows or columns have to be without gaps.
fn copies_a<T>(a: Matrix<*const T>, m: usize) -> bool {
    m > DIRECT || (a.row != 1 && a.column != 1)
}

fn with_panels<V: Register>(
    panels: &'static LocalKey<Panels>,
    (n, k, m): (usize, usize, usize),
    copies_a: bool,
    f: impl FnOnce([*mut V::Number; 2]),
) {
    let depth = k.min(BLOCK);
    let a = if copies_a { n.min(A_TILES * V::ROWS).next_multiple_of(V::ROWS) * depth } else { 0 };
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
    start: Option<Matrix<*const V::Number>>,
) {
    let width = 2 * V::LANES;
    // SAFETY: every offset is that of an element of a matrix, or inside a panel of the block.
    unsafe {
        for j in (0..m).step_by(B_COLUMNS) {
            let columns = B_COLUMNS.min(m - j);
            for p in (0..k).step_by(BLOCK) {
                let depth = BLOCK.min(k - p);
                let held = if p == 0 { start } else { Some(c.read()) };
                for l in (0..columns).step_by(width) {
                    let lines = b.part(p, j + l).transposed();
                    let count = width.min(columns - l);
                    pack(lines, count, depth, width, b_panels.add(l * depth));
                }
                for i in (0..n).step_by(A_TILES * V::ROWS) {
                    let rows = (A_TILES * V::ROWS).min(n - i);
                    let mut block = (a.part(i, p), V::ROWS as isize * a.row);
                    if copies_a(a, m) {
                        block = packed_a::<V>(block.0, rows, depth, a_panels);
                    }
                    let c = Matrix { at: c.at.offset(c.offset(i, j)), ..c };
                    let held = held.map(|held| held.part(i, j));
                    tiles::<V>((rows, depth, columns), block, b_panels, c, held);
                }
            }
        }
    }
}

/// A block of `a`, copied into panels, and the distance between its tiles.
///
/// # Safety
/// As for [`blocks`].
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn packed_a<V: Register>(
    block: Matrix<*const V::Number>,
    rows: usize,
    depth: usize,
    panels: *mut V::Number,
) -> (Matrix<*const V::Number>, isize) {
    for l in (0..rows).step_by(V::ROWS) {
        // SAFETY: the lines are rows of the block, and the panels hold whole tiles.
        unsafe {
            pack(block.part(l, 0), V::ROWS.min(rows - l), depth, V::ROWS, panels.add(l * depth));
        }
    }
    (Matrix { at: panels, row: 1, column: V::ROWS as isize }, (V::ROWS * depth) as isize)
}
