//! The one numeric bound of the project.

use std::fmt::Debug;
use std::ops::{AddAssign, DivAssign, MulAssign, Neg, SubAssign};

use ndarray::{LinalgScalar, ScalarOperand};

use crate::ops::kernel::Kernel;
use crate::{Dd, elementary};

/// The scalar type of every tensor: `f32`, `f64`, [`Dual`](crate::Dual) for exact derivatives, [`Dd`] for the
/// true value, [`Mca`](crate::Mca) and [`Emu`](crate::Emu) for what rounding does to it.
///
/// Every mathematical function the project uses on a single number is listed here, so this page is
/// the complete list of what a new scalar type has to provide.
pub trait Real:
    LinalgScalar
    + ScalarOperand
    + PartialOrd
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Debug
    + Send
    + Sync
    + 'static
{
    /// Whether loops over this type gain from being compiled for each instruction set.
    const VECTOR: bool = false;
    /// Whether sums run from the last term to the first: the experiment that shows that a result does not
    /// depend on the order of addition. Read in `ops/kernel.rs`, `ops/sum.rs`, `parallel/rows.rs` and `optim/update.rs` only.
    const REVERSED: bool = false;
    /// Whether [`store`](Real::store) does anything.
    const STORES: bool = false;

    /// The constant `x` in this type: `R::of(0.5)`.
    fn of(x: f64) -> Self;
    /// `π`
    fn pi() -> Self;
    /// The value as `f64`, for reports and comparisons only.
    fn to_f64(self) -> f64;
    /// Neither NaN nor infinite.
    fn is_finite(self) -> bool;
    /// `|x|`
    fn abs(self) -> Self;
    /// `e^x`
    fn exp(self) -> Self;
    /// `e^x - 1`, accurate near zero.
    fn expm1(self) -> Self;
    /// `log x`
    fn ln(self) -> Self;
    /// `log(1 + x)`, accurate near zero.
    fn ln_1p(self) -> Self;
    /// `√x`
    fn sqrt(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The error function, `2/√π · ∫₀ˣ exp(-t²) dt`.
    fn erf(self) -> Self;
    /// `1 - erf x`, accurate where `erf x` is close to one.
    fn erfc(self) -> Self;
    /// Sine. For tables: not vectorised.
    fn sin(self) -> Self;
    /// Cosine. For tables: not vectorised.
    fn cos(self) -> Self;

    /// `self · a + b`, rounded once by the types that can.
    #[inline(always)]
    fn mul_add(self, a: Self, b: Self) -> Self {
        self * a + b
    }

    /// The larger of the two; keeps `self` when they compare equal, and drops a NaN on the right.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The smaller of the two; keeps `self` when they compare equal, and drops a NaN on the right.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The logistic function `1 / (1 + e^{-x})`, without overflow on either side.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        let above = if self < Self::of(0.0) { e } else { Self::of(1.0) };
        above / (Self::of(1.0) + e)
    }

    /// [`REVERSED`](Real::REVERSED), for a type that is chosen when the program runs. Samples whose sums run so take other
    /// simple ways as well, where formulas have them.
    #[inline(always)]
    fn reversed(self) -> bool {
        Self::REVERSED
    }

    /// Rounding of a factor of a matrix product: nothing, except in types that model hardware. Called in
    /// `ops/kernel.rs` only.
    #[inline(always)]
    fn operand(self) -> Self {
        self
    }

    /// Rounding of a value that an operation hands on: nothing, except in types that model hardware. Called in
    /// [`stored`](crate::ops::stored) only.
    #[inline(always)]
    fn store(self) -> Self {
        self
    }

    /// What computes products; see [`matmul`](crate::ops::matmul()) for the order of addition.
    #[doc(hidden)]
    fn kernel() -> Kernel<Self> {
        Kernel::PLAIN
    }
}

macro_rules! impl_real {
    ($t:ident, $kernel:expr) => {
        impl Real for $t {
            const VECTOR: bool = true;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn pi() -> Self {
                std::f64::consts::PI as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                <$t>::is_finite(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                elementary::$t::exp(self)
            }
            #[inline(always)]
            fn expm1(self) -> Self {
                elementary::$t::expm1(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                elementary::$t::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                elementary::$t::ln_1p(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                elementary::$t::tanh(self)
            }
            #[inline(always)]
            fn erf(self) -> Self {
                elementary::$t::erf(self)
            }
            #[inline(always)]
            fn erfc(self) -> Self {
                elementary::$t::erfc(self)
            }
            fn sin(self) -> Self {
                Dd::of(f64::from(self)).sin().to_f64() as $t
            }
            fn cos(self) -> Self {
                Dd::of(f64::from(self)).cos().to_f64() as $t
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                <$t>::mul_add(self, a, b)
            }
            fn kernel() -> Kernel<Self> {
                $kernel
            }
        }
    };
}

impl_real!(f32, Kernel::SINGLE);
impl_real!(f64, Kernel::DOUBLE);
