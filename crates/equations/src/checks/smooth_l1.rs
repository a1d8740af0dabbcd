//! Evidence for `eq-4-reg-smooth-l1`.

use mmt_golden::Cases;
use mmt_tensor::ops::{l1, mse, smooth_l1, smooth_l1_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, array};

use super::regression;
use crate::{Property, properties};

/// Numbers of the specification of pretraining, section 4.12.
pub fn forward() {
    let (y, t) = regression::example::<f64>();
    assert_printed(smooth_l1(&y, &t, 0.5).unwrap(), "0.417509940270");
    assert_printed(checksum(&smooth_l1_backward(&y, &t, 0.5, 1.0)), "-0.013094775883");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (y, t) = regression::example::<Dual>();
    for beta in [0.5, 1.0] {
        check_backward(&y, |y| smooth_l1(y, &t, beta), |y, &dl| smooth_l1_backward(y, &t, beta, dl));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_common_shift_changes_nothing,
    a_narrow_width_gives_the_absolute_difference,
    a_wide_width_gives_the_square,
    the_slope_has_no_step_at_the_width,
];

fn a_common_shift_changes_nothing(random: &mut Random) {
    regression::is_invariant_to_a_shift(random, |y, t| smooth_l1(y, t, 0.7).unwrap());
}

fn a_narrow_width_gives_the_absolute_difference(random: &mut Random) {
    let (y, t) = regression::draw(random);
    assert_close(&smooth_l1(&y, &t, 1e-12).unwrap(), &l1(&y, &t).unwrap(), 1e-12);
}

fn a_wide_width_gives_the_square(random: &mut Random) {
    let (y, t) = regression::draw(random);
    let beta = 10.0 + random.unit();
    assert_close(&(smooth_l1(&y, &t, beta).unwrap() * 2.0 * beta), &mse(&y, &t).unwrap(), 1e-13);
}

fn the_slope_has_no_step_at_the_width(random: &mut Random) {
    let beta = 0.1 + random.unit();
    let (y, t): (Array1<f64>, _) = (array![beta - 1e-9, beta + 1e-9], Array1::zeros(2));
    let slope = smooth_l1_backward(&y, &t, beta, 2.0);
    assert_close(&slope, &Array1::ones(2), 1e-7);
    let loss = |d: f64| smooth_l1(&array![d], &array![0.0], beta).unwrap();
    assert_close(&loss(y[0]), &loss(y[1]), 1e-8);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (y, t): (Array2<R>, _) = regression::example();
    let dy = smooth_l1_backward(&y, &t, 0.5, R::of(1.0));
    regression::golden(cases, "loss.smooth-l1.qres", smooth_l1(&y, &t, 0.5)?, &dy);
    Ok(())
}
