//! Evidence for `eq-0.2-softmax`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{softmax, softmax_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// Numbers of the specification, section 1.
pub fn forward() {
    let p = softmax(&ramp::<f64, _>(1, (2, 5))).unwrap();
    assert_sums(&p, "2", "10.91733994");
    assert_sums(&softmax_backward(&p, &ramp(2, (2, 5))), "0", "-0.6725630609");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = ramp(1, (3, 5));
    check_backward(&x, |x| softmax(x), |x, dp| softmax_backward(&softmax(x).unwrap(), dp));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    rows_sum_to_one,
    a_shift_of_a_row_changes_nothing,
    rows_of_the_gradient_sum_to_zero,
    order_is_kept,
    temperature_has_its_limits,
];

fn draw(random: &mut Random) -> Array2<f64> {
    let shape = (1 + random.below(4), 1 + random.below(80));
    random.uniform(shape, 5.0)
}

fn rows_sum_to_one(random: &mut Random) {
    let p = softmax(&draw(random)).unwrap();
    assert_close(&row_sums(&p), &Array1::ones(p.nrows()), 1e-14);
    assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    let x = draw(random);
    let shifted: Array2<f64> = &x + &random.uniform::<f64, _>((x.nrows(), 1), 50.0);
    assert_close(&softmax(&shifted).unwrap(), &softmax(&x).unwrap(), 1e-12);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let p = softmax(&draw(random)).unwrap();
    let dx = softmax_backward(&p, &random.uniform(p.dim(), 1.0));
    assert_close(&row_sums(&dx), &Array1::zeros(p.nrows()), 1e-14);
}

fn order_is_kept(random: &mut Random) {
    let x = draw(random);
    let p = softmax(&x).unwrap();
    for (x, p) in x.rows().into_iter().zip(p.rows()) {
        for (i, j) in ndarray::indices((x.len(), x.len())) {
            assert_eq!(x[i] > x[j], p[i] > p[j], "{x} {p}");
        }
    }
}

fn temperature_has_its_limits(random: &mut Random) {
    let n = 2 + random.below(6);
    let x: Array2<f64> =
        Array2::from_shape_vec((1, n), random.permutation(n).iter().map(|&i| i as f64).collect())
            .expect("one row");
    let cold = softmax(&(&x / 0.01)).unwrap();
    assert_close(&cold, &x.mapv(|x| f64::from(x == (n - 1) as f64)), 1e-12);
    let hot = softmax(&(&x / 1e9)).unwrap();
    assert_close(&hot, &Array2::from_elem((1, n), 1.0 / n as f64), 1e-8);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, dp): (Array2<R>, _) = (ramp(1, (2, 5)), ramp(2, (2, 5)));
    let p = softmax(&x)?;
    let dx = softmax_backward(&p, &dp);
    cases.case("softmax.rows.ramp").input("x", &x).out("p", &p).cot("p", &dp).grad_in("x", &dx);
    Ok(())
}
