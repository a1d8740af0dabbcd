//! Blocks of a Transformer and stacks of them.

use mmt_blocks::{
    Block, BlockConfig, BlockTape, CrossBlock, DecoderBlock, Encoder, EncoderTape, Ffn, FfnTape, NormOrder,
    PostLn, PreLn,
};
use mmt_golden::op;
use mmt_golden::row::Op;
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};

use crate::act::of_name;
use crate::masks;
use crate::mha::keep_inside;
use crate::shapes::{finish, gradients, keep_moments, rows_of, samples};

pub const OPS: &[Op] = &[
    op!(ffn),
    op!(pre_ln attends),
    op!(post_ln attends),
    op!(cross_block attends),
    op!(decoder_block attends),
    op!(stack attends),
];

/// The sizes of a block.
pub fn config<R: Real>(run: &Run<R>) -> BlockConfig {
    BlockConfig {
        width: run.whole("width"),
        heads: run.whole("heads"),
        hidden: run.whole("hidden"),
        activation: of_name(run.word("activation")),
        eps: run.real("eps"),
        attention: masks::kind(run),
    }
}

/// `"pre"` or `"post"`.
pub fn order<R: Real>(run: &Run<R>) -> NormOrder {
    if run.word("order") == "pre" { NormOrder::Pre } else { NormOrder::Post }
}

/// Keeps what happens inside a network: before and after its activation.
pub fn keep_ffn<R: Real>(run: &mut Run<R>, name: &str, tape: &FfnTape<R>, b: usize) {
    for (part, x) in [("z", &tape.z), ("h", &tape.w_2.x)] {
        run.keep_as(&format!("act/{name}{part}"), x, &[b, x.nrows() / b, x.ncols()]);
    }
}

/// Keeps what happens inside a block.
pub fn keep_block<R: Real>(run: &mut Run<R>, name: &str, tape: &BlockTape<R>) {
    let (norm_1, attn, norm_2, ffn) = match tape {
        BlockTape::Pre(t) => (&t.norm_1, &t.attn, &t.norm_2, &t.ffn),
        BlockTape::Post(t) => (&t.norm_1, &t.attn, &t.norm_2, &t.ffn),
    };
    let b = attn.batch.rows.samples();
    let shape = [b, norm_1.x.nrows() / b];
    keep_moments(run, &format!("{name}norm_1."), &norm_1.moments, &shape);
    keep_inside(run, &format!("{name}attn."), attn);
    keep_moments(run, &format!("{name}norm_2."), &norm_2.moments, &shape);
    keep_ffn(run, &format!("{name}ffn."), ffn, b);
}

/// Keeps what happens inside a stack.
pub fn keep_stack<R: Real>(run: &mut Run<R>, name: &str, tape: &EncoderTape<R>) {
    for (i, block) in tape.blocks.iter().enumerate() {
        keep_block(run, &format!("{name}blocks.{i}."), block);
    }
}

fn ffn<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n] = run.sizes(["batch", "n"]);
    let (d, f) = (run.whole("width"), run.whole("hidden"));
    let x = run.input("x", (b, n, d), 1.0);
    let module = run.module("", Ffn::new(d, f, of_name(run.word("activation")), &mut Random::seed(0))?);
    let (y, tape) = module.forward(&rows_of(&x))?;
    keep_ffn(run, "", &tape, b);
    let dy = finish(run, "y", &y);
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("x", &dx)], &grad);
    Ok(())
}

/// A block that looks at itself.
fn block<R: Real>(run: &mut Run<R>, module: Block<R>) -> Result<()> {
    let ([b, n], d) = (run.sizes(["batch", "n"]), run.whole("width"));
    let x = run.input("x", (b, n, d), 1.0);
    let (mask, _) = masks::mask(run, b, n, n);
    let module = run.module("", module);
    let (y, tape) = module.forward(&rows_of(&x), &samples(b, n), &mask)?;
    keep_block(run, "", &tape);
    let dy = finish(run, "y", &y);
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("x", &dx)], &grad);
    Ok(())
}

