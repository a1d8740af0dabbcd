//! A number whose type is chosen when the program runs.

use ndarray::{Array2, ArrayView2, ScalarOperand};

use super::{Emu, Mca, One, Zero};
use crate::ops::kernel::Kernel;
use crate::ops::matmul;
use crate::{Dd, DdReversed, Real};

/// One of the number types of the golden cases: code that is compiled for this type alone runs in all of them.
///
/// What an operation makes has the type of its operands; a constant takes that of what it meets, and is a double-double number
/// until then. The bits are those of the type itself.
#[derive(Clone, Copy, Debug)]
pub enum AnyReal {
    /// Not an input and nothing that was made from one.
    Constant(Dd),
    /// The true value.
    True(Dd),
    /// The same, added up from the last term to the first.
    Reversed(DdReversed),
    /// A sample.
    Sampled(Mca),
    /// Emulated low precision.
    Emulated(Emu),
    /// Single precision itself.
    Single(f32),
}

use AnyReal::{Constant, Emulated, Reversed, Sampled, Single, True};

impl AnyReal {
    /// The value as a double-double number.
    pub fn dd(self) -> Dd {
        match self {
            Constant(x) | True(x) => x,
            Reversed(x) => x.0,
            other => Dd::of(other.to_f64()),
        }
    }

    fn mca(self) -> Mca {
        if let Sampled(x) = self { x } else { Mca::of(self.dd().hi) }
    }

    fn emu(self) -> Emu {
        if let Emulated(x) = self { x } else { Emu::of(self.dd().hi) }
    }

    fn f32(self) -> f32 {
        if let Single(x) = self { x } else { self.dd().hi as f32 }
    }

    /// Which type two numbers meet in.
    fn kind(self) -> u8 {
        match self {
            Constant(_) => 0,
            True(_) => 1,
            Reversed(_) => 2,
            Sampled(_) => 3,
            Emulated(_) => 4,
            Single(_) => 5,
        }
    }
}

macro_rules! operators {
    ($($Trait:ident $function:ident $Assign:ident $assign:ident;)*) => {$(
        impl std::ops::$Trait for AnyReal {
            type Output = Self;
            // Never inlined: compiled here, once, and called from everything that is compiled for this type.
            #[inline(never)]
            fn $function(self, o: Self) -> Self {
                match self.kind().max(o.kind()) {
                    0 => Constant(self.dd().$function(o.dd())),
                    1 => True(self.dd().$function(o.dd())),
                    2 => Reversed(DdReversed(self.dd().$function(o.dd()))),
                    3 => Sampled(self.mca().$function(o.mca())),
                    4 => Emulated(self.emu().$function(o.emu())),
                    _ => Single(self.f32().$function(o.f32())),
                }
            }
        }
        impl std::ops::$Assign for AnyReal {
            fn $assign(&mut self, o: Self) {
                *self = std::ops::$Trait::$function(*self, o);
            }
        }
    )*};
}
use std::ops::{Add, Neg};
operators! {
    Add add AddAssign add_assign;
    Sub sub SubAssign sub_assign;
    Mul mul MulAssign mul_assign;
    Div div DivAssign div_assign;
}

/// The same function of the number inside.
macro_rules! inside {
    ($self:ident, $x:ident => $f:expr) => {
        match $self {
            Constant($x) => Constant($f),
            True($x) => True($f),
            Reversed($x) => Reversed($f),
            Sampled($x) => Sampled($f),
            Emulated($x) => Emulated($f),
            Single($x) => Single($f),
        }
    };
}

macro_rules! functions {
    ($($function:ident)*) => {$(
        #[inline(never)]
        fn $function(self) -> Self {
            inside!(self, x => Real::$function(x))
        }
    )*};
}

impl Neg for AnyReal {
    type Output = Self;
    #[inline(never)]
    fn neg(self) -> Self {
        inside!(self, x => -x)
    }
}

impl PartialEq for AnyReal {
    fn eq(&self, o: &Self) -> bool {
        self.partial_cmp(o) == Some(std::cmp::Ordering::Equal)
    }
}

impl PartialOrd for AnyReal {
    #[inline(never)]
    fn partial_cmp(&self, o: &Self) -> Option<std::cmp::Ordering> {
        match self.kind().max(o.kind()) {
            3 => self.mca().partial_cmp(&o.mca()),
            4 => self.emu().partial_cmp(&o.emu()),
            5 => self.f32().partial_cmp(&o.f32()),
            _ => self.dd().partial_cmp(&o.dd()),
        }
    }
}

impl std::iter::Sum for AnyReal {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(AnyReal::zero(), Add::add)
    }
}

impl Zero for AnyReal {
    fn zero() -> Self {
        AnyReal::of(0.0)
    }
    fn is_zero(&self) -> bool {
        self.to_f64() == 0.0
    }
}

impl One for AnyReal {
    fn one() -> Self {
        AnyReal::of(1.0)
    }
}

