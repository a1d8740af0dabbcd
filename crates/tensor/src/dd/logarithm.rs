//! Logarithms of double-double numbers.

use super::tables::{INVERSE_ODD, LN_2};
use super::{Dd, TINY, scale};
use crate::Real;

/// `log x`
///
/// `x = 2^k (1 + f)` with `√½ ≤ 1 + f ≤ √2`.
pub(super) fn ln(x: Dd) -> Dd {
    if x.hi == 0.0 {
        return Dd::of(f64::NEG_INFINITY);
    }
    if x.hi < 0.0 {
        return Dd::of(f64::NAN);
    }
    if !x.hi.is_finite() {
        return x;
    }
    if x.hi < TINY {
        return ln(scale(x, 200)) - LN_2 * Dd::of(200.0);
    }
    let k = exponent(x.hi * std::f64::consts::FRAC_1_SQRT_2) + 1;
    near_one(scale(x, -k) - Dd::of(1.0)) + LN_2 * Dd::of(f64::from(k))
}

/// `log(1 + x)`
pub(super) fn ln_1p(x: Dd) -> Dd {
    if x.hi.abs() < TINY {
        return x;
    }
    if x.hi.abs() < 0.29 { near_one(x) } else { ln(x + Dd::of(1.0)) }
}

/// The whole part of the binary logarithm of a normal number.
fn exponent(x: f64) -> i32 {
    (x.to_bits() >> 52) as i32 - 1023
}

/// `log(1 + f) = 2 (s + s³/3 + s⁵/5 + ..)` with `s = f / (2 + f)`, for `|s| ≤ 0.1716`.
fn near_one(f: Dd) -> Dd {
    let s = f / (f + Dd::of(2.0));
    let z = s * s;
    let series = INVERSE_ODD.iter().rev().fold(Dd::of(0.0), |sum, &c| sum * z + c);
    scale(s + s * z * series, 1)
}
