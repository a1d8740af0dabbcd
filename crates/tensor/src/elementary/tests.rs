//! Accuracy against double-double numbers, edges, and the same bits at every level.

use crate::simd::{detected, vectorize};
use crate::{Dd, Random, Real};

/// Names and the functions of a type, with the bound of the table in units of the last place.
macro_rules! functions {
    ($R:ty: $($name:ident $bound:literal),*) => {
        [$((stringify!($name), <$R as Real>::$name as fn($R) -> $R, <Dd as Real>::$name as fn(Dd) -> Dd, $bound)),*]
    };
}

macro_rules! precision {
    ($t:ident, $bits:ident, $bounds:expr) => {
        mod $t {
            use super::*;

            /// Every exponent and sign, with random fractions, and dense numbers where most arguments lie.
            fn samples(count: usize) -> Vec<$t> {
                let mut random = Random::seed(1);
                let all = (0..count)
                    .map(|_| $t::from_bits((random.below(usize::MAX) >> (64 - $bits::BITS)) as $bits));
                let mut x: Vec<$t> = all.collect();
                for size in [1.0, 2.0, 12.0, 800.0] {
                    x.extend((0..count).map(|_| (size * (2.0 * random.unit() - 1.0)) as $t));
                }
                x.extend(edges());
                x
            }

            fn edges() -> [$t; 12] {
                let (min, max) = ($t::MIN_POSITIVE, $t::MAX);
                [
                    0.0,
                    -0.0,
                    1.0,
                    -1.0,
                    min,
                    -min,
                    min / 2.0,
                    max,
                    -max,
                    $t::INFINITY,
                    $t::NEG_INFINITY,
                    $t::NAN,
                ]
            }

            /// The error in units of the last place of `want`.
            fn error(got: $t, want: Dd) -> f64 {
                let size = want.to_f64().abs().max($t::MIN_POSITIVE as f64);
                let exponent = (size.to_bits() >> 52) as i32 - 1023 - ($t::MANTISSA_DIGITS as i32 - 1);
                let difference = (Dd::of(got as f64) - want).to_f64().abs();
                difference * 2f64.powi(-exponent / 2) * 2f64.powi(-exponent - -exponent / 2)
            }

            #[test]
            fn errors_are_what_the_table_says() {
                let mut wrong = Vec::new();
                for (name, f, exact, bound) in $bounds {
                    let mut worst = (0.0, 0.0);
                    for x in samples(4000) {
                        let (got, want) = (f(x), exact(Dd::of(x as f64)));
                        let nearest = want.to_f64() as $t;
                        if !want.is_finite() || nearest.is_infinite() || got.is_infinite() {
                            let both_nan = want.to_f64().is_nan() && got.is_nan();
                            assert!(both_nan || got == nearest, "{name}({x:e}) = {got:e}, not {want:?}");
                        } else if error(got, want) > worst.0 {
                            worst = (error(got, want), x);
                        }
                    }
                    if worst.0 > bound {
                        wrong.push(format!("{name}: {} units at {:e}", worst.0, worst.1));
                    }
                }
                assert!(wrong.is_empty(), "{wrong:?}");
            }

            #[test]
            fn edges_are_exact() {
                let (inf, nan) = ($t::INFINITY, $t::NAN);
                let f = |name: &str, x: $t| $bounds.into_iter().find(|f| f.0 == name).unwrap().1(x);
                for name in ["expm1", "ln_1p", "tanh", "erf"] {
                    for x in [0.0, -0.0, $t::from_bits(1), -$t::from_bits(3)] {
                        let want = if name == "erf" { x * std::$t::consts::FRAC_2_SQRT_PI } else { x };
                        assert_eq!(f(name, x).to_bits(), want.to_bits(), "{name}({x:e})");
                    }
                }
                assert_eq!([f("exp", inf), f("exp", -inf), f("exp", -0.0)], [inf, 0.0, 1.0]);
                assert_eq!([f("expm1", inf), f("expm1", -inf)], [inf, -1.0]);
                assert_eq!([f("ln", 0.0), f("ln", -0.0), f("ln", inf), f("ln", 1.0)], [-inf, -inf, inf, 0.0]);
                assert_eq!([f("ln_1p", -1.0), f("ln_1p", inf)], [-inf, inf]);
                assert_eq!([f("tanh", inf), f("tanh", -inf), f("tanh", 1e30)], [1.0, -1.0, 1.0]);
                assert_eq!(
                    [f("erf", inf), f("erf", -inf), f("erfc", inf), f("erfc", -inf)],
                    [1.0, -1.0, 0.0, 2.0]
                );
                for (name, x) in [("ln", -1.0), ("ln", -inf), ("ln_1p", -1.5), ("ln_1p", -inf)] {
                    assert!(f(name, x).is_nan());
                }
                assert!($bounds.into_iter().all(|(_, f, ..)| f(nan).is_nan()));
                // Underflow is gradual: the smallest number has a logarithm, and its exponential is itself.
                let least = $t::from_bits(1);
                assert_eq!(f("exp", f("ln", least)), least);
                assert_eq!([inf.sigmoid(), (-inf).sigmoid(), Real::sigmoid(0.0 as $t)], [1.0, 0.0, 0.5]);
            }

            #[test]
            fn every_level_gives_the_same_bits() {
                let x = samples(20000);
                // NaN has many bit patterns, and which one comes out is not promised.
                let bits = |y: $t| if y.is_nan() { $bits::MAX } else { y.to_bits() };
                for (name, f, ..) in $bounds {
                    let one: Vec<_> = x.iter().map(|&x| bits(std::hint::black_box(f)(x))).collect();
                    let mut y = x.clone();
                    vectorize::<$t, _>(
                        #[inline(always)]
                        || run(name, &mut y),
                    );
                    assert!(
                        y.iter().zip(&one).all(|(&y, &one)| bits(y) == one),
                        "{name} at {:?}",
                        detected()
                    );
                }
            }

            #[inline(always)]
            fn run(name: &str, y: &mut [$t]) {
                match name {
                    "exp" => y.iter_mut().for_each(|y| *y = Real::exp(*y)),
                    "expm1" => y.iter_mut().for_each(|y| *y = Real::expm1(*y)),
                    "ln" => y.iter_mut().for_each(|y| *y = Real::ln(*y)),
                    "ln_1p" => y.iter_mut().for_each(|y| *y = Real::ln_1p(*y)),
                    "tanh" => y.iter_mut().for_each(|y| *y = Real::tanh(*y)),
                    "erf" => y.iter_mut().for_each(|y| *y = Real::erf(*y)),
                    "erfc" => y.iter_mut().for_each(|y| *y = Real::erfc(*y)),
                    _ => panic!("no function {name}"),
                }
            }
        }
    };
}

precision!(f32, u32, functions!(f32: exp 0.95, expm1 1.62, ln 0.84, ln_1p 0.81, tanh 2.6, erf 2.2, erfc 6.2));
precision!(f64, u64, functions!(f64: exp 0.97, expm1 2.0, ln 0.84, ln_1p 0.81, tanh 2.6, erf 2.2, erfc 6.2));
