//! The error function of double-double numbers.

use super::exponential::{exp_of_sum, expm1};
use super::tables::{ERF_SERIES, GAUSSIAN, PI, SQRT_8};
use super::{Dd, two_product};
use crate::Real;

/// From here on the complement is computed first.
const NEAR: f64 = 0.5;

/// From here on the correction of the sum in [`complement`] is below its error.
const FAR: f64 = 8.0 * std::f64::consts::SQRT_2 * 0.8;

/// From here on `erfc` is zero.
const ZERO: f64 = 28.0;

/// `2/√π · ∫₀ˣ exp(-t²) dt`
pub(super) fn erf(x: Dd) -> Dd {
    if x.hi.abs() < NEAR {
        return series(x);
    }
    let y = Dd::of(1.0) - complement(x.abs());
    if x.hi < 0.0 { -y } else { y }
}

/// `1 - erf x`
pub(super) fn erfc(x: Dd) -> Dd {
    if x.hi.abs() < NEAR {
        return Dd::of(1.0) - series(x);
    }
    let y = complement(x.abs());
    if x.hi < 0.0 { Dd::of(2.0) - y } else { y }
}

/// `erf x` for `|x| < ½`, by its Taylor series.
fn series(x: Dd) -> Dd {
    let z = x * x;
    x * ERF_SERIES.iter().rev().fold(Dd::of(0.0), |sum, &c| sum * z + c)
}

/// `erfc x` for `x ≥ ½`, by the trapezoidal rule with its error, which is known (Hunter & Regan 1972):
///
/// ```math
/// \operatorname{erfc} x = \frac{h x e^{-x^2}}{\pi} \Bigl( \frac1{x^2} + 2 \sum_{j \ge 1} \frac{e^{-j^2 h^2}}{x^2 + j^2 h^2} \Bigr)
///   - \frac2{e^{2 \pi x / h} - 1}, \qquad h^2 = \tfrac18
/// ```
///
/// What is left out is `e^{-π²/h²}`, 2^-113. All terms of the sum are positive, and `j² h²` is exact.
fn complement(x: Dd) -> Dd {
    if x.hi.is_nan() || x.hi > ZERO {
        return Dd::of(if x.hi.is_nan() { x.hi } else { 0.0 });
    }
    let z = x * x;
    let terms = GAUSSIAN.iter().enumerate().rev().map(|(i, &g)| {
        let j = (i + 1) as f64;
        g / (z + Dd::of(j * j / 8.0))
    });
    let sum = terms.sum::<Dd>() * Dd::of(2.0) + Dd::of(1.0) / z;
    let y = sum * gaussian(x) * x / (SQRT_8 * PI);
    if x.hi > FAR { y } else { y - Dd::of(2.0) / expm1(x * PI * SQRT_8 * Dd::of(2.0)) }
}

/// `e^{-x²}`, with all digits of the square: 2^-106 of 700 would be too much.
fn gaussian(x: Dd) -> Dd {
    let square = two_product(x.hi, x.hi);
    let rest = two_product(2.0 * x.hi, x.lo) + Dd::of(x.lo * x.lo) + Dd::of(square.lo);
    exp_of_sum(-square.hi, -rest)
}
