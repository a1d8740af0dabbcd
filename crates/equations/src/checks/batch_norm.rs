//! Evidence for `eq-0.10-batch-norm`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::ops::{BatchNormTape, Statistics, batch_norm, batch_norm_backward, frozen_norm, layer_norm};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

const EPS: f64 = 1e-5;

type Point<R> = (Array2<R>, Array1<R>, Array1<R>);

fn point<R: Real>() -> Point<R> {
    (ramp(1, (4, 3)), ramp(3, 3), ramp(4, 3))
}

fn run<R: Real>((x, gamma, beta): &Point<R>, eps: f64) -> Result<(Array2<R>, BatchNormTape<R>)> {
    batch_norm(x, gamma, beta, eps)
}

fn gradients<R: Real>((_, gamma, beta): &Point<R>, tape: &BatchNormTape<R>, dy: &Array2<R>) -> Point<R> {
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    (batch_norm_backward(tape, gamma, dy, &mut dgamma, &mut dbeta), dgamma, dbeta)
}

/// Numbers of the specification of DeCLIP.
pub fn forward() {
    let point = (ramp::<f64, _>(1, (4, 3)), Array1::ones(3), Array1::zeros(3));
    let (y, tape) = run(&point, EPS).unwrap();
    assert_sums(&y, "0", "-40.24664789");
    let (_, dgamma, dbeta) = gradients(&point, &tape, &ramp(2, (4, 3)));
    assert_sums(&dgamma, "-0.3353887324", "-0.6707774649");
    assert_sums(&dbeta, "0.25", "3.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    check_backward(
        &point::<Dual>(),
        |point| Ok(run(point, EPS)?.0),
        |point, dy| gradients(point, &run(point, EPS).expect("finite rows").1, dy),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    every_feature_has_mean_zero_and_variance_one,
    is_a_layer_norm_along_the_other_axis,
    is_frozen_norm_with_the_statistics_of_the_batch,
    moving_and_stretching_a_feature_change_nothing,
    the_gradient_is_orthogonal_to_ones_and_to_the_normalized_features,
    a_sample_feels_its_neighbors,
    running_statistics_of_equal_batches_are_those_of_the_batch,
    the_backward_adds_to_what_is_there,
];

fn draw(random: &mut Random) -> Point<f64> {
    let (n, d) = (3 + random.below(6), 1 + random.below(5));
    (random.uniform((n, d), 2.0), random.uniform(d, 1.0), random.uniform(d, 1.0))
}

/// A point with `γ = 1` and `β = 0`.
fn plain(random: &mut Random) -> Point<f64> {
    let x = draw(random).0;
    let d = x.ncols();
    (x, Array1::ones(d), Array1::zeros(d))
}

fn every_feature_has_mean_zero_and_variance_one(random: &mut Random) {
    let point = plain(random);
    let (y, tape) = run(&point, EPS).unwrap();
    let n = y.nrows() as f64;
    assert_close(&(column_sums(&y) / n), &point.2, 1e-12);
    let want = &tape.variance / &(&tape.variance + EPS);
    assert_close(&(column_sums(&(&y * &y)) / n), &want, 1e-12);
}

fn is_a_layer_norm_along_the_other_axis(random: &mut Random) {
    let point = plain(random);
    let (y, n) = (run(&point, EPS).unwrap().0, point.0.nrows());
    let rows = layer_norm(&point.0.t(), &Array1::ones(n), &Array1::zeros(n), EPS).unwrap().0;
    assert_close(&y, &rows.reversed_axes(), 1e-12);
}

fn is_frozen_norm_with_the_statistics_of_the_batch(random: &mut Random) {
    let point = draw(random);
    let (y, tape) = run(&point, EPS).unwrap();
    let statistics = Statistics { mean: tape.mean, variance: tape.variance, eps: EPS };
    assert_close(&y, &frozen_norm(&point.0, &point.1, &point.2, &statistics).unwrap(), 1e-12);
}

fn moving_and_stretching_a_feature_change_nothing(random: &mut Random) {
    let (x, gamma, beta) = draw(random);
    let d = x.ncols();
    let (shift, scale) = (random.uniform::<f64, _>(d, 5.0), random.uniform::<f64, _>(d, 1.0) + 2.0);
    let moved = (&x * &scale + &shift, gamma.clone(), beta.clone());
    let at = |point: &Point<f64>| run(point, 1e-14).unwrap().0;
    assert_close(&at(&moved), &at(&(x, gamma, beta)), 1e-9);
}

fn the_gradient_is_orthogonal_to_ones_and_to_the_normalized_features(random: &mut Random) {
    let point = draw(random);
    let tape = run(&point, 1e-14).unwrap().1;
    let (dx, ..) = gradients(&point, &tape, &random.uniform(point.0.dim(), 1.0));
    let zeros = point.1.zeros_like();
    assert_close(&column_sums(&dx), &zeros, 1e-9);
    assert_close(&column_sums(&(&dx * &tape.hat)), &zeros, 1e-9);
}

fn a_sample_feels_its_neighbors(random: &mut Random) {
    let (mut x, gamma, beta) = draw(random);
    let gamma = gamma + 2.0;
    let before = run(&(x.clone(), gamma.clone(), beta.clone()), EPS).unwrap().0;
    x[(0, 0)] += 1.0;
    let after = run(&(x, gamma, beta), EPS).unwrap().0;
    let change = (&after - &before).mapv(f64::abs);
    assert!((1..change.nrows()).all(|n| change[(n, 0)] > 1e-6), "every other row of the feature moves");
    assert!(
        change.columns().into_iter().skip(1).all(|c| c.iter().all(|&c| c == 0.0)),
        "no other feature does"
    );
}

fn running_statistics_of_equal_batches_are_those_of_the_batch(random: &mut Random) {
    let point = draw(random);
    let (x, tape) = (&point.0, run(&point, EPS).unwrap().1);
    let n = x.nrows() as f64;
    let mut statistics = Statistics { mean: point.1.clone(), variance: point.2.mapv(f64::abs), eps: EPS };
    let want = &statistics.mean * 0.7 + &tape.mean * 0.3;
    statistics.follow(&tape, 0.3).unwrap();
    assert_close(&statistics.mean, &want, 1e-14);
    for _ in 0..200 {
        statistics.follow(&tape, 0.3).unwrap();
    }
    assert_close(&statistics.mean, &tape.mean, 1e-12);
    assert_close(&statistics.variance, &(&tape.variance * (n / (n - 1.0))), 1e-12);
}

fn the_backward_adds_to_what_is_there(random: &mut Random) {
    let point = draw(random);
    let tape = run(&point, EPS).unwrap().1;
    let dy = random.uniform(point.0.dim(), 1.0);
    let (_, once_gamma, once_beta) = gradients(&point, &tape, &dy);
    let (mut dgamma, mut dbeta) = (once_gamma.clone(), once_beta.clone());
    batch_norm_backward(&tape, &point.1, &dy, &mut dgamma, &mut dbeta);
    assert_close(&dgamma, &(once_gamma * 2.0), 1e-15);
    assert_close(&dbeta, &(once_beta * 2.0), 1e-15);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let point = point();
    let (y, tape) = run(&point, EPS)?;
    let dy = ramp(6, y.dim());
    let (dx, dgamma, dbeta) = gradients(&point, &tape, &dy);
    (cases.case("batch_norm.ramp").input("x", &point.0).param("gamma", &point.1).param("beta", &point.2))
        .out("y", &y)
        .act("mean", &tape.mean)
        .act("variance", &tape.variance)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("gamma", &dgamma)
        .grad_param("beta", &dbeta);
    Ok(())
}
