//! Evidence for `eq-1.14-pre-ln-block`.

use mmt_blocks::{Activation, Mask, PreLn};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis};

use super::post_ln::config;
use super::{ffn, multi_head};
use crate::{Property, properties};

/// The block of the specification.
fn spec_block<R: Real>() -> PreLn<R> {
    let attn = multi_head::spec_layer([3, 4, 5, 6], None);
    let block = PreLn::new(&config(), &mut Random::seed(0)).expect("valid sizes");
    PreLn { attn, ffn: ffn::spec_layer(Activation::Gelu), ..block }
}

/// Numbers of the specification, section 4.
pub fn forward() {
    let block = spec_block::<f64>();
    let (y, tape) = block.forward(&ramp(12, (3, 4)), &Ragged::one(3), &Mask::None).unwrap();
    assert_sums(&y, "-7.72707357", "-21.30111419");
    let dx = block.backward(&tape, &ramp(13, (3, 4)), &mut block.zeros_like());
    assert_sums(&dx, "0.25", "147.1156626");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let block = PreLn::new(&config(), &mut Random::seed(0)).unwrap();
    let x: Array2<Dual> = qres(1, (5, 4), 1.0);
    let rows = Ragged::of_lengths([2, 3]);
    check_module(
        &block,
        x,
        |m, x| m.forward(x, &rows, &Mask::causal()),
        |m, tape, dy, grad| m.backward(tape, dy, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] =
    properties![without_branches_it_is_the_identity, does_not_know_positions, the_two_norms_are_two];

fn draw(random: &mut Random) -> (PreLn<f64>, Array2<f64>) {
    let block = shake(&PreLn::new(&config(), random).unwrap(), random.below(1 << 20) as u64);
    let n = 1 + random.below(5);
    (block, random.uniform((n, 4), 1.5))
}

fn run(block: &PreLn<f64>, x: &Array2<f64>) -> Array2<f64> {
    block.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0
}

/// And so is its Jacobian.
fn without_branches_it_is_the_identity(random: &mut Random) {
    let (mut block, x) = draw(random);
    for map in [&mut block.attn.w_o, &mut block.ffn.w_2] {
        *map = map.zeros_like();
    }
    let (y, tape) = block.forward(&x, &Ragged::one(x.nrows()), &Mask::None).unwrap();
    assert_eq!(y, x);
    let dy: Array2<f64> = random.uniform(y.dim(), 1.0);
    assert_eq!(block.backward(&tape, &dy, &mut block.zeros_like()), dy);
}

fn does_not_know_positions(random: &mut Random) {
    let (block, x) = draw(random);
    let order = random.permutation(x.nrows());
    let permuted = run(&block, &x.select(Axis(0), &order));
    assert_close(&permuted, &run(&block, &x).select(Axis(0), &order), 1e-10);
}

/// The first norm decides what attention reads, the second what the feed-forward network reads, and each has a gradient of
/// its own.
fn the_two_norms_are_two(random: &mut Random) {
    let (block, x) = draw(random);
    let rows = Ragged::one(x.nrows());
    let (y, tape) = block.forward(&x, &rows, &Mask::None).unwrap();
    let (h, _) = block.norm_1.forward(&x).unwrap();
    assert_eq!(tape.attn.w_q.x, h);
    let (a, _) = block.attn.forward(&h, &h, &rows, &rows, &Mask::None).unwrap();
    assert_eq!(tape.ffn.w_1.x, block.norm_2.forward(&(a + &x)).unwrap().0);
    let mut grad = block.zeros_like();
    block.backward(&tape, &random.uniform(y.dim(), 1.0), &mut grad);
    for norm in [&grad.norm_1, &grad.norm_2] {
        assert!(norm.gamma.iter().any(|&g| g != 0.0));
    }
    assert_ne!(grad.norm_1.gamma, grad.norm_2.gamma);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (block, x) = (spec_block::<R>(), ramp(12, (3, 4)));
    let (y, tape) = block.forward(&x, &Ragged::one(3), &Mask::None)?;
    let (dy, mut grad) = (ramp(13, (3, 4)), block.zeros_like());
    let dx = block.backward(&tape, &dy, &mut grad);
    (cases.case("block.pre_ln.ramp").input("x", &x).param("", &block).act("", &tape))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
