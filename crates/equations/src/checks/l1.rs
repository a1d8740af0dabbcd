//! Evidence for `eq-4-reg-l1`.

use mmt_golden::Cases;
use mmt_tensor::ops::{l1, l1_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum};
use mmt_tensor::{Dual, Random, Real, Result};

use super::regression;
use crate::{Property, properties};

/// Numbers of NumPy in double precision, for the inputs of the specification of pretraining, section 4.12.
pub fn forward() {
    let (y, t) = regression::example::<f64>();
    assert_printed(l1(&y, &t).unwrap(), "0.600099108028");
    assert_printed(checksum(&l1_backward(&y, &t, 1.0)), "0.061855670103");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (y, t) = regression::example::<Dual>();
    check_backward(&y, |y| l1(y, &t), |y, &dl| l1_backward(y, &t, dl));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![a_common_shift_changes_nothing, it_grows_with_the_size, it_is_zero_at_the_target];

fn a_common_shift_changes_nothing(random: &mut Random) {
    regression::is_invariant_to_a_shift(random, |y, t| l1(y, t).unwrap());
}

fn it_grows_with_the_size(random: &mut Random) {
    let ((y, t), c) = (regression::draw(random), 4.0 * random.unit() - 2.0);
    assert_close(&l1(&(&y * c), &(&t * c)).unwrap(), &(c.abs() * l1(&y, &t).unwrap()), 1e-13);
}

fn it_is_zero_at_the_target(random: &mut Random) {
    regression::is_zero_at_the_target(random, |y, t| l1(y, t).unwrap(), |y, t| l1_backward(y, t, 1.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (y, t) = regression::example::<R>();
    regression::golden(cases, "loss.l1.qres", l1(&y, &t)?, &l1_backward(&y, &t, R::of(1.0)));
    Ok(())
}
