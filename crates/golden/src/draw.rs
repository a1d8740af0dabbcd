//! Inputs that any language can draw again in ten lines.
//!
//! Element `i` of the array `t` of case `c` comes from SplitMix64 words whose key is the first 8 bytes, lowest first, of
//! `sha256("mmt-golden/1" + c + "/" + t)` and whose counter is `i`: no state, no order, no library of distributions.

use crate::digest::sha256;

/// The numbers that an input may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// 8 significant bits, zero below `2^-10`, at most 60000: exact in bf16, f16, f32 and f64, so that rounding an input is
    /// never taken for an error of the computation.
    G8,
    /// Single precision: only these show that factors of products are rounded.
    G24,
    /// Single precision around and below its smallest normal number: an eighth of it for a number of size one.
    Subnormal,
}

impl Grid {
    /// As the manifest says it.
    pub fn name(self) -> &'static str {
        match self {
            Grid::G8 => "g8",
            Grid::G24 => "g24",
            Grid::Subnormal => "gsub",
        }
    }

    /// The nearest number of the grid.
    pub fn round(self, x: f64) -> f64 {
        match self {
            Grid::G8 if x.abs() < 1.0 / 1024.0 => 0.0,
            Grid::G8 => significant(x, 8).clamp(-60000.0, 60000.0),
            Grid::G24 => f64::from(x as f32),
            Grid::Subnormal => f64::from((x * f64::from(f32::MIN_POSITIVE) / 8.0) as f32),
        }
    }
}

/// The nearest number of `bits` significant bits, the even one of two.
fn significant(x: f64, bits: u32) -> f64 {
    let drop = 53 - bits;
    let (word, half) = (x.to_bits(), 1u64 << (drop - 1));
    let odd = (word >> drop) & 1;
    f64::from_bits((word + (half - 1 + odd)) & !((1 << drop) - 1))
}

/// What an input is filled with.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// Nearly normal: the sum of twelve numbers of 16 bits, so it is exact.
    Normal {
        /// The mean.
        mean: f64,
        /// The standard deviation.
        std: f64,
    },
    /// As [`Normal`](Fill::Normal) without its sign, plus an eighth, times a scale: all terms of a sum are positive.
    Positive {
        /// The scale.
        std: f64,
    },
    /// Signs alternate along the array, and neighbors cancel to `2^-12` of themselves.
    Cancel {
        /// The size of the terms.
        size: f64,
    },
    /// Evenly from `low` to `high` in the order of the elements.
    Sweep {
        /// The first.
        low: f64,
        /// The last.
        high: f64,
    },
    /// A few different rows, again and again: maxima that tie.
    Ties {
        /// How many rows differ.
        rows: usize,
        /// The standard deviation.
        std: f64,
    },
    /// Rows that sum to one: powers of two, so that the sum is exact.
    Distribution,
    /// The same number everywhere.
    Constant(f64),
    /// These numbers.
    Fixed(Vec<f64>),
}

impl Fill {
    /// Mean zero.
    pub const fn normal(std: f64) -> Fill {
        Fill::Normal { mean: 0.0, std }
    }
}

/// Where the elements of one array come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    key: u64,
}

