//! Evidence for `eq-0.6-bce-with-logits`.

use mmt_golden::Cases;
use mmt_tensor::ops::{
    OnEmpty, Reduction, binary_cross_entropy, binary_cross_entropy_backward, cross_entropy,
};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, checksum, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, arr0, array};

use crate::{Property, properties};

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::MeanTimesClasses, Reduction::Sum];

/// Numbers of the specification: core, section 1; pretraining, section 4.12.
pub fn forward() {
    let (x, t): (Array2<f64>, _) = (ramp(1, (2, 3)), array![[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
    let loss = |reduction| binary_cross_entropy(&x, &t, reduction).unwrap();
    assert_printed(loss(Reduction::Sum), "5.445225359597");
    assert_printed(loss(Reduction::Mean), "0.907537559933");
    assert_close(&loss(Reduction::MeanTimesClasses), &(5.445225359597 / 2.0), 1e-12);
    let dx = binary_cross_entropy_backward(&x, &t, Reduction::Mean, 1.0);
    assert_sums(&dx, "0.04481615172", "0.2595413317");

    let (s, t): (Array1<f64>, _) = (qres(5, 6, 3.0), array![1.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_printed(binary_cross_entropy(&s, &t, Reduction::Mean).unwrap(), "1.086444232015");
    assert_printed(checksum(&binary_cross_entropy_backward(&s, &t, Reduction::Mean, 1.0)), "0.033574259175");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    // No element of the ramp is zero, where the rectifier of the stable form has its kink.
    let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) + Dual::of(0.1);
    let t: Array2<Dual> = ramp::<Dual, _>(2, (3, 5)).mapv(|t| t * t * Dual::of(0.5));
    for reduction in REDUCTIONS {
        check_backward(
            &x,
            |x| binary_cross_entropy(x, &t, reduction),
            |x, &dl| binary_cross_entropy_backward(x, &t, reduction, dl),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_never_negative,
    yes_and_no_are_mirror_images,
    no_evidence_costs_the_logarithm_of_two,
    it_is_the_cross_entropy_of_two_classes,
    it_is_convex,
    the_gradient_of_an_element_is_below_one,
    numbers_of_any_size_have_a_loss,
    the_reductions_differ_by_factors,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 1 + random.below(80));
    (random.uniform(shape, 10.0), random.uniform::<f64, _>(shape, 0.5).mapv(|t| t + 0.5))
}

fn run(x: &Array2<f64>, t: &Array2<f64>) -> f64 {
    binary_cross_entropy(x, t, Reduction::Mean).unwrap()
}

fn it_is_never_negative(random: &mut Random) {
    let (x, t) = draw(random);
    assert!(run(&x, &t) >= 0.0);
}

fn yes_and_no_are_mirror_images(random: &mut Random) {
    let (x, t) = draw(random);
    assert_close(&run(&-&x, &t.mapv(|t| 1.0 - t)), &run(&x, &t), 1e-13);
}

fn no_evidence_costs_the_logarithm_of_two(random: &mut Random) {
    let (x, t) = draw(random);
    assert_close(&run(&Array2::zeros(x.dim()), &t), &Real::ln(2.0), 1e-14);
}

fn it_is_the_cross_entropy_of_two_classes(random: &mut Random) {
    let x = draw(random).0;
    let labels: Vec<usize> = x.iter().map(|_| random.below(2)).collect();
    let t = Array2::from_shape_fn(x.dim(), |(i, j)| labels[i * x.ncols() + j] as f64);
    let z = Array2::from_shape_fn((x.len(), 2), |(i, k)| k as f64 * x[(i / x.ncols(), i % x.ncols())]);
    let labels: Vec<Option<usize>> = labels.into_iter().map(Some).collect();
    let want = cross_entropy(&z, &labels, OnEmpty::Refuse).unwrap().0;
    assert_close(&run(&x, &t), &want, 1e-13);
}

fn it_is_convex(random: &mut Random) {
    let (a, t) = draw(random);
    let (b, weight): (Array2<f64>, _) = (random.uniform(a.dim(), 10.0), random.unit());
    let between = run(&(&a * weight + &b * (1.0 - weight)), &t);
    assert!(between <= run(&a, &t) * weight + run(&b, &t) * (1.0 - weight) + 1e-13);
}

fn the_gradient_of_an_element_is_below_one(random: &mut Random) {
    let (x, t) = draw(random);
    let dx = binary_cross_entropy_backward(&x, &t, Reduction::Sum, 1.0);
    assert!(dx.iter().all(|dx| dx.abs() < 1.0), "{dx}");
}

fn numbers_of_any_size_have_a_loss(random: &mut Random) {
    let (x, t) = draw(random);
    let size = 10f64.powi(random.below(600) as i32 - 300);
    assert!(run(&(&x * size * 0.1), &t).is_finite());
}

fn the_reductions_differ_by_factors(random: &mut Random) {
    let (x, t) = draw(random);
    let [mean, classes, sum] = REDUCTIONS.map(|reduction| binary_cross_entropy(&x, &t, reduction).unwrap());
    assert_close(&(mean * x.len() as f64), &sum, 1e-13);
    assert_close(&(mean * x.ncols() as f64), &classes, 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let t = array![[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]].mapv(R::of);
    let x: Array2<R> = ramp(1, (2, 3));
    for (name, reduction) in
        ["loss.bce.mean", "loss.bce.mean-times-classes", "loss.bce.sum"].into_iter().zip(REDUCTIONS)
    {
        let loss = binary_cross_entropy(&x, &t, reduction)?;
        (cases.case(name).input("x", &x).input("t", &t))
            .loss("loss", &arr0(loss))
            .grad_in("x", &binary_cross_entropy_backward(&x, &t, reduction, R::of(1.0)));
    }
    Ok(())
}
