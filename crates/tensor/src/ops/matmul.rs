//! Matrix products: the order of addition and the threads of all of them.

use std::mem::MaybeUninit;

use ndarray::{Array2, ArrayRef1, ArrayRef2, ArrayViewMut2, Axis, s};

use super::kernel::Start;
use crate::Real;
use crate::parallel::{fork_parts, free_threads};

/// Terms of an entry that are accumulated before a block sum is added.
pub const BLOCK: usize = 256;

/// Multiply-adds below which a product is not split over threads.
const SPLIT: usize = 5_000_000 / 2;

/// The matrix product.
///
/// ```math
/// C = A B, \qquad C_{ij} = \sum_k A_{ik} B_{kj}
/// ```
///
/// `a: [n, k]`, `b: [k, m]` → `[n, m]`; `matmul(&a.t(), b)` and `matmul(a, &b.t())` are `A'B` and `AB'`: a
/// transpose is a view with other strides and copies nothing.
///
/// The bits are those of this definition, for every number of threads and every width of the registers: cut `k`
/// into blocks of [`BLOCK`]; inside a block accumulate fused multiply-adds from zero, in order; add the block sums
/// in order.
///
/// # Panics
/// If the inner sizes differ: shapes are checked by the operations, with names.
pub fn matmul<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>) -> Array2<R> {
    new_product(a, b, Start::Nothing)
}

/// The matrix product with the same row added to every row of it: `C = 1 r' + A B`, the block sums added to what is
/// there, `r`.
///
/// `a: [n, k]`, `b: [k, m]`, `r: [m]` → `[n, m]`
///
/// # Panics
/// As [`matmul`], and if `r` has another length than the rows.
pub fn matmul_plus_row<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, r: &ArrayRef1<R>) -> Array2<R> {
    assert_eq!(r.len(), b.ncols(), "length of the row that is added to a product");
    new_product(a, b, Start::Row(r.as_standard_layout().as_slice().expect("standard layout")))
}

/// `C += A B`, the block sums added to what `c` holds.
///
/// `a: [n, k]`, `b: [k, m]`, `c: [n, m]`
pub fn add_matmul<R: Real>(c: &mut ArrayRef2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>) {
    product_into(c, a, b, Start::Held);
}

/// `C = A B` over what `c` held.
///
/// `a: [n, k]`, `b: [k, m]`, `c: [n, m]`
pub fn set_matmul<R: Real>(c: &mut ArrayRef2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>) {
    product_into(c, a, b, Start::Nothing);
}

/// The result as a new matrix, whose memory the kernels are the first to write to.
fn new_product<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, start: Start<R>) -> Array2<R> {
    let mut c = Array2::uninit((a.nrows(), b.ncols()));
    // SAFETY: a start other than `Held` asks nothing of `c`, and a product writes every element of it.
    #[allow(unsafe_code)]
    unsafe {
        product(a, b, c.view_mut(), start);
        c.assume_init()
    }
}

/// The result in the place of what `c` holds.
fn product_into<R: Real>(c: &mut ArrayRef2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>, start: Start<R>) {
    // SAFETY: the view of numbers that are there, as one of numbers that may be there, for as long as `c` is borrowed;
    // it is written to with numbers only.
    #[allow(unsafe_code)]
    unsafe {
        product(a, b, c.raw_view_mut().cast().deref_into_view_mut(), start);
    }
}

/// Splits the rows or the columns of a large result over the threads.
///
/// # Safety
/// With [`Start::Held`], `c` holds numbers. Afterwards it does in any case.
#[allow(unsafe_code)]
unsafe fn product<R: Real>(
    a: &ArrayRef2<R>,
    b: &ArrayRef2<R>,
    mut c: ArrayViewMut2<MaybeUninit<R>>,
    start: Start<R>,
) {
    let ((n, k), m) = (a.dim(), b.ncols());
    assert_eq!(b.nrows(), k, "inner sizes of a product");
    assert_eq!(c.dim(), (n, m), "shape of a product");
    let kernel = R::kernel();
    let by_rows = n >= m;
    let size = if by_rows { n } else { m };
    let block = lines_of_a_part(size, by_rows, n * k * m);
    if block >= size {
        // SAFETY: the caller's promise, handed on; so are those below.
        return unsafe { kernel.run(a.view(), b.view(), c, start) };
    }
    let parts = c.axis_chunks_iter_mut(Axis(usize::from(!by_rows)), block);
    fork_parts(parts.collect(), &|i, c: ArrayViewMut2<MaybeUninit<R>>| {
        let range = i * block..(i * block + block).min(size);
        if by_rows {
            unsafe { kernel.run(a.slice(s![range, ..]), b.view(), c, start) }
        } else {
            let start = start.columns(range.clone());
            unsafe { kernel.run(a.view(), b.slice(s![.., range]), c, start) }
        }
    });
}

