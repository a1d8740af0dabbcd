//! Evidence for `eq-4-hinge-sum`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{hardest_hinge, hinge, hinge_backward, l2_normalize, matmul};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, ArrayRef2, arr0};

use crate::{Property, properties};

/// The margin of the specification.
pub(super) const MARGIN: f64 = 0.2;

/// Cosines between the rows of two matrices, as the specification has them.
pub(super) fn example<R: Real>() -> Result<Array2<R>> {
    let rows = |s: usize| Ok(l2_normalize(&qres::<R, _>(s, (4, 5), 1.0), None)?.0);
    Ok(matmul(&rows(1)?, &rows(2)?.t()))
}

/// A number of the specification of pretraining, section 4.12.
pub fn forward() {
    assert_printed(hinge(&example::<f64>().unwrap(), MARGIN).unwrap(), "0.459181574609");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let s = example::<Dual>().unwrap();
    check_backward(&s, |s| hinge(s, MARGIN), |s, &dl| hinge_backward(s, MARGIN, dl));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_zero_only_where_every_margin_is_kept,
    a_shift_of_a_row_changes_nothing,
    it_is_no_less_than_that_of_the_hardest_pairs,
    rows_of_the_gradient_sum_to_zero,
];

fn draw(random: &mut Random) -> (Array2<f64>, f64) {
    let b = 2 + random.below(6);
    (random.uniform((b, b), 1.0), 0.05 + random.unit())
}

/// Lifts the diagonal until every pair that belongs together wins by the margin, then lowers one again.
pub(super) fn is_zero_only_where_every_margin_is_kept(
    random: &mut Random,
    loss: fn(&ArrayRef2<f64>, f64) -> Result<f64>,
) {
    let (mut s, margin) = draw(random);
    s.diag_mut().iter_mut().for_each(|s| *s = 1.0 + margin);
    assert_eq!(loss(&s, margin).unwrap(), 0.0);
    let i = random.below(s.nrows());
    s[(i, i)] = s[(i, (i + 1) % s.nrows())] + margin - 0.01;
    assert!(loss(&s, margin).unwrap() > 0.0);
}

pub(super) fn is_invariant_to_a_shift_of_a_row(
    random: &mut Random,
    loss: fn(&ArrayRef2<f64>, f64) -> Result<f64>,
) {
    let (s, margin) = draw(random);
    let shifted: Array2<f64> = &s + &random.uniform::<f64, _>((s.nrows(), 1), 5.0);
    assert_close(&loss(&shifted, margin).unwrap(), &loss(&s, margin).unwrap(), 1e-13);
}

pub(super) fn has_a_gradient_whose_rows_sum_to_zero(
    random: &mut Random,
    backward: fn(&ArrayRef2<f64>, f64, f64) -> Array2<f64>,
) {
    let (s, margin) = draw(random);
    let ds = backward(&s, margin, 1.0);
    assert_close(&row_sums(&ds), &Array1::zeros(s.nrows()), 1e-14);
}

fn it_is_zero_only_where_every_margin_is_kept(random: &mut Random) {
    is_zero_only_where_every_margin_is_kept(random, hinge);
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    is_invariant_to_a_shift_of_a_row(random, hinge);
}

fn it_is_no_less_than_that_of_the_hardest_pairs(random: &mut Random) {
    let (s, margin) = draw(random);
    assert!(hinge(&s, margin).unwrap() >= hardest_hinge(&s, margin).unwrap() - 1e-15);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    has_a_gradient_whose_rows_sum_to_zero(random, hinge_backward);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let s = example()?;
    let loss = hinge(&s, MARGIN)?;
    (cases.case("loss.hinge.sum").input("s", &s).loss("loss", &arr0(loss)))
        .grad_in("s", &hinge_backward(&s, MARGIN, R::of(1.0)));
    Ok(())
}
