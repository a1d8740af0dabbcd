//! Parts of published models, whose maps and norms are called by name.

use mmt_blocks::{Activation, AttentionKind, DeadRows, Ffn, LayerNorm, Linear, Mask, MultiHead};
use mmt_tensor::Real;
use ndarray::{Array2, Array4, Ix2, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{layer_norm, linear, with_layer_norm, with_linear};

/// Attention whose four maps are called by name.
pub fn attention<R: Real>(
    record: &Record,
    [q, k, v, o]: [&str; 4],
    [d, context, inner]: [usize; 3],
    heads: usize,
) -> Found<MultiHead<R>> {
    let map = |name: &str, from, to| linear(record, &format!("param/{name}"), from, to);
    Ok(MultiHead {
        w_q: map(q, d, inner)?,
        w_k: map(k, context, inner)?,
        w_v: map(v, context, inner)?,
        w_o: map(o, inner, d)?,
        heads,
        kind: AttentionKind::Plain,
        dead_rows: DeadRows::Refuse,
    })
}

pub fn with_maps<R: Real>(answer: Answer<R>, maps: &[(&str, &Linear<R>)]) -> Answer<R> {
    maps.iter().fold(answer, |answer, (name, map)| with_linear(answer, &format!("grad_param/{name}"), map))
}

pub fn with_norms<R: Real>(answer: Answer<R>, norms: &[(&str, &LayerNorm<R>)]) -> Answer<R> {
    norms
        .iter()
        .fold(answer, |answer, (name, norm)| with_layer_norm(answer, &format!("grad_param/{name}"), norm))
}

/// The network and its norm after an attention block of BERT.
pub fn network<R: Real>(record: &Record, prefix: &str, d: usize) -> Found<(Ffn<R>, LayerNorm<R>)> {
    let up = format!("param/{prefix}_intermediate.dense");
    let bias: ndarray::Array1<R> = record.real(&format!("{up}.bias"))?;
    let ffn = Ffn {
        w_1: linear(record, &up, d, bias.len())?,
        w_2: linear(record, &format!("param/{prefix}_output.dense"), bias.len(), d)?,
        activation: Activation::Gelu,
    };
    Ok((ffn, layer_norm(record, &format!("param/{prefix}_output.LayerNorm"), d, 1e-12)?))
}

pub fn with_network<R: Real>(
    answer: Answer<R>,
    prefix: &str,
    ffn: &Ffn<R>,
    norm: &LayerNorm<R>,
) -> Answer<R> {
    let (up, down) = (format!("{prefix}_intermediate.dense"), format!("{prefix}_output.dense"));
    let answer = with_maps(answer, &[(&up, &ffn.w_1), (&down, &ffn.w_2)]);
    with_norms(answer, &[(&format!("{prefix}_output.LayerNorm"), norm)])
}

/// Keys to keep, by a number that is added elsewhere.
pub fn keep(record: &Record, key: &str) -> Found<Mask> {
    let keep: Array2<f64> = record.real::<f64, Ix2>(key)?;
    let mask = Box::new(Mask::Keys(keep.iter().map(|&keep| keep != 0.0).collect()));
    Ok(Mask::Finite { value: -1e4, mask })
}

/// Weights of heads and samples as `[batch, head, n, m]`
pub fn weights<R: Real>(p: &[Array2<R>], batch: usize) -> Array4<R> {
    let heads = p.len() / batch;
    let (n, m) = p[0].dim();
    let mut all = Array4::zeros((batch, heads, n, m));
    for (i, p) in p.iter().enumerate() {
        all.slice_mut(s![i / heads, i % heads, .., ..]).assign(p);
    }
    all
}