/// Rows or columns of a result that a thread computes: a part of `size`, or all of it where a fork costs more.
/// Rows are cut between tiles of 6 and of 12 rows, columns between lines of the cache.
fn lines_of_a_part(size: usize, by_rows: bool, work: usize) -> usize {
    let threads = free_threads();
    let unit = if by_rows { 12 } else { 16 };
    if threads == 1 || work < SPLIT { size } else { size.div_ceil(threads).next_multiple_of(unit) }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, ArrayView2};

    use super::super::kernel::plain;
    use super::*;
    use crate::Random;
    use crate::simd::{self, Level};

    /// The definition.
    fn define<R: Real>(c: &mut Array2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>, start: Start<R>) {
        // SAFETY: numbers that are there.
        #[allow(unsafe_code)]
        unsafe {
            plain(a.view(), b.view(), c.raw_view_mut().cast().deref_into_view_mut(), start);
        }
    }

    /// How a matrix lies in a larger one: rows without gaps, columns without gaps, or neither.
    const LAYOUTS: usize = 3;

    /// A random matrix with room for `rows` and `columns` in any layout, and a layout.
    fn draw<R: Real>(random: &mut Random, rows: usize, columns: usize) -> (Array2<R>, usize) {
        let side = 2 * rows.max(columns) + 1;
        (random.uniform((side, side), 1.0), random.below(LAYOUTS))
    }

    fn part<R>(whole: &Array2<R>, (rows, columns): (usize, usize), layout: usize) -> ArrayView2<'_, R> {
        match layout {
            0 => whole.slice(s![1..1 + rows, 1..1 + columns]),
            1 => whole.slice(s![1..1 + columns, 1..1 + rows]).reversed_axes(),
            _ => whole.slice(s![..2 * rows;2, ..2 * columns;2]),
        }
    }

    /// Every kernel of this machine against the definition, bit for bit.
    fn agrees<R: Real>(random: &mut Random, bits: impl Fn(R) -> u64) {
        let (n, k, m) = (1 + random.below(70), random.below(600), 1 + random.below(170));
        let ((a, a_layout), (b, b_layout), (c, c_layout)) =
            (draw(random, n, k), draw(random, m, k), draw(random, n, m));
        let (a, b) = (part(&a, (n, k), a_layout), part(&b, (m, k), b_layout));
        let mut transposed = random.uniform((m, n), 1.0);
        let row: Array1<R> = random.uniform(m, 1.0);
        for start in [Start::Held, Start::Nothing, Start::Row(row.as_slice().expect("a new array"))] {
            let mut want = part(&c, (n, m), c_layout).to_owned();
            define(&mut want, &a, &b.t(), start);
            let mut got = c.clone();
            let mut got = match c_layout {
                0 => got.slice_mut(s![1..1 + n, 1..1 + m]),
                1 => got.slice_mut(s![1..1 + m, 1..1 + n]).reversed_axes(),
                _ => got.slice_mut(s![..2 * n;2, ..2 * m;2]),
            };
            product_into(&mut got, &a, &b.t(), start);
            assert!(got.iter().zip(&want).all(|(&g, &w)| bits(g) == bits(w)), "{n} {k} {m}");

            let mut want = transposed.t().to_owned();
            define(&mut want, &a, &b.t(), start);
            product_into(&mut transposed.view_mut().reversed_axes(), &a, &b.t(), start);
            let same = transposed.t().iter().zip(&want).all(|(&g, &w)| bits(g) == bits(w));
            assert!(same, "{n} {k} {m}");
        }
    }

    #[test]
    fn every_layout_and_size_gives_the_bits_of_the_definition() {
        let mut random = Random::seed(1);
        for level in [Level::Avx2, Level::Avx512] {
            simd::restrict(level);
            for _ in 0..40 {
                agrees::<f32>(&mut random, |x| u64::from(x.to_bits()));
                agrees::<f64>(&mut random, f64::to_bits);
            }
        }
    }

    #[test]
    fn blocks_of_a_large_product_give_the_bits_of_the_definition() {
        let mut random = Random::seed(2);
        let (a, b): (Array2<f32>, Array2<f32>) =
            (random.uniform((263, 517), 1.0), random.uniform((517, 1061), 1.0));
        let mut want = Array2::zeros((263, 1061));
        define(&mut want, &a, &b, Start::Nothing);
        assert_eq!(matmul(&a, &b), want);
        let mut sum = want.clone();
        add_matmul(&mut sum, &a, &b);
        define(&mut want, &a, &b, Start::Held);
        assert_eq!(sum, want);
    }

    #[test]
    fn a_row_that_is_added_is_what_the_block_sums_are_added_to() {
        let mut random = Random::seed(3);
        for (n, m) in [(3, 5), (170, 90), (90, 170)] {
            let (a, b): (Array2<f32>, Array2<f32>) =
                (random.uniform((n, 517), 1.0), random.uniform((517, m), 1.0));
            let row: Array1<f32> = random.uniform(m, 1.0);
            let mut want = Array2::zeros((n, m));
            want.assign(&row);
            define(&mut want, &a, &b, Start::Held);
            assert_eq!(matmul_plus_row(&a, &b, &row), want);
        }
    }
}
