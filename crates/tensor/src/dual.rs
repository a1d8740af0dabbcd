//! Dual numbers: exact directional derivatives out of the same generic code.
//!
//! ```math
//! (a + b\,\varepsilon), \qquad \varepsilon^2 = 0, \qquad f(a + b\,\varepsilon) = f(a) + f'(a)\, b\,\varepsilon
//! ```
//!
//! Running a forward function on dual numbers yields `f(x)` and the directional derivative `J v`
//! together, without a step size and without truncation error.
//!
//! Where a function has a kink, a dual number follows the branch the values take: `|x|` at zero has slope 1, and of two
//! equal numbers [`max`](Real::max) and [`min`](Real::min) keep the left one with its derivative.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ndarray::ScalarOperand;
use num_traits::{One, Zero};

use crate::real::Real;

/// `a + b·ε`: a value and its derivative along one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// `a`
    pub value: f64,
    /// `b`
    pub tangent: f64,
}

impl Dual {
    fn chain(self, f: f64, df: f64) -> Self {
        Dual { value: f, tangent: along(df, self.tangent) }
    }
}

/// `slope · tangent`; nothing along a direction in which nothing moves, also where the slope is infinite: a mask of
/// `-∞` is a constant.
fn along(slope: f64, tangent: f64) -> f64 {
    if tangent == 0.0 { 0.0 } else { slope * tangent }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Dual { value: self.value + o.value, tangent: self.tangent + o.tangent }
    }
}
impl Sub for Dual {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Dual { value: self.value - o.value, tangent: self.tangent - o.tangent }
    }
}
impl Mul for Dual {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Dual {
            value: self.value * o.value,
            tangent: along(o.value, self.tangent) + along(self.value, o.tangent),
        }
    }
}
impl Div for Dual {
    type Output = Self;
    fn div(self, o: Self) -> Self {
        let value = self.value / o.value;
        let change = self.tangent - along(value, o.tangent);
        Dual { value, tangent: if change == 0.0 { 0.0 } else { change / o.value } }
    }
}
impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        Dual { value: -self.value, tangent: -self.tangent }
    }
}
impl AddAssign for Dual {
    fn add_assign(&mut self, o: Self) {
        *self = *self + o;
    }
}
impl SubAssign for Dual {
    fn sub_assign(&mut self, o: Self) {
        *self = *self - o;
    }
}
impl MulAssign for Dual {
    fn mul_assign(&mut self, o: Self) {
        *self = *self * o;
    }
}
impl DivAssign for Dual {
    fn div_assign(&mut self, o: Self) {
        *self = *self / o;
    }
}
impl Sum for Dual {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Dual::zero(), Add::add)
    }
}
/// Order is by value: the branch a function takes does not depend on the direction.
impl PartialOrd for Dual {
    fn partial_cmp(&self, o: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&o.value)
    }
}
impl Zero for Dual {
    fn zero() -> Self {
        Dual::of(0.0)
    }
    fn is_zero(&self) -> bool {
        self.value == 0.0 && self.tangent == 0.0
    }
}
impl One for Dual {
    fn one() -> Self {
        Dual::of(1.0)
    }
}
impl ScalarOperand for Dual {}

