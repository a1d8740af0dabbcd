//! Evidence for `eq-0.7-l2-normalise`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{l2_normalize, l2_normalize_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// The rows of length one and the gradient.
fn run<R: Real>(x: &Array2<R>, du: &Array2<R>, eps: Option<f64>) -> Result<(Array2<R>, Array2<R>)> {
    let (u, tape) = l2_normalize(x, eps)?;
    Ok((u, l2_normalize_backward(&tape, du)))
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (u, dx) = run::<f64>(&ramp(1, (2, 4)), &ramp(2, (2, 4)), None).unwrap();
    assert_sums(&u, "0.6286494395", "2.338652036");
    assert_sums(&dx, "-0.4110455667", "-4.939455133");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    // Plain rows, rows below ε, and rows that are measured in units of their largest element.
    for (scale, eps) in [(1.0, None), (1.0, Some(1e-12)), (1.0, Some(100.0)), (1e-20, None)] {
        let x: Array2<Dual> = ramp::<Dual, _>(1, (3, 5)) * Dual::of(scale);
        check_backward(
            &x,
            |x| Ok(l2_normalize(x, eps)?.0 * Dual::of(scale)),
            |x, du| run(x, &(du * Dual::of(scale)), eps).unwrap().1,
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    every_row_has_length_one,
    the_gradient_is_orthogonal_to_the_row,
    a_positive_factor_changes_nothing_but_divides_the_gradient,
    twice_is_once,
];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 1 + random.below(80));
    let mut x = random.uniform(shape, 5.0);
    x.column_mut(0).fill(1.0);
    (x, random.uniform(shape, 1.0))
}

fn every_row_has_length_one(random: &mut Random) {
    let (x, du) = draw(random);
    let u = run(&x, &du, None).unwrap().0;
    assert_close(&row_sums(&u.mapv(|u| u * u)), &Array1::ones(u.nrows()), 1e-14);
}

fn the_gradient_is_orthogonal_to_the_row(random: &mut Random) {
    let (x, du) = draw(random);
    let dx = run(&x, &du, None).unwrap().1;
    assert_close(&row_sums(&(&x * &dx)), &Array1::zeros(x.nrows()), 1e-13);
}

fn a_positive_factor_changes_nothing_but_divides_the_gradient(random: &mut Random) {
    let ((x, du), factor) = (draw(random), 0.01 + 100.0 * random.unit());
    let ((u, dx), (same, less)) = (run(&x, &du, None).unwrap(), run(&(&x * factor), &du, None).unwrap());
    assert_close(&same, &u, 1e-14);
    assert_close(&(less * factor), &dx, 1e-13);
}

fn twice_is_once(random: &mut Random) {
    let (x, du) = draw(random);
    let u = run(&x, &du, None).unwrap().0;
    assert_close(&run(&u, &du, Some(1e-12)).unwrap().0, &u, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, du): (Array2<R>, _) = (ramp(1, (2, 4)), ramp(2, (2, 4)));
    let (u, dx) = run(&x, &du, None)?;
    cases.case("norm.l2.ramp").input("x", &x).out("u", &u).cot("u", &du).grad_in("x", &dx);
    Ok(())
}
