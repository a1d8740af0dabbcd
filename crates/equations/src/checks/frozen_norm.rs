//! Evidence for `eq-0.10-frozen-norm`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::{row_sums, total};
use mmt_tensor::ops::{Statistics, frozen_norm, frozen_norm_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, Array4, Axis};

use crate::{Property, properties};

type Point<R> = (Array4<R>, Array1<R>, Array1<R>);

fn point<R: Real>() -> Point<R> {
    (ramp(1, (2, 4, 3, 2)), ramp(2, 4), ramp(3, 4))
}

fn statistics<R: Real>() -> Statistics<R> {
    Statistics { mean: ramp(4, 4), variance: ramp::<R, _>(5, 4).mapv(|x| x * x), eps: 1e-3 }
}

fn gradients<R: Real>((x, gamma, beta): &Point<R>, dy: &Array4<R>, statistics: &Statistics<R>) -> Point<R> {
    let (mut dgamma, mut dbeta) = (gamma.zeros_like(), beta.zeros_like());
    (frozen_norm_backward(x, gamma, dy, statistics, &mut dgamma, &mut dbeta), dgamma, dbeta)
}

/// Numbers of PyTorch 2.15 in double precision (`batch_norm` with `training = False`).
pub fn forward() {
    let (x, gamma, beta) = point();
    let y = frozen_norm(&x, &gamma, &beta, &statistics()).unwrap();
    assert_sums(&y, "35.82725781", "635.7283198");
    let (dx, dgamma, dbeta) = gradients(&point(), &ramp(6, y.dim()), &statistics());
    assert_sums(&dx, "5.924110853", "77.50778639");
    assert_sums(&dgamma, "-19.30522753", "-64.06847441");
    assert_sums(&dbeta, "1.5", "-1.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let stored = statistics::<Dual>();
    check_backward(
        &point::<Dual>(),
        |(x, gamma, beta)| frozen_norm(x, gamma, beta, &stored),
        |point, dy| gradients(point, dy, &stored),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![its_own_statistics_normalize_every_channel, is_affine, a_sample_does_not_feel_its_neighbors,];

fn draw(random: &mut Random) -> (Point<f64>, Statistics<f64>) {
    let (batch, c) = (1 + random.below(3), 1 + random.below(4));
    let shape = (batch, c, 1 + random.below(4), 2 + random.below(4));
    let x = random.uniform(shape, 2.0);
    let variance = random.uniform::<f64, _>(c, 1.0).mapv(|v| v + 1.1);
    let stored = Statistics { mean: random.uniform(c, 1.0), variance, eps: 1e-5 };
    ((x, random.uniform(c, 1.0), random.uniform(c, 1.0)), stored)
}

fn its_own_statistics_normalize_every_channel(random: &mut Random) {
    let ((x, ..), _) = draw(random);
    let c = x.shape()[1];
    let channels: Array2<f64> =
        x.view().permuted_axes([1, 0, 2, 3]).to_shape((c, x.len() / c)).expect("as many").to_owned();
    let mean = row_sums(&channels) / channels.ncols() as f64;
    let stored = Statistics { mean, variance: channels.var_axis(Axis(1), 0.0), eps: 0.0 };
    let y = frozen_norm(&x, &Array1::ones(c), &Array1::zeros(c), &stored).unwrap();
    for c in 0..c {
        let y = y.index_axis(Axis(1), c);
        assert_close(&(total(&y) / y.len() as f64), &0.0, 1e-9);
        assert_close(&y.var(0.0), &1.0, 1e-9);
    }
}

fn is_affine(random: &mut Random) {
    let ((x, gamma, beta), stored) = draw(random);
    let at = |x: &Array4<f64>| frozen_norm(x, &gamma, &beta, &stored).unwrap();
    let (zero, dy) = (at(&x.zeros_like()), random.uniform(x.dim(), 1.0));
    let (other, share): (Array4<f64>, f64) = (random.uniform(x.dim(), 2.0), 6.0 * random.unit() - 3.0);
    let mixed = at(&(&x * share + &other * (1.0 - share)));
    assert_close(&mixed, &(at(&x) * share + at(&other) * (1.0 - share)), 1e-12);
    let (dx, ..) = gradients(&(x.clone(), gamma.clone(), beta.clone()), &dy, &stored);
    assert_close(&(&x * &dx).iter().sum(), &((at(&x) - zero) * &dy).iter().sum::<f64>(), 1e-12);
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let ((x, gamma, beta), stored) = draw(random);
    let y = frozen_norm(&x, &gamma, &beta, &stored).unwrap();
    let one = frozen_norm(&x.select(Axis(0), &[0]), &gamma, &beta, &stored).unwrap();
    assert_eq!(y.select(Axis(0), &[0]), one);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let ((x, gamma, beta), stored) = (point(), statistics());
    let y = frozen_norm(&x, &gamma, &beta, &stored)?;
    let dy = ramp(6, y.dim());
    let (dx, dgamma, dbeta) = gradients(&point(), &dy, &stored);
    (cases.case("frozen_norm.2d.ramp").input("x", &x).param("gamma", &gamma).param("beta", &beta))
        .buf("mean", &stored.mean)
        .buf("variance", &stored.variance)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("gamma", &dgamma)
        .grad_param("beta", &dbeta);
    Ok(())
}
