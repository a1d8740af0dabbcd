//! Numbers of two bytes.

/// The value of a bf16: the upper half of a number of single precision.
pub fn of_bf16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

/// The smallest bf16 that is at least `x`, which is not negative; infinity if there is none.
pub fn bf16_at_least(x: f64) -> u16 {
    let single = x as f32;
    let single = if f64::from(single) < x { single.next_up() } else { single };
    let bits = single.to_bits();
    ((bits >> 16) + u32::from(bits & 0xffff != 0)) as u16
}

/// The nearest bf16, the even one of two.
pub fn bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        return ((bits >> 16) | 0x40) as u16;
    }
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// The value of a half-precision number.
pub fn of_f16(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from((bits >> 10) & 31), f64::from(bits & 1023));
    let power = |k: i32| f64::from_bits(((1023 + k) as u64) << 52);
    sign * match exponent {
        0 => fraction * power(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * power(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_has_its_values() {
        for (bits, x) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103515625e-5),
            (1, 5.960464477539063e-8),
        ] {
            assert_eq!(of_f16(bits), x);
        }
        assert_eq!(of_f16(0xfc00), f64::NEG_INFINITY);
        assert!(of_f16(0x7e00).is_nan());
    }

    #[test]
    fn a_bound_is_rounded_up() {
        for x in [0.0, 1.0, 1.0 + 1e-12, 3.1e-6, 1e-300, 1e-40, 3e38, 0.1] {
            let bound = of_bf16(bf16_at_least(x));
            assert!(bound >= x && bound <= x * 1.0079 + 1e-38, "{x} {bound}");
        }
        assert_eq!(of_bf16(bf16_at_least(1e39)), f64::INFINITY);
        assert_eq!(bf16_at_least(1.5), 0x3fc0);
        assert_eq!((bf16(1.0 + 1.0 / 256.0), bf16(1.0 + 3.0 / 256.0)), (0x3f80, 0x3f82));
    }
}