impl ScalarOperand for AnyReal {}

impl Real for AnyReal {
    const STORES: bool = true;

    fn of(x: f64) -> Self {
        Constant(Dd::of(x))
    }
    fn pi() -> Self {
        Constant(Dd::pi())
    }
    #[inline(never)]
    fn to_f64(self) -> f64 {
        match self {
            Constant(x) | True(x) => x.to_f64(),
            Reversed(x) => x.to_f64(),
            Sampled(x) => x.to_f64(),
            Emulated(x) => x.to_f64(),
            Single(x) => f64::from(x),
        }
    }
    #[inline(never)]
    fn is_finite(self) -> bool {
        match self {
            Sampled(x) => x.is_finite(),
            other => other.to_f64().is_finite(),
        }
    }
    functions!(abs exp expm1 ln ln_1p sqrt tanh erf erfc sin cos operand store);

    fn reversed(self) -> bool {
        match self {
            Reversed(_) => true,
            Sampled(x) => x.reversed(),
            _ => false,
        }
    }

    fn kernel() -> Kernel<Self> {
        Kernel::CHOSEN
    }
}

/// `a b`, added to `start`, in the type of what is multiplied and added.
pub(crate) fn product(
    a: ArrayView2<AnyReal>,
    b: ArrayView2<AnyReal>,
    start: Option<Array2<AnyReal>>,
) -> Array2<AnyReal> {
    let kind = a.iter().chain(&b).chain(start.iter().flatten()).map(|x| x.kind()).max();
    match kind.unwrap_or(0) {
        0 => multiply(a, b, start, AnyReal::dd, Constant),
        1 => multiply(a, b, start, AnyReal::dd, True),
        2 => multiply(a, b, start, |x| DdReversed(x.dd()), Reversed),
        3 => multiply(a, b, start, AnyReal::mca, Sampled),
        4 => multiply(a, b, start, AnyReal::emu, Emulated),
        _ => multiply(a, b, start, AnyReal::f32, Single),
    }
}

/// Takes the numbers out, multiplies, and puts them back.
fn multiply<R: Real>(
    a: ArrayView2<AnyReal>,
    b: ArrayView2<AnyReal>,
    start: Option<Array2<AnyReal>>,
    inner: fn(AnyReal) -> R,
    outer: fn(R) -> AnyReal,
) -> Array2<AnyReal> {
    let (a, b): (Array2<R>, Array2<R>) = (a.mapv(inner), b.mapv(inner));
    let product = match start {
        None => matmul::matmul(&a, &b),
        Some(start) => {
            let mut sum = start.mapv(inner);
            matmul::add_matmul(&mut sum, &a, &b);
            sum
        }
    };
    product.mapv(outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;
    use crate::ops::{layer_norm, matmul, softmax};
    use crate::testing::ramp;
    use ndarray::Array1;

    /// Something of everything.
    fn compute<R: Real>(make: impl Fn(f64, u64) -> R) -> Vec<f64> {
        let x: Array2<f64> = ramp(1, (5, 70));
        let of = x.iter().enumerate().map(|(i, &x)| make(x, i as u64)).collect();
        let x = Array2::from_shape_vec((5, 70), of).unwrap();
        let ones = Array1::from_elem(70, R::of(1.0));
        let (y, _) = layer_norm(&x, &ones, &ones, 1e-5).unwrap();
        let p = softmax(&matmul(&y, &x.t())).unwrap();
        p.iter().map(|p| (p.erf() + R::pi()).to_f64()).collect()
    }

    #[test]
    fn the_bits_are_those_of_the_type_inside() {
        let profile = Profile::Bf16;
        assert_eq!(compute(|x, _| True(Dd::of(x))), compute(|x, _| Dd::of(x)));
        assert_eq!(compute(|x, _| Reversed(DdReversed::of(x))), compute(|x, _| DdReversed::of(x)));
        // Constants are exact here and hashed there: another sample of the same spread.
        let (any, own) =
            (compute(|x, i| Sampled(Mca::input(x, profile, i))), compute(|x, i| Mca::input(x, profile, i)));
        assert!(any.iter().zip(&own).all(|(a, b)| (a - b).abs() < 1e-5), "{any:?} {own:?}");
        assert_eq!(compute(|x, _| Emulated(Emu::input(x, profile))), compute(|x, _| Emu::input(x, profile)));
    }

    #[test]
    fn a_constant_takes_the_type_of_what_it_meets() {
        let third = AnyReal::of(1.0) / AnyReal::of(3.0);
        assert_eq!((third * AnyReal::of(3.0)).to_f64(), 1.0);
        assert_eq!((third * Single(1.0)).to_f64(), f64::from(1.0f32 / 3.0));
        assert!(third < Single(0.34) && third > Single(0.33));
        assert!((Single(2.0) - third).reversed() != (Reversed(DdReversed::of(2.0)) - third).reversed());
    }
}
