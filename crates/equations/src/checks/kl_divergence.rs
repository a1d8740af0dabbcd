//! Evidence for `eq-0.5-kl-divergence`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{
    kl_divergence, kl_divergence_backward, kl_divergence_targets_backward, softmax, softmax_backward,
};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, checksum, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, Axis, arr0};

use crate::{Property, properties};

/// The loss and its gradient with respect to the logits.
fn run<R: Real>(z: &Array2<R>, t: &Array2<R>) -> Result<(R, Array2<R>)> {
    let (loss, tape) = kl_divergence(z, t)?;
    Ok((loss, kl_divergence_backward(&tape, z, t, R::of(1.0))))
}

/// Numbers of the specification: core, section 1; pretraining, section 4.12.
pub fn forward() {
    let (z, t) = (ramp::<f64, _>(1, (2, 4)), softmax(&ramp::<f64, _>(3, (2, 4))).unwrap());
    for (i, printed) in ["0.835529158637", "0.7403547431"].iter().enumerate() {
        assert_printed(run(&z.select(Axis(0), &[i]), &t.select(Axis(0), &[i])).unwrap().0, printed);
    }
    assert_sums(&run(&z, &t).unwrap().1, "0", "-0.1750748109");

    let (loss, dz) = run(&qres(1, (5, 7), 2.0), &softmax(&qres::<f64, _>(2, (5, 7), 2.0)).unwrap()).unwrap();
    assert_printed(loss, "0.217325750198");
    assert_printed(checksum(&dz), "0.057198389190");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// The targets by themselves, and as a softmax: its backward forgets what all targets of a row have in common.
fn backward() {
    let (z, v): (Array2<Dual>, Array2<Dual>) = (ramp(1, (3, 5)), ramp(3, (3, 5)));
    check_backward(
        &(z.clone(), softmax(&v).unwrap()),
        |(z, t)| Ok(kl_divergence(z, t)?.0),
        |(z, t), &dl| {
            let tape = kl_divergence(z, t).unwrap().1;
            let dt = kl_divergence_targets_backward(&tape, z, t, dl);
            (kl_divergence_backward(&tape, z, t, dl), dt)
        },
    );
    check_backward(
        &(z, v),
        |(z, v)| Ok(kl_divergence(z, &softmax(v)?)?.0),
        |(z, v), &dl| {
            let t = softmax(v).unwrap();
            let tape = kl_divergence(z, &t).unwrap().1;
            let dt = kl_divergence_targets_backward(&tape, z, &t, dl);
            (kl_divergence_backward(&tape, z, &t, dl), softmax_backward(&t, &dt))
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_zero_where_both_agree_and_positive_elsewhere,
    a_zero_target_counts_for_nothing,
    rows_of_the_gradient_sum_to_zero,
    a_shift_of_a_row_changes_nothing,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 2 + random.below(80));
    (random.uniform(shape, 5.0), softmax(&random.uniform(shape, 3.0)).unwrap())
}

fn it_is_zero_where_both_agree_and_positive_elsewhere(random: &mut Random) {
    let (z, t) = draw(random);
    let (same, dz) = run(&z, &softmax(&z).unwrap()).unwrap();
    assert_close(&same, &0.0, 1e-13);
    assert_close(&dz, &Array2::zeros(z.dim()), 1e-14);
    let loss = run(&z, &t).unwrap().0;
    assert!(loss > 0.0, "{loss}");
}

/// A class that the target excludes adds nothing but what its logit takes from the others.
fn a_zero_target_counts_for_nothing(random: &mut Random) {
    let (z, mut t) = draw(random);
    t.column_mut(0).fill(0.0);
    let sums = row_sums(&t).insert_axis(Axis(1));
    t /= &sums;
    let mut excluded = z.clone();
    excluded.column_mut(0).fill(-800.0);
    let rest: Vec<usize> = (1..z.ncols()).collect();
    let without = run(&z.select(Axis(1), &rest), &t.select(Axis(1), &rest)).unwrap().0;
    assert_close(&run(&excluded, &t).unwrap().0, &without, 1e-13);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let (z, t) = draw(random);
    assert_close(&row_sums(&run(&z, &t).unwrap().1), &Array1::zeros(z.nrows()), 1e-14);
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    let (z, t) = draw(random);
    let shifted: Array2<f64> = &z + &random.uniform::<f64, _>((z.nrows(), 1), 50.0);
    assert_close(&run(&shifted, &t).unwrap().0, &run(&z, &t).unwrap().0, 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, t): (Array2<R>, _) = (ramp(1, (2, 4)), softmax(&ramp(3, (2, 4)))?);
    let (loss, tape) = kl_divergence(&z, &t)?;
    (cases.case("loss.kl.ramp").input("z", &z).input("t", &t))
        .loss("loss", &arr0(loss))
        .grad_in("z", &kl_divergence_backward(&tape, &z, &t, R::of(1.0)))
        .grad_in("t", &kl_divergence_targets_backward(&tape, &z, &t, R::of(1.0)));

    let t = ndarray::array![[0.0, 0.5, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0]].mapv(R::of);
    let (loss, dz) = run(&z, &t)?;
    (cases.case("loss.kl.zero").input("z", &z).input("t", &t)).loss("loss", &arr0(loss)).grad_in("z", &dz);
    Ok(())
}