impl Source {
    /// The array `name` (`in/x`) of a case. A case whose numbers cannot be rounded with certainty is drawn again with
    /// another `bump`.
    pub fn new(case: &str, bump: u32, name: &str) -> Self {
        let bump = if bump == 0 { String::new() } else { format!("#{bump}") };
        let hash = sha256(format!("mmt-golden/1{case}{bump}/{name}").as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        Source { key: u64::from_le_bytes(first) }
    }

    /// SplitMix64 seeded with the key, word `i` of its stream.
    pub fn word(self, i: u64) -> u64 {
        let state = self.key.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(i.wrapping_add(1)));
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// `(Σ of twelve 16-bit fields - 12 · 32767.5) / 65536`: variance one, from words `3 i`, `3 i + 1`, `3 i + 2`.
    pub fn normal(self, i: u64) -> f64 {
        let fields = (0..12).map(|k| (self.word(3 * i + k / 4) >> (16 * (k % 4))) & 0xffff);
        let sum: u64 = fields.sum();
        (sum as f64 - 12.0 * 32767.5) / 65536.0
    }

    /// A whole number below `n`.
    pub fn below(self, i: u64, n: u64) -> u64 {
        ((u128::from(self.word(i)) * u128::from(n)) >> 64) as u64
    }

    /// True with probability `p`.
    pub fn chance(self, i: u64, p: f64) -> bool {
        ((self.word(i) >> 11) as f64) * f64::from_bits((1023 - 53) << 52) < p
    }

    /// `count` elements in rows of `width`, on the grid.
    pub fn fill(self, fill: &Fill, grid: Grid, count: usize, width: usize) -> Vec<f64> {
        if let Fill::Distribution = fill {
            return (0..count / width).flat_map(|row| self.distribution(row, width)).collect();
        }
        (0..count).map(|i| grid.round(self.element(fill, i, count, width))).collect()
    }

    fn element(self, fill: &Fill, i: usize, count: usize, width: usize) -> f64 {
        let normal = |i: usize| self.normal(i as u64);
        match fill {
            Fill::Normal { mean, std } => mean + std * normal(i),
            Fill::Positive { std } => std * (normal(i).abs() + 0.125),
            Fill::Cancel { size } => {
                let sign = if i.is_multiple_of(2) { 1.0 } else { -1.0 };
                sign * size + size * normal(i) / 4096.0
            }
            Fill::Sweep { low, high } => low + (high - low) * i as f64 / (count - 1).max(1) as f64,
            Fill::Ties { rows, std } => std * normal((i / width % rows) * width + i % width),
            Fill::Constant(x) => *x,
            Fill::Fixed(list) => list[i % list.len()],
            Fill::Distribution => unreachable!("drawn by rows"),
        }
    }

    /// A half, a quarter, ..., in an order of its own; the last two are equal.
    fn distribution(self, row: usize, width: usize) -> Vec<f64> {
        let order = self.permutation(width, (row * width) as u64);
        let part = |k: usize| {
            let k = k.min(12).min(width - 1);
            let last = k + 1 == width && width > 1;
            f64::from_bits((1023 - k as u64 - u64::from(!last)) << 52)
        };
        let mut list: Vec<f64> = order.into_iter().map(|k| if k > 12 { 0.0 } else { part(k) }).collect();
        // What is missing to one, where a row is longer than the list of powers.
        let missing = 1.0 - list.iter().fold(0.0, |a, b| a + b);
        if let Some(first) = list.iter_mut().find(|x| **x == 0.5 || width == 1) {
            *first += missing;
        }
        list
    }

    /// Fisher-Yates, from the last place to the first.
    pub fn permutation(self, n: usize, first: u64) -> Vec<usize> {
        let mut list: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.below(first + i as u64, i as u64 + 1) as usize;
            list.swap(i, j);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_grid_have_eight_bits() {
        for (x, y) in [(1.0, 1.0), (1.00390625, 1.0), (1.01171875, 1.015625), (0.0009, 0.0), (-1e9, -60000.0)]
        {
            assert_eq!(Grid::G8.round(x), y, "{x}");
        }
        assert_eq!(Grid::G24.round(0.1), f64::from(0.1f32));
    }

    #[test]
    fn a_source_is_a_key_and_a_counter() {
        let source = Source::new("linear.affine.normal", 0, "in/x");
        assert_eq!(source, Source::new("linear.affine.normal", 0, "in/x"));
        assert_ne!(source, Source::new("linear.affine.normal", 1, "in/x"));
        assert_ne!(source, Source::new("linear.affine.normal", 0, "in/y"));
        let numbers: Vec<f64> = (0..4000).map(|i| source.normal(i)).collect();
        let mean = numbers.iter().fold(0.0, |a, b| a + b) / 4000.0;
        let square = numbers.iter().fold(0.0, |a, b| a + b * b) / 4000.0;
        assert!(mean.abs() < 0.05 && (square - 1.0).abs() < 0.08, "{mean} {square}");
    }

    #[test]
    fn distributions_sum_to_one_exactly() {
        let source = Source::new("c", 0, "t");
        for width in [1, 2, 3, 5, 12, 13, 14, 40] {
            let list = source.fill(&Fill::Distribution, Grid::G8, 3 * width, width);
            for row in list.chunks(width) {
                assert_eq!(row.iter().fold(0.0, |a, b| a + b), 1.0, "{row:?}");
                assert!(row.iter().all(|x| (0.0..=1.0).contains(x)), "{row:?}");
            }
        }
    }

    #[test]
    fn a_permutation_has_every_number_once() {
        let mut list = Source::new("c", 0, "t").permutation(31, 0);
        assert_ne!(list, (0..31).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..31).collect::<Vec<_>>());
    }
}
