//! Evidence for `eq-4-hinge-hardest`.

use mmt_golden::Cases;
use mmt_tensor::ops::{hardest_hinge, hardest_hinge_backward, hinge};
use mmt_tensor::testing::{assert_printed, check_backward};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, arr0};

use super::hinge::{
    MARGIN, example, has_a_gradient_whose_rows_sum_to_zero, is_invariant_to_a_shift_of_a_row,
    is_zero_only_where_every_margin_is_kept,
};
use crate::{Property, properties};

/// A number of the specification of pretraining, section 4.12.
pub fn forward() {
    assert_printed(hardest_hinge(&example::<f64>().unwrap(), MARGIN).unwrap(), "0.321596205026");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let s = example::<Dual>().unwrap();
    check_backward(&s, |s| hardest_hinge(s, MARGIN), |s, &dl| hardest_hinge_backward(s, MARGIN, dl));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_zero_only_where_every_margin_is_kept,
    a_shift_of_a_row_changes_nothing,
    with_one_wrong_item_it_is_the_sum,
    rows_of_the_gradient_sum_to_zero,
];

fn it_is_zero_only_where_every_margin_is_kept(random: &mut Random) {
    is_zero_only_where_every_margin_is_kept(random, hardest_hinge);
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    is_invariant_to_a_shift_of_a_row(random, hardest_hinge);
}

fn with_one_wrong_item_it_is_the_sum(random: &mut Random) {
    let s: Array2<f64> = random.uniform((2, 2), 1.0);
    assert_eq!(hardest_hinge(&s, 0.3).unwrap(), hinge(&s, 0.3).unwrap());
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    has_a_gradient_whose_rows_sum_to_zero(random, hardest_hinge_backward);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let s = example()?;
    let loss = hardest_hinge(&s, MARGIN)?;
    (cases.case("loss.hinge.hardest").input("s", &s).loss("loss", &arr0(loss)))
        .grad_in("s", &hardest_hinge_backward(&s, MARGIN, R::of(1.0)));
    Ok(())
}
