//! Evidence for `eq-1.15-pre-ln-final-norm`.

use mmt_blocks::{Block, Encoder, Mask, NormOrder};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::dot;
use mmt_tensor::testing::{assert_close, check_module, qres, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2};

use super::post_ln::config;
use crate::{Property, properties};

/// The norm of every row is `√d` if `γ = 1`, `β = 0`: what a forgotten final norm breaks.
pub fn forward() {
    let mut encoder: Encoder<f64> = Encoder::new(NormOrder::Pre, 2, &config(), &mut Random::seed(0)).unwrap();
    encoder.blocks = encoder.blocks.iter().map(|block| shake(block, 1)).collect();
    let x: Array2<f64> = qres(1, (3, 4), 1.0);
    let (y, tape) = encoder.forward(&x, &Ragged::one(3), &Mask::None).unwrap();
    let squares: Array1<f64> =
        y.rows().into_iter().map(|y| dot(y.to_slice().unwrap(), y.to_slice().unwrap())).collect();
    assert_close(&squares, &Array1::from_elem(3, 4.0), 1e-3);
    assert!(tape.norm.is_some());
    // Post-LN blocks end with a norm of their own.
    let post: Encoder<f64> = Encoder::new(NormOrder::Post, 2, &config(), &mut Random::seed(0)).unwrap();
    assert!(post.norm.is_none());
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array2<Dual> = qres(1, (5, 4), 1.0);
    let rows = Ragged::of_lengths([2, 3]);
    for order in [NormOrder::Pre, NormOrder::Post] {
        for (depth, repeats) in [(2, 1), (1, 2)] {
            let encoder = Encoder::new(order, depth, &config(), &mut Random::seed(0)).unwrap();
            let encoder = Encoder { repeats, ..encoder };
            check_module(
                &encoder,
                x.clone(),
                |m, x| m.forward(x, &rows, &Mask::None),
                |m, tape, dy, grad| m.backward(tape, dy, grad),
            );
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_stream_is_the_input_plus_all_branches,
    a_factor_on_the_last_state_changes_nothing,
    shared_weights_are_copies_whose_gradients_add_up,
    a_sample_does_not_feel_its_neighbors,
];

fn draw(random: &mut Random, depth: usize) -> (Encoder<f64>, Array2<f64>) {
    let encoder = Encoder::new(NormOrder::Pre, depth, &config(), random).unwrap();
    let n = 1 + random.below(4);
    (shake(&encoder, random.below(1 << 20) as u64), random.uniform((n, 4), 1.0))
}

fn the_stream_is_the_input_plus_all_branches(random: &mut Random) {
    let (mut encoder, x) = draw(random, 3);
    encoder.norm = None;
    let rows = Ragged::one(x.nrows());
    let (y, tape) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    let mut sum = x.clone();
    for (block, tape) in encoder.blocks.iter().zip(&tape.blocks) {
        let (Block::Pre(block), mmt_blocks::BlockTape::Pre(tape)) = (block, tape) else { panic!("Pre-LN") };
        sum += &block.attn.w_o.forward(&tape.attn.w_o.x).unwrap().0;
        sum += &block.ffn.w_2.forward(&tape.ffn.w_2.x).unwrap().0;
    }
    assert_close(&y, &sum, 1e-12);
}

/// A stream that is `f` times as long: the input and what every branch adds, since a norm stands before each.
fn a_factor_on_the_last_state_changes_nothing(random: &mut Random) {
    let (mut encoder, x) = draw(random, 2);
    encoder.norm.as_mut().unwrap().eps = 1e-14;
    let factor = 0.5 + random.unit() * 9.0;
    let mut long = encoder.clone();
    for (block, long) in encoder.blocks.iter_mut().zip(&mut long.blocks) {
        let (Block::Pre(block), Block::Pre(long)) = (block, long) else { panic!("Pre-LN") };
        for norm in [&mut block.norm_1, &mut block.norm_2, &mut long.norm_1, &mut long.norm_2] {
            norm.eps = 1e-14;
        }
        for map in [&mut long.attn.w_o, &mut long.ffn.w_2] {
            map.add_scaled(factor - 1.0, &map.clone());
        }
    }
    let rows = Ragged::one(x.nrows());
    let (y, tape) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    let (same, long_tape) = long.forward(&(&x * factor), &rows, &Mask::None).unwrap();
    assert_close(&long_tape.norm.unwrap().x, &(tape.norm.unwrap().x * factor), 1e-7);
    assert_close(&same, &y, 1e-7);
}

fn shared_weights_are_copies_whose_gradients_add_up(random: &mut Random) {
    let (encoder, x) = draw(random, 1);
    let shared = Encoder { repeats: 3, ..encoder.clone() };
    let block = &encoder.blocks[0];
    let copies = Encoder { blocks: vec![block.clone(), block.clone(), block.clone()], ..encoder.clone() };
    let rows = Ragged::one(x.nrows());
    let (y, tape) = shared.forward(&x, &rows, &Mask::None).unwrap();
    let (same, copies_tape) = copies.forward(&x, &rows, &Mask::None).unwrap();
    assert_eq!(y, same);
    let dy: Array2<f64> = random.uniform(y.dim(), 1.0);
    let (mut grad, mut copies_grad) = (shared.zeros_like(), copies.zeros_like());
    let dx = shared.backward(&tape, &dy, &mut grad);
    assert_eq!(dx, copies.backward(&copies_tape, &dy, &mut copies_grad));
    let mut sum = copies_grad.blocks[0].clone();
    sum.add_scaled(1.0, &copies_grad.blocks[1]);
    sum.add_scaled(1.0, &copies_grad.blocks[2]);
    assert_close(&grad.blocks[0], &sum, 1e-12);
}

fn a_sample_does_not_feel_its_neighbors(random: &mut Random) {
    let (encoder, x) = draw(random, 2);
    let lengths = (1 + random.below(3), 1 + random.below(3));
    let before: Array2<f64> = random.uniform((lengths.0, 4), 1.0);
    let after: Array2<f64> = random.uniform((lengths.1, 4), 1.0);
    let all = ndarray::concatenate![ndarray::Axis(0), before, x, after];
    let rows = Ragged::of_lengths([before.nrows(), x.nrows(), after.nrows()]);
    let (alone, _) = encoder.forward(&x, &Ragged::one(x.nrows()), &Mask::None).unwrap();
    let (y, _) = encoder.forward(&all, &rows, &Mask::None).unwrap();
    assert_eq!(rows.of(&y, 1), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, order, repeats) in
        [("pre", NormOrder::Pre, 1), ("post", NormOrder::Post, 1), ("shared", NormOrder::Pre, 2)]
    {
        let encoder = Encoder::new(order, 2 / repeats, &config(), &mut Random::seed(0))?;
        let encoder: Encoder<R> = shake(&Encoder { repeats, ..encoder }, 4);
        let (x, rows): (Array2<R>, _) = (qres(1, (5, 4), 1.0), Ragged::of_lengths([2, 3]));
        let (y, tape) = encoder.forward(&x, &rows, &Mask::causal())?;
        let (dy, mut grad) = (qres(2, (5, 4), 1.0), encoder.zeros_like());
        let dx = encoder.backward(&tape, &dy, &mut grad);
        (cases.case(&format!("block.stack.{name}")).input("x", &x).param("", &encoder).act("", &tape))
            .out("y", &y)
            .cot("y", &dy)
            .grad_in("x", &dx)
            .grad_param("", &grad);
    }
    Ok(())
}
