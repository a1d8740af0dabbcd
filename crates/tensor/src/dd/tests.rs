//! Double-double numbers against values that another library computed.
//!
//! `values.txt` was made once with mpmath at 2400 bits. A line holds a function, its argument and its value, both as
//! the nearest double-double numbers, and 40 digits of the value for the reader. Arguments are random between 1e-250 and
//! 1e280, on both sides of every change of formula, close to zeros of `ln`, `sin` and `cos`; two of three have a low part.

use super::*;
use crate::ops::{add_matmul, layer_norm, matmul, softmax};
use crate::testing::ramp;
use ndarray::{Array1, Array2};

/// 2^-98
const LIMIT: f64 = f64::from_bits((1023 - 98) << 52);

/// `|got - want| / |want|`
fn distance(got: Dd, want: Dd) -> f64 {
    ((got - want) / want).to_f64().abs()
}

fn function(name: &str) -> fn(Dd) -> Dd {
    match name {
        "exp" => Dd::exp,
        "expm1" => Dd::expm1,
        "ln" => Dd::ln,
        "ln_1p" => Dd::ln_1p,
        "sqrt" => Dd::sqrt,
        "tanh" => Dd::tanh,
        "erf" => Dd::erf,
        "erfc" => Dd::erfc,
        "sin" => Dd::sin,
        "cos" => Dd::cos,
        _ => panic!("no function {name}"),
    }
}

#[test]
fn functions_agree_with_stored_values() {
    let mut worst = std::collections::BTreeMap::new();
    for line in include_str!("values.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |i: usize| -> f64 { fields[i].parse().unwrap() };
        let (x, want) = (Dd { hi: number(1), lo: number(2) }, Dd { hi: number(3), lo: number(4) });
        assert_eq!(number(5), want.hi, "{line}");
        let far = distance(function(fields[0])(x), want);
        assert!(far < LIMIT, "{line}: 2^{}", far.log2());
        let worst = worst.entry(fields[0]).or_insert((0, 0.0_f64));
        *worst = (worst.0 + 1, worst.1.max(far));
    }
    assert_eq!(worst.len(), 10);
    assert!(worst.values().all(|&(count, _)| count > 40), "{worst:?}");
}

/// Products and quotients of random numbers, undone: an error of the inverse shows as much as one of the operation.
#[test]
fn arithmetic_is_as_exact_as_it_says() {
    let mut random = crate::Random::seed(1);
    let mut draw = |size: f64| {
        let hi = size * (random.unit() + 0.5);
        quick_two_sum(hi, hi * 1e-16 * (random.unit() - 0.5))
    };
    for size in [1e-130, 1e-20, 1.0, 1e20, 1e130, 1e300] {
        for _ in 0..300 {
            let (a, b) = (draw(size), draw(1.0));
            assert!(distance(a * b / b, a) < LIMIT && distance(a / b * b, a) < LIMIT);
            assert!(distance(a.sqrt() * a.sqrt(), a) < LIMIT);
            assert!(distance((a + b) - b, a) < LIMIT || size < 1.0);
            assert_eq!((a + b) - (b + a), Dd::zero());
        }
    }
    // 1/3 and its rest, by whole numbers only: 3 hi + 3 lo = 1 up to 2^-106.
    let third = Dd::one() / Dd::of(3.0);
    assert_eq!(third.hi, 1.0 / 3.0);
    assert_eq!(3.0 * third.lo, 1.0 / 9007199254740992.0 / 2.0);
    // (2^60 + 1)² = 2^120 + 2^61 + 1 needs 121 bits; its double-double is the first two terms.
    let x = Dd { hi: (1u64 << 60) as f64, lo: 1.0 };
    assert_eq!(x * x, Dd { hi: 2f64.powi(120), lo: 2f64.powi(61) });
}

#[test]
fn the_largest_numbers_do_not_overflow_on_the_way() {
    let x = Dd::of(1e308);
    assert_eq!((x * Dd::of(1.5)).hi, 1.5e308);
    assert!(distance(x * Dd::of(1.5) / Dd::of(1.5), x) < LIMIT);
    assert_eq!(x * Dd::of(10.0), Dd::of(f64::INFINITY));
    assert_eq!(x * Dd::of(-10.0), Dd::of(f64::NEG_INFINITY));
    assert_eq!((x + x) - x, Dd::of(f64::INFINITY));
    assert_eq!(Dd::of(f64::MAX) * Dd::one(), Dd::of(f64::MAX));
}

