//! The only place where random numbers are drawn.

use ndarray::{Array, ShapeBuilder};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::RngCore;
use ndarray_rand::rand_distr::Uniform;

use crate::Real;

/// SplitMix64 (Steele, Lea & Flood 2014): ten lines in any language, the same numbers everywhere.
///
/// Passed as `&mut Random` to the functions that draw: constructors of modules and the samplers of
/// masks, permutations and negatives. Forward and backward functions never draw.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The stream of a seed.
    pub fn seed(seed: u64) -> Self {
        Random { state: seed }
    }

    /// Where the stream is: [`Random::seed`] of this number goes on from here.
    pub fn state(&self) -> u64 {
        self.state
    }

    /// Independent numbers from `[-bound, bound)`.
    pub fn uniform<R: Real, Sh: ShapeBuilder>(&mut self, shape: Sh, bound: f64) -> Array<R, Sh::Dim> {
        let distribution = Uniform::new(-bound, bound).expect("a positive, finite bound");
        Array::random_using(shape, distribution, self).mapv(R::of)
    }

    /// Independent normal numbers with mean 0 and standard deviation `std`, from integer sums.
    ///
    /// The sum of twelve 16-bit fields of three words, centered and divided by 65536, has variance 1 up to 1e-9
    /// and is the same in every language. It is bounded by 6.
    pub fn normal<R: Real, Sh: ShapeBuilder>(&mut self, shape: Sh, std: f64) -> Array<R, Sh::Dim> {
        Array::from_shape_simple_fn(shape, || R::of(self.normal_number() * std))
    }

    /// One standard normal number.
    pub fn normal_number(&mut self) -> f64 {
        let fields = |word: u64| (0..4).map(|i| (word >> (16 * i)) & 0xffff).sum::<u64>();
        let sum: u64 = (0..3).map(|_| fields(self.next_u64())).sum();
        (sum as f64 - 12.0 * 32767.5) / 65536.0
    }

    /// A number from `[0, 1)`, with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `n`, by multiply and shift.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a range with at least one number");
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// The numbers `0..n` in random order (Fisher and Yates).
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }

    /// A keep mask: each entry is `true` with probability `1 - drop`.
    pub fn keep<Sh: ShapeBuilder>(&mut self, shape: Sh, drop: f64) -> Array<bool, Sh::Dim> {
        Array::from_shape_simple_fn(shape, || self.unit() >= drop)
    }
}

impl RngCore for Random {
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_published_one() {
        let mut random = Random::seed(1234567);
        assert_eq!(random.next_u64(), 6457827717110365317);
        assert_eq!(random.next_u64(), 3203168211198807973);
    }

    #[test]
    fn a_stream_goes_on_from_its_state() {
        let mut random = Random::seed(3);
        random.next_u64();
        let mut later = Random::seed(random.state());
        assert_eq!(later.next_u64(), random.next_u64());
    }
}
