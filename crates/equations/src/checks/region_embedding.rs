//! Evidence for `eq-2.3-region-embedding`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::image::{RegionEmbedding, region_geometry};
use ndarray::{Array2, Axis};

use super::region_geometry::example as boxes;
use crate::{Property, properties};

/// The module and the geometry of the specification, section 8A.
fn example<R: Real>() -> (RegionEmbedding<R>, Array2<R>, Array2<R>) {
    let mut module = RegionEmbedding::new(6, 4, 1e-12, &mut Random::seed(0));
    module.feature.weight = ramp(2, (6, 4));
    module.feature.bias = Some(ramp(3, 4));
    module.geometry.weight = ramp(4, (5, 4));
    module.geometry.bias = Some(ramp(5, 4));
    let g = region_geometry(&boxes(), &[[100.0, 200.0]]).expect("valid boxes");
    (module, ramp(1, (3, 6)), g)
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (module, v, g) = example::<f64>();
    let (x, tape) = module.forward(&v, &g).unwrap();
    assert_sums(&x, "0", "-7.831791685");
    let mut grad = module.zeros_like();
    let (dv, dg) = module.backward(&tape, &ramp(6, (3, 4)), &mut grad);
    assert_sums(&dv, "-5.441801522", "-80.84439611");
    assert_sums(&dg, "-3.273328718", "-43.18833004");
    assert_sums(&grad.feature.weight, "0", "1.351875857");
    assert_printed(sums(&grad.feature.weight)[2], "32.2806411588");
    assert_sums(&grad.geometry.weight, "0", "0.001138893581");
    assert_printed(sums(&grad.geometry.weight)[2], "14.907565606");
    for linear in [&grad.feature, &grad.geometry] {
        assert_sums(linear.bias.as_ref().unwrap(), "0", "-0.445775437");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (module, v, g) = example::<Dual>();
    check_module(
        &RegionEmbedding { norm: mmt_blocks::LayerNorm { eps: 1e-5, ..module.norm.clone() }, ..module },
        (v, g),
        |m, (v, g)| m.forward(v, g),
        |m, tape, dx, grad| m.backward(tape, dx, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_order_of_regions_is_that_of_tokens,
    what_moves_between_feature_and_geometry_changes_nothing,
    geometry_matters,
    a_region_does_not_feel_its_neighbors,
];

struct Drawn {
    module: RegionEmbedding<f64>,
    v: Array2<f64>,
    g: Array2<f64>,
}

fn draw(random: &mut Random) -> Drawn {
    let (n, d_v, d) = (1 + random.below(5), 1 + random.below(6), 2 + random.below(5));
    let mut module = RegionEmbedding::new(d_v, d, 1e-12, random);
    module.geometry.bias = Some(random.uniform(d, 1.0));
    module.norm.beta = random.uniform(d, 1.0);
    let g: Array2<f64> = random.uniform((n, 5), 0.5);
    Drawn { module, v: random.uniform((n, d_v), 2.0), g: g + 0.5 }
}

fn the_order_of_regions_is_that_of_tokens(random: &mut Random) {
    let Drawn { module, v, g } = draw(random);
    let order = random.permutation(v.nrows());
    let (x, _) = module.forward(&v, &g).unwrap();
    let (permuted, _) = module.forward(&v.select(Axis(0), &order), &g.select(Axis(0), &order)).unwrap();
    assert_close(&permuted, &x.select(Axis(0), &order), 1e-14);
}

/// Only the sum of the two maps counts: their biases are one bias in two places.
fn what_moves_between_feature_and_geometry_changes_nothing(random: &mut Random) {
    let Drawn { module, v, g } = draw(random);
    let shift: ndarray::Array1<f64> = random.uniform(module.norm.gamma.len(), 1.0);
    let mut other = module.clone();
    *other.feature.bias.as_mut().unwrap() += &shift;
    *other.geometry.bias.as_mut().unwrap() -= &shift;
    let want = module.forward(&v, &g).unwrap().0;
    assert_close(&other.forward(&v, &g).unwrap().0, &want, 1e-8);
}

/// Two regions that look the same are told apart by their place alone.
fn geometry_matters(random: &mut Random) {
    let Drawn { module, v, g } = draw(random);
    let twice = v.select(Axis(0), &[0, 0]);
    let mut places = g.select(Axis(0), &[0, 0]);
    let tokens = |places: &Array2<f64>| module.forward(&twice, places).unwrap().0;
    let same = tokens(&places);
    assert_eq!(same.row(0), same.row(1));
    places[(1, 0)] = 1.0 - places[(1, 0)];
    let apart = tokens(&places);
    // Up to what a norm of two numbers can show: their order.
    assert!(apart.ncols() == 2 || apart.row(0) != apart.row(1));
}

fn a_region_does_not_feel_its_neighbors(random: &mut Random) {
    let Drawn { module, v, g } = draw(random);
    let (x, _) = module.forward(&v, &g).unwrap();
    let i = random.below(v.nrows());
    let alone = module.forward(&v.select(Axis(0), &[i]), &g.select(Axis(0), &[i])).unwrap().0;
    assert_close(&x.select(Axis(0), &[i]), &alone, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, v, g) = example::<R>();
    let (x, tape) = module.forward(&v, &g)?;
    let (mut grad, dx) = (module.zeros_like(), ramp(6, (3, 4)));
    let (dv, dg) = module.backward(&tape, &dx, &mut grad);
    (cases.case("region.embedding.ramp").input("v", &v).input("g", &g).param("", &module))
        .out("x", &x)
        .cot("x", &dx)
        .grad_in("v", &dv)
        .grad_in("g", &dg)
        .grad_param("", &grad);
    Ok(())
}
