//! Evidence for `eq-4-reg-mse`.

use mmt_golden::Cases;
use mmt_tensor::ops::{mse, mse_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum};
use mmt_tensor::{Dual, Random, Real, Result};

use super::regression;
use crate::{Property, properties};

/// Numbers of the specification of pretraining, section 4.12.
pub fn forward() {
    let (y, t) = regression::example::<f64>();
    assert_printed(mse(&y, &t).unwrap(), "0.839881109656");
    assert_printed(checksum(&mse_backward(&y, &t, 1.0)), "-0.177245001175");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (y, t) = regression::example::<Dual>();
    check_backward(&y, |y| mse(y, &t), |y, &dl| mse_backward(y, &t, dl));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![a_common_shift_changes_nothing, it_grows_with_the_square, it_is_zero_at_the_target];

fn a_common_shift_changes_nothing(random: &mut Random) {
    regression::is_invariant_to_a_shift(random, |y, t| mse(y, t).unwrap());
}

fn it_grows_with_the_square(random: &mut Random) {
    let ((y, t), c) = (regression::draw(random), 4.0 * random.unit() - 2.0);
    assert_close(&mse(&(&y * c), &(&t * c)).unwrap(), &(c * c * mse(&y, &t).unwrap()), 1e-13);
}

fn it_is_zero_at_the_target(random: &mut Random) {
    regression::is_zero_at_the_target(random, |y, t| mse(y, t).unwrap(), |y, t| mse_backward(y, t, 1.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (y, t) = regression::example::<R>();
    regression::golden(cases, "loss.mse.qres", mse(&y, &t)?, &mse_backward(&y, &t, R::of(1.0)));
    Ok(())
}
