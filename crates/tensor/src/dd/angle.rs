//! Sine and cosine of double-double numbers, for arguments of any size.

use super::tables::{HALF_PI, INVERSE_FACTORIALS, TWO_OVER_PI};
use super::{Dd, scale};
use crate::Real;

/// A number modulo 4 in 384 bits, two of them before the point; the lowest word first.
type Turns = [u64; 6];

/// Words of [`Turns`].
const WORDS: usize = 6;

/// `sin x`
pub(super) fn sin(x: Dd) -> Dd {
    if x.hi == 0.0 {
        return x;
    }
    let Some((quadrant, r)) = reduce(x) else { return Dd::of(f64::NAN) };
    match quadrant {
        0 => sine(r),
        1 => cosine(r),
        2 => -sine(r),
        _ => -cosine(r),
    }
}

/// `cos x`
pub(super) fn cos(x: Dd) -> Dd {
    let Some((quadrant, r)) = reduce(x) else { return Dd::of(f64::NAN) };
    match quadrant {
        0 => cosine(r),
        1 => -sine(r),
        2 => -cosine(r),
        _ => sine(r),
    }
}

/// `x = (4 n + quadrant) π/2 + r` with a whole `n` and `|r| ≤ π/4`; nothing for infinities and NaN.
///
/// Payne & Hanek 1983: the multiple of `2/π` is taken modulo 4 in whole numbers, so nothing cancels, however large
/// the argument and however close to a multiple of `π/2`.
fn reduce(x: Dd) -> Option<(u64, Dd)> {
    if !x.hi.is_finite() {
        return None;
    }
    if x.hi.abs() < std::f64::consts::FRAC_PI_4 {
        return Some((0, x));
    }
    let mut turns = add(quarter_turns(x.hi), quarter_turns(x.lo));
    let half = 1 << 61;
    turns = add(turns, [0, 0, 0, 0, 0, half]);
    let quadrant = turns[WORDS - 1] >> 62;
    turns[WORDS - 1] &= (1 << 62) - 1;
    let negative = turns[WORDS - 1] < half;
    let above = add(turns, negated([0, 0, 0, 0, 0, half]));
    let size = to_number(if negative { negated(above) } else { above });
    Some((quadrant, if negative { -size } else { size } * HALF_PI))
}

/// `2x/π` modulo 4.
///
/// `|x| = m 2^e` with a whole `m`; bits of `2/π` whose multiple is a whole number of turns are left out.
fn quarter_turns(x: f64) -> Turns {
    let stored = (x.to_bits() >> 52 & 0x7ff) as i64;
    let fraction = x.to_bits() & ((1 << 52) - 1);
    let m = if stored == 0 { fraction } else { fraction | 1 << 52 };
    let e = stored.max(1) - 1075;
    let mut turns = [0; WORDS];
    let mut carry = 0;
    for (i, word) in turns.iter_mut().enumerate() {
        let bits = bits_at(e - 2 + 64 * (WORDS - 1 - i) as i64);
        let product = u128::from(m) * u128::from(bits) + carry;
        *word = product as u64;
        carry = product >> 64;
    }
    if x < 0.0 { negated(turns) } else { turns }
}

/// 64 bits of `2/π`, of which the first is worth `2^-(1 + at)`.
fn bits_at(at: i64) -> u64 {
    let word = |i: i64| usize::try_from(i).ok().and_then(|i| TWO_OVER_PI.get(i)).copied().unwrap_or(0);
    let (i, shift) = (at.div_euclid(64), at.rem_euclid(64));
    if shift == 0 { word(i) } else { word(i) << shift | word(i + 1) >> (64 - shift) }
}

/// `a + b` modulo 4
fn add(a: Turns, b: Turns) -> Turns {
    let mut sum = a;
    let mut carry = 0;
    for (a, b) in sum.iter_mut().zip(b) {
        let total = u128::from(*a) + u128::from(b) + carry;
        *a = total as u64;
        carry = total >> 64;
    }
    sum
}

/// `-a` modulo 4
fn negated(a: Turns) -> Turns {
    add(a.map(|word| !word), [1, 0, 0, 0, 0, 0])
}

/// The first 106 bits, by halves of words, which `f64` holds exactly.
fn to_number(a: Turns) -> Dd {
    let halves = a
        .iter()
        .enumerate()
        .rev()
        .flat_map(|(i, &word)| [(2 * i as i32 + 1, word >> 32), (2 * i as i32, word & 0xffff_ffff)]);
    halves.map(|(i, half)| scale(Dd::of(half as f64), 32 * i - 382)).sum()
}

/// `sin r` for `|r| ≤ π/4`, by its Taylor series.
fn sine(r: Dd) -> Dd {
    r + r * alternating(r, 3)
}

/// `cos r` for `|r| ≤ π/4`, by its Taylor series.
fn cosine(r: Dd) -> Dd {
    Dd::of(1.0) + alternating(r, 2)
}

/// `-r²/n! + r⁴/(n + 2)! - ..`
fn alternating(r: Dd, n: usize) -> Dd {
    let z = -(r * r);
    z * INVERSE_FACTORIALS[n..].iter().step_by(2).rev().fold(Dd::of(0.0), |sum, &c| sum * z + c)
}
