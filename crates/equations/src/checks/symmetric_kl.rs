//! Evidence for `eq-4-softce-symmetric-kl`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{kl_divergence, softmax, symmetric_kl, symmetric_kl_backward};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, arr0};

use crate::{Property, properties};

/// The loss and its gradients.
fn run<R: Real>(z: &Array2<R>, w: &Array2<R>) -> Result<(R, Array2<R>, Array2<R>)> {
    let (loss, tape) = symmetric_kl(z, w)?;
    let (dz, dw) = symmetric_kl_backward(&tape, R::of(1.0));
    Ok((loss, dz, dw))
}

/// Numbers of the specification of pretraining, section 4.12.
pub fn forward() {
    let (loss, dz, dw) = run::<f64>(&qres(1, (1, 5), 2.0), &qres(2, (1, 5), 2.0)).unwrap();
    assert_printed(loss, "2.475683963735");
    assert_printed(checksum(&dz), "0.410637204203");
    assert_printed(checksum(&dw), "-0.201041961746");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let point: (Array2<Dual>, Array2<Dual>) = (ramp(1, (3, 5)), ramp(3, (3, 5)));
    check_backward(
        &point,
        |(z, w)| Ok(symmetric_kl(z, w)?.0),
        |(z, w), &dl| symmetric_kl_backward(&symmetric_kl(z, w).unwrap().1, dl),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    an_exchange_changes_nothing,
    it_is_the_sum_of_both_directions,
    it_is_zero_where_both_agree_and_positive_elsewhere,
    rows_of_the_gradients_sum_to_zero,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 2 + random.below(80));
    (random.uniform(shape, 3.0), random.uniform(shape, 3.0))
}

fn an_exchange_changes_nothing(random: &mut Random) {
    let (z, w) = draw(random);
    let ((loss, dz, dw), (same, dw_too, dz_too)) = (run(&z, &w).unwrap(), run(&w, &z).unwrap());
    assert_close(&same, &loss, 1e-14);
    assert_close(&(dz_too, dw_too), &(dz, dw), 1e-14);
}

fn it_is_the_sum_of_both_directions(random: &mut Random) {
    let (z, w) = draw(random);
    let one_way = |z: &Array2<f64>, w: &Array2<f64>| kl_divergence(z, &softmax(w).unwrap()).unwrap().0;
    assert_close(&run(&z, &w).unwrap().0, &(one_way(&z, &w) + one_way(&w, &z)), 1e-12);
}

fn it_is_zero_where_both_agree_and_positive_elsewhere(random: &mut Random) {
    let (z, w) = draw(random);
    assert!(run(&z, &w).unwrap().0 > 0.0);
    let (same, dz, dw) = run(&z, &(&z + 3.0)).unwrap();
    assert_close(&same, &0.0, 1e-13);
    assert_close(&(dz, dw), &(Array2::zeros(z.dim()), Array2::zeros(z.dim())), 1e-13);
}

fn rows_of_the_gradients_sum_to_zero(random: &mut Random) {
    let (z, w) = draw(random);
    let (_, dz, dw) = run(&z, &w).unwrap();
    assert_close(&row_sums(&dz), &Array1::zeros(z.nrows()), 1e-13);
    assert_close(&row_sums(&dw), &Array1::zeros(z.nrows()), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, w) = (qres(1, (2, 5), 2.0), qres(2, (2, 5), 2.0));
    let (loss, dz, dw) = run::<R>(&z, &w)?;
    (cases.case("loss.symmetric-kl.qres").input("z", &z).input("w", &w))
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz)
        .grad_in("w", &dw);
    Ok(())
}
