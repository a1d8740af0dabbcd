//! Double-double numbers that are added up from the last to the first.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ndarray::ScalarOperand;
use num_traits::{One, Zero};

use super::Dd;
use crate::Real;

/// [`Dd`] in all but the order of sums: a result that rounds to the same `f64` in both does not depend on the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct DdReversed(pub Dd);

macro_rules! operators {
    ($($Trait:ident $function:ident, $Assign:ident $assign:ident;)*) => {$(
        impl $Trait for DdReversed {
            type Output = Self;
            #[inline]
            fn $function(self, o: Self) -> Self {
                DdReversed(self.0.$function(o.0))
            }
        }
        impl $Assign for DdReversed {
            #[inline]
            fn $assign(&mut self, o: Self) {
                self.0.$assign(o.0);
            }
        }
    )*};
}
operators! {
    Add add, AddAssign add_assign;
    Sub sub, SubAssign sub_assign;
    Mul mul, MulAssign mul_assign;
    Div div, DivAssign div_assign;
}

impl Neg for DdReversed {
    type Output = Self;
    fn neg(self) -> Self {
        DdReversed(-self.0)
    }
}
impl Sum for DdReversed {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        let terms: Vec<Self> = iter.collect();
        terms.into_iter().rev().fold(DdReversed::zero(), Add::add)
    }
}
impl Zero for DdReversed {
    fn zero() -> Self {
        DdReversed(Dd::zero())
    }
    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}
impl One for DdReversed {
    fn one() -> Self {
        DdReversed(Dd::one())
    }
}
impl ScalarOperand for DdReversed {}

macro_rules! functions {
    ($($function:ident)*) => {$(
        fn $function(self) -> Self {
            DdReversed(self.0.$function())
        }
    )*};
}

impl Real for DdReversed {
    const REVERSED: bool = true;

    fn of(x: f64) -> Self {
        DdReversed(Dd::of(x))
    }
    fn pi() -> Self {
        DdReversed(Dd::pi())
    }
    fn to_f64(self) -> f64 {
        self.0.to_f64()
    }
    fn is_finite(self) -> bool {
        self.0.is_finite()
    }
    functions!(abs exp expm1 ln ln_1p sqrt tanh erf erfc sin cos);
}
