//! Evidence for `eq-1.11-quickgelu`.

use mmt_golden::Cases;
use mmt_tensor::ops::{gelu, quick_gelu, quick_gelu_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use super::activation::{self, draw};
use crate::{Property, properties};

/// Numbers of the specification, section 3.
pub fn forward() {
    activation::table(
        |x| quick_gelu(x),
        |x, dy| quick_gelu_backward(x, dy),
        [
            (-3.0, "-0.018071309708", "-0.024548323906"),
            (-1.0, "-0.154204234067", "-0.067779606556"),
            (0.5, "0.350388436606", "0.879221911965"),
            (1.0, "0.845795765933", "1.067779606556"),
            (3.0, "2.981928690292", "1.024548323906"),
        ],
    );
    let (at, most) = activation::distance(|x| gelu(x), |x| quick_gelu(x));
    assert_printed(most, "2.0335e-2");
    assert_printed(at, "2.270");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) * Dual::of(3.0);
    check_backward(&x, |x| quick_gelu(x), |x, dy| quick_gelu_backward(x, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![both_sides_together_are_the_input, it_stays_near_the_exact_form, far_out_it_has_a_slope];

fn run(x: &Array1<f64>) -> Array1<f64> {
    quick_gelu(x).unwrap()
}

fn both_sides_together_are_the_input(random: &mut Random) {
    let x = draw(random);
    assert_close(&(run(&x) - run(&-&x)), &x, 1e-15);
}

fn it_stays_near_the_exact_form(random: &mut Random) {
    let x = draw(random);
    let apart = run(&x) - gelu(&x).unwrap();
    assert!(apart.iter().all(|d| d.abs() <= 2.04e-2), "{apart}");
}

fn far_out_it_has_a_slope(random: &mut Random) {
    let x: Array1<f64> = random.uniform::<f64, _>(16, 1.0).mapv(|x| x * 1e300 + x.signum() * 1000.0);
    let slope = quick_gelu_backward(&x, &Array1::ones(16));
    assert_close(&slope, &x.mapv(|x| f64::from(x > 0.0)), 1e-15);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    activation::golden(cases, "act.quick-gelu.sweep", |x| quick_gelu(x), |x, dy| quick_gelu_backward(x, dy))
}
