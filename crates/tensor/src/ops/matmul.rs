//! Matrix products: the order of addition and the threads of all of them.

use ndarray::{Array2, ArrayRef1, ArrayRef2, ArrayView2, ArrayViewMut2, Axis, s};

#[cfg(target_arch = "x86_64")]
use super::packed;
use crate::parallel::{fork_parts, free_threads, new_blocks};
use crate::{Real, simd};

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
pub fn matmul_plus_row<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, r: &ArrayRef1<R>) -> Array2<R> {
    new_product(a, b, Start::Row(r))
}

/// `C += A B`, the block sums added to what `c` holds.
///
/// `a: [n, k]`, `b: [k, m]`, `c: [n, m]`
pub fn add_matmul<R: Real>(c: &mut ArrayRef2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>) {
    product(a, b, c, Start::Held);
}

/// `C = A B` over what `c` held.
///
/// `a: [n, k]`, `b: [k, m]`, `c: [n, m]`
pub fn set_matmul<R: Real>(c: &mut ArrayRef2<R>, a: &ArrayRef2<R>, b: &ArrayRef2<R>) {
    product(a, b, c, Start::Nothing);
}

/// What the block sums are added to.
#[derive(Clone, Copy)]
enum Start<'a, R> {
    /// Nothing: the first block sum is stored as it is.
    Nothing,
    /// What the result holds.
    Held,
    /// This row, in every row of the result.
    Row(&'a ArrayRef1<R>),
}

/// The result as a new matrix: if its rows are split over the threads, each sets its own to zero first.
fn new_product<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, start: Start<R>) -> Array2<R> {
    let ((n, k), m) = (a.dim(), b.ncols());
    assert_eq!(b.nrows(), k, "inner sizes of a product");
    let block = lines_of_a_part(n, n * k * m);
    if m == 0 || n < m || block >= n {
        let mut c = Array2::zeros((n, m));
        product(a, b, &mut c, start);
        return c;
    }
    let [list] = new_blocks([n * m], [block * m], true, &|i, [rows]| {
        let a = a.slice(s![i * block..(i * block + block).min(n), ..]);
        let c = ArrayViewMut2::from_shape((a.nrows(), m), rows.zeros()).expect("rows of the result");
        part(a, b.view(), c, start, 0);
    });
    Array2::from_shape_vec((n, m), list).expect("the rows of all parts")
}

/// Rows or columns of a result that a thread computes: a part of `size`, or all of it where a fork costs more.
fn lines_of_a_part(size: usize, work: usize) -> usize {
    let threads = free_threads();
    if threads == 1 || work < SPLIT { size } else { size.div_ceil(threads).next_multiple_of(16) }
}

/// Splits the rows or the columns of a large result over the threads.
fn product<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, c: &mut ArrayRef2<R>, start: Start<R>) {
    let ((n, k), m) = (a.dim(), b.ncols());
    assert_eq!(b.nrows(), k, "inner sizes of a product");
    assert_eq!(c.dim(), (n, m), "shape of a product");
    let by_rows = n >= m;
    let size = if by_rows { n } else { m };
    let block = lines_of_a_part(size, n * k * m);
    if block >= size {
        return part(a.view(), b.view(), c.view_mut(), start, 0);
    }
    let axis = Axis(usize::from(!by_rows));
    fork_parts(c.axis_chunks_iter_mut(axis, block).collect(), &|i, c: ArrayViewMut2<R>| {
        let range = i * block..(i * block + block).min(size);
        if by_rows {
            part(a.slice(s![range, ..]), b.view(), c, start, 0);
        } else {
            let first = range.start;
            part(a.view(), b.slice(s![.., range]), c, start, first);
        }
    });
}

/// One part of a product, whose first column is column `first` of the whole.
fn part<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>, start: Start<R>, first: usize) {
    if let Start::Row(r) = start {
        let columns = first..first + c.ncols();
        c.assign(&r.slice(s![columns]));
    }
    R::product(a, b, c, matches!(start, Start::Nothing));
}

/// The definition above as a loop: for number types other than `f32` and `f64`, and for machines without a fused
/// multiply-add.
pub(crate) fn plain<R: Real>(a: ArrayView2<R>, b: ArrayView2<R>, mut c: ArrayViewMut2<R>, fresh: bool) {
    let k = a.ncols();
    for ((i, j), c) in c.indexed_iter_mut() {
        let mut sum = if fresh { R::of(0.0) } else { *c };
        for block in blocks::<R>(k) {
            let mut part = R::of(0.0);
            if R::REVERSED {
                block.rev().for_each(|k| part = a[(i, k)].operand().mul_add(b[(k, j)].operand(), part));
            } else {
                block.for_each(|k| part = a[(i, k)].operand().mul_add(b[(k, j)].operand(), part));
            }
            sum += part;
        }
        *c = sum;
    }
}

/// The blocks of `0..k`, backwards for a reversed type.
fn blocks<R: Real>(k: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let count = k.div_ceil(BLOCK);
    (0..count).map(move |b| {
        let b = if R::REVERSED { count - 1 - b } else { b };
        b * BLOCK..((b + 1) * BLOCK).min(k)
    })
}

