//! Double-double numbers: about 106 bits, for true values.
//!
//! Every function of [`Real`] has a relative error below 2^-98 for arguments and results between 1e-280 and 1e280; a
//! test holds each against stored values. Only additions, multiplications, divisions and roots of `f64` are used, so
//! the bits are the same on every machine. Infinities and NaN behave as those of `f64`.

mod angle;
mod error_function;
mod exponential;
mod logarithm;
mod reversed;
mod tables;
#[cfg(test)]
mod tests;

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ndarray::ScalarOperand;
use num_traits::{One, Zero};

use crate::Real;

pub use reversed::DdReversed;

/// Below this the low parts of products are lost.
const TINY: f64 = f64::from_bits((1023 - 900) << 52);

/// `hi + lo`, an unevaluated sum with `|lo| ≤ ulp(hi)/2`. Order and equality are those of the pair, first `hi`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Dd {
    /// The value rounded to `f64`.
    pub hi: f64,
    /// The rest.
    pub lo: f64,
}

impl Dd {
    /// The number in another type: both parts are rounded, and their sum. A constant such as `1 - β` keeps its digits in
    /// single precision.
    #[inline]
    pub fn rounded<R: Real>(self) -> R {
        R::of(self.hi) + R::of(self.lo)
    }
}

/// `a + b` without an error.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    let c = hi - a;
    Dd { hi, lo: (a - (hi - c)) + (b - c) }
}

/// `a + b` without an error, for `|a| ≥ |b|`.
#[inline(always)]
fn quick_two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    Dd { hi, lo: b - (hi - a) }
}

/// `a` as a sum of two numbers of 26 bits.
#[inline(always)]
fn split(a: f64) -> (f64, f64) {
    let t = 134217729.0 * a;
    let hi = t - (t - a);
    (hi, a - hi)
}

/// `a · b` without an error (Dekker 1971): as fast as a fused multiply-add where that is a call, and faster than its
/// emulation. Only where the split overflows, above 2^996, the fused one is taken.
#[inline(always)]
fn two_product(a: f64, b: f64) -> Dd {
    let hi = a * b;
    let ((a1, a0), (b1, b0)) = (split(a), split(b));
    let lo = ((a1 * b1 - hi) + a1 * b0 + a0 * b1) + a0 * b0;
    if lo.is_finite() { Dd { hi, lo } } else { two_product_of_large(a, b) }
}

#[cold]
fn two_product_of_large(a: f64, b: f64) -> Dd {
    let hi = a * b;
    if hi.is_finite() { Dd { hi, lo: a.mul_add(b, -hi) } } else { Dd::of(hi) }
}

/// `x · 2^k`, in two steps because `2^k` itself may be out of range.
fn scale(x: Dd, k: i32) -> Dd {
    let power = |k: i32| f64::from_bits(((k + 1023) as u64) << 52);
    let (first, second) = (power(k / 2), power(k - k / 2));
    let hi = x.hi * first * second;
    if hi.is_finite() { Dd { hi, lo: x.lo * first * second } } else { Dd::of(hi) }
}

/// Relative error below 3 · 2^-106, also where the terms cancel. Infinities and NaN as in `f64`.
impl Add for Dd {
    type Output = Self;
    #[inline]
    fn add(self, o: Self) -> Self {
        let (s, t) = (two_sum(self.hi, o.hi), two_sum(self.lo, o.lo));
        if !s.hi.is_finite() {
            return Dd::of(s.hi);
        }
        let s = quick_two_sum(s.hi, s.lo + t.hi);
        quick_two_sum(s.hi, s.lo + t.lo)
    }
}
impl Sub for Dd {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        self + -o
    }
}
/// Relative error below 5 · 2^-106.
impl Mul for Dd {
    type Output = Self;
    #[inline]
    fn mul(self, o: Self) -> Self {
        let p = two_product(self.hi, o.hi);
        if !p.hi.is_finite() {
            return p;
        }
        quick_two_sum(p.hi, p.lo + (self.hi * o.lo + self.lo * o.hi))
    }
}
/// Three steps of long division: relative error below 10 · 2^-106.
impl Div for Dd {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let q1 = self.hi / o.hi;
        if !q1.is_finite() || !o.hi.is_finite() {
            return Dd::of(q1);
        }
        let r = self - o * Dd::of(q1);
        let q2 = r.hi / o.hi;
        let r = r - o * Dd::of(q2);
        quick_two_sum(q1, q2) + Dd::of(r.hi / o.hi)
    }
}
impl Neg for Dd {
    type Output = Self;
    fn neg(self) -> Self {
        Dd { hi: -self.hi, lo: -self.lo }
    }
}
impl AddAssign for Dd {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}
impl SubAssign for Dd {
    fn sub_assign(&mut self, o: Self) {
        *self = *self - o;
    }
}
impl MulAssign for Dd {
    fn mul_assign(&mut self, o: Self) {
        *self = *self * o;
    }
}
impl DivAssign for Dd {
    fn div_assign(&mut self, o: Self) {
        *self = *self / o;
    }
}
impl Sum for Dd {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Dd::zero(), Add::add)
    }
}
impl Zero for Dd {
    fn zero() -> Self {
        Dd::of(0.0)
    }
    fn is_zero(&self) -> bool {
        self.hi == 0.0
    }
}
impl One for Dd {
    fn one() -> Self {
        Dd::of(1.0)
    }
}
impl ScalarOperand for Dd {}

impl Real for Dd {
    fn of(x: f64) -> Self {
        Dd { hi: x, lo: 0.0 }
    }
    fn pi() -> Self {
        tables::PI
    }
    fn to_f64(self) -> f64 {
        self.hi + self.lo
    }
    fn is_finite(self) -> bool {
        self.hi.is_finite()
    }
    fn abs(self) -> Self {
        if self.hi.is_sign_negative() { -self } else { self }
    }
    fn exp(self) -> Self {
        exponential::exp(self)
    }
    fn expm1(self) -> Self {
        exponential::expm1(self)
    }
    fn ln(self) -> Self {
        logarithm::ln(self)
    }
    fn ln_1p(self) -> Self {
        logarithm::ln_1p(self)
    }
    /// One step of Newton from the root of `hi`.
    fn sqrt(self) -> Self {
        if self.hi <= 0.0 || !self.hi.is_finite() {
            return Dd::of(self.hi.sqrt());
        }
        if self.hi < TINY {
            return scale(scale(self, 200).sqrt(), -100);
        }
        let y = self.hi.sqrt();
        let r = self - two_product(y, y);
        quick_two_sum(y, 0.5 * r.hi / y)
    }
    /// `-q / (2 + q)` with `q = e^{-2|x|} - 1`.
    fn tanh(self) -> Self {
        if self.hi.abs() < TINY {
            return self;
        }
        let q = (self.abs() * Dd::of(-2.0)).expm1();
        let t = -q / (q + Dd::of(2.0));
        if self.hi.is_sign_negative() { -t } else { t }
    }
    fn erf(self) -> Self {
        error_function::erf(self)
    }
    fn erfc(self) -> Self {
        error_function::erfc(self)
    }
    fn sin(self) -> Self {
        angle::sin(self)
    }
    fn cos(self) -> Self {
        angle::cos(self)
    }
}
