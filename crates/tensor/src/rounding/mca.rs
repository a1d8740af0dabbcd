//! Monte Carlo arithmetic.

use ndarray::ScalarOperand;

use super::{One, Profile, Zero, arithmetic, functions};
use crate::Real;

/// A number that is off by a random relative error after every operation, as large as the rounding of its profile may be.
///
/// ```math
/// \operatorname{fl}(a \circ b) = (a \circ b)(1 + \xi u), \qquad \xi \text{ uniform in } [-1, 1]
/// ```
///
/// The spread of a result over many runs says how far a correct program may be off. `ξ` is a hash of where the operands came
/// from, which every number carries: the same computation on inputs with another key is another sample, and a sample does
/// not depend on the order in which independent results are computed. An operation on the same operands is off by the same error.
///
/// Exact operations are off as well: a program may do in another order what is exact in ours.
///
/// Source: Parker 1997, *Monte Carlo Arithmetic*, section 5; the carried keys are ours.
#[derive(Clone, Copy, Debug)]
pub struct Mca {
    /// What the next operation reads.
    value: f64,
    /// The same before it was stored.
    computed: f64,
    /// Where the number came from, and in the last bits the number of its profile, 0 for a constant.
    key: u64,
}

/// The bits of a key that hold the profile.
const PROFILE: u64 = 7;

/// The bit of a key that says that the program adds one by one, and computes `erfc` as `1 - erf` and `1 - β^t` from a
/// rounded power.
const IN_ORDER: u64 = 8;

/// The bits of a key that are no hash.
const FLAGS: u64 = PROFILE | IN_ORDER;

/// `1 + ξ 2^-bits`
#[inline]
fn error(key: u64, bits: i32) -> f64 {
    let unit = (key >> 11) as f64 * f64::from_bits((1023 - 52) << 52) - 1.0;
    1.0 + unit * f64::from_bits(((1023 - bits) as u64) << 52)
}

/// The finalizer of SplitMix64: every bit of the result depends on every bit of `z`.
#[inline]
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Mca {
    /// An input: `x`, off by one operation of the profile. Another `key` is another sample.
    pub fn input(x: f64, profile: Profile, key: u64) -> Self {
        let number = Profile::ALL.iter().position(|&p| p == profile).map_or(0, |i| i as u64 + 1);
        Mca::rounded(x, (mix(key) & !FLAGS) | number)
    }

    /// The same input of a program that takes simpler ways: sums one by one, where ours run in lanes, `1 - erf` where
    /// ours computes `erfc`, and `1 - β^t` from a rounded power, where ours is exact. All are correct, and less exact.
    pub fn in_order(self) -> Self {
        Mca { key: self.key | IN_ORDER, ..self }
    }

    fn profile(self) -> Option<Profile> {
        Profile::ALL.get(((self.key & PROFILE) as usize).wrapping_sub(1)).copied()
    }

    /// The result of an operation.
    #[inline]
    fn rounded(exact: f64, key: u64) -> Self {
        let bits = match key & PROFILE {
            0 => 60, // of constants alone
            1 => 53,
            _ => 24,
        };
        let value = exact * error(key, bits);
        Mca { value, computed: value, key }
    }

    #[inline]
    fn binary(tag: u64, a: Self, b: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let key = mix(a.key.wrapping_add(tag) ^ b.key.rotate_left(29));
        let flags = (a.key & PROFILE).max(b.key & PROFILE) | ((a.key | b.key) & IN_ORDER);
        Mca::rounded(f(a.value, b.value), (key & !FLAGS) | flags)
    }

    #[inline]
    fn unary(self, tag: u64, f: impl Fn(f64) -> f64) -> Self {
        let key = mix(self.key.wrapping_add(tag));
        Mca::rounded(f(self.value), (key & !FLAGS) | (self.key & FLAGS))
    }

    /// Off by `2^-bits` of itself, without an operation.
    fn off(self, tag: u64, bits: i32) -> Self {
        let key = (mix(self.key.wrapping_add(tag)) & !FLAGS) | (self.key & FLAGS);
        let value = self.value * error(key, bits);
        Mca { value, computed: self.computed, key }
    }
}

arithmetic! { Mca,
    Add add AddAssign add_assign 0x1_0000_0001;
    Sub sub SubAssign sub_assign 0x2_0000_0003;
    Mul mul MulAssign mul_assign 0x3_0000_0005;
    Div div DivAssign div_assign 0x4_0000_0007;
}

impl std::ops::Neg for Mca {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        Mca { value: -self.value, computed: -self.computed, key: self.key }
    }
}

impl Real for Mca {
    const STORES: bool = true;

    #[inline]
    fn of(x: f64) -> Self {
        Mca { value: x, computed: x, key: mix(x.to_bits()) & !FLAGS }
    }
    fn pi() -> Self {
        Mca::of(std::f64::consts::PI)
    }
    /// The number as it was computed, before it was stored: what its own storage adds is known without an experiment.
    fn to_f64(self) -> f64 {
        self.computed
    }
    fn is_finite(self) -> bool {
        self.value.is_finite()
    }
    #[inline]
    fn abs(self) -> Self {
        if self.value < 0.0 { -self } else { self }
    }
    functions!(f64, exp 11 expm1 13 ln 17 ln_1p 19 sqrt 23 tanh 29 erf 31 sin 41 cos 43);

    fn erfc(self) -> Self {
        if self.key & IN_ORDER == 0 { self.unary(37, Real::erfc) } else { Mca::of(1.0) - self.erf() }
    }

