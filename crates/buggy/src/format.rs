//! Numbers of few bits.

/// How many bits a number keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 53 bits.
    F64,
    /// 24 bits.
    F32,
    /// 8 bits, the range of `f32`.
    Bf16,
    /// 11 bits, up to 65504.
    F16,
    /// So many bits, any range: tf32 has 11.
    Bits(u32),
    /// 8 bits, the rest cut off.
    Bf16Cut,
}

impl Format {
    /// The nearest number of this format; ties go to the even one.
    #[inline]
    pub fn round(self, x: f64) -> f64 {
        match self {
            Format::F64 => x,
            Format::F32 => f64::from(x as f32),
            Format::Bf16 => grid(significant(x, 8), 2.0_f64.powi(-133)),
            Format::F16 => half(x),
            Format::Bits(bits) => significant(x, bits),
            Format::Bf16Cut => f64::from(f32::from_bits((x as f32).to_bits() & 0xffff_0000)),
        }
    }
}

/// So many significant bits, to nearest, ties to even.
fn significant(x: f64, bits: u32) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let (word, cut) = (x.to_bits(), 53 - bits);
    let half = (1_u64 << (cut - 1)) - 1 + ((word >> cut) & 1);
    f64::from_bits((word + half) & !((1_u64 << cut) - 1))
}

/// Multiples of `unit`, for numbers below the normal ones.
fn grid(x: f64, unit: f64) -> f64 {
    if x.abs() < unit * 256.0 { (x / unit).round_ties_even() * unit } else { x }
}

fn half(x: f64) -> f64 {
    let unit = 2.0_f64.powi(-24);
    let x =
        if x.abs() < 2.0_f64.powi(-14) { (x / unit).round_ties_even() * unit } else { significant(x, 11) };
    if x.abs() > 65504.0 { x.signum() * f64::INFINITY } else { x }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_to_the_nearest_and_to_even() {
        assert_eq!(Format::Bf16.round(1.0 + 1.0 / 256.0), 1.0);
        assert_eq!(Format::Bf16.round(1.0 + 3.0 / 256.0), 1.0 + 4.0 / 256.0);
        assert_eq!(Format::Bf16.round(-1.0 - 1.01 / 256.0), -1.0 - 2.0 / 256.0);
        assert_eq!(Format::Bf16Cut.round(1.0 + 1.99 / 128.0), 1.0 + 1.0 / 128.0);
        assert_eq!(Format::F16.round(65519.0), 65504.0);
        assert_eq!(Format::F16.round(-65520.0), f64::NEG_INFINITY);
        assert_eq!(Format::F16.round(2.0_f64.powi(-25) * 1.01), 2.0_f64.powi(-24));
        assert_eq!(Format::F16.round(2.0_f64.powi(-25)), 0.0);
        assert_eq!(Format::F32.round(1.0 + 2.0_f64.powi(-24)), 1.0);
        assert_eq!(Format::Bits(11).round(1.0 + 2.0_f64.powi(-10)), 1.0 + 2.0_f64.powi(-10));
        assert!(Format::Bf16.round(f64::NAN).is_nan() && Format::F16.round(f64::NAN).is_nan());
    }
}
