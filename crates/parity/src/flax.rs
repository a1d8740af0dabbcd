//! The layout of flax: a weight is `[in, out]` as ours, a kernel of attention keeps its heads as an axis, and a kernel
//! of a convolution has its channels last.

use mmt_blocks::{
    Activation, AttentionKind, Block, BlockTape, DeadRows, Ffn, LayerNorm, Linear, Mask, MultiHead,
};
use mmt_blocks::{PreLn, PreLnTape};
use mmt_tensor::{Ragged, Real};
use ndarray::{Array2, ArrayD, ArrayRef2, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::layout::reshape;
use super::ops::unsupported;

/// The constant of a norm.
const EPS: f64 = 1e-6;

/// A linear map `<name>/kernel`, `<name>/bias`, whatever axes these have.
pub fn linear<R: Real>(record: &Record, name: &str, d_in: usize, d_out: usize) -> Found<Linear<R>> {
    let weight = flat(record, &format!("{name}/kernel"), d_in.saturating_mul(d_out))?;
    let bias = flat(record, &format!("{name}/bias"), d_out)?;
    Ok(Linear { weight: reshape(&weight, &[d_in, d_out]), bias: Some(reshape(&bias, &[d_out])) })
}

/// Parameters of which there are as many as expected.
pub fn flat<R: Real>(record: &Record, name: &str, size: usize) -> Found<ArrayD<R>> {
    let a: ArrayD<R> = record.real(&format!("param/{name}"))?;
    if a.len() == size {
        return Ok(a);
    }
    Err(record.invalid(0, format!("`param/{name}` is {:?}, expected {size} numbers", a.shape())))
}

fn layer_norm<R: Real>(record: &Record, name: &str, d: usize) -> Found<LayerNorm<R>> {
    let gamma = record.shaped(&format!("param/{name}/scale"), &[d])?;
    Ok(LayerNorm { gamma, beta: record.shaped(&format!("param/{name}/bias"), &[d])?, eps: EPS })
}

/// The norm behind the last layer.
pub fn final_norm<R: Real>(record: &Record, d: usize) -> Found<LayerNorm<R>> {
    layer_norm(record, "Transformer/encoder_norm", d)
}

/// A layer with its norms first, below `Transformer/<name>`.
pub fn block<R: Real>(record: &Record, name: &str, d: usize) -> Found<Block<R>> {
    let (hidden, heads) = (record.size("mlp_dim")?, record.size("num_heads")?);
    let within = |part: &str| format!("Transformer/{name}/{part}");
    let map = |part: &str, from, to| linear(record, &within(part), from, to);
    let attention = |part: &str| map(&format!("MultiHeadDotProductAttention_0/{part}"), d, d);
    Ok(Block::Pre(PreLn {
        norm_1: layer_norm(record, &within("LayerNorm_0"), d)?,
        attn: MultiHead {
            w_q: attention("query")?,
            w_k: attention("key")?,
            w_v: attention("value")?,
            w_o: attention("out")?,
            heads,
            kind: AttentionKind::Plain,
            dead_rows: DeadRows::Refuse,
        },
        norm_2: layer_norm(record, &within("LayerNorm_1"), d)?,
        ffn: Ffn {
            w_1: map("MlpBlock_0/Dense_0", d, hidden)?,
            w_2: map("MlpBlock_0/Dense_1", hidden, d)?,
            activation: Activation::GeluTanh,
        },
    }))
}

/// The gradient of [`linear`].
pub fn with_linear<R: Real>(
    answer: Answer<R>,
    record: &Record,
    name: &str,
    grad: &Linear<R>,
) -> Found<Answer<R>> {
    let answer = with(answer, record, &format!("{name}/kernel"), &grad.weight.clone().into_dyn())?;
    match &grad.bias {
        Some(bias) => with(answer, record, &format!("{name}/bias"), &bias.clone().into_dyn()),
        None => Ok(answer),
    }
}

/// A gradient with the axes of its parameter.
pub fn with<R: Real>(answer: Answer<R>, record: &Record, name: &str, grad: &ArrayD<R>) -> Found<Answer<R>> {
    let stored: ArrayD<R> = record.real(&format!("param/{name}"))?;
    Ok(answer.with(&format!("grad_param/{name}"), &reshape::<R, _, IxDyn>(grad, stored.shape())))
}

fn with_norm<R: Real>(answer: Answer<R>, name: &str, grad: &LayerNorm<R>) -> Answer<R> {
    let answer = answer.with(&format!("grad_param/{name}/scale"), &grad.gamma);
    answer.with(&format!("grad_param/{name}/bias"), &grad.beta)
}

/// The gradient of [`final_norm`].
pub fn with_final_norm<R: Real>(answer: Answer<R>, grad: &LayerNorm<R>) -> Answer<R> {
    with_norm(answer, "Transformer/encoder_norm", grad)
}

/// What a layer gave, and its gradient.
pub fn with_block<R: Real>(
    answer: Answer<R>,
    record: &Record,
    name: &str,
    (block, tape, grad): (&Block<R>, &BlockTape<R>, &Block<R>),
) -> Found<Answer<R>> {
    let (Block::Pre(block), BlockTape::Pre(tape), Block::Pre(grad)) = (block, tape, grad) else {
        return unsupported("norms behind the sums");
    };
    let within = |part: &str| format!("Transformer/{name}/{part}");
    let mut answer = answer.with(&format!("act/Transformer/{name}"), &output(block, tape)?);
    for (part, grad) in [("LayerNorm_0", &grad.norm_1), ("LayerNorm_1", &grad.norm_2)] {
        answer = with_norm(answer, &within(part), grad);
    }
    for (part, grad) in [
        ("MultiHeadDotProductAttention_0/query", &grad.attn.w_q),
        ("MultiHeadDotProductAttention_0/key", &grad.attn.w_k),
        ("MultiHeadDotProductAttention_0/value", &grad.attn.w_v),
        ("MultiHeadDotProductAttention_0/out", &grad.attn.w_o),
        ("MlpBlock_0/Dense_0", &grad.ffn.w_1),
        ("MlpBlock_0/Dense_1", &grad.ffn.w_2),
    ] {
        answer = with_linear(answer, record, &within(part), grad)?;
    }
    Ok(answer)
}

/// `[samples, n, d]`
fn output<R: Real>(block: &PreLn<R>, tape: &PreLnTape<R>) -> Found<ArrayD<R>> {
    let rows = &tape.attn.batch.rows;
    let (y, _) = block.forward(&tape.norm_1.x, rows, &Mask::None)?;
    Ok(samples(&y, rows))
}

/// Sequences of one length as a batch.
pub fn samples<R: Real>(x: &ArrayRef2<R>, rows: &Ragged) -> ArrayD<R> {
    let x: Array2<R> = x.to_owned();
    reshape(&x, &[rows.samples(), rows.length(0), x.ncols()])
}