macro_rules! kernel {
    ($name:ident, $t:ty, $gemm:path, $narrow:ident, $wide:ident) => {
        /// The kernels of [`packed`] where the processor has them and the result has rows or columns without gaps,
        /// otherwise matrixmultiply with `alpha = 1`: other factors change the bits.
        pub(crate) fn $name(a: ArrayView2<$t>, b: ArrayView2<$t>, mut c: ArrayViewMut2<$t>, fresh: bool) {
            if !simd::fused() {
                return plain(a, b, c, fresh);
            }
            #[cfg(target_arch = "x86_64")]
            {
                let product = match simd::level() {
                    simd::Level::Avx512 => packed::product::<std::arch::x86_64::$wide>,
                    _ => packed::product::<std::arch::x86_64::$narrow>,
                };
                if product(a, b, c.view_mut(), fresh) {
                    return;
                }
            }
            let ((n, k), m) = (a.dim(), b.ncols());
            let (sa, sb, sc) = (a.strides(), b.strides(), [c.strides()[0], c.strides()[1]]);
            let beta = if fresh { 0.0 } else { 1.0 };
            // SAFETY: sizes and strides are those of the three views, which are valid, and `c` is borrowed mutably,
            // so it overlaps neither `a` nor `b`.
            #[allow(unsafe_code)]
            unsafe {
                $gemm(
                    n,
                    k,
                    m,
                    1.0,
                    a.as_ptr(),
                    sa[0],
                    sa[1],
                    b.as_ptr(),
                    sb[0],
                    sb[1],
                    beta,
                    c.as_mut_ptr(),
                    sc[0],
                    sc[1],
                );
            }
        }
    };
}

kernel!(single, f32, matrixmultiply::sgemm, __m256, __m512);
kernel!(double, f64, matrixmultiply::dgemm, __m256d, __m512d);

#[cfg(test)]
mod tests {
    use ndarray::Array1;

    use super::*;
    use crate::Random;

    /// A random matrix whose rows or columns have no gaps, or neither, and which is part of a larger one.
    fn draw<R: Real>(random: &mut Random, rows: usize, columns: usize) -> (Array2<R>, usize) {
        let whole = random.uniform((2 * rows + 1, 2 * columns + 1), 1.0);
        (whole, random.below(3))
    }

    fn part<R>(whole: &Array2<R>, (rows, columns): (usize, usize), layout: usize) -> ArrayView2<'_, R> {
        match layout {
            0 => whole.slice(s![1..1 + rows, 1..1 + columns]),
            1 => whole.slice(s![..2 * rows;2, ..2 * columns;2]),
            _ => whole.slice(s![1..1 + rows, ..columns]),
        }
    }

    /// Every kernel of this machine against the definition, bit for bit.
    fn agrees<R: Real>(random: &mut Random, bits: impl Fn(R) -> u64) {
        let (n, k, m) = (1 + random.below(70), random.below(600), 1 + random.below(70));
        let ((a, a_layout), (b, b_layout), (c, c_layout)) =
            (draw(random, n, k), draw(random, m, k), draw(random, n, m));
        let (a, b) = (part(&a, (n, k), a_layout), part(&b, (m, k), b_layout));
        let mut transposed = random.uniform((m, n), 1.0);
        for fresh in [false, true] {
            let mut want = part(&c, (n, m), c_layout).to_owned();
            plain(a, b.t(), want.view_mut(), fresh);
            let mut got = c.clone();
            let mut got = match c_layout {
                0 => got.slice_mut(s![1..1 + n, 1..1 + m]),
                1 => got.slice_mut(s![..2 * n;2, ..2 * m;2]),
                _ => got.slice_mut(s![1..1 + n, ..m]),
            };
            R::product(a, b.t(), got.view_mut(), fresh);
            assert!(got.iter().zip(&want).all(|(&g, &w)| bits(g) == bits(w)), "{n} {k} {m} {fresh}");

            let mut want = transposed.t().to_owned();
            plain(a, b.t(), want.view_mut(), fresh);
            R::product(a, b.t(), transposed.view_mut().reversed_axes(), fresh);
            let same = transposed.t().iter().zip(&want).all(|(&g, &w)| bits(g) == bits(w));
            assert!(same, "{n} {k} {m} {fresh}");
        }
    }

    #[test]
    fn every_layout_and_size_gives_the_bits_of_the_definition() {
        let mut random = Random::seed(1);
        for _ in 0..40 {
            agrees::<f32>(&mut random, |x| u64::from(x.to_bits()));
            agrees::<f64>(&mut random, f64::to_bits);
        }
    }

    #[test]
    fn blocks_of_a_large_product_give_the_bits_of_the_definition() {
        let mut random = Random::seed(2);
        let (a, b): (Array2<f32>, Array2<f32>) =
            (random.uniform((263, 517), 1.0), random.uniform((517, 1061), 1.0));
        let mut want = Array2::zeros((263, 1061));
        plain(a.view(), b.view(), want.view_mut(), true);
        assert_eq!(matmul(&a, &b), want);
        let mut sum = want.clone();
        add_matmul(&mut sum, &a, &b);
        plain(a.view(), b.view(), want.view_mut(), false);
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
            plain(a.view(), b.view(), want.view_mut(), false);
            assert_eq!(matmul_plus_row(&a, &b, &row), want);
        }
    }
}
