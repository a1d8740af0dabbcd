//! What computes a product on one thread, for each number type and processor.

use std::mem::MaybeUninit;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use super::matmul::BLOCK;
#[cfg(target_arch = "x86_64")]
use super::packed;
use crate::{AnyReal, Real, rounding, simd};

/// What the block sums of a product are added to.
#[derive(Clone, Copy)]
pub enum Start<'a, R> {
    /// Nothing: the first block sum is stored as it is.
    Nothing,
    /// What the result holds.
    Held,
    /// This row, in every row of the result.
    Row(&'a [R]),
}

impl<R> Start<'_, R> {
    /// The start of a range of columns of the result.
    pub(super) fn columns(self, columns: Range<usize>) -> Self {
        match self {
            Start::Row(row) => Start::Row(&row[columns]),
            other => other,
        }
    }
}

/// `a`, `b`, `c`, and what `c` starts from.
///
/// # Safety
/// Afterwards every element of `c` is a number; with [`Start::Held`] it is one before.
#[allow(unsafe_code)]
type Compute<R> = unsafe fn(ArrayView2<R>, ArrayView2<R>, ArrayViewMut2<MaybeUninit<R>>, Start<R>);

/// The code for the products of a number type. Only this crate can make one: it writes to memory that holds nothing yet.
pub struct Kernel<R>(Compute<R>);

impl<R: Real> Kernel<R> {
    /// The definition of a product.
    pub(crate) const PLAIN: Self = Kernel(plain::<R>);

    /// Computes `c = a b`, added to what it starts from.
    ///
    /// # Safety
    /// With [`Start::Held`], `c` holds numbers. Afterwards it does in any case.
    #[allow(unsafe_code)]
    pub(super) unsafe fn run(
        &self,
        a: ArrayView2<R>,
        b: ArrayView2<R>,
        c: ArrayViewMut2<MaybeUninit<R>>,
        start: Start<R>,
    ) {
        // SAFETY: the caller's promise.
        unsafe { self.0(a, b, c, start) }
    }
}

impl Kernel<f32> {
    pub(crate) const SINGLE: Self = Kernel(single);
}

impl Kernel<f64> {
    pub(crate) const DOUBLE: Self = Kernel(double);
}

impl Kernel<AnyReal> {
    pub(crate) const CHOSEN: Self = Kernel(chosen);
}

/// The product in the type that its numbers have when the program runs.
///
/// # Safety
/// As [`Compute`].
#[allow(unsafe_code)]
unsafe fn chosen(
    a: ArrayView2<AnyReal>,
    b: ArrayView2<AnyReal>,
    mut c: ArrayViewMut2<MaybeUninit<AnyReal>>,
    start: Start<AnyReal>,
) {
    let start = match start {
        Start::Nothing => None,
        // SAFETY: the caller's promise.
        Start::Held => Some(c.map(|c| unsafe { c.assume_init_read() })),
        Start::Row(row) => Some(Array2::from_shape_fn(c.dim(), |(_, j)| row[j])),
    };
    let product = rounding::product(a, b, start);
    c.iter_mut().zip(product).for_each(|(c, x)| *c = MaybeUninit::new(x));
}

/// The definition of [`matmul`](super::matmul()) as a loop: for number types other than `f32` and `f64`, and for
/// machines without a fused multiply-add.
///
/// # Safety
/// As [`Compute`].
#[allow(unsafe_code)]
pub(super) unsafe fn plain<R: Real>(
    a: ArrayView2<R>,
    b: ArrayView2<R>,
    mut c: ArrayViewMut2<MaybeUninit<R>>,
    start: Start<R>,
) {
    let k = a.ncols();
    for ((i, j), c) in c.indexed_iter_mut() {
        let start = match start {
            Start::Nothing => None,
            // SAFETY: the caller's promise.
            Start::Held => Some(unsafe { c.assume_init_read() }),
            Start::Row(row) => Some(row[j]),
        };
        let sum = blocks::<R>(k).fold(start, |sum, block| {
            let mut part = R::of(0.0);
            if R::REVERSED {
                block.rev().for_each(|k| part = a[(i, k)].operand().mul_add(b[(k, j)].operand(), part));
            } else {
                block.for_each(|k| part = a[(i, k)].operand().mul_add(b[(k, j)].operand(), part));
            }
            Some(sum.map_or(part, |sum| sum + part))
        });
        c.write(sum.unwrap_or(R::of(0.0)));
    }
}

/// The blocks of `0..k`, backwards for a reversed type.
fn blocks<R: Real>(k: usize) -> impl Iterator<Item = Range<usize>> {
    let count = k.div_ceil(BLOCK);
    (0..count).map(move |b| {
        let b = if R::REVERSED { count - 1 - b } else { b };
        b * BLOCK..((b + 1) * BLOCK).min(k)
    })
}

/// Writes the start into `c`; the factor of what `c` holds that matrixmultiply is given: one, or zero if that is nothing.
fn settled<R: Real>(c: &mut ArrayViewMut2<MaybeUninit<R>>, start: Start<R>) -> R {
    match start {
        Start::Nothing => return R::of(0.0),
        Start::Held => (),
        Start::Row(row) => c.indexed_iter_mut().for_each(|((_, j), c)| *c = MaybeUninit::new(row[j])),
    }
    R::of(1.0)
}

macro_rules! kernel {
    ($name:ident, $t:ty, $gemm:path, $narrow:ident, $wide:ident) => {
        /// The kernels of [`packed`] where the processor has them and the result has rows or columns without gaps,
        /// otherwise matrixmultiply with `alpha = 1`: other factors change the bits.
        ///
        /// # Safety
        /// As [`Compute`].
        #[allow(unsafe_code)]
        unsafe fn $name(
            a: ArrayView2<$t>,
            b: ArrayView2<$t>,
            mut c: ArrayViewMut2<MaybeUninit<$t>>,
            start: Start<$t>,
        ) {
            if !simd::fused() || a.ncols() == 0 {
                // SAFETY: the caller's promise.
                return unsafe { plain(a, b, c, start) };
            }
            #[cfg(target_arch = "x86_64")]
            {
                let product = match simd::level() {
                    simd::Level::Avx512 => packed::product::<std::arch::x86_64::$wide>,
                    _ => packed::product::<std::arch::x86_64::$narrow>,
                };
                // SAFETY: the caller's promise, and the registers are there.
                if unsafe { product(a, b, c.view_mut(), start) } {
                    return;
                }
            }
            let beta = settled(&mut c, start);
            let ((n, k), m) = (a.dim(), b.ncols());
            let (sa, sb, sc) = (a.strides(), b.strides(), [c.strides()[0], c.strides()[1]]);
            // SAFETY: sizes and strides are those of the three views, which are valid, and `c` is borrowed mutably,
            // so it overlaps neither `a` nor `b`; with a factor of zero it is not read.
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
                    c.as_mut_ptr().cast(),
                    sc[0],
                    sc[1],
                );
            }
        }
    };
}

kernel!(single, f32, matrixmultiply::sgemm, __m256, __m512);
kernel!(double, f64, matrixmultiply::dgemm, __m256d, __m512d);
