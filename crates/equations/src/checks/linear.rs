//! Evidence for `eq-0.1-linear`.

use mmt_golden::Cases;
use mmt_tensor::ops::{linear, linear_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, Axis};

use crate::{Property, properties};

type Gradients<R> = (Array2<R>, Array2<R>, Array1<R>);

fn gradients<R: Real>(x: &Array2<R>, w: &Array2<R>, b: &Array1<R>, dy: &Array2<R>) -> Gradients<R> {
    let (mut dw, mut db) = (w.zeros_like(), b.zeros_like());
    (linear_backward(x, w, dy, &mut dw, Some(&mut db)), dw, db)
}

/// Numbers of the specification, section 1.
pub fn forward() {
    let (x, w, b): (Array2<f64>, _, _) = (ramp(1, (3, 4)), ramp(2, (4, 2)), ramp(3, 2));
    assert_sums(&linear(&x, &w, Some(&b)).unwrap(), "3.6875", "5.1875");
    let (dx, dw, db) = gradients(&x, &w, &b, &ramp(4, (3, 2)));
    assert_sums(&dx, "1.25", "16.0625");
    assert_sums(&dw, "-1.1875", "-1.6875");
    assert_sums(&db, "-1.75", "-2.75");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let point: (Array2<Dual>, Array2<Dual>, Array1<Dual>) = (ramp(1, (3, 5)), ramp(2, (5, 4)), ramp(3, 4));
    check_backward(&point, |(x, w, b)| linear(x, w, Some(b)), |(x, w, b), dy| gradients(x, w, b, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![is_affine, a_permutation_of_rows_permutes_the_result, the_adjoint_identity_holds];

fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>, Array1<f64>) {
    let (n, d_in, d_out) = (1 + random.below(5), 1 + random.below(5), 1 + random.below(5));
    (random.uniform((n, d_in), 2.0), random.uniform((d_in, d_out), 2.0), random.uniform(d_out, 2.0))
}

fn is_affine(random: &mut Random) {
    let (x, w, b) = draw(random);
    let (other, share): (Array2<f64>, f64) = (random.uniform(x.dim(), 2.0), 6.0 * random.unit() - 3.0);
    let at = |x: &Array2<f64>| linear(x, &w, Some(&b)).unwrap();
    let mixed = at(&(&x * share + &other * (1.0 - share)));
    assert_close(&mixed, &(at(&x) * share + at(&other) * (1.0 - share)), 1e-12);
}

fn a_permutation_of_rows_permutes_the_result(random: &mut Random) {
    let (x, w, b) = draw(random);
    let order = random.permutation(x.nrows());
    let y = linear(&x, &w, Some(&b)).unwrap();
    assert_eq!(linear(&x.select(Axis(0), &order), &w, Some(&b)).unwrap(), y.select(Axis(0), &order));
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let (x, w, b) = draw(random);
    let dy = random.uniform((x.nrows(), w.ncols()), 1.0);
    let (dx, dw, _) = gradients(&x, &w, &b.zeros_like(), &dy);
    let y = linear(&x, &w, Some(&b.zeros_like())).unwrap();
    let product = (&y * &dy).iter().sum::<f64>();
    assert_close(&(&x * &dx).iter().sum(), &product, 1e-12);
    assert_close(&(&w * &dw).iter().sum(), &product, 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, w, b): (Array2<R>, _, _) = (ramp(1, (3, 4)), ramp(2, (4, 2)), ramp(3, 2));
    let (y, dy) = (linear(&x, &w, Some(&b))?, ramp(4, (3, 2)));
    let (dx, dw, db) = gradients(&x, &w, &b, &dy);
    (cases.case("linear.affine.ramp").input("x", &x).param("weight", &w).param("bias", &b))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("weight", &dw)
        .grad_param("bias", &db);
    Ok(())
}
