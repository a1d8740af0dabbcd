//! Evidence for `eq-1.10-gelu-tanh`.

use mmt_golden::Cases;
use mmt_tensor::ops::{gelu, gelu_tanh, gelu_tanh_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use super::activation::{self, draw};
use crate::{Property, properties};

/// Numbers of the specification, section 3.
pub fn forward() {
    activation::table(
        |x| gelu_tanh(x),
        |x, dy| gelu_tanh_backward(x, dy),
        [
            (-3.0, "-0.003637392082", "-0.011584166631"),
            (-1.0, "-0.158808009392", "-0.082964083846"),
            (0.5, "0.345714009825", "0.867369903535"),
            (1.0, "0.841191990608", "1.082964083846"),
            (3.0, "2.996362607918", "1.011584166631"),
        ],
    );
    let (at, most) = activation::distance(|x| gelu(x), |x| gelu_tanh(x));
    assert_printed(most, "4.7324e-4");
    assert_printed(at, "2.699");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) * Dual::of(3.0);
    check_backward(&x, |x| gelu_tanh(x), |x, dy| gelu_tanh_backward(x, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![both_sides_together_are_the_input, it_stays_near_the_exact_form, far_out_it_has_a_slope];

fn run(x: &Array1<f64>) -> Array1<f64> {
    gelu_tanh(x).unwrap()
}

fn both_sides_together_are_the_input(random: &mut Random) {
    let x = draw(random);
    assert_close(&(run(&x) - run(&-&x)), &x, 1e-15);
}

fn it_stays_near_the_exact_form(random: &mut Random) {
    let x = draw(random);
    let apart = run(&x) - gelu(&x).unwrap();
    assert!(apart.iter().all(|d| d.abs() <= 4.74e-4), "{apart}");
}

/// Where the powers of `x` overflow, the slope is 0 or 1.
fn far_out_it_has_a_slope(random: &mut Random) {
    let x: Array1<f64> = random.uniform::<f64, _>(16, 1.0).mapv(|x| x * 1e300 + x.signum() * 20.0);
    let slope = gelu_tanh_backward(&x, &Array1::ones(16));
    assert_eq!(slope, x.mapv(|x| f64::from(x > 0.0)));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    activation::golden(cases, "act.gelu-tanh.sweep", |x| gelu_tanh(x), |x, dy| gelu_tanh_backward(x, dy))
}
