//! Numbers that round like hardware: [`Mca`] at random, to see how far a correct program may be off, [`Emu`] as the
//! hardware does, to see whether a wrong one is noticed.
//!
//! Both carry the [`Profile`] they round by, so they are ordinary numbers: no global state, and the same result on any
//! number of threads. What an operation makes has the profile of its operands; constants have none.

mod any;
mod emu;
mod mca;
mod profile;

use num_traits::{One, Zero};

pub use any::AnyReal;
pub(crate) use any::product;
pub use emu::Emu;
pub use mca::Mca;
pub use profile::Profile;

/// The traits of arithmetic for a type with `binary(tag, a, b, f)`, where `f` computes in the type it is made of.
macro_rules! arithmetic {
    ($t:ident, $($Trait:ident $function:ident $Assign:ident $assign:ident $tag:literal;)*) => {
        $(
            impl std::ops::$Trait for $t {
                type Output = Self;
                #[inline]
                fn $function(self, o: Self) -> Self {
                    $t::binary($tag, self, o, |a, b| std::ops::$Trait::$function(a, b))
                }
            }
            impl std::ops::$Assign for $t {
                #[inline]
                fn $assign(&mut self, o: Self) {
                    *self = std::ops::$Trait::$function(*self, o);
                }
            }
        )*
        impl std::iter::Sum for $t {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold($t::zero(), std::ops::Add::add)
            }
        }
        impl PartialEq for $t {
            fn eq(&self, o: &Self) -> bool {
                self.value == o.value
            }
        }
        impl PartialOrd for $t {
            #[inline]
            fn partial_cmp(&self, o: &Self) -> Option<std::cmp::Ordering> {
                self.value.partial_cmp(&o.value)
            }
        }
        impl Zero for $t {
            fn zero() -> Self {
                Real::of(0.0)
            }
            fn is_zero(&self) -> bool {
                self.value == 0.0
            }
        }
        impl One for $t {
            fn one() -> Self {
                Real::of(1.0)
            }
        }
        impl ScalarOperand for $t {}
    };
}
use arithmetic;

/// The functions of [`Real`](crate::Real) that compute a number, for a type with `unary(tag, f)`.
macro_rules! functions {
    ($inner:ty, $($function:ident $tag:literal)*) => {
        $(
            #[inline]
            fn $function(self) -> Self {
                self.unary($tag, <$inner as Real>::$function)
            }
        )*
    };
}
use functions;
