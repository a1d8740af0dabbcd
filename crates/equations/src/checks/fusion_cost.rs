//! Evidence for `eq-3-cost`.

use mmt_fusion::topology::{Sizes, block_flops, bottleneck, cost, counted};
use mmt_golden::Cases;
use mmt_tensor::testing::assert_printed;
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, array};

use super::topology_kit::{Drawn, SMALL, checked, draw, one};
use crate::{Property, properties};

fn sizes(d: usize, f: usize) -> Sizes {
    Sizes { width: d, heads: 1, hidden: f }
}

/// `X(n, m)`
fn cross(sizes: &Sizes, n: usize, m: usize) -> u128 {
    block_flops(sizes, (sizes.width, sizes.width), &Ragged::one(n), &Ragged::one(m))
}

/// `F(n)`
fn own(sizes: &Sizes, n: usize) -> u128 {
    cross(sizes, n, n)
}

fn total(text: &str, sizes: &Sizes, n_a: usize, n_t: usize) -> u128 {
    let (topology, shapes) = checked(text, &one(&[("a", n_a), ("t", n_t)], sizes.width), sizes);
    cost(&topology, &shapes, sizes).unwrap().1.flops
}

/// Numbers of the specification, section 3.11: small ones exactly, those of published sizes in units of 1e9.
pub fn forward() {
    let small = sizes(4, 16);
    let of = |n| own(&small, n);
    assert_eq!((of(4), of(7), of(3) + of(4), of(5) + of(6)), (1792, 3472, 3088, 5200));
    assert_eq!(cross(&small, 3, 4) + cross(&small, 4, 3), 3072);
    assert_eq!(total("Tf(1, 1, Cat[In a, In t])", &small, 3, 4), 3472);
    assert_eq!(total("Tuple[Tf(1, 1, In a), Tf(2, 1, In t)]", &small, 3, 4), 3088);
    assert_eq!(total("Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]", &small, 3, 4), 3072);
    assert_eq!(total("Tf(3, 2, Cat[Tf(1, 1, In a), Tf(2, 1, In t)])", &small, 3, 4), 3088 + 2 * 3472);
    assert_eq!(total("Out(Bi(1, In a, In t), 0)", &small, 3, 4), of(7));
    let base = sizes(768, 3072);
    let giga = |flops: u128, printed| assert_printed(flops as f64 / 1e9, printed);
    let f = |n| own(&base, n);
    giga(f(1968), "39.756");
    giga(f(1572) + f(404), "36.065");
    giga(f(1568) + f(400), "35.903");
    giga(cross(&base, 1568, 400) + cross(&base, 400, 1568), "31.712");
    giga(f(236), "3.512");
    giga(f(200) + f(44), "3.583");
    giga(total(&bottleneck(8, 4, 4), &base, 1568, 400), "431.48");
    let alone = "Tf(1, 8, In a), Tf(2, 8, In t)";
    giga(total(&format!("Tf(3, 4, Cat[{alone}])"), &base, 1568, 400), "446.25");
    let twice = "Let u = Cat[Tf(1, 8, In a), Tf(2, 8, In t)] in Tuple[Tf(3, 4, u), Tf(4, 4, u)]";
    giga(total(twice, &base, 1568, 400), "605.28");
    giga(total("Tuple[Tf(1, 12, In a), Tf(2, 12, In t)]", &base, 1568, 400), "430.84");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    products_of_random_topologies_are_counted_exactly,
    costs_grow_with_every_size_and_do_not_care_for_names,
    a_bottleneck_is_cheaper_exactly_beyond_its_length,
    co_attention_is_never_dearer_than_two_streams,
];

/// Against the factors on the tapes; and learned numbers against the arrays. Four random topologies for each seed: with 64 seeds, 256.
fn products_of_random_topologies_are_counted_exactly(random: &mut Random) {
    for _ in 0..4 {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let (_, tape) = program.forward(&x, &inputs).unwrap();
        let (each, all) = cost(&program.topology, &tape.shapes, &SMALL).unwrap();
        assert_eq!(counted(&program, &tape).flops, all.flops, "{}", program.topology);
        assert_eq!(program.count() as u128, all.parameters, "{}", program.topology);
        let sum = each.iter().fold(Default::default(), |sum, &cost| sum + cost);
        assert_eq!(all, sum);
    }
}

fn costs_grow_with_every_size_and_do_not_care_for_names(random: &mut Random) {
    let (d, f, n, m) =
        (1 + random.below(64), 1 + random.below(64), 1 + random.below(64), 1 + random.below(64));
    let base = cross(&sizes(d, f), n, m);
    for larger in [
        cross(&sizes(d + 1, f), n, m),
        cross(&sizes(d, f + 1), n, m),
        cross(&sizes(d, f), n + 1, m),
        cross(&sizes(d, f), n, m + 1),
    ] {
        assert!(larger > base);
    }
    let text = "Tf(3, 2, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])";
    assert_eq!(total(text, &sizes(d, f), n, m), total(text, &sizes(d, f), m, n));
    assert_eq!(own(&sizes(d, f), n), cross(&sizes(d, f), n, n));
}

/// With `f = 4 d`: `N_a N_b > B (N_a + N_b + B + 6 d)`, and the lengths of the specification for equal ones.
fn a_bottleneck_is_cheaper_exactly_beyond_its_length(random: &mut Random) {
    let (d, b) = (1 + random.below(96), 1 + random.below(16));
    let (n, m) = (1 + random.below(512), 1 + random.below(512));
    let sizes = sizes(d, 4 * d);
    let cheaper = own(&sizes, n + b) + own(&sizes, m + b) < own(&sizes, n + m);
    assert_eq!(cheaper, n * m > b * (n + m + b + 6 * d));
    for (d, b, length) in [(768, 4, 139.9), (768, 16, 288.5), (768, 64, 614.5), (64, 4, 43.6)] {
        let sizes = Sizes { width: d, heads: 1, hidden: 4 * d };
        let dearer = |n| 2 * own(&sizes, n + b) > own(&sizes, 2 * n);
        let (below, above) = (length as usize, length as usize + 1);
        assert!(dearer(below) && !dearer(above), "{d} {b}");
    }
}

fn co_attention_is_never_dearer_than_two_streams(random: &mut Random) {
    let (d, f) = (1 + random.below(64), 1 + random.below(64));
    let (n, m) = (1 + random.below(256), 1 + random.below(256));
    let s = sizes(d, f);
    let saved = own(&s, n) + own(&s, m) - cross(&s, n, m) - cross(&s, m, n);
    assert_eq!(saved, 4 * d as u128 * (n.abs_diff(m) as u128).pow(2));
}

/// Golden cases: the costs of some topologies.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let small = sizes(4, 16);
    let texts = ["Tf(1, 1, Cat[In a, In t])", "Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]"];
    let flops: Array1<R> = texts.iter().map(|text| R::of(total(text, &small, 3, 4) as f64)).collect();
    cases.case("fusion.cost.small").ids("lengths", &array![3, 4]).out("flops", &flops);
    Ok(())
}
