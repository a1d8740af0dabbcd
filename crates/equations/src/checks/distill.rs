//! Evidence for `eq-5-kd`.

use mmt_efficiency::{Distill, distill, distill_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{OnEmpty, cross_entropy, kl_divergence, softmax};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, arr0, arr1};

use crate::{Property, properties};

type Labels = Vec<Option<usize>>;

const SETTINGS: Distill = Distill { temperature: 3.0, alpha: 0.7 };

/// Student, teacher and labels of the specification.
fn example<R: Real>() -> (Array2<R>, Array2<R>, Labels) {
    (qres(1, (4, 5), 3.0), qres(2, (4, 5), 3.0), [1, 4, 0, 2].map(Some).to_vec())
}

/// The loss and its gradient.
fn run<R: Real>(
    (z, v, labels): &(Array2<R>, Array2<R>, Labels),
    settings: Distill,
) -> Result<(R, Array2<R>)> {
    let (loss, tape) = distill(z, v, labels, settings)?;
    Ok((loss, distill_backward(&tape, z, labels, settings, R::of(1.0))))
}

/// Numbers of the specification of efficiency, section 5.10.
pub fn forward() {
    let (loss, dz) = run(&example::<f64>(), SETTINGS).unwrap();
    assert_printed(loss, "1.549749828593");
    assert_printed(checksum(&dz), "0.043197145328");
    let soft = run(&example::<f64>(), Distill { temperature: 2.0, alpha: 1.0 }).unwrap().0;
    assert_printed(soft, "0.560621528288");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (z, v, labels) = example::<Dual>();
    check_backward(
        &z,
        |z| Ok(distill(z, &v, &labels, SETTINGS)?.0),
        |z, &dl| distill_backward(&distill(z, &v, &labels, SETTINGS).unwrap().1, z, &labels, SETTINGS, dl),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_student_that_agrees_has_no_soft_loss,
    rows_of_the_gradient_sum_to_zero,
    hot_logits_are_matched,
    at_temperature_one_it_is_the_divergence,
    without_a_teacher_it_is_the_cross_entropy,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>, Labels) {
    let (n, k) = (1 + random.below(4), 2 + random.below(20));
    let labels = (0..n).map(|_| Some(random.below(k))).collect();
    (random.uniform((n, k), 3.0), random.uniform((n, k), 3.0), labels)
}

fn settings(random: &mut Random, alpha: f64) -> Distill {
    Distill { temperature: 0.5 + 5.0 * random.unit(), alpha }
}

fn a_student_that_agrees_has_no_soft_loss(random: &mut Random) {
    let (z, _, labels) = draw(random);
    let (loss, dz) = run(&(&z + 2.0, z.clone(), labels), settings(random, 1.0)).unwrap();
    assert_close(&loss, &0.0, 1e-12);
    assert_close(&dz, &Array2::zeros(z.dim()), 1e-13);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let (point, alpha) = (draw(random), random.unit());
    let dz = run(&point, settings(random, alpha)).unwrap().1;
    assert_close(&row_sums(&dz), &Array1::zeros(dz.nrows()), 1e-13);
}

/// `T (q - p)` tends to the difference of the centered logits, divided by their number; the error falls as `1/T`.
fn hot_logits_are_matched(random: &mut Random) {
    let (z, v, labels) = draw(random);
    let (n, k) = (z.nrows() as f64, z.ncols() as f64);
    let apart: Array2<f64> = &z - &v;
    let mean = (row_sums(&apart) / k).insert_axis(ndarray::Axis(1));
    let want = (&apart - &mean) / k;
    for (temperature, limit) in [(1e2, 0.3), (1e4, 3e-3)] {
        let dz = run(&(z.clone(), v.clone(), labels.clone()), Distill { temperature, alpha: 1.0 }).unwrap().1;
        assert_close(&(dz * n), &want, limit);
    }
}

fn at_temperature_one_it_is_the_divergence(random: &mut Random) {
    let point = draw(random);
    let want = kl_divergence(&point.0, &softmax(&point.1).unwrap()).unwrap().0;
    assert_close(&run(&point, Distill { temperature: 1.0, alpha: 1.0 }).unwrap().0, &want, 1e-14);
}

fn without_a_teacher_it_is_the_cross_entropy(random: &mut Random) {
    let point = draw(random);
    let want = cross_entropy(&point.0, &point.2, OnEmpty::Refuse).unwrap().0;
    assert_close(&run(&point, settings(random, 0.0)).unwrap().0, &want, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let point = example::<R>();
    let (loss, dz) = run(&point, SETTINGS)?;
    (cases.case("loss.distill.qres").input("z", &point.0).input("v", &point.1))
        .ids("labels", &arr1(&[1, 4, 0, 2]))
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz);
    Ok(())
}
