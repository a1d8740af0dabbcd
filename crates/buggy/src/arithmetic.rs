//! Arithmetic chosen at run time: every number is an `f64` that is rounded to fewer bits after each operation.
//!
//! Sums, products, quotients and square roots of `f32` computed in `f64` and rounded once are those of `f32`: 53 bits
//! are more than twice 24 and two.

use crate::{Format, elementary};

/// In which order numbers are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First to last.
    Forward,
    /// Last to first.
    Reverse,
    /// Halves of halves.
    Pairwise,
    /// Eight running sums.
    EightWays,
}

/// One arithmetic: what is rounded, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arithmetic {
    /// Every operation.
    pub compute: Format,
    /// Factors of matrix products.
    pub operand: Format,
    /// Named tensors.
    pub store: Format,
    /// Running sums of matrix products, and after how many terms they are rounded.
    pub accumulator: (Format, usize),
    /// The order of sums.
    pub order: Order,
    /// Bits of exponentials, hyperbolic tangents and error functions.
    pub functions: Option<u32>,
    /// Saved means and inverse deviations of layer normalization.
    pub statistics: Format,
    /// Losses and their log-probabilities.
    pub losses: Format,
}

impl Arithmetic {
    /// The arithmetic that a profile speaks of: `f64`, `f32`, `tf32`, `bf16` or `f16`.
    ///
    /// # Errors
    /// One line for another name.
    pub fn of_profile(name: &str) -> Result<Self, String> {
        let plain = |f| Self::with(f, f, f);
        match name {
            "f64" => Ok(plain(Format::F64)),
            "f32" => Ok(plain(Format::F32)),
            "tf32" => Ok(Self::with(Format::F32, Format::Bits(11), Format::F32)),
            "bf16" => Ok(Self::with(Format::F32, Format::Bf16, Format::Bf16)),
            "f16" => Ok(Self::with(Format::F32, Format::F16, Format::F16)),
            _ => Err(format!("no arithmetic `{name}`; known are f64, f32, tf32, bf16 and f16")),
        }
    }

    fn with(compute: Format, operand: Format, store: Format) -> Self {
        Arithmetic {
            compute,
            operand,
            store,
            accumulator: (compute, 1),
            order: Order::Forward,
            functions: None,
            statistics: compute,
            losses: compute,
        }
    }

    /// The result of one operation.
    #[inline]
    pub fn r(&self, x: f64) -> f64 {
        self.compute.round(x)
    }

    /// The exponential.
    pub fn exp(&self, x: f64) -> f64 {
        self.function(elementary::exp(x))
    }

    /// The natural logarithm.
    pub fn ln(&self, x: f64) -> f64 {
        self.r(elementary::ln(x))
    }

    /// The hyperbolic tangent.
    pub fn tanh(&self, x: f64) -> f64 {
        self.function(elementary::tanh(x))
    }

    /// The error function.
    pub fn erf(&self, x: f64) -> f64 {
        self.function(elementary::erf(x))
    }

    /// The square root.
    pub fn sqrt(&self, x: f64) -> f64 {
        self.r(x.sqrt())
    }

    /// The logistic function.
    pub fn sigmoid(&self, x: f64) -> f64 {
        let e = self.exp(-x.abs());
        let small = self.r(e / self.r(1.0 + e));
        if x < 0.0 { small } else { self.r(1.0 / self.r(1.0 + e)) }
    }

    fn function(&self, x: f64) -> f64 {
        let x = self.r(x);
        self.functions.map_or(x, |bits| Format::Bits(bits).round(x))
    }

    /// The sum of numbers.
    pub fn sum(&self, terms: &[f64]) -> f64 {
        match self.order {
            Order::Forward => terms.iter().fold(0.0, |s, &x| self.r(s + x)),
            Order::Reverse => terms.iter().rev().fold(0.0, |s, &x| self.r(s + x)),
            Order::Pairwise if terms.len() > 2 => {
                let (a, b) = terms.split_at(terms.len() / 2);
                self.r(self.sum(a) + self.sum(b))
            }
            Order::Pairwise => terms.iter().fold(0.0, |s, &x| self.r(s + x)),
            Order::EightWays => {
                let mut lanes = [0.0; 8];
                for (i, &x) in terms.iter().enumerate() {
                    lanes[i % 8] = self.r(lanes[i % 8] + x);
                }
                lanes.iter().fold(0.0, |s, &x| self.r(s + x))
            }
        }
    }

    /// The sum of products of a matrix product: factors rounded as operands, the running sum as an accumulator.
    pub fn dot(&self, length: usize, pair: impl Fn(usize) -> (f64, f64)) -> f64 {
        let product = |i| {
            let (a, b) = pair(i);
            self.r(self.operand.round(a) * self.operand.round(b))
        };
        let (format, chunk) = self.accumulator;
        if format != self.compute {
            return self.chunked(length, format, chunk, product);
        }
        if self.order == Order::Forward {
            return (0..length).fold(0.0, |s, i| self.r(s + product(i)));
        }
        self.sum(&(0..length).map(product).collect::<Vec<_>>())
    }

    fn chunked(&self, length: usize, format: Format, chunk: usize, product: impl Fn(usize) -> f64) -> f64 {
        let mut total = 0.0;
        for from in (0..length).step_by(chunk) {
            let part = (from..length.min(from + chunk)).fold(0.0, |s, i| self.r(s + product(i)));
            total = format.round(self.r(total + part));
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_f32_are_those_of_f32() {
        let terms: Vec<f32> = (1..200).map(|i| 1.0 / i as f32).collect();
        let wide: Vec<f64> = terms.iter().map(|&x| f64::from(x)).collect();
        let arithmetic = Arithmetic::of_profile("f32").unwrap();
        assert_eq!(arithmetic.sum(&wide), f64::from(terms.iter().fold(0.0_f32, |s, x| s + x)));
        for order in [Order::Reverse, Order::Pairwise, Order::EightWays] {
            let sum = Arithmetic { order, ..arithmetic }.sum(&wide);
            assert!((sum - arithmetic.sum(&wide)).abs() < 1e-5);
        }
        assert!(Arithmetic::of_profile("f8").is_err());
    }

    #[test]
    fn an_accumulator_of_few_bits_stagnates() {
        let mut arithmetic = Arithmetic::of_profile("bf16").unwrap();
        arithmetic.accumulator = (Format::Bf16, 1);
        assert_eq!(arithmetic.dot(1000, |_| (1.0, 1.0)), 256.0);
        arithmetic.accumulator = (Format::Bf16, 16);
        assert_eq!(arithmetic.dot(1024, |_| (1.0, 1.0)), 1024.0);
    }
}
