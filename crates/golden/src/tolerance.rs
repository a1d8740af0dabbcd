//! How far a correct program may be off, and whether a true value is known to its last bit.

use mmt_tensor::{Dd, Profile};

use crate::half::{bf16_at_least, of_bf16};

/// `κ` of a profile: the one constant that is chosen.
pub fn kappa(profile: Profile) -> f64 {
    match profile {
        Profile::F64 | Profile::F32 | Profile::Tf32 => 16.0,
        Profile::Bf16 | Profile::F16 => 8.0,
    }
}

/// `κ` of the mean over an array.
pub const KAPPA_RMS: f64 = 4.0;

/// Elements from which on the mean is judged as well.
pub const MANY: usize = 64;

/// `2^k`, also below the smallest normal number.
pub fn power(k: i32) -> f64 {
    if k < -1022 { f64::from_bits(1 << (k + 1074).max(0)) } else { f64::from_bits(((1023 + k) as u64) << 52) }
}

/// `u` of a number in memory.
pub fn u_store(profile: Profile) -> f64 {
    power(-profile.store_bits())
}

/// The smallest normal number in memory.
pub fn tiny(profile: Profile) -> f64 {
    power(profile.smallest_exponent())
}

/// What is stored about an array for one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerance {
    /// Of every element, as bf16.
    pub bits: Vec<u16>,
    /// The largest.
    pub max: f64,
    /// The root of the mean square of `σ`.
    pub rms_sigma: f64,
    /// The size of the array in units of its tolerance.
    pub snr: f64,
    /// Whether the tolerance says little: a program without this array would hardly be noticed.
    pub weak: bool,
}

/// The root of the mean square.
pub fn rms(x: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = x.fold((0.0, 0usize), |(sum, n), x| (sum + x * x, n + 1));
    if count == 0 { 0.0 } else { (sum / count as f64).sqrt() }
}

/// The tolerance of every element of an array.
///
/// ```math
/// \mathrm{tol}_i = u |y_i| + \kappa (\sigma_i + \tfrac1{10} \sigma_T) + \mathrm{tiny}
/// ```
///
/// `σ_i` is the spread of the samples around the truth, `σ_T` its root mean square over the array. An element that is zero in
/// truth and in all samples must be zero: nothing but `tiny` is allowed. With `row`, the largest tolerance of every `row` elements
/// stands for all of them.
pub fn tolerance(profile: Profile, truth: &[f64], sigma: &[f64], row: Option<usize>) -> Tolerance {
    let rms_sigma = rms(sigma.iter().copied());
    let (u, kappa, tiny) = (u_store(profile), kappa(profile), tiny(profile));
    let of = |(&y, &sigma): (&f64, &f64)| match (y, sigma) {
        (0.0, 0.0) => tiny,
        _ => u * y.abs() + kappa * (sigma + 0.1 * rms_sigma) + tiny,
    };
    let exact: Vec<f64> = truth.iter().zip(sigma).map(of).collect();
    let bits: Vec<u16> = match row {
        None => exact.iter().map(|&x| bf16_at_least(x)).collect(),
        Some(row) => {
            let rows = exact.chunks(row.max(1));
            rows.map(|row| bf16_at_least(row.iter().fold(0.0, |m: f64, &x| m.max(x)))).collect()
        }
    };
    let max = bits.iter().map(|&b| of_bf16(b)).fold(0.0, f64::max);
    let snr = rms(truth.iter().copied()) / rms(exact.iter().copied()).max(f64::MIN_POSITIVE);
    let enough = if profile <= Profile::F32 { 100.0 } else { 4.0 };
    Tolerance { bits, max, rms_sigma, snr, weak: snr < enough }
}

/// The true value to its last bit, or `None` if its rounding is not certain. `sigma` is the spread in single precision.
///
/// An error of `2^-70 σ` contains what double-double numbers may be off, sixteen times over. A value that is smaller than
/// that is zero: quantities that cancel in mathematics would leave dust that depends on the order of addition.
pub fn certain(y: Dd, sigma: f64) -> Option<f64> {
    if y.hi.is_nan() {
        return Some(f64::from_bits(0x7ff8_0000_0000_0000));
    }
    let e = sigma * power(-70);
    if y.hi.abs() <= e {
        return Some(0.0);
    }
    let (low, high) = ((y - Dd { hi: e, lo: 0.0 }).hi, (y + Dd { hi: e, lo: 0.0 }).hi);
    // Positive zero only.
    (low == high).then_some(low + 0.0)
}

/// One pattern of bits for zero, and one for what is no number.
pub fn one_pattern(x: f64) -> f64 {
    if x.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { x + 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_are_those_of_the_formula() {
        let t = tolerance(Profile::F32, &[2.0, 0.0, 0.0], &[3e-7, 4e-7, 0.0], None);
        let spread = ((9e-14 + 16e-14) / 3.0f64).sqrt();
        let want =
            [2.0 * power(-24) + 16.0 * (3e-7 + 0.1 * spread), 16.0 * (4e-7 + 0.1 * spread), power(-126)];
        for (&bits, want) in t.bits.iter().zip(want) {
            let got = of_bf16(bits);
            assert!(got >= want && got < 1.008 * want, "{got} {want}");
        }
        assert!((t.rms_sigma - spread).abs() < 1e-20);
        assert!(!t.weak);
        let rows = tolerance(Profile::F32, &[2.0, 0.0, 0.0, 0.0], &[3e-7, 4e-7, 0.0, 0.0], Some(2));
        assert_eq!(rows.bits.len(), 2);
        // The larger of the two stands for both.
        let each = tolerance(Profile::F32, &[2.0, 0.0, 0.0, 0.0], &[3e-7, 4e-7, 0.0, 0.0], None);
        assert_ne!(each.bits[0], each.bits[1]);
        assert_eq!(rows.bits[0], each.bits[0].max(each.bits[1]));
        assert_eq!(of_bf16(rows.bits[1]), power(-126));
    }

    #[test]
    fn a_tolerance_that_says_little_is_weak() {
        let weak = |profile, sigma| tolerance(profile, &[1.0], &[sigma], None).weak;
        // 57 and 114 tolerances of 16 * 1.1 sigma; 100 are asked for, 4 where numbers are short.
        assert_eq!([1e-3, 5e-4].map(|sigma| weak(Profile::F32, sigma)), [true, false]);
        assert_eq!([1e-1, 1e-3].map(|sigma| weak(Profile::Bf16, sigma)), [true, false]);
    }

    #[test]
    fn a_value_on_the_border_of_two_numbers_is_not_certain() {
        let half = Dd { hi: 1.0, lo: power(-53) };
        assert_eq!(certain(half, power(-24)), None);
        assert_eq!(certain(Dd { hi: 1.0, lo: power(-60) }, power(-24)), Some(1.0));
        assert_eq!(certain(Dd { hi: -1.0, lo: 0.0 }, 0.0), Some(-1.0));
    }

    #[test]
    fn what_cancels_is_zero_and_zero_is_positive() {
        assert_eq!(certain(Dd { hi: 1e-32, lo: 0.0 }, 1e-7), Some(0.0));
        assert_eq!(certain(Dd { hi: -0.0, lo: 0.0 }, 0.0).unwrap().to_bits(), 0);
        assert_eq!(certain(Dd { hi: f64::NAN, lo: 0.0 }, 0.0).unwrap().to_bits(), 0x7ff8_0000_0000_0000);
    }
}
