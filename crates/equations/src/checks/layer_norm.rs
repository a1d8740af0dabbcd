//! Evidence for `eq-1.12-layernorm`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{Moments, layer_norm, layer_norm_backward};
use mmt_tensor::testing::{assert_close, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, array};

use crate::{Property, properties};

type Point<R> = (Array2<R>, Array1<R>, Array1<R>);

const EPS: f64 = 1e-5;

/// The inputs of the specification.
fn point<R: Real>() -> Point<R> {
    let gamma = array![1.0, 0.5, 2.0, 1.0].mapv(R::of);
    (ramp(5, (2, 4)), gamma, array![0.0, 0.1, -0.2, 0.3].mapv(R::of))
}

fn run<R: Real>((x, gamma, beta): &Point<R>, eps: f64) -> Result<(Array2<R>, Moments<R>)> {
    layer_norm(x, gamma, beta, eps)
}

fn gradients<R: Real>(point: &Point<R>, moments: &Moments<R>, dy: &Array2<R>) -> Point<R> {
    let (x, gamma, beta) = point;
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    (layer_norm_backward(moments, x, gamma, dy, &mut dgamma, &mut dbeta), dgamma, dbeta)
}

/// Numbers of the specification, section 4.
pub fn forward() {
    let (y, moments) = run(&point::<f64>(), EPS).unwrap();
    let want = array![
        [0.199997440049, -0.599991040172, 2.599964160688, 0.100002559951],
        [1.044176504732, -0.020481904392, -3.252208244601, 1.022891426353]
    ];
    assert_close(&y, &want, 1e-12);
    let (dx, dgamma, dbeta) = gradients(&point(), &moments, &ramp(6, (2, 4)));
    let want = array![
        [-0.711982899682, 0.583936616690, 0.616048023604, -0.488001740613],
        [-0.016591467807, 0.918255561803, -0.395892957240, -0.505771136757]
    ];
    assert_close(&dx, &want, 1e-12);
    assert_close(&dgamma, &array![-0.683133658524, 0.459027231388, 1.749977600430, -0.772890786365], 1e-12);
    assert_eq!(dbeta, array![-0.25, 0.5, 1.25, -0.75]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for eps in [EPS, 0.3] {
        check_backward(
            &point::<Dual>(),
            |point| Ok(run(point, eps)?.0),
            |point, dy| gradients(point, &run(point, eps).unwrap().1, dy),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_row_has_mean_zero_and_a_variance_of_at_most_one,
    a_scale_and_a_shift_of_a_row_change_nothing,
    the_gradient_is_orthogonal_to_ones_and_to_the_row,
    the_jacobian_is_a_projection_divided_by_the_deviation,
    a_normalized_row_has_the_length_of_its_width,
    a_constant_row_gives_beta_and_a_finite_gradient,
    numbers_far_from_zero_keep_their_variance,
];

/// Rows whose variance is far above any `ε` in use, with gains of one.
fn draw(random: &mut Random) -> Point<f64> {
    let (n, d) = (1 + random.below(4), 3 + random.below(80));
    let mut x = random.uniform((n, d), 1.0);
    x.column_mut(0).fill(2.0);
    (x, Array1::ones(d), Array1::zeros(d))
}

fn a_row_has_mean_zero_and_a_variance_of_at_most_one(random: &mut Random) {
    let (x, gamma, beta) = draw(random);
    let (d, eps) = (x.ncols() as f64, 0.1 * random.unit() + 1e-12);
    let (y, moments) = run(&(x, gamma, beta), eps).unwrap();
    assert_close(&(row_sums(&y) / d), &Array1::zeros(y.nrows()), 1e-14);
    let variance = moments.rstd.mapv(|r| 1.0 / (r * r) - eps);
    let squares = row_sums(&y.mapv(|y| y * y)) / d;
    assert_close(&squares, &variance.mapv(|v| v / (v + eps)), 1e-12);
    assert!(squares.iter().all(|s| *s <= 1.0 + 1e-14), "{squares}");
}

fn a_scale_and_a_shift_of_a_row_change_nothing(random: &mut Random) {
    let (x, gamma, beta) = draw(random);
    let (scale, shift) = (0.1 + 10.0 * random.unit(), 20.0 * random.unit() - 10.0);
    let moved: Array2<f64> = &x * scale + shift;
    let y = run(&(x, gamma.clone(), beta.clone()), 1e-14).unwrap().0;
    assert_close(&run(&(moved, gamma, beta), 1e-14).unwrap().0, &y, 1e-10);
}

fn the_gradient_is_orthogonal_to_ones_and_to_the_row(random: &mut Random) {
    let mut point = draw(random);
    point.1 = random.uniform(point.1.dim(), 1.0);
    let moments = run(&point, 1e-14).unwrap().1;
    let (dx, ..) = gradients(&point, &moments, &random.uniform(point.0.dim(), 1.0));
    let zeros = Array1::zeros(dx.nrows());
    assert_close(&row_sums(&dx), &zeros, 1e-12);
    let (centered, dx) = (&point.0 - &moments.mean.insert_axis(ndarray::Axis(1)), dx);
    assert_close(&row_sums(&(centered * dx)), &zeros, 1e-11);
}

/// `J = (I - 1 1'/d - x̂ x̂'/d) / √σ²` for gains of one: zero along `1` and `x̂`, and `1/σ` across, so that its rank is
/// `d - 2` and its norm `1/σ = √d / |x - μ|`.
fn the_jacobian_is_a_projection_divided_by_the_deviation(random: &mut Random) {
    let (x, gamma, beta) = draw(random);
    let d = x.ncols();
    let point = (x.row(0).to_owned().insert_axis(ndarray::Axis(0)), gamma, beta);
    let (hat, moments) = run(&point, 1e-14).unwrap();
    let times = |v: &Array2<f64>| gradients(&point, &moments, v).0;
    let dot = |a: &Array2<f64>, b: &Array2<f64>| (a * b).iter().sum::<f64>();
    let zeros = Array2::zeros((1, d));
    assert_close(&times(&Array2::ones((1, d))), &zeros, 1e-12);
    assert_close(&times(&hat), &zeros, 1e-11);
    let (v, w): (Array2<f64>, Array2<f64>) = (random.uniform((1, d), 1.0), random.uniform((1, d), 1.0));
    assert_close(&dot(&times(&v), &w), &dot(&v, &times(&w)), 1e-11);
    let across = &v - v.iter().sum::<f64>() / d as f64 - &hat * (dot(&hat, &v) / d as f64);
    assert_close(&times(&across), &(&across * moments.rstd[0]), 1e-11);
    let centered = &point.0 - moments.mean[0];
    assert_close(&moments.rstd[0], &(d as f64 / dot(&centered, &centered)).sqrt(), 1e-11);
}

fn a_normalized_row_has_the_length_of_its_width(random: &mut Random) {
    let point = draw(random);
    let y = run(&point, 1e-14).unwrap().0;
    let lengths = row_sums(&y.mapv(|y| y * y));
    assert_close(&lengths, &Array1::from_elem(y.nrows(), y.ncols() as f64), 1e-10);
}

fn a_constant_row_gives_beta_and_a_finite_gradient(random: &mut Random) {
    let (mut x, gamma, mut beta) = draw(random);
    x.fill((random.below(41) as f64 - 20.0) / 4.0);
    beta = random.uniform(beta.dim(), 1.0);
    let dy = random.uniform(x.dim(), 1.0);
    let point = (x, gamma, beta);
    let (y, moments) = run(&point, 1e-12).unwrap();
    assert_close(&y, &point.2.broadcast(y.dim()).expect("rows").to_owned(), 1e-9);
    let (dx, ..) = gradients(&point, &moments, &dy);
    assert!(dx.iter().all(|dx| dx.is_finite() && dx.abs() < 1e7), "{dx}");
}

/// The mean of the squares minus the square of the mean would lose twelve digits here.
fn numbers_far_from_zero_keep_their_variance(random: &mut Random) {
    let (x, gamma, beta) = draw(random);
    let far: Array2<f64> = &x + 1e6;
    let near = run(&(x, gamma.clone(), beta.clone()), EPS).unwrap().0;
    assert_close(&run(&(far, gamma, beta), EPS).unwrap().0, &near, 1e-8);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (y, moments) = run(&point::<R>(), EPS)?;
    let dy = ramp(6, (2, 4));
    let (dx, dgamma, dbeta) = gradients(&point(), &moments, &dy);
    let (x, gamma, beta) = point();
    (cases.case("norm.layer.ramp").input("x", &x).param("gamma", &gamma).param("beta", &beta))
        .act("mean", &moments.mean)
        .act("rstd", &moments.rstd)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("gamma", &dgamma)
        .grad_param("beta", &dbeta);
    Ok(())
}