#[test]
fn infinities_and_nan_are_those_of_f64() {
    let (inf, nan, one, zero) = (Dd::of(f64::INFINITY), Dd::of(f64::NAN), Dd::one(), Dd::zero());
    assert_eq!([one / zero, one / inf, -inf + one, inf * -one], [inf, zero, -inf, -inf]);
    assert_eq!([(-inf).exp(), inf.exp(), (-inf).expm1(), inf.expm1()], [zero, inf, -one, inf]);
    assert_eq!([zero.ln(), inf.ln(), (-one).ln_1p(), inf.ln_1p()], [-inf, inf, -inf, inf]);
    assert_eq!([inf.sqrt(), zero.sqrt(), inf.tanh(), (-inf).tanh()], [inf, zero, one, -one]);
    assert_eq!([inf.erf(), (-inf).erf(), inf.erfc(), (-inf).erfc()], [one, -one, zero, one + one]);
    assert_eq!([Dd::of(710.0).exp(), Dd::of(-746.0).exp()], [inf, zero]);
    assert_eq!([zero.exp(), zero.expm1(), one.ln(), zero.tanh(), zero.erf()], [one, zero, zero, zero, zero]);
    for f in ["exp", "expm1", "ln", "ln_1p", "sqrt", "tanh", "erf", "erfc", "sin", "cos"] {
        assert!(function(f)(nan).to_f64().is_nan(), "{f}");
    }
    for x in [inf - inf, inf * zero, zero / zero, inf.sin(), inf.cos(), (-one).sqrt(), (-one).ln(), nan + one]
    {
        assert!(x.to_f64().is_nan() && !x.is_finite());
    }
    assert!(!inf.is_finite() && one.is_finite());
}

#[test]
fn order_looks_at_the_low_part() {
    let (a, b) = (Dd { hi: 1.0, lo: 1e-20 }, Dd { hi: 1.0, lo: 2e-20 });
    assert_eq!(a.partial_cmp(&b), Some(std::cmp::Ordering::Less));
    assert!(a > Dd::one() && a != b);
    assert_eq!((a.max(b), b.max(a), a.min(b)), (b, b, a));
    assert_eq!([(-a).abs(), a.abs(), Dd::of(-0.0).abs()], [a, a, Dd::zero()]);
    assert!(Dd::of(f64::NEG_INFINITY) < a && Dd::of(f64::NAN).partial_cmp(&a).is_none());
    assert_eq!(Dd { hi: 1.0, lo: 1.5e-16 }.to_f64(), 1.0 + f64::EPSILON);
}

#[test]
fn a_mask_of_minus_infinity_is_zero_in_a_softmax() {
    let x = ndarray::array![[Dd::one(), Dd::of(f64::NEG_INFINITY), Dd::one()]];
    let half = Dd::of(0.5);
    assert_eq!(softmax(&x).unwrap(), ndarray::array![[half, Dd::zero(), half]]);
}

/// `sin` and `cos` of `f32` and `f64` come from here: digits of mpmath, at positions of long sequences.
#[test]
fn tables_of_sines_are_rounded_once() {
    assert_eq!(Real::sin(10000.0_f64), -0.30561438888825215);
    assert_eq!(Real::cos(10000.0_f64), -0.9521553682590148);
    assert_eq!(Real::sin(1e22_f64), -0.8522008497671888);
    assert_eq!(Real::cos(123456789.0_f64), 0.14025968153390964);
    assert_eq!(Real::sin(65535.0_f32), 0.98132756);
}

fn results<R: Real>() -> Vec<f64> {
    let (x, w) = (ramp::<R, _>(1, (5, 300)).mapv(|x| x / R::of(3.0)), ramp::<R, _>(2, (300, 4)));
    let y = matmul(&x, &w);
    let mut sum = y.clone();
    add_matmul(&mut sum, &y, &ramp(3, (4, 4)));
    let (p, (z, _)) =
        (softmax(&x).unwrap(), layer_norm(&x, &Array1::ones(300), &Array1::zeros(300), 1e-5).unwrap());
    let all: [Array2<R>; 4] = [y, sum, p, z];
    all.iter().flat_map(|a| a.iter().map(|x| x.to_f64()).collect::<Vec<_>>()).collect()
}

#[test]
fn the_order_of_sums_does_not_change_what_is_stored() {
    assert_eq!(results::<Dd>(), results::<DdReversed>());
    let sum = |x: &[f64]| crate::ops::sum::sum(&x.iter().map(|&x| DdReversed::of(x)).collect::<Vec<_>>()).0;
    // The one is lost to the left of three sizes, and kept to the right of them.
    let terms = [1.0, 2f64.powi(160), 2f64.powi(80), -2f64.powi(160), -2f64.powi(80)];
    let forward: Dd = terms.iter().map(|&x| Dd::of(x)).sum();
    assert_eq!((forward, sum(&terms)), (Dd::zero(), Dd::one()));
}