    fn reversed(self) -> bool {
        self.key & IN_ORDER != 0
    }

    #[inline]
    fn operand(self) -> Self {
        match self.profile().and_then(Profile::operand_bits) {
            Some(bits) => self.off(47, bits),
            None => self,
        }
    }

    #[inline]
    fn store(self) -> Self {
        match self.profile() {
            Some(profile) => self.off(53, profile.store_bits()),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::matmul;
    use crate::testing::ramp;
    use ndarray::Array2;

    fn draw(x: f64, profile: Profile, key: u64) -> Mca {
        Mca::input(x, profile, key)
    }

    /// The root of the mean square of the relative error of 2000 samples of `f`, in units of `2^-bits`.
    fn spread(profile: Profile, bits: i32, f: impl Fn(Mca, Mca) -> Mca) -> f64 {
        let exact = f(Mca::of(3.0), Mca::of(0.7)).to_f64();
        let squares = (0..2000).map(|i| {
            let e = f(draw(3.0, profile, 2 * i), draw(0.7, profile, 2 * i + 1)).to_f64() / exact - 1.0;
            let e = e * f64::from_bits(((1023 + bits) as u64) << 52);
            e * e
        });
        (squares.fold(0.0, |a, b| a + b) / 2000.0).sqrt()
    }

    #[test]
    fn an_operation_is_off_by_its_unit() {
        // A uniform number has a mean square of 1/3: two inputs and one operation make √(3/3).
        for (profile, bits) in [(Profile::F32, 24), (Profile::Bf16, 24)] {
            let product = spread(profile, bits, |a, b| a * b);
            assert!((0.95..1.05).contains(&product), "{profile:?} {product}");
        }
        let root = spread(Profile::F32, 24, |a, _| a.sqrt()); // half of the input, and one
        assert!((0.61..0.68).contains(&root), "{root}");
        let sum = spread(Profile::F32, 24, |a, b| a + b); // 3 and 0.7 of 3.7, and one
        assert!((0.72..0.81).contains(&sum), "{sum}");
    }

    #[test]
    fn storage_is_seen_by_what_reads_it_and_not_by_itself() {
        let stored = spread(Profile::Bf16, 8, |a, _| a.store());
        assert!(stored < 1e-4, "{stored}");
        let read = spread(Profile::Bf16, 8, |a, _| a.store() + Mca::of(0.0));
        assert!((0.54..0.62).contains(&read), "{read}");
        let factor = spread(Profile::Tf32, 11, |a, _| a.operand() + Mca::of(0.0));
        assert!((0.54..0.62).contains(&factor), "{factor}");
        let none = spread(Profile::F32, 24, |a, _| a.operand());
        assert!((0.54..0.62).contains(&none), "{none}");
    }

    #[test]
    fn constants_are_not_off_and_the_same_operation_is_off_by_the_same_error() {
        assert_eq!((Mca::of(3.0) * Mca::of(0.5)).to_f64(), 1.5);
        let (a, b) = (draw(3.0, Profile::F32, 1), draw(0.7, Profile::F32, 2));
        assert_eq!((a * b - a * b).to_f64(), 0.0);
        assert_ne!((a * b).to_f64(), (b * a).to_f64());
        assert_ne!((a * b).to_f64(), (draw(3.0, Profile::F32, 3) * b).to_f64());
    }

    #[test]
    fn simpler_ways_are_less_exact() {
        let tail = |a: Mca| (-a).erfc() / Mca::of(2.0);
        let plain = spread(Profile::F32, 24, |a, _| tail(-a));
        let simple = spread(Profile::F32, 24, |a, _| tail(-a.in_order()));
        assert!(simple > 100.0 * plain, "{simple} {plain}"); // 1 - erf(3) has lost 15 bits
        let sum = |x: Mca| crate::ops::sum::sum(&vec![x; 4096]);
        let lanes = spread(Profile::F32, 24, |a, _| sum(a));
        let one_by_one = spread(Profile::F32, 24, |a, _| sum(a.in_order()));
        assert!(one_by_one > 3.0 * lanes, "{one_by_one} {lanes}");
    }

    #[test]
    fn errors_have_no_mean() {
        let sum = (0..4000).fold(0.0, |sum, i| sum + (draw(1.0, Profile::F32, i).to_f64() - 1.0));
        assert!(sum.abs() / 4000.0 < 0.03 * f64::from_bits((1023 - 24) << 52), "{sum}");
    }

    #[test]
    fn factors_of_a_product_are_rounded_by_the_product() {
        let a: Array2<f64> = ramp(1, (3, 40));
        let of =
            |profile| a.indexed_iter().map(|((i, j), &x)| draw(x, profile, (40 * i + j) as u64)).collect();
        let exact = matmul(&a, &a.t());
        // The largest error of an entry, in units of the largest entry.
        let off = |profile| {
            let a = Array2::from_shape_vec((3, 40), of(profile)).unwrap();
            let errors = matmul(&a, &a.t())
                .iter()
                .zip(&exact)
                .map(|(p, x)| (p.to_f64() - x).abs())
                .fold(0.0, f64::max);
            errors / exact.iter().fold(0.0, |m, x| x.abs().max(m))
        };
        assert!((1e-9..1e-6).contains(&off(Profile::F32)), "{}", off(Profile::F32));
        assert!((1e-5..1e-3).contains(&off(Profile::Tf32)), "{}", off(Profile::Tf32));
        assert!((1e-4..1e-2).contains(&off(Profile::Bf16)), "{}", off(Profile::Bf16));
    }
}
