//! The innermost loops of a product: the sums of a tile stay in registers while the inner index runs.

use super::panel::Matrix;
use super::register::Register;

/// Inner indices between two looks at whether there are more: to count takes time from the products.
const STEPS: usize = 2;

/// The sums of a tile whose columns of `a` are without gaps, as those of a copied panel are. Meanwhile rows of the result are
/// asked for, one after the other.
///
/// # Safety
/// The registers; `a`, whose `row` is 1, has `M` rows of `depth` numbers, and the panel of `b` as many inner indices.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn sums_of_columns<V: Register, const M: usize, const W: usize>(
    sums: &mut [[V; W]; M],
    depth: usize,
    a: Matrix<*const V::Number>,
    mut b: *const V::Number,
    ask: impl Fn(usize),
) {
    let mut column = a.at;
    // SAFETY: the caller's promise.
    unsafe {
        for k in 0..depth / STEPS {
            if k < M {
                ask(k);
            }
            for l in 0..STEPS {
                step(sums, b.add(2 * l * V::LANES), |i| *column.offset(l as isize * a.column).add(i));
            }
            (column, b) = (column.wrapping_offset(STEPS as isize * a.column), b.add(2 * STEPS * V::LANES));
        }
        for l in 0..depth % STEPS {
            step(sums, b.add(2 * l * V::LANES), |i| *column.offset(l as isize * a.column).add(i));
        }
    }
}

/// The sums of a tile whose rows of `a` are without gaps.
///
/// # Safety
/// The registers; each of the rows is `depth` numbers without gaps, and the panel of `b` has as many inner indices.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn sums_of_rows<V: Register, const M: usize, const W: usize>(
    sums: &mut [[V; W]; M],
    depth: usize,
    rows: [*const V::Number; M],
    b: *const V::Number,
) {
    let mut k = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while k + STEPS <= depth {
            for k in k..k + STEPS {
                step(sums, b.add(2 * k * V::LANES), |i| *rows[i].add(k));
            }
            k += STEPS;
        }
        for k in k..depth {
            step(sums, b.add(2 * k * V::LANES), |i| *rows[i].add(k));
        }
    }
}

/// What one inner index adds to the sums of a tile: the products of a column of `a`, `x(i)` in row `i`, and a row of `b`.
///
/// # Safety
/// The registers; two of numbers at `b`.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn step<V: Register, const M: usize, const W: usize>(
    sums: &mut [[V; W]; M],
    b: *const V::Number,
    x: impl Fn(usize) -> V::Number,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut row = [V::set(std::mem::zeroed()); W];
        for (w, row) in row.iter_mut().enumerate() {
            *row = V::load(b.add(w * V::LANES), V::LANES);
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = V::set(x(i));
            // By index: `zip` is a function that a build in several units may leave as a call.
            for w in 0..W {
                sums[w] = x.fused(row[w], sums[w]);
            }
        }
    }
}
