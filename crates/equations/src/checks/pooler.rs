//! Evidence for `eq-1.31-pooler`.

use mmt_blocks::{Linear, Pooler};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, array};

use super::next_sentence;
use crate::{Property, properties};

/// The layer of the specification.
pub(super) fn example<R: Real>() -> Pooler<R> {
    Pooler { dense: Linear { weight: ramp(2, (4, 4)), bias: Some(ramp(3, 4)) } }
}

/// Numbers of the specification, section 8A, through the loss of next sentence prediction, and one row by hand.
pub fn forward() {
    let (_, dh, grad, _) = next_sentence::run::<f64>(1);
    assert_sums(&dh, "0.1810443245", "1.425099063");
    assert_sums(&grad.dense.weight, "0.05209478013", "0.153229804");
    assert_sums(&grad.dense.bias.unwrap(), "0.2083791205", "2.27995218");

    // `artanh` of 1/2 is `log 3 / 2`, so `tanh(log 3 / 2) = 1/2` and `tanh(log 3) = 4/5`.
    let log_3 = Real::ln(3.0);
    let layer = Pooler { dense: Linear { weight: array![[log_3, 0.0], [0.0, 1.0]], bias: None } };
    let h = array![[1.0, log_3 / 2.0], [9.0, 9.0], [-1.0, 0.0]];
    let (p, _) = layer.forward(&h, &Ragged::of_lengths([2, 1])).unwrap();
    assert_close(&p, &array![[0.8, 0.5], [-0.8, 0.0]], 1e-15);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (layer, rows) = (Pooler::<Dual>::new(3, &mut Random::seed(0)), Ragged::of_lengths([2, 1, 3]));
    check_module(
        &layer,
        ramp(1, (6, 3)) * Dual::of(0.6),
        |m, h| m.forward(h, &rows),
        |m, tape, dp, grad| m.backward(tape, dp, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    only_first_tokens_count,
    entries_lie_between_minus_one_and_one,
    an_odd_function_without_a_bias,
];

fn draw(random: &mut Random) -> (Pooler<f64>, Array2<f64>, Ragged) {
    let d = 1 + random.below(5);
    let rows = Ragged::of_lengths((0..1 + random.below(4)).map(|_| 1 + random.below(4)));
    let layer = shake(&Pooler::new(d, random), random.below(1000) as u64);
    let h = random.uniform((rows.tokens(), d), 1.0);
    (layer, h, rows)
}

fn only_first_tokens_count(random: &mut Random) {
    let (layer, h, rows) = draw(random);
    let (p, tape) = layer.forward(&h, &rows).unwrap();
    let first: Vec<usize> = rows.ranges().map(|range| range.start).collect();
    let mut other: Array2<f64> = random.uniform(h.dim(), 1.0);
    first.iter().for_each(|&i| other.row_mut(i).assign(&h.row(i)));
    assert_eq!(layer.forward(&other, &rows).unwrap().0, p);
    let dh = layer.backward(&tape, &random.uniform(p.dim(), 1.0), &mut layer.zeros_like());
    let rest = (0..h.nrows()).filter(|i| !first.contains(i));
    assert!(rest.flat_map(|i| dh.row(i).to_vec()).all(|g| g == 0.0));
}

fn entries_lie_between_minus_one_and_one(random: &mut Random) {
    let (layer, h, rows) = draw(random);
    let (p, _) = layer.forward(&h, &rows).unwrap();
    assert!(p.iter().all(|p| p.abs() < 1.0));
    // Far out the tangent is one to the last bit, and no gradient is left.
    let (p, tape) = layer.forward(&(h * 1e6), &rows).unwrap();
    let dh = layer.backward(&tape, &p, &mut layer.zeros_like());
    assert!(p.iter().all(|p| p.abs() <= 1.0) && dh.iter().all(|g| g.is_finite()));
}

fn an_odd_function_without_a_bias(random: &mut Random) {
    let (layer, h, rows) = draw(random);
    let layer = Pooler { dense: layer.dense.without_bias() };
    let (p, _) = layer.forward(&h, &rows).unwrap();
    assert_close(&layer.forward(&-h, &rows).unwrap().0, &-p, 1e-15);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (layer, h, rows) = (example::<R>(), ramp(1, (5, 4)), Ragged::of_lengths([3, 2]));
    let (p, tape) = layer.forward(&h, &rows)?;
    let (dp, mut grad) = (ramp(6, (2, 4)), layer.zeros_like());
    let dh = layer.backward(&tape, &dp, &mut grad);
    (cases.case("pooler.bert.two-samples").input("h", &h).ids("lengths", &ndarray::arr1(&[3, 2])))
        .param("", &layer)
        .out("p", &p)
        .cot("p", &dp)
        .grad_in("h", &dh)
        .grad_param("", &grad);
    Ok(())
}
