//! Evidence for `eq-0.10-global-avg-pool`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Divisor, Pool, avg_pool, global_avg_pool, global_avg_pool_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, Array4};

use crate::{Property, properties};

/// Numbers of PyTorch 2.15 in double precision.
pub fn forward() {
    let x: Array4<f64> = ramp(1, (2, 3, 7, 6));
    assert_sums(&global_avg_pool(&x).unwrap(), "-0.0119047619", "-0.1369047619");
    assert_sums(&global_avg_pool_backward(&x, &ramp(4, (2, 3))), "-1.75", "-205.625");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array4<Dual> = ramp(1, (2, 3, 4, 5));
    check_backward(&x, |x| global_avg_pool(x), |x, dy| global_avg_pool_backward(x, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![the_adjoint_identity_holds, is_the_mean_of_one_large_window];

fn draw(random: &mut Random) -> Array4<f64> {
    let shape = (1 + random.below(3), 1 + random.below(3), 1 + random.below(6), 1 + random.below(6));
    random.uniform(shape, 2.0)
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let x = draw(random);
    let y = global_avg_pool(&x).unwrap();
    let dy: Array2<f64> = random.uniform(y.dim(), 1.0);
    let dx = global_avg_pool_backward(&x, &dy);
    assert_close(&(&x * &dx).iter().sum::<f64>(), &(&y * &dy).iter().sum(), 1e-12);
}

fn is_the_mean_of_one_large_window(random: &mut Random) {
    let x = draw(random);
    let (batch, c, height, width) = x.dim();
    let y = avg_pool(&x, &Pool::tiles([height, width]), Divisor::Inside).unwrap();
    assert_close(
        &global_avg_pool(&x).unwrap(),
        &y.to_shape((batch, c)).expect("one number per channel").to_owned(),
        1e-14,
    );
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, dy): (Array4<R>, Array2<R>) = (ramp(1, (2, 3, 7, 6)), ramp(4, (2, 3)));
    let (y, dx) = (global_avg_pool(&x)?, global_avg_pool_backward(&x, &dy));
    cases.case("global_avg_pool.2d.ramp").input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    Ok(())
}
