//! Emulated low precision.

use ndarray::ScalarOperand;

use super::{One, Profile, Zero, arithmetic, functions};
use crate::Real;

/// A number of single precision that is rounded to fewer bits where hardware does: as a factor of a matrix product, and
/// in memory. A correct program of a profile, bit for bit.
#[derive(Clone, Copy, Debug)]
pub struct Emu {
    value: f32,
    /// `None` for a constant.
    profile: Option<Profile>,
}

/// The nearest number of `bits` significant bits, the even one of two; infinity stays, and no number becomes NaN.
pub(crate) fn round_bits(x: f32, bits: i32) -> f32 {
    let drop = 24 - bits;
    if drop <= 0 || !x.is_finite() {
        return x;
    }
    let (word, half) = (x.to_bits(), 1u32 << (drop - 1));
    let odd = (word >> drop) & 1;
    f32::from_bits((word + (half - 1 + odd)) & !((1 << drop) - 1))
}

/// The nearest number of IEEE half precision: 11 bits, none smaller than `2^-24`, and infinity from 65520 on.
fn round_half(x: f32) -> f32 {
    let limit = f32::from_bits((127 - 14) << 23);
    if x.abs() < limit {
        // The unit of numbers below `2^-14` is `2^-24`: adding a number with that unit rounds to it.
        let shift = f32::from_bits((127 - 1) << 23);
        return ((x.abs() + shift) - shift).copysign(x);
    }
    let y = round_bits(x, 11);
    if y.abs() > 65504.0 { f32::INFINITY.copysign(x) } else { y }
}

impl Emu {
    /// An input.
    pub fn input(x: f64, profile: Profile) -> Self {
        Emu { value: x as f32, profile: Some(profile) }
    }

    #[inline]
    fn binary(_: u64, a: Self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Emu { value: f(a.value, b.value), profile: a.profile.max(b.profile) }
    }

    #[inline]
    fn unary(self, _: u64, f: impl Fn(f32) -> f32) -> Self {
        Emu { value: f(self.value), ..self }
    }
}

arithmetic! { Emu,
    Add add AddAssign add_assign 1;
    Sub sub SubAssign sub_assign 2;
    Mul mul MulAssign mul_assign 3;
    Div div DivAssign div_assign 4;
}

impl std::ops::Neg for Emu {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Emu { value: -self.value, ..self }
    }
}

impl Real for Emu {
    const STORES: bool = true;

    #[inline]
    fn of(x: f64) -> Self {
        Emu { value: x as f32, profile: None }
    }
    fn pi() -> Self {
        Emu::of(std::f64::consts::PI)
    }
    fn to_f64(self) -> f64 {
        f64::from(self.value)
    }
    fn is_finite(self) -> bool {
        self.value.is_finite()
    }
    #[inline]
    fn abs(self) -> Self {
        Emu { value: self.value.abs(), ..self }
    }
    functions!(f32, exp 1 expm1 2 ln 3 ln_1p 4 sqrt 5 tanh 6 erf 7 erfc 8 sin 9 cos 10);

    #[inline]
    fn operand(self) -> Self {
        match self.profile {
            Some(Profile::Tf32) => Emu { value: round_bits(self.value, 11), ..self },
            Some(Profile::Bf16 | Profile::F16) => self.store(),
            _ => self,
        }
    }

    #[inline]
    fn store(self) -> Self {
        match self.profile {
            Some(Profile::Bf16) => Emu { value: round_bits(self.value, 8), ..self },
            Some(Profile::F16) => Emu { value: round_half(self.value), ..self },
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(x: f64, profile: Profile) -> f64 {
        Emu::input(x, profile).store().to_f64()
    }

    #[test]
    fn memory_rounds_to_the_nearest_and_to_even() {
        assert_eq!(stored(1.0 + 1.0 / 256.0, Profile::Bf16), 1.0);
        assert_eq!(stored(1.0 + 3.0 / 256.0, Profile::Bf16), 1.0 + 4.0 / 256.0);
        assert_eq!(stored(-1.0 - 1.001 / 256.0, Profile::Bf16), -1.0 - 2.0 / 256.0);
        assert_eq!(stored(1.0 + 1.0 / 2048.0, Profile::F16), 1.0);
        assert_eq!(stored(1.0 + 3.0 / 2048.0, Profile::F16), 1.0 + 4.0 / 2048.0);
        assert_eq!(stored(3.0e38, Profile::Bf16), f64::from(f32::from_bits(0x7f62_0000)));
        assert_eq!(stored(1.0 / 3.0, Profile::F32), f64::from(1.0f32 / 3.0));
    }

    #[test]
    fn half_precision_has_its_ends() {
        assert_eq!(stored(65504.0, Profile::F16), 65504.0);
        assert_eq!(stored(65519.0, Profile::F16), 65504.0);
        assert_eq!(stored(65520.0, Profile::F16), f64::INFINITY);
        assert_eq!(stored(-1e6, Profile::F16), f64::NEG_INFINITY);
        let unit = f64::from_bits((1023 - 24) << 52);
        assert_eq!(stored(1.4 * unit, Profile::F16), unit);
        assert_eq!(stored(0.5 * unit, Profile::F16), 0.0);
        assert_eq!(stored(-1.5 * unit, Profile::F16), -2.0 * unit);
        assert!(stored(f64::NAN, Profile::F16).is_nan() && stored(f64::NAN, Profile::Bf16).is_nan());
    }

    #[test]
    fn tensor_cores_round_factors_and_not_memory() {
        let x = Emu::input(1.0 + 1.0 / 4096.0, Profile::Tf32);
        assert_eq!(x.store().to_f64(), 1.0 + 1.0 / 4096.0);
        assert_eq!(x.operand().to_f64(), 1.0);
        assert_eq!((x.operand() * Emu::of(3.0)).to_f64(), 3.0);
    }

    #[test]
    fn constants_take_the_profile_of_what_they_meet() {
        let third = Emu::of(1.0) / Emu::of(3.0);
        assert_eq!(third.store().to_f64(), f64::from(1.0f32 / 3.0));
        let x = third * Emu::input(1.0, Profile::Bf16);
        assert_eq!(x.store().to_f64(), f64::from(round_bits(1.0 / 3.0, 8)));
    }
}
