//! Vector registers of 256 bits (AVX2 with fused multiply-add) and of 512 bits (AVX-512), as a product needs them.

use std::arch::x86_64::{
    __m256, __m256d, __m512, __m512d, _mm256_add_pd, _mm256_add_ps, _mm256_cmpgt_epi32, _mm256_cmpgt_epi64,
    _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_maskload_pd,
    _mm256_maskload_ps, _mm256_maskstore_pd, _mm256_maskstore_ps, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_set1_pd, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setr_epi64x, _mm256_storeu_pd,
    _mm256_storeu_ps, _mm512_add_pd, _mm512_add_ps, _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_mask_storeu_pd,
    _mm512_mask_storeu_ps, _mm512_maskz_loadu_pd, _mm512_maskz_loadu_ps, _mm512_set1_pd, _mm512_set1_ps,
};

use super::panel::Matrix;
use super::tile::tile;

/// A vector register, and the largest tile of a product that the registers of its kind hold.
///
/// # Safety
/// Every function needs the instruction set of the register; memory has to be valid for `count` numbers.
#[allow(unsafe_code)]
pub(crate) trait Register: Copy {
    type Number: Copy + Default;
    /// Numbers in a register.
    const LANES: usize;
    /// Rows of a tile.
    const ROWS: usize;
    /// Runs `f`, compiled for the instruction set.
    unsafe fn enable(f: impl FnOnce());
    /// The code for a tile of `rows` rows and one or two registers of columns.
    fn tile(rows: usize, two: bool) -> Tile<Self::Number>;
    unsafe fn set(x: Self::Number) -> Self;
    unsafe fn fused(self, a: Self, b: Self) -> Self;
    unsafe fn plus(self, other: Self) -> Self;
    unsafe fn load(from: *const Self::Number, count: usize) -> Self;
    unsafe fn store(self, to: *mut Self::Number, count: usize);
}

/// Inner size, `a`, the panel of `b`, where in `c`, distance between rows of `c` and columns to store, and what the sums
/// are added to.
#[allow(unsafe_code)]
pub(crate) type Tile<T> =
    unsafe fn(usize, Matrix<*const T>, *const T, *mut T, (isize, usize), Option<Matrix<*const T>>);

macro_rules! register {
    (
        $register:ty, $number:ty, $lanes:literal lanes, $most:literal rows $($rows:literal)*, $features:literal,
        $set:ident $fused:ident $plus:ident, load($from:ident, $count:ident) $load:expr,
        store($to:ident, $n:ident, $this:ident) $store:expr
    ) => {
        #[allow(unsafe_code)]
        // SAFETY: the intrinsics ask for what the trait asks for, and a mask keeps them to `count` numbers.
        impl Register for $register {
            type Number = $number;
            const LANES: usize = $lanes;
            const ROWS: usize = $most;
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn enable(f: impl FnOnce()) {
                f();
            }
            #[inline]
            fn tile(rows: usize, two: bool) -> Tile<$number> {
                #[target_feature(enable = $features)]
                unsafe fn code<const M: usize, const W: usize>(
                    depth: usize,
                    a: Matrix<*const $number>,
                    b: *const $number,
                    c: *mut $number,
                    shape: (isize, usize),
                    held: Option<Matrix<*const $number>>,
                ) {
                    // SAFETY: the caller's promise, handed on.
                    unsafe { tile::<$register, M, W>(depth, a, b, c, shape, held) }
                }
                match (rows, two) {
                    $(($rows, true) => code::<$rows, 2>, ($rows, false) => code::<$rows, 1>,)*
                    _ => unreachable!("a tile has at least one row and at most `ROWS`"),
                }
            }
            #[inline(always)]
            unsafe fn set(x: $number) -> Self {
                unsafe { $set(x) }
            }
            #[inline(always)]
            unsafe fn fused(self, a: Self, b: Self) -> Self {
                unsafe { $fused(self, a, b) }
            }
            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                unsafe { $plus(self, other) }
            }
            #[inline(always)]
            unsafe fn load($from: *const $number, $count: usize) -> Self {
                unsafe { $load }
            }
            #[inline(always)]
            unsafe fn store(self, $to: *mut $number, $n: usize) {
                let $this = self;
                unsafe { $store }
            }
        }
    };
}

// The mask of the first `count` lanes, made by comparing `count` with the number of each lane.
macro_rules! first {
    (8, $count:ident) => {
        _mm256_cmpgt_epi32(_mm256_set1_epi32($count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    };
    (4, $count:ident) => {
        _mm256_cmpgt_epi64(_mm256_set1_epi64x($count as i64), _mm256_setr_epi64x(0, 1, 2, 3))
    };
}

register!(
    __m256, f32, 8 lanes, 6 rows 1 2 3 4 5 6, "avx2,fma", _mm256_set1_ps _mm256_fmadd_ps _mm256_add_ps,
    load(from, count) if count == 8 { _mm256_loadu_ps(from) } else { _mm256_maskload_ps(from, first!(8, count)) },
    store(to, count, x) if count == 8 { _mm256_storeu_ps(to, x) } else { _mm256_maskstore_ps(to, first!(8, count), x) }
);
register!(
    __m256d, f64, 4 lanes, 6 rows 1 2 3 4 5 6, "avx2,fma", _mm256_set1_pd _mm256_fmadd_pd _mm256_add_pd,
    load(from, count) if count == 4 { _mm256_loadu_pd(from) } else { _mm256_maskload_pd(from, first!(4, count)) },
    store(to, count, x) if count == 4 { _mm256_storeu_pd(to, x) } else { _mm256_maskstore_pd(to, first!(4, count), x) }
);
register!(
    __m512, f32, 16 lanes, 12 rows 1 2 3 4 5 6 7 8 9 10 11 12, "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq",
    _mm512_set1_ps _mm512_fmadd_ps _mm512_add_ps,
    load(from, count) _mm512_maskz_loadu_ps(((1u32 << count) - 1) as u16, from),
    store(to, count, x) _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as u16, x)
);
register!(
    __m512d, f64, 8 lanes, 12 rows 1 2 3 4 5 6 7 8 9 10 11 12, "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq",
    _mm512_set1_pd _mm512_fmadd_pd _mm512_add_pd,
    load(from, count) _mm512_maskz_loadu_pd(((1u32 << count) - 1) as u8, from),
    store(to, count, x) _mm512_mask_storeu_pd(to, ((1u32 << count) - 1) as u8, x)
);
