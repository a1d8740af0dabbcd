//! Evidence for `eq-0.3-logsumexp`.

use mmt_golden::Cases;
use mmt_tensor::ops::{log_sum_exp, log_sum_exp_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, Axis};

use crate::{Property, properties};

/// Numbers of the specification, section 8A.
pub fn forward() {
    let sums = log_sum_exp(&ramp::<f64, _>(1, (2, 5))).unwrap();
    assert_printed(sums[0], "2.148448278161");
    assert_printed(sums[1], "1.515167899766");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let z: Array2<Dual> = ramp(1, (3, 5));
    check_backward(&z, |z| log_sum_exp(z), |z, ds| log_sum_exp_backward(z, &log_sum_exp(z).unwrap(), ds));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_lies_just_above_the_maximum,
    a_shift_of_a_row_shifts_it,
    it_is_convex,
    no_step_is_longer_than_the_longest_of_the_inputs,
    large_numbers_do_not_overflow,
];

fn draw(random: &mut Random) -> Array2<f64> {
    let shape = (1 + random.below(4), 1 + random.below(80));
    random.uniform(shape, 5.0)
}

fn maxima(z: &Array2<f64>) -> Array1<f64> {
    z.map_axis(Axis(1), |row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

fn it_lies_just_above_the_maximum(random: &mut Random) {
    let z = draw(random);
    let width: f64 = Real::ln(z.ncols() as f64);
    for (lse, m) in log_sum_exp(&z).unwrap().iter().zip(maxima(&z)) {
        assert!(m <= *lse && *lse <= m + width + 1e-14, "{lse} of a row with the maximum {m}");
    }
}

fn a_shift_of_a_row_shifts_it(random: &mut Random) {
    let z = draw(random);
    let shift: Array2<f64> = random.uniform((z.nrows(), 1), 50.0);
    let moved = log_sum_exp(&(&z + &shift)).unwrap();
    assert_close(&moved, &(log_sum_exp(&z).unwrap() + shift.column(0)), 1e-13);
}

fn it_is_convex(random: &mut Random) {
    let a = draw(random);
    let (b, weight) = (random.uniform::<f64, _>(a.dim(), 5.0), random.unit());
    let between = log_sum_exp(&(&a * weight + &b * (1.0 - weight))).unwrap();
    let chord = log_sum_exp(&a).unwrap() * weight + log_sum_exp(&b).unwrap() * (1.0 - weight);
    assert!(between.iter().zip(&chord).all(|(b, c)| *b <= c + 1e-13), "{between} {chord}");
}

fn no_step_is_longer_than_the_longest_of_the_inputs(random: &mut Random) {
    let a = draw(random);
    let b: Array2<f64> = random.uniform(a.dim(), 5.0);
    let steps = (log_sum_exp(&a).unwrap() - log_sum_exp(&b).unwrap()).mapv(f64::abs);
    let longest = maxima(&(a - b).mapv(f64::abs));
    assert!(steps.iter().zip(&longest).all(|(s, l)| *s <= l + 1e-13), "{steps} {longest}");
}

fn large_numbers_do_not_overflow(random: &mut Random) {
    let z = draw(random);
    let far: Array2<f64> = &z + 1e5;
    assert_close(&(log_sum_exp(&far).unwrap() - 1e5), &log_sum_exp(&z).unwrap(), 1e-10);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, ds): (Array2<R>, Array1<R>) = (ramp(1, (2, 5)), ramp(2, 2));
    let s = log_sum_exp(&z)?;
    let dz = log_sum_exp_backward(&z, &s, &ds);
    cases.case("softmax.log-sum-exp.ramp").input("z", &z).out("s", &s).cot("s", &ds).grad_in("z", &dz);
    Ok(())
}