fn pre_ln<R: Real>(run: &mut Run<R>) -> Result<()> {
    let module = PreLn::new(&config(run), &mut Random::seed(0))?;
    block(run, Block::Pre(module))
}

fn post_ln<R: Real>(run: &mut Run<R>) -> Result<()> {
    let module = PostLn::new(&config(run), &mut Random::seed(0))?;
    block(run, Block::Post(module))
}

/// A block that looks at a context.
fn cross_block<R: Real>(run: &mut Run<R>) -> Result<()> {
    let ([b, n, m, d_z], d) = (run.sizes(["batch", "n", "m", "dz"]), run.whole("width"));
    let x = run.input("x", (b, n, d), 1.0);
    let z = run.input("context", (b, m, d_z), 1.0);
    let (mask, _) = masks::mask(run, b, n, m);
    let module = run.module("", CrossBlock::new(order(run), &config(run), d_z, &mut Random::seed(0))?);
    let (y, tape) = module.forward(&rows_of(&x), &rows_of(&z), &samples(b, n), &samples(b, m), &mask)?;
    keep_moments(run, "norm_1.", &tape.norm_1.moments, &[b, n]);
    keep_inside(run, "attn.", &tape.attn);
    keep_moments(run, "norm_2.", &tape.norm_2.moments, &[b, n]);
    keep_ffn(run, "ffn.", &tape.ffn, b);
    let dy = finish(run, "y", &y);
    let mut grad = module.zeros_like();
    let (dx, dz) = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("x", &dx), ("context", &dz)], &grad);
    Ok(())
}

/// A block that looks at what came before and at a memory.
fn decoder_block<R: Real>(run: &mut Run<R>) -> Result<()> {
    let ([b, n, m], d) = (run.sizes(["batch", "n", "m"]), run.whole("width"));
    let x = run.input("x", (b, n, d), 1.0);
    let memory = run.input("memory", (b, m, d), 1.0);
    let keys = run.is("padright").then(|| masks::key_mask(run, "memory_mask", b, m));
    let seen = keys.map_or(mmt_blocks::Mask::None, mmt_blocks::Mask::Keys);
    let module = run.module("", DecoderBlock::new(order(run), &config(run), d, &mut Random::seed(0))?);
    let (rows, of) = (samples(b, n), samples(b, m));
    let causal = mmt_blocks::Mask::causal();
    let (y, tape) = module.forward(&rows_of(&x), &rows_of(&memory), &rows, &of, &causal, &seen)?;
    keep_moments(run, "norm_1.", &tape.norm_1.moments, &[b, n]);
    keep_inside(run, "attn.", &tape.attn);
    keep_moments(run, "norm_2.", &tape.norm_2.moments, &[b, n]);
    keep_inside(run, "cross.", &tape.cross);
    keep_moments(run, "norm_3.", &tape.norm_3.moments, &[b, n]);
    keep_ffn(run, "ffn.", &tape.ffn, b);
    let dy = finish(run, "y", &y);
    let mut grad = module.zeros_like();
    let (dx, dmemory) = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("x", &dx), ("memory", &dmemory)], &grad);
    Ok(())
}

/// Blocks on top of each other, run through several times if they are shared.
fn stack<R: Real>(run: &mut Run<R>) -> Result<()> {
    let ([b, n], d) = (run.sizes(["batch", "n"]), run.whole("width"));
    let x = run.input("x", (b, n, d), 1.0);
    let (mask, _) = masks::mask(run, b, n, n);
    let mut module = Encoder::new(order(run), run.whole("layers"), &config(run), &mut Random::seed(0))?;
    module.repeats = run.whole("repeats");
    let module = run.module("", module);
    let (y, tape) = module.forward(&rows_of(&x), &samples(b, n), &mask)?;
    keep_stack(run, "", &tape);
    let dy = finish(run, "y", &y);
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("x", &dx)], &grad);
    Ok(())
}
