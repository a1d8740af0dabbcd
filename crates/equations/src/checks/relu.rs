//! Evidence for `eq-1.8-relu`.

use mmt_golden::Cases;
use mmt_tensor::ops::{relu, relu_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, array};

use super::activation::{self, draw};
use crate::{Property, properties};

/// The ramp is printed in the specification, section 0.4: the negative numbers become zero.
pub fn forward() {
    let y = relu(&ramp::<f64, _>(1, (2, 4))).unwrap();
    assert_eq!(y, array![[0.0, 1.25, 0.25, 0.0], [1.0, 0.0, 0.0, 0.75]]);
    assert_sums(&relu_backward(&ramp(1, (2, 4)), &ramp(2, (2, 4))), "-2", "-13.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) + Dual::of(0.1); // away from the kink
    check_backward(&x, |x| relu(x), |x, dy| relu_backward(x, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    twice_is_once,
    does_not_stretch_distances,
    both_sides_together_are_the_input,
    half_of_the_energy_passes,
];

fn run(x: &Array1<f64>) -> Array1<f64> {
    relu(x).unwrap()
}

fn twice_is_once(random: &mut Random) {
    let y = run(&draw(random));
    assert_eq!(run(&y), y);
}

fn does_not_stretch_distances(random: &mut Random) {
    let (a, b) = (draw(random), draw(random));
    let (before, after) = ((&a - &b).mapv(f64::abs), (run(&a) - run(&b)).mapv(f64::abs));
    assert!(after.iter().zip(&before).all(|(after, before)| after <= before), "{after} {before}");
}

fn both_sides_together_are_the_input(random: &mut Random) {
    let x = draw(random);
    assert_eq!(run(&x) - run(&-&x), x);
}

/// The lemma `E|relu(z)|² = E|z|² / 2` of symmetric inputs: an input and its mirror image share their energy.
fn half_of_the_energy_passes(random: &mut Random) {
    let x = draw(random);
    let energy = |x: &Array1<f64>| x.iter().map(|x| x * x).sum::<f64>();
    assert_close(&(energy(&run(&x)) + energy(&run(&-&x))), &energy(&x), 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    activation::golden(cases, "act.relu.sweep", |x| relu(x), |x, dy| relu_backward(x, dy))
}
