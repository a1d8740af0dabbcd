//! Evidence for `eq-0.10-max-pool`.

use mmt_golden::Cases;
use mmt_tensor::ops::{Pool, max_pool, max_pool_backward};
use mmt_tensor::testing::{assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array4, Array5, s};

use crate::{Property, properties};

const OVERLAPPING: Pool<2> = Pool { kernel: [3; 2], stride: [2; 2], padding: [1; 2] };

/// Numbers of PyTorch 2.15 in double precision. The ramp has many ties.
pub fn forward() {
    let x: Array4<f64> = ramp(1, (2, 3, 7, 6));
    let y = max_pool(&x, &OVERLAPPING).unwrap();
    assert_sums(&y, "80.25", "2943.5");
    assert_sums(&max_pool_backward(&x, &ramp(4, y.dim()), &OVERLAPPING), "-1.75", "-262.5");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array4<Dual> = ramp(1, (2, 2, 5, 6));
    check_backward(&x, |x| max_pool(x, &OVERLAPPING), |x, dy| max_pool_backward(x, dy, &OVERLAPPING));
    let x: Array5<Dual> = ramp(2, (1, 2, 3, 4, 4));
    let pool = Pool::tiles([1, 2, 2]);
    check_backward(&x, |x| max_pool(x, &pool), |x, dy| max_pool_backward(x, dy, &pool));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    is_the_maximum_of_the_definition,
    does_not_stretch_distances,
    commutes_with_increasing_maps,
    the_first_of_equal_entries_takes_the_gradient,
];

/// An image and windows over it.
pub(super) fn draw(random: &mut Random) -> (Array4<f64>, Pool<2>) {
    let mut pair = |n: usize| [1 + random.below(n), 1 + random.below(n)];
    let (kernel, stride) = (pair(3), pair(3));
    let padding = [random.below(kernel[0]), random.below(kernel[1])];
    let shape =
        (1 + random.below(2), 1 + random.below(3), kernel[0] + random.below(6), kernel[1] + random.below(6));
    (random.uniform(shape, 2.0), Pool { kernel, stride, padding })
}

fn is_the_maximum_of_the_definition(random: &mut Random) {
    let (x, pool) = draw(random);
    let y = max_pool(&x, &pool).unwrap();
    for ((n, c, i, j), &y) in y.indexed_iter() {
        let range = |axis: usize, i: usize| {
            let start = i * pool.stride[axis];
            let end = start + pool.kernel[axis];
            start.saturating_sub(pool.padding[axis])..(end - pool.padding[axis]).min(x.shape()[axis + 2])
        };
        let window = x.slice(s![n, c, range(0, i), range(1, j)]);
        assert_eq!(y, window.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x)));
    }
}

fn does_not_stretch_distances(random: &mut Random) {
    let (x, pool) = draw(random);
    let z: Array4<f64> = &x + &random.uniform::<f64, _>(x.dim(), 1.0);
    let distance = |a: &Array4<f64>, b: &Array4<f64>| (a - b).iter().fold(0.0, |m: f64, d| m.max(d.abs()));
    let (a, b) = (max_pool(&x, &pool).unwrap(), max_pool(&z, &pool).unwrap());
    assert!(distance(&a, &b) <= distance(&x, &z));
}

fn commutes_with_increasing_maps(random: &mut Random) {
    let (x, pool) = draw(random);
    let map = |x: f64| x * x * x + x;
    assert_eq!(max_pool(&x.mapv(map), &pool).unwrap(), max_pool(&x, &pool).unwrap().mapv(map));
}

fn the_first_of_equal_entries_takes_the_gradient(random: &mut Random) {
    let (x, pool) = draw(random);
    let zeros = Array4::zeros(x.dim());
    let dy: Array4<f64> = random.uniform(max_pool(&zeros, &pool).unwrap().dim(), 1.0);
    let mut want = zeros.clone();
    for ((n, c, i, j), dy) in dy.indexed_iter() {
        let first = |axis: usize, i: usize| (i * pool.stride[axis]).saturating_sub(pool.padding[axis]);
        want[(n, c, first(0, i), first(1, j))] += dy;
    }
    assert_eq!(max_pool_backward(&zeros, &dy, &pool), want);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array4<R> = ramp(1, (2, 3, 7, 6));
    let y = max_pool(&x, &OVERLAPPING)?;
    let dy = ramp(4, y.dim());
    let dx = max_pool_backward(&x, &dy, &OVERLAPPING);
    cases.case("max_pool.2d.ramp").input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    Ok(())
}
