//! Evidence for `eq-1.9-gelu-erf`.

use mmt_golden::Cases;
use mmt_tensor::ops::{gelu, gelu_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, array};

use super::activation::{self, draw};
use crate::{Property, properties};

/// Numbers of the specification, section 3; far out, values of `x Φ(x)` to 40 digits, rounded.
pub fn forward() {
    activation::table(
        |x| gelu(x),
        |x, dy| gelu_backward(x, dy),
        [
            (-3.0, "-0.004049694095", "-0.011945647204"),
            (-1.0, "-0.158655253931", "-0.083315470588"),
            (0.5, "0.345731230637", "0.867495124656"),
            (1.0, "0.841344746069", "1.083315470588"),
            (3.0, "2.995950305905", "1.011945647204"),
        ],
    );
    for (x, want) in
        [(-5.5, -1.0444259356238245e-07), (-10.0, -7.619853024160526e-23), (-20.0, -5.507248237212468e-88)]
    {
        let got = gelu(&array![x]).unwrap()[0];
        assert!((got / want - 1.0).abs() < 1e-13, "gelu({x}) is {got:e}, expected {want:e}");
    }
    assert_printed(lowest().1, "-0.1699712");
    assert_printed(lowest().0, "-0.7518");
}

/// The argument of the minimum, and the minimum.
fn lowest() -> (f64, f64) {
    let x: Array1<f64> = (0..=10_000).map(|i| -f64::from(i) / 1e4).collect();
    let y = gelu(&x).unwrap();
    x.into_iter().zip(y).fold((0.0, 0.0), |low, (x, y)| if y < low.1 { (x, y) } else { low })
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) * Dual::of(3.0);
    check_backward(&x, |x| gelu(x), |x, dy| gelu_backward(x, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    both_sides_together_are_the_input,
    a_part_of_the_input_passes,
    it_never_falls_below_its_minimum,
    it_joins_the_rectifier_far_out,
];

fn run(x: &Array1<f64>) -> Array1<f64> {
    gelu(x).unwrap()
}

fn both_sides_together_are_the_input(random: &mut Random) {
    let x = draw(random);
    assert_close(&(run(&x) - run(&-&x)), &x, 1e-15);
}

/// `g(x) / x = Φ(x)`, which is between 0 and 1.
fn a_part_of_the_input_passes(random: &mut Random) {
    let x = draw(random);
    assert!((run(&x) / &x).iter().all(|part| (0.0..=1.0).contains(part)), "{x}");
}

fn it_never_falls_below_its_minimum(random: &mut Random) {
    let y = run(&draw(random));
    assert!(y.iter().all(|&y| y > -0.16998), "{y}");
}

fn it_joins_the_rectifier_far_out(random: &mut Random) {
    let x = random.uniform::<f64, _>(16, 100.0).mapv(|x| x.abs() + 40.0);
    assert_eq!(run(&x), x);
    assert!(run(&-&x).iter().all(|&y| y == 0.0));
    assert_eq!(gelu_backward(&x, &Array1::ones(16)), Array1::<f64>::ones(16));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    activation::golden(cases, "act.gelu.sweep", |x| gelu(x), |x, dy| gelu_backward(x, dy))
}
