//! Two streams that meet.

use mmt_blocks::{CrossBlock, Encoder, Mask, NormOrder};
use mmt_fusion::{
    Cross, CrossAttention, CrossConcat, CrossTape, EarlyConcat, EarlySum, HierMultiToOne, HierOneToMulti,
    Layout, Stream, StreamTape, SumWeights,
};
use mmt_golden::op;
use mmt_golden::row::Op;
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::{Array1, Array2};
use serde_json::Value;

use crate::block::{config, keep_ffn, keep_stack, order};
use crate::masks;
use crate::mha::keep_inside;
use crate::shapes::{finish, gradients, keep_moments, rows_of, samples};

pub const OPS: &[Op] = &[
    op!(early_sum attends),
    op!(early_concat attends),
    op!(one_to_many attends),
    op!(many_to_one attends),
    op!(cross_attention attends),
    op!(cross_concat attends),
];

/// Two modalities: tokens, where samples begin, and which tokens are there.
pub struct Pair<R> {
    pub a: (Array2<R>, Layout),
    pub b: (Array2<R>, Layout),
    pub masks: (Mask, Mask),
    /// Of the tokens of both, sample by sample.
    pub joint: Mask,
}

pub fn modality<R: Real>(run: &mut Run<R>, name: &str, size: &str) -> (Array2<R>, Layout) {
    let [b, n] = run.sizes(["batch", size]);
    let x = run.input(name, (b, n, run.whole("width")), 1.0);
    (rows_of(&x), Layout::of(name, samples(b, n)).expect("tokens in every sample"))
}

pub fn pair<R: Real>(run: &mut Run<R>) -> Pair<R> {
    let (a, b) = (modality(run, "a", "n"), modality(run, "b", "m"));
    let [s, n, m] = run.sizes(["batch", "n", "m"]);
    if !run.is("padright") {
        return Pair { a, b, masks: (Mask::None, Mask::None), joint: Mask::None };
    }
    let (keep_a, keep_b) = (masks::key_mask(run, "a_mask", s, n), masks::key_mask(run, "b_mask", s, m));
    let joint = keep_a.chunks(n).zip(keep_b.chunks(m)).flat_map(|(a, b)| [a, b].concat()).collect();
    Pair { a, b, masks: (Mask::Keys(keep_a), Mask::Keys(keep_b)), joint: Mask::Keys(joint) }
}

impl<R: Real> Pair<R> {
    pub fn both(&self) -> [(&ndarray::ArrayRef2<R>, &Layout); 2] {
        [(&self.a.0, &self.a.1), (&self.b.0, &self.b.1)]
    }
}

pub fn random() -> Random {
    Random::seed(0)
}

/// A stack with the norm first.
pub fn stream<R: Real>(run: &Run<R>) -> Result<Stream<R>> {
    Encoder::new(NormOrder::Pre, run.whole("layers"), &config(run), &mut random()).map(Stream::Encoder)
}

fn cross<R: Real>(run: &Run<R>) -> Result<Cross<R>> {
    let width = run.whole("width");
    CrossBlock::new(order(run), &config(run), width, &mut random()).map(Cross::Block)
}

pub fn keep_stream<R: Real>(run: &mut Run<R>, name: &str, tape: &StreamTape<R>) {
    if let StreamTape::Encoder(tape) = tape {
        keep_stack(run, &format!("{name}."), tape);
    }
}

fn keep_cross<R: Real>(run: &mut Run<R>, name: &str, tape: &CrossTape<R>) {
    let CrossTape::Block(tape) = tape else { return };
    let b = tape.attn.batch.rows.samples();
    let shape = [b, tape.norm_1.x.nrows() / b];
    keep_moments(run, &format!("{name}.norm_1."), &tape.norm_1.moments, &shape);
    keep_inside(run, &format!("{name}.attn."), &tape.attn);
    keep_moments(run, &format!("{name}.norm_2."), &tape.norm_2.moments, &shape);
    keep_ffn(run, &format!("{name}.ffn."), &tape.ffn, b);
}

fn early_sum<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let weights = run.setting("weights").as_array().expect("two numbers");
    let weights = match run.word("kind") {
        "fixed" => SumWeights::Fixed(weights.iter().filter_map(Value::as_f64).collect()),
        "learned" => SumWeights::Learned(Array1::zeros(2)),
        _ => SumWeights::Softmax(Array1::zeros(2)),
    };
    let module = EarlySum { weights, joint: stream(run)? };
    let module = run.module("", module);
    let inputs = [&*pair.a.0, &*pair.b.0];
    let (z, tape) = module.forward(&inputs, &pair.a.1.rows(), &pair.masks.0)?;
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1])], &grad);
    Ok(())
}

fn early_concat<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = EarlyConcat { joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, &pair.joint)?;
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn one_to_many<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = HierOneToMulti { joint: stream(run)?, a: stream(run)?, b: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let ((z_a, z_b), tape) = module.forward(a, b, &pair.joint)?;
    for (name, tape) in [("joint", &tape.joint), ("a", &tape.a), ("b", &tape.b)] {
        keep_stream(run, name, tape);
    }
    let dz = (finish(run, "a", &z_a), finish(run, "b", &z_b));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn many_to_one<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = HierMultiToOne { a: stream(run)?, b: stream(run)?, joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, &pair.joint)?;
    for (name, tape) in [("a", &tape.a), ("b", &tape.b), ("joint", &tape.joint)] {
        keep_stream(run, name, tape);
    }
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn cross_attention<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = CrossAttention { a: cross(run)?, b: cross(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let ((z_a, z_b), tape) = module.forward(a, b, (&pair.masks.1, &pair.masks.0))?;
    keep_cross(run, "a", &tape.a);
    keep_cross(run, "b", &tape.b);
    // Where queries are exchanged instead, an output has the name of its keys.
    let [first, second] = if run.word("exchange") == "keys" { ["a", "b"] } else { ["b", "a"] };
    let dz = (finish(run, first, &z_a), finish(run, second, &z_b));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

/// A block looks at the other modality: its mask is about the keys of that one.
fn cross_concat<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let cross = CrossAttention { a: cross(run)?, b: cross(run)? };
    let module = CrossConcat { cross, joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, (&pair.masks.1, &pair.masks.0, &pair.joint))?;
    keep_cross(run, "cross.a", &tape.cross.a);
    keep_cross(run, "cross.b", &tape.cross.b);
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}
