//! Double-double numbers: about 106 bits, for true values.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ndarray::ScalarOperand;
use num_traits::{One, Zero};

use crate::Real;

/// `hi + lo`, an unevaluated sum with `|lo| ≤ ulp(hi)/2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Dd {
    /// The value rounded to `f64`.
    pub hi: f64,
    /// The rest.
    pub lo: f64,
}

fn two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    let c = hi - a;
    Dd { hi, lo: (a - (hi - c)) + (b - c) }
}

fn quick_two_sum(a: f64, b: f64) -> Dd {
    let hi = a + b;
    Dd { hi, lo: b - (hi - a) }
}

fn split(a: f64) -> (f64, f64) {
    let t = 134217729.0 * a;
    let hi = t - (t - a);
    (hi, a - hi)
}

fn two_product(a: f64, b: f64) -> Dd {
    let hi = a * b;
    let ((a1, a0), (b1, b0)) = (split(a), split(b));
    Dd { hi, lo: ((a1 * b1 - hi) + a1 * b0 + a0 * b1) + a0 * b0 }
}

impl Add for Dd {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        let (s, t) = (two_sum(self.hi, o.hi), two_sum(self.lo, o.lo));
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
impl Mul for Dd {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        let p = two_product(self.hi, o.hi);
        quick_two_sum(p.hi, p.lo + (self.hi * o.lo + self.lo * o.hi))
    }
}
impl Div for Dd {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let q1 = self.hi / o.hi;
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
        Dd { hi: std::f64::consts::PI, lo: 1.2246467991473532e-16 }
    }
    fn to_f64(self) -> f64 {
        self.hi
    }
    fn is_finite(self) -> bool {
        self.hi.is_finite()
    }
    fn abs(self) -> Self {
        if self.hi < 0.0 { -self } else { self }
    }
    fn exp(self) -> Self {
        Dd::of(self.hi.exp())
    }
    fn expm1(self) -> Self {
        Dd::of(self.hi.exp_m1())
    }
    fn ln(self) -> Self {
        Dd::of(self.hi.ln())
    }
    fn ln_1p(self) -> Self {
        Dd::of(self.hi.ln_1p())
    }
    fn sqrt(self) -> Self {
        Dd::of(self.hi.sqrt())
    }
    fn tanh(self) -> Self {
        Dd::of(self.hi.tanh())
    }
    fn erf(self) -> Self {
        Dd::of(Real::erf(self.hi))
    }
    fn erfc(self) -> Self {
        Dd::of(Real::erfc(self.hi))
    }
    fn sin(self) -> Self {
        Dd::of(self.hi.sin())
    }
    fn cos(self) -> Self {
        Dd::of(self.hi.cos())
    }
}
