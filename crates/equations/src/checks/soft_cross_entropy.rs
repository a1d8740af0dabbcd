//! Evidence for `eq-0.5-soft-cross-entropy`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{
    OnEmpty, cross_entropy, kl_divergence, soft_cross_entropy, soft_cross_entropy_backward, softmax,
};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, arr0};

use crate::{Property, properties};

/// The loss and its gradient.
fn run<R: Real>(z: &Array2<R>, t: &Array2<R>) -> Result<(R, Array2<R>)> {
    let (loss, tape) = soft_cross_entropy(z, t)?;
    Ok((loss, soft_cross_entropy_backward(&tape, z, t, R::of(1.0))))
}

/// Numbers of the specification: core, section 1, where the gradient is that of the divergence; pretraining, section
/// 4.12, where a label is smoothed with 0.1.
pub fn forward() {
    let t = softmax(&ramp::<f64, _>(3, (2, 4))).unwrap();
    assert_sums(&run(&ramp(1, (2, 4)), &t).unwrap().1, "0", "-0.1750748109");

    let z = qres::<f64, _>(1, (5, 7), 2.0).select(ndarray::Axis(0), &[0, 2, 3]);
    let t = Array2::from_shape_fn((3, 7), |(i, k)| 0.1 / 7.0 + if k == [3, 0, 6][i] { 0.9 } else { 0.0 });
    assert_printed(run(&z, &t).unwrap().0, "2.196599823866");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (z, t): (Array2<Dual>, _) = (ramp(1, (3, 5)), softmax(&ramp(3, (3, 5))).unwrap());
    check_backward(
        &z,
        |z| Ok(soft_cross_entropy(z, &t)?.0),
        |z, &dl| soft_cross_entropy_backward(&soft_cross_entropy(z, &t).unwrap().1, z, &t, dl),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_sure_target_is_a_label,
    it_is_linear_in_the_targets,
    the_entropy_of_the_targets_is_all_that_divides_it_from_the_divergence,
    rows_of_the_gradient_sum_to_zero,
    a_target_that_misses_one_keeps_its_gradient,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 1 + random.below(80));
    (random.uniform(shape, 5.0), softmax(&random.uniform(shape, 3.0)).unwrap())
}

fn a_sure_target_is_a_label(random: &mut Random) {
    let (z, mut t) = draw(random);
    let labels: Vec<usize> = (0..z.nrows()).map(|_| random.below(z.ncols())).collect();
    t.indexed_iter_mut().for_each(|((i, k), t)| *t = f64::from(labels[i] == k));
    let labels: Vec<Option<usize>> = labels.into_iter().map(Some).collect();
    let hard = cross_entropy(&z, &labels, OnEmpty::Refuse).unwrap().0;
    assert_close(&run(&z, &t).unwrap().0, &hard, 1e-13);
}

fn it_is_linear_in_the_targets(random: &mut Random) {
    let (z, a) = draw(random);
    let (b, weight) = (softmax(&random.uniform(z.dim(), 3.0)).unwrap(), random.unit());
    let between = run(&z, &(&a * weight + &b * (1.0 - weight))).unwrap().0;
    let mixed = run(&z, &a).unwrap().0 * weight + run(&z, &b).unwrap().0 * (1.0 - weight);
    assert_close(&between, &mixed, 1e-13);
}

fn the_entropy_of_the_targets_is_all_that_divides_it_from_the_divergence(random: &mut Random) {
    let (z, t) = draw(random);
    let other: Array2<f64> = random.uniform(z.dim(), 5.0);
    let entropy = |z: &Array2<f64>| run(z, &t).unwrap().0 - kl_divergence(z, &t).unwrap().0;
    assert_close(&entropy(&other), &entropy(&z), 1e-12);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let (z, t) = draw(random);
    assert_close(&row_sums(&run(&z, &t).unwrap().1), &Array1::zeros(z.nrows()), 1e-14);
}

/// A target with the sum `s` pulls along `(s - 1) p` more than a distribution.
fn a_target_that_misses_one_keeps_its_gradient(random: &mut Random) {
    let (z, t) = draw(random);
    let s = 1.0 + 0.9e-4 * (2.0 * random.unit() - 1.0);
    let dz = run(&z, &(&t * s)).unwrap().1;
    let n = z.nrows() as f64;
    assert_close(&dz, &((softmax(&z).unwrap() - t) * (s / n)), 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, t): (Array2<R>, _) = (ramp(1, (2, 4)), softmax(&ramp(3, (2, 4)))?);
    let (loss, dz) = run(&z, &t)?;
    (cases.case("loss.soft-cross-entropy.ramp").input("z", &z).input("t", &t))
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz);
    Ok(())
}
