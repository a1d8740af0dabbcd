//! Evidence for `eq-2.3-region-features`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use mmt_tokenizers::cnn::ConvUnit;
use mmt_tokenizers::image::{ImageBox, RegionFeatures};
use ndarray::{Array2, Array4, Axis, Ix4, s};

use crate::{Property, properties};

/// Three channels to two to three, with quarters of ramps as weights.
fn example<R: Real>() -> RegionFeatures<R> {
    let mut module = RegionFeatures::new(&[2, 3], &mut Random::seed(0));
    for (stage, first) in module.stages.iter_mut().zip([2, 8]) {
        let units = std::iter::once(&mut stage.down).chain(&mut stage.block.units);
        units.zip((first..).step_by(2)).for_each(|(unit, s)| set(unit, s));
    }
    module
}

fn set<R: Real>(unit: &mut ConvUnit<R, Ix4, 2>, s: usize) {
    unit.bias = Some(ramp(s + 1, unit.weight.dim().0));
    unit.weight = ramp::<R, _>(s, unit.weight.dim()) * R::of(0.25);
}

fn boxes() -> Vec<ImageBox> {
    [(0, [0.0, 0.0, 16.0, 12.0]), (1, [2.5, 1.5, 9.25, 7.75]), (0, [3.0, 2.0, 15.0, 11.0])]
        .map(|(image, corners)| ImageBox { image, corners })
        .to_vec()
}

/// Numbers of PyTorch 2.15 in double precision, with RoIAlign written out in its own arithmetic; the size is that of the
/// specification, section 8.
pub fn forward() {
    let (module, images) = (example::<f64>(), ramp(1, (2, 3, 12, 16)));
    let (v, tape) = module.forward(&images, &boxes()).unwrap();
    assert_sums(&v, "5.276615537", "29.24629085");
    let mut grad = module.zeros_like();
    let dimages = module.backward(&tape, &ramp(9, (3, 3)), &mut grad);
    assert_sums(&dimages, "0.03207854153", "3.74363449");
    for (stage, down, last) in [
        (0, ["-0.4952647268", "-16.27783298"], ["-0.02526596302", "-0.1942991913"]),
        (1, ["21.99578932", "998.0358675"], ["2.824834621", "359.6638904"]),
    ] {
        assert_sums(&grad.stages[stage].down.weight, down[0], down[1]);
        assert_sums(&grad.stages[stage].block.units[1].weight, last[0], last[1]);
    }
    let published = RegionFeatures::<f64>::new(&[8, 16], &mut Random::seed(0));
    assert_eq!(published.count(), 7200);
    assert_eq!(published.align.scale, 0.25);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let images: Array4<Dual> = ramp(1, (2, 3, 9, 8));
    check_module(
        &example::<Dual>(),
        images,
        |m, x| m.forward(x, &boxes()),
        |m, tape, dv, grad| m.backward(tape, dv, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_region_does_not_feel_the_others,
    the_gradient_of_all_regions_is_the_sum_of_theirs,
    pixels_far_from_a_box_do_not_matter,
];

fn draw(random: &mut Random) -> (RegionFeatures<f64>, Array4<f64>, Vec<ImageBox>) {
    let module = RegionFeatures::new(&[2, 3], random);
    let mut one = || {
        let (x, y) = (8.0 * random.unit(), 8.0 * random.unit());
        let corners = [x, y, x + 1.0 + 6.0 * random.unit(), y + 1.0 + 6.0 * random.unit()];
        ImageBox { image: random.below(2), corners }
    };
    let boxes = (0..3).map(|_| one()).collect();
    (module, random.uniform((2, 3, 16, 16), 1.0), boxes)
}

fn a_region_does_not_feel_the_others(random: &mut Random) {
    let (module, images, boxes) = draw(random);
    let (v, _) = module.forward(&images, &boxes).unwrap();
    let i = random.below(boxes.len());
    let (alone, _) = module.forward(&images, &boxes[i..=i]).unwrap();
    assert_eq!(v.row(i), alone.row(0));
}

fn the_gradient_of_all_regions_is_the_sum_of_theirs(random: &mut Random) {
    let (module, images, boxes) = draw(random);
    let dv: Array2<f64> = random.uniform((3, 3), 1.0);
    let gradient = |boxes: &[ImageBox], dv: &Array2<f64>| {
        let (_, tape) = module.forward(&images, boxes).unwrap();
        let mut grad = module.zeros_like();
        let dimages = module.backward(&tape, dv, &mut grad);
        (dimages, grad)
    };
    let (dimages, grad) = gradient(&boxes, &dv);
    let (mut sum, mut sum_of_parameters) = (dimages.zeros_like(), grad.zeros_like());
    for i in 0..boxes.len() {
        let (one, parameters) = gradient(&boxes[i..=i], &dv.select(Axis(0), &[i]));
        sum += &one;
        sum_of_parameters.add_scaled(1.0, &parameters);
    }
    assert_close(&dimages, &sum, 1e-12);
    assert_close(&grad, &sum_of_parameters, 1e-12);
}

/// A cell of the map sees 31 rows and columns of pixels, 15 on either side of its center; a box at one end of a wide image
/// does not see the other.
fn pixels_far_from_a_box_do_not_matter(random: &mut Random) {
    let module = RegionFeatures::<f64>::new(&[2, 3], random);
    let images: Array4<f64> = random.uniform((1, 3, 8, 48), 1.0);
    let corner = ImageBox { image: 0, corners: [0.0, 0.0, 4.0 + 4.0 * random.unit(), 8.0] };
    let (v, tape) = module.forward(&images, &[corner]).unwrap();
    let mut other = images.clone();
    other.slice_mut(s![.., .., .., 32..]).fill(9.0);
    assert_eq!(module.forward(&other, &[corner]).unwrap().0, v);
    let dimages = module.backward(&tape, &random.uniform(v.dim(), 1.0), &mut module.zeros_like());
    assert!(dimages.slice(s![.., .., .., 32..]).iter().all(|&d| d == 0.0));
    assert!(dimages.slice(s![.., .., .., ..16]).iter().any(|&d| d != 0.0) || v.iter().all(|&v| v == 0.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, images) = (example::<R>(), ramp(1, (2, 3, 12, 16)));
    let (v, tape) = module.forward(&images, &boxes())?;
    let (mut grad, dv) = (module.zeros_like(), ramp(9, (3, 3)));
    let dimages = module.backward(&tape, &dv, &mut grad);
    (cases.case("region.features.ramp").input("images", &images).param("", &module))
        .act("", &tape)
        .out("v", &v)
        .cot("v", &dv)
        .grad_in("images", &dimages)
        .grad_param("", &grad);
    Ok(())
}
