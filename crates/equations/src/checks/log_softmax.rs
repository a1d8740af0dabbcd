//! Evidence for `eq-0.3-log-softmax`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{log_softmax, log_softmax_backward, softmax};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// Numbers of the specification, section 8A.
pub fn forward() {
    let l = log_softmax(&ramp::<f64, _>(1, (2, 5))).unwrap();
    assert_sums(&l, "-18.81808089", "-103.8334402");
    assert_sums(&log_softmax_backward(&l, &ramp(2, (2, 5))), "0", "-3.59715573");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let z: Array2<Dual> = ramp(1, (3, 5));
    check_backward(&z, |z| log_softmax(z), |z, dl| log_softmax_backward(&log_softmax(z).unwrap(), dl));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_the_logarithm_of_a_softmax,
    a_shift_of_a_row_changes_nothing,
    rows_of_the_gradient_sum_to_zero,
    a_wide_gap_keeps_its_logarithm,
];

fn draw(random: &mut Random) -> Array2<f64> {
    let shape = (1 + random.below(4), 1 + random.below(80));
    random.uniform(shape, 5.0)
}

fn it_is_the_logarithm_of_a_softmax(random: &mut Random) {
    let z = draw(random);
    assert_close(&log_softmax(&z).unwrap().mapv(Real::exp), &softmax(&z).unwrap(), 1e-14);
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    let z = draw(random);
    let shifted: Array2<f64> = &z + &random.uniform::<f64, _>((z.nrows(), 1), 50.0);
    assert_close(&log_softmax(&shifted).unwrap(), &log_softmax(&z).unwrap(), 1e-13);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let l = log_softmax(&draw(random)).unwrap();
    let dz = log_softmax_backward(&l, &random.uniform(l.dim(), 1.0));
    assert_close(&row_sums(&dz), &Array1::zeros(l.nrows()), 1e-13);
}

/// The logarithm of a softmax would be `-∞` here.
fn a_wide_gap_keeps_its_logarithm(random: &mut Random) {
    let mut z = draw(random);
    z.column_mut(0).fill(1e4);
    let l = log_softmax(&z).unwrap();
    assert_close(&l, &(z - 1e4), 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, dl): (Array2<R>, _) = (ramp(1, (2, 5)), ramp(2, (2, 5)));
    let l = log_softmax(&z)?;
    let dz = log_softmax_backward(&l, &dl);
    cases.case("softmax.log-softmax.ramp").input("z", &z).out("l", &l).cot("l", &dl).grad_in("z", &dz);
    Ok(())
}
