//! Loops compiled once for each instruction set, chosen when the program runs.
//!
//! The source of a loop fixes its bits: Rust never contracts `a * b + c` and never reorders a sum of floats, so
//! wider registers change the time and nothing else.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::Real;

/// An instruction set for which loops are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What the target of the build guarantees.
    Baseline = 1,
    /// AVX2 with fused multiply-add, 256 bits.
    Avx2 = 2,
    /// AVX-512, 512 bits.
    Avx512 = 3,
}

/// The level in use; 0 before the machine was asked.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The highest level of this machine.
pub fn detected() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let fused = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        if fused && wide {
            return Level::Avx512;
        }
        if fused {
            return Level::Avx2;
        }
    }
    Level::Baseline
}

/// The level in use: the highest of this machine, unless [`restrict`] lowered it.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        0 => {
            let level = detected();
            LEVEL.store(level as u8, Ordering::Relaxed);
            level
        }
        1 => Level::Baseline,
        2 => Level::Avx2,
        _ => Level::Avx512,
    }
}

/// Uses at most `level` from now on, in the whole process. Results do not change; a test says so with this.
pub fn restrict(level: Level) {
    LEVEL.store(level.min(detected()) as u8, Ordering::Relaxed);
}

/// Whether `mul_add` is one instruction on this machine.
pub fn fused() -> bool {
    cfg!(target_arch = "aarch64") || level() >= Level::Avx2
}

/// Runs `f`, compiled for the instruction set in use. Mark the closure `#[inline(always)]`: what is not inlined
/// keeps the baseline.
#[inline(always)]
pub fn vectorize<R: Real, T>(f: impl FnOnce() -> T) -> T {
    if !R::VECTOR {
        return f();
    }
    dispatch(f)
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn dispatch<T>(f: impl FnOnce() -> T) -> T {
    #[target_feature(enable = "avx2,fma")]
    fn avx2<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
    fn avx512<T>(f: impl FnOnce() -> T) -> T {
        f()
    }
    match level() {
        // SAFETY: `level` returns Avx512 only after the processor reported every feature named above.
        #[allow(unsafe_code)]
        Level::Avx512 => unsafe { avx512(f) },
        // SAFETY: as above, for AVX2 and FMA.
        #[allow(unsafe_code)]
        Level::Avx2 => unsafe { avx2(f) },
        Level::Baseline => f(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn dispatch<T>(f: impl FnOnce() -> T) -> T {
    f()
}

/// Numbers of a block of [`map_row`].
const BLOCK: usize = 16;

/// `f(x)` in place of every `x` of a row, in blocks. What is left at the end is computed as a block as well: number by number
/// it would take longer than the rest of a short row. Call it inside [`vectorize`].
#[inline(always)]
pub fn map_row<R: Real>(row: &mut [R], f: impl Fn(R) -> R) {
    if !R::VECTOR {
        return row.iter_mut().for_each(|x| *x = f(*x));
    }
    let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
    for block in blocks {
        for x in block {
            *x = f(*x);
        }
    }
    if let Some(&first) = rest.first() {
        let mut block = [first; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        for x in &mut block {
            *x = f(*x);
        }
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_any_length_is_computed_number_by_number() {
        for length in 0..3 * BLOCK {
            let row: Vec<f64> = (0..length).map(|i| i as f64).collect();
            let mut got = row.clone();
            map_row(&mut got, |x| x * x + 1.0);
            assert_eq!(got, row.iter().map(|x| x * x + 1.0).collect::<Vec<_>>(), "{length} numbers");
        }
    }
}
