//! Evidence for `eq-1.4-self-attention`.

use mmt_blocks::{Linear, Mask, SelfAttention, multiply_adds};
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, s};

use crate::{Property, properties};

fn spec_layer<R: Real>() -> SelfAttention<R> {
    let layer = SelfAttention::new(4, 4, 2, 1, &mut Random::seed(0)).expect("one head");
    let map = |s, d| Linear { weight: ramp(s, (4, d)), bias: None };
    SelfAttention { w_q: map(2, 4), w_k: map(3, 4), w_v: map(4, 2), ..layer }
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (layer, x) = (spec_layer::<f64>(), ramp(1, (3, 4)));
    let (o, tape) = layer.forward(&x, &Ragged::one(3), &Mask::None).unwrap();
    assert_sums(&o, "-0.8858512922", "-1.834033531");
    let mut grad = layer.zeros_like();
    assert_sums(&layer.backward(&tape, &ramp(5, (3, 2)), &mut grad), "3.13680014", "36.21078447");
    assert_sums(&grad.w_q.weight, "-1.201897481", "-4.346947129");
    assert_sums(&grad.w_k.weight, "-1.143676055", "-5.675807067");
    assert_sums(&grad.w_v.weight, "0.2510095434", "1.076800986");
    // An operation is a multiplication or an addition: twice the multiply-adds.
    let (n, d, d_v) = (7, 6, 4);
    assert_eq!(2 * multiply_adds(n, n, d, d_v), 2 * n * n * d + 2 * n * n * d_v);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let layer = SelfAttention::new(5, 4, 6, 2, &mut Random::seed(0)).unwrap();
    let x: Array2<Dual> = qres(1, (5, 5), 1.0);
    let rows = Ragged::of_lengths([2, 3]);
    check_module(
        &layer,
        x,
        |m, x| m.forward(x, &rows, &Mask::causal()),
        |m, tape, d_o, grad| m.backward(tape, d_o, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    equal_tokens_get_equal_outputs,
    queries_of_zero_give_the_mean_of_the_values,
    the_cost_is_that_of_the_tensors_that_are_multiplied,
];

fn draw(random: &mut Random) -> (SelfAttention<f64>, Array2<f64>) {
    let (heads, d_x) = (1 + random.below(3), 1 + random.below(5));
    let (d, d_v) = (heads * (1 + random.below(3)), heads * (1 + random.below(3)));
    let layer = SelfAttention::new(d_x, d, d_v, heads, random).unwrap();
    let n = 2 + random.below(5);
    (layer, random.uniform((n, d_x), 2.0))
}

fn run(layer: &SelfAttention<f64>, x: &Array2<f64>) -> Array2<f64> {
    layer.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0
}

fn equal_tokens_get_equal_outputs(random: &mut Random) {
    let (layer, mut x) = draw(random);
    let first = x.row(0).to_owned();
    let last = x.nrows() - 1;
    x.row_mut(last).assign(&first);
    let o = run(&layer, &x);
    assert_eq!(o.row(0), o.row(last));
}

fn queries_of_zero_give_the_mean_of_the_values(random: &mut Random) {
    let (mut layer, x) = draw(random);
    layer.w_q.weight.fill(0.0);
    let v = matmul(&x, &layer.w_v.weight);
    let mean = column_sums(&v) / x.nrows() as f64;
    assert_close(&run(&layer, &x), &mean.broadcast(v.dim()).unwrap().to_owned(), 1e-12);
}

/// The products on the tape: `[n, d] · [d, m]` and `[n, m] · [m, d_v]` in every head.
fn the_cost_is_that_of_the_tensors_that_are_multiplied(random: &mut Random) {
    let (layer, x) = draw(random);
    let (_, tape) = layer.forward(&x, &Ragged::one(x.nrows()), &Mask::None).unwrap();
    let count = layer.heads.count;
    let (d, d_v) = (tape.heads.q.ncols() / count, tape.heads.v.ncols() / count);
    let cost: usize = tape.heads.p.iter().map(|p| p.len() * d + p.len() * d_v).sum();
    let n = x.nrows();
    assert_eq!(cost, multiply_adds(n, n, tape.heads.q.ncols(), tape.heads.v.ncols()));
    assert_eq!(tape.heads.q.slice(s![.., ..d]).dim(), (n, d));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (layer, x) = (spec_layer::<R>(), ramp(1, (3, 4)));
    let (o, tape) = layer.forward(&x, &Ragged::one(3), &Mask::None)?;
    let (d_o, mut grad) = (ramp(5, (3, 2)), layer.zeros_like());
    let dx = layer.backward(&tape, &d_o, &mut grad);
    (cases.case("mha.self.ramp").input("x", &x).param("", &layer).act("", &tape))
        .out("o", &o)
        .cot("o", &d_o)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
