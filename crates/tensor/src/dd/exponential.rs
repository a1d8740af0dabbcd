//! Exponential functions of double-double numbers.

use super::tables::{INVERSE_FACTORIALS, LN_2_PARTS};
use super::{Dd, TINY, scale};
use crate::Real;

/// Terms of the series of `e^r - 1` for `|r| ≤ 0.022`: the next one is below 2^-113.
const TERMS: usize = 14;

/// Beyond this `e^x` is infinite, and on the other side zero.
const RANGE: f64 = 746.0;

/// `e^x`
pub(super) fn exp(x: Dd) -> Dd {
    exp_of_sum(x.hi, Dd::of(x.lo))
}

/// `e^{a + b}` for a small `b`: the sum may have more digits than a double-double number holds.
pub(super) fn exp_of_sum(a: f64, b: Dd) -> Dd {
    if a.is_nan() {
        return Dd::of(a);
    }
    if a > RANGE {
        return Dd::of(f64::INFINITY);
    }
    if a < -RANGE {
        return Dd::of(0.0);
    }
    let k = (a * std::f64::consts::LOG2_E).round();
    let r = LN_2_PARTS.iter().fold(Dd::of(a), |r, &part| r - Dd::of(k * part)) + b;
    scale(near_zero(r) + Dd::of(1.0), k as i32)
}

/// `e^x - 1`
pub(super) fn expm1(x: Dd) -> Dd {
    if x.hi.abs() < TINY {
        return x;
    }
    if x.hi.abs() < 0.35 { near_zero(x) } else { exp(x) - Dd::of(1.0) }
}

/// `e^r - 1` for `|r| ≤ 0.36`: the series at `r/16`, then four times `(1 + q)² - 1 = q (2 + q)`.
fn near_zero(r: Dd) -> Dd {
    let r = scale(r, -4);
    let series = INVERSE_FACTORIALS[2..=TERMS].iter().rev().fold(Dd::of(0.0), |sum, &c| sum * r + c);
    (0..4).fold(r + r * r * series, |q, _| q * (q + Dd::of(2.0)))
}