impl Real for Dual {
    fn of(x: f64) -> Self {
        Dual { value: x, tangent: 0.0 }
    }
    fn pi() -> Self {
        Dual::of(std::f64::consts::PI)
    }
    fn to_f64(self) -> f64 {
        self.value
    }
    fn is_finite(self) -> bool {
        self.value.is_finite() && self.tangent.is_finite()
    }
    fn abs(self) -> Self {
        if self.value < 0.0 { -self } else { self }
    }
    fn exp(self) -> Self {
        let e = Real::exp(self.value);
        self.chain(e, e)
    }
    fn expm1(self) -> Self {
        self.chain(Real::expm1(self.value), Real::exp(self.value))
    }
    fn ln(self) -> Self {
        self.chain(Real::ln(self.value), self.value.recip())
    }
    fn ln_1p(self) -> Self {
        self.chain(Real::ln_1p(self.value), (1.0 + self.value).recip())
    }
    fn sqrt(self) -> Self {
        self.chain(self.value.sqrt(), 0.5 / self.value.sqrt())
    }
    fn tanh(self) -> Self {
        let t = Real::tanh(self.value);
        self.chain(t, 1.0 - t * t)
    }
    fn erf(self) -> Self {
        let slope = 2.0 / std::f64::consts::PI.sqrt() * Real::exp(-self.value * self.value);
        self.chain(Real::erf(self.value), slope)
    }
    fn erfc(self) -> Self {
        let slope = -2.0 / std::f64::consts::PI.sqrt() * Real::exp(-self.value * self.value);
        self.chain(Real::erfc(self.value), slope)
    }
    fn sin(self) -> Self {
        self.chain(Real::sin(self.value), Real::cos(self.value))
    }
    fn cos(self) -> Self {
        self.chain(Real::cos(self.value), -Real::sin(self.value))
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::ops::{log_softmax, softmax};

    const FUNCTIONS: [(&str, fn(Dual) -> Dual); 19] = [
        ("exp", |x| x.exp()),
        ("ln", |x| x.abs().ln()),
        ("sqrt", |x| x.abs().sqrt()),
        ("tanh", |x| x.tanh()),
        ("erf", |x| x.erf()),
        ("expm1", |x| x.expm1()),
        ("ln_1p", |x| x.abs().ln_1p()),
        ("ln_1p below zero", |x| (-x.abs() * Dual::of(0.3)).ln_1p()),
        ("erfc", |x| x.erfc()),
        ("sin", |x| x.sin()),
        ("cos", |x| x.cos()),
        ("abs", |x| x.abs()),
        ("sigmoid", |x| x.sigmoid()),
        ("mul_add", |x| x.mul_add(x * x, x)),
        ("max", |x| x.max(Dual::of(0.5)) + Dual::of(0.4).max(x)),
        ("min", |x| x.min(Dual::of(0.5)) + Dual::of(0.4).min(x)),
        ("product", |x| x * x * x),
        ("quotient", |x| (x + Dual::of(2.0)) / (x * x + Dual::of(1.0))),
        ("difference", |x| -x - x * Dual::of(3.0)),
    ];

    /// The only finite differences of the project: they check the numbers that check everything else.
    #[test]
    fn derivatives_agree_with_finite_differences() {
        for (name, f) in FUNCTIONS {
            for x in [-2.7, -1.1, -0.3, 0.3, 1.0, 2.7] {
                let h = 1e-5;
                let expected = (f(Dual::of(x + h)).value - f(Dual::of(x - h)).value) / (2.0 * h);
                let got = f(Dual { value: x, tangent: 2.0 }).tangent / 2.0;
                assert!(
                    (got - expected).abs() < 1e-8 * (1.0 + expected.abs()),
                    "{name} at {x}: {got} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_constant_has_no_derivative_also_where_the_slope_is_infinite() {
        let (zero, inf) = (Dual::of(0.0), Dual::of(f64::INFINITY));
        let mask = Dual::of(f64::NEG_INFINITY);
        let all = [
            mask.exp(),
            zero.sqrt(),
            zero.ln(),
            mask * Dual::of(0.5),
            Dual::of(1.0) / zero,
            inf / Dual::of(2.0),
        ];
        assert!(all.iter().all(|x| x.tangent == 0.0), "{all:?}");
        let x = Dual { value: 3.0, tangent: 1.0 };
        assert_eq!([(x + mask).exp().tangent, (x / inf).tangent], [0.0, 0.0]);
        // What does move along an infinite slope is not hidden.
        assert!(!Dual { value: 0.0, tangent: 1.0 }.sqrt().is_finite());
    }

    #[test]
    fn a_masked_entry_leaves_the_derivative_of_a_softmax_finite() {
        let seen = |value, tangent| Dual { value, tangent };
        let x: Array2<Dual> = array![[seen(0.5, 1.0), Dual::of(f64::NEG_INFINITY), seen(-0.25, 2.0)]];
        let p = softmax(&x).unwrap();
        let along = p[(0, 0)].value * p[(0, 2)].value;
        assert!(p.iter().all(|p| p.is_finite()));
        assert_eq!(p[(0, 1)], Dual::of(0.0));
        assert_abs_diff_eq!(p[(0, 0)].tangent, -along, epsilon = 1e-15);
        assert_abs_diff_eq!(p[(0, 2)].tangent, along, epsilon = 1e-15);
        assert!(log_softmax(&x).unwrap()[(0, 0)].is_finite());
    }

    #[test]
    fn a_kink_takes_the_branch_of_the_values() {
        let (a, b) = (Dual { value: 1.0, tangent: 2.0 }, Dual { value: 1.0, tangent: 3.0 });
        assert_eq!([a.max(b), b.max(a), a.min(b)], [a, b, a]);
        assert_eq!(Dual { value: 0.0, tangent: 2.0 }.abs().tangent, 2.0);
        assert_eq!(a.partial_cmp(&b), Some(std::cmp::Ordering::Equal));
        // Both branches of the logistic function meet with the same slope.
        assert_eq!(Dual { value: 0.0, tangent: 2.0 }.sigmoid().tangent, 0.5);
    }
}
