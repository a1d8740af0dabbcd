//! Evidence for `eq-0.8-dropout`.

use mmt_golden::Cases;
use mmt_tensor::ops::{dropout, dropout_backward, sample_dropout};
use mmt_tensor::testing::{assert_close, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, Ix1, array};

use crate::{Property, properties};

/// Every third element is dropped.
fn mask() -> Array2<bool> {
    Array2::from_shape_fn((2, 4), |(i, j)| (4 * i + j) % 3 > 0)
}

/// The ramp is printed in the specification, section 0.4: with `p = 1/2` what stays is doubled.
pub fn forward() {
    let y = dropout(&ramp::<f64, _>(1, (2, 4)), &mask(), 0.5).unwrap();
    assert_eq!(y, array![[0.0, 2.5, 0.5, 0.0], [2.0, 0.0, 0.0, 1.5]]);
    let y = dropout(&ramp::<f64, _>(1, (2, 4)), &mask(), 0.75).unwrap();
    assert_eq!(y, array![[0.0, 5.0, 1.0, 0.0], [4.0, 0.0, 0.0, 3.0]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (x, mask): (Array2<Dual>, _) = (ramp(1, (2, 4)), mask());
    check_backward(&x, |x| dropout(x, &mask, 0.3), |_, dy| dropout_backward(&mask, 0.3, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_dropping_every_bit_stays,
    the_mean_over_all_masks_is_the_input,
    it_is_linear_for_a_mask,
    the_adjoint_identity_holds,
    as_many_elements_stay_as_should,
];

fn draw(random: &mut Random) -> (Array1<f64>, Array1<bool>, f64) {
    let (n, p) = (1 + random.below(200), 0.9 * random.unit());
    (random.uniform(n, 2.0), sample_dropout(Ix1(n), p, random).unwrap(), p)
}

fn without_dropping_every_bit_stays(random: &mut Random) {
    let x = draw(random).0;
    let mask = sample_dropout(x.raw_dim(), 0.0, random).unwrap();
    assert_eq!(dropout(&x, &mask, 0.0).unwrap().mapv(f64::to_bits), x.mapv(f64::to_bits));
}

/// All masks of five elements, each with its probability.
fn the_mean_over_all_masks_is_the_input(random: &mut Random) {
    let (x, p): (Array1<f64>, _) = (random.uniform(5, 2.0), 0.9 * random.unit());
    let mut mean = Array1::<f64>::zeros(5);
    for bits in 0..32u32 {
        let mask: Array1<bool> = (0..5).map(|i| bits >> i & 1 == 1).collect();
        let kept = bits.count_ones() as i32;
        let probability = (1.0 - p).powi(kept) * p.powi(5 - kept);
        mean += &(dropout(&x, &mask, p).unwrap() * probability);
    }
    assert_close(&mean, &x, 1e-14);
}

fn it_is_linear_for_a_mask(random: &mut Random) {
    let (a, mask, p) = draw(random);
    let b: Array1<f64> = random.uniform(a.dim(), 2.0);
    let run = |x: &Array1<f64>| dropout(x, &mask, p).unwrap();
    assert_close(&run(&(&a * 3.0 + &b)), &(run(&a) * 3.0 + run(&b)), 1e-13);
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let (x, mask, p) = draw(random);
    let dy: Array1<f64> = random.uniform(x.dim(), 1.0);
    let dx = dropout_backward(&mask, p, &dy);
    let product = (dropout(&x, &mask, p).unwrap() * &dy).iter().sum::<f64>();
    assert_close(&(&x * &dx).iter().sum(), &product, 1e-12);
}

/// Within six standard deviations: a chance of 2e-9.
fn as_many_elements_stay_as_should(random: &mut Random) {
    let (n, p) = (10_000, random.unit());
    let kept = sample_dropout(Ix1(n), p, random).unwrap().iter().filter(|&&stays| stays).count() as f64;
    let (mean, deviation) = (n as f64 * (1.0 - p), (n as f64 * p * (1.0 - p)).sqrt());
    assert!((kept - mean).abs() <= 6.0 * deviation + 1.0, "{kept} of {n} stay with p = {p}");
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, dy): (Array2<R>, _) = (ramp(1, (2, 4)), ramp(2, (2, 4)));
    for (name, p) in [("drop.mask.half", 0.5), ("drop.mask.tenth", 0.1)] {
        let y = dropout(&x, &mask(), p)?;
        (cases.case(name).input("x", &x).mask("mask", &mask()).input("p", &ndarray::arr0(R::of(p))))
            .out("y", &y)
            .cot("y", &dy)
            .grad_in("x", &dropout_backward(&mask(), p, &dy));
    }
    Ok(())
}
