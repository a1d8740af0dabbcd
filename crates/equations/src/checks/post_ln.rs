//! Evidence for `eq-1.13-post-ln-block`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Mask, PostLn};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::{dot, row_sums};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, Axis};

use super::{ffn, multi_head};
use crate::{Property, properties};

/// Two heads of width two.
pub(super) fn config() -> BlockConfig {
    BlockConfig {
        width: 4,
        heads: 2,
        hidden: 6,
        activation: Activation::Gelu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    }
}

/// The block of the specification.
fn spec_block<R: Real>() -> PostLn<R> {
    let attn = multi_head::spec_layer([3, 4, 5, 6], None);
    let block = PostLn::new(&config(), &mut Random::seed(0)).expect("valid sizes");
    PostLn { attn, ffn: ffn::spec_layer(Activation::Gelu), ..block }
}

/// Numbers of the specification, section 4.
pub fn forward() {
    let block = spec_block::<f64>();
    let (y, tape) = block.forward(&ramp(12, (3, 4)), &Ragged::one(3), &Mask::None).unwrap();
    assert_sums(&y, "0", "-1.812462457");
    let dx = block.backward(&tape, &ramp(13, (3, 4)), &mut block.zeros_like());
    assert_sums(&dx, "3.138542291", "27.10880999");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let block = PostLn::new(&config(), &mut Random::seed(0)).unwrap();
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
pub const PROPERTIES: &[Property] = properties![
    rows_have_mean_zero_and_the_norm_of_a_sphere,
    without_branches_it_is_two_norms,
    does_not_know_positions,
];

fn draw(random: &mut Random) -> (PostLn<f64>, Array2<f64>) {
    let block = shake(&PostLn::new(&config(), random).unwrap(), random.below(1 << 20) as u64);
    let n = 1 + random.below(5);
    (block, random.uniform((n, 4), 1.5))
}

fn run(block: &PostLn<f64>, x: &Array2<f64>) -> Array2<f64> {
    block.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0
}

fn rows_have_mean_zero_and_the_norm_of_a_sphere(random: &mut Random) {
    let (mut block, x) = draw(random);
    block.norm_2 = config().norm();
    block.norm_2.eps = 1e-12;
    let y = run(&block, &x);
    assert_close(&row_sums(&y), &Array1::zeros(x.nrows()), 1e-12);
    let norms: Array1<f64> =
        y.rows().into_iter().map(|y| dot(y.to_slice().unwrap(), y.to_slice().unwrap())).collect();
    assert_close(&norms, &Array1::from_elem(x.nrows(), 4.0), 1e-8);
}

fn without_branches_it_is_two_norms(random: &mut Random) {
    let (mut block, x) = draw(random);
    for map in [&mut block.attn.w_o, &mut block.ffn.w_2] {
        *map = map.zeros_like();
    }
    let once = block.norm_1.forward(&x).unwrap().0;
    assert_eq!(run(&block, &x), block.norm_2.forward(&once).unwrap().0);
}

fn does_not_know_positions(random: &mut Random) {
    let (block, x) = draw(random);
    let order = random.permutation(x.nrows());
    let permuted = run(&block, &x.select(Axis(0), &order));
    assert_close(&permuted, &run(&block, &x).select(Axis(0), &order), 1e-10);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (block, x) = (spec_block::<R>(), ramp(12, (3, 4)));
    let (y, tape) = block.forward(&x, &Ragged::one(3), &Mask::None)?;
    let (dy, mut grad) = (ramp(13, (3, 4)), block.zeros_like());
    let dx = block.backward(&tape, &dy, &mut grad);
    (cases.case("block.post_ln.ramp").input("x", &x).param("", &block).act("", &tape))
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
