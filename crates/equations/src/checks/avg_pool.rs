//! Evidence for `eq-0.10-avg-pool`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Divisor, Pool, avg_pool, avg_pool_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array3, Array4};

use super::max_pool::draw;
use crate::{Property, properties};

const OVERLAPPING: Pool<2> = Pool { kernel: [3; 2], stride: [2; 2], padding: [1; 2] };

/// Numbers of PyTorch 2.15 in double precision, without and with `count_include_pad`.
pub fn forward() {
    let numbers = [
        (Divisor::Inside, ("0.1875", "40.88888889"), ("-1.75", "-250.875")),
        (Divisor::Window, ("0.02777777778", "29.69444444"), ("0.3888888889", "84.58333333")),
    ];
    let x: Array4<f64> = ramp(1, (2, 3, 7, 6));
    for (divisor, y_sums, dx_sums) in numbers {
        let y = avg_pool(&x, &OVERLAPPING, divisor).unwrap();
        assert_sums(&y, y_sums.0, y_sums.1);
        let dx = avg_pool_backward(&x, &ramp(4, y.dim()), &OVERLAPPING, divisor);
        assert_sums(&dx, dx_sums.0, dx_sums.1);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for divisor in [Divisor::Inside, Divisor::Window] {
        let x: Array4<Dual> = ramp(1, (2, 2, 5, 6));
        check_backward(
            &x,
            |x| avg_pool(x, &OVERLAPPING, divisor),
            |x, dy| avg_pool_backward(x, dy, &OVERLAPPING, divisor),
        );
        let (x, pool): (Array3<Dual>, _) = (ramp(2, (2, 3, 7)), Pool::tiles([2]));
        check_backward(&x, |x| avg_pool(x, &pool, divisor), |x, dy| avg_pool_backward(x, dy, &pool, divisor));
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![the_adjoint_identity_holds, a_constant_stays_itself, the_divisors_agree_without_padding];

fn the_adjoint_identity_holds(random: &mut Random) {
    let (x, pool) = draw(random);
    for divisor in [Divisor::Inside, Divisor::Window] {
        let y = avg_pool(&x, &pool, divisor).unwrap();
        let dy: Array4<f64> = random.uniform(y.dim(), 1.0);
        let dx = avg_pool_backward(&x, &dy, &pool, divisor);
        assert_close(&(&x * &dx).iter().sum::<f64>(), &(&y * &dy).iter().sum(), 1e-12);
    }
}

fn a_constant_stays_itself(random: &mut Random) {
    let (x, pool) = draw(random);
    let y = avg_pool(&Array4::from_elem(x.dim(), 3.0), &pool, Divisor::Inside).unwrap();
    assert_close(&y, &Array4::from_elem(y.dim(), 3.0), 1e-14);
}

fn the_divisors_agree_without_padding(random: &mut Random) {
    let (x, pool) = draw(random);
    let pool = Pool { padding: [0; 2], ..pool };
    let [inside, window] = [Divisor::Inside, Divisor::Window].map(|d| avg_pool(&x, &pool, d).unwrap());
    assert_eq!(inside, window);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array4<R> = ramp(1, (2, 3, 7, 6));
    for (name, divisor) in [("inside", Divisor::Inside), ("window", Divisor::Window)] {
        let y = avg_pool(&x, &OVERLAPPING, divisor)?;
        let dy = ramp(4, y.dim());
        let dx = avg_pool_backward(&x, &dy, &OVERLAPPING, divisor);
        let case = cases.case(&format!("avg_pool.2d.{name}"));
        case.input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    }
    Ok(())
}
