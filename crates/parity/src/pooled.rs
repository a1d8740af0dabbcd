//! Records of modalities that meet as one vector each: the fusion modules of TorchMultimodal.

use mmt_blocks::{Linear, Pooler, PoolerTape};
use mmt_fusion::{gate, gate_backward};
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::ops::{
    OnEmpty, cross_entropy, cross_entropy_backward, l2_normalize, l2_normalize_backward, matmul,
};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array0, Array2, ArrayRef2, Axis, concatenate, s};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{linear, linear_of_any_size, with_linear};
use super::ops::unsupported;
use super::parts::with_maps;
use super::pooled_set;

/// In the order of the alphabet, as the library visits them.
pub const MODALITIES: [&str; 3] = ["audio", "text", "vision"];

/// `ext_tmm_fusion`
pub fn fusion<R: Real>(record: &Record) -> Found<Answer<R>> {
    match record.system.as_str() {
        "ConcatFusionModule" => projection(record),
        "AttentionFusionModule" => weighted(record),
        "DeepsetFusionModule" => pooled_set::set(record),
        "LateFusion" => late(record),
        "ContrastiveLossWithTemperature" => contrast(record),
        _ => unsupported("no page"),
    }
}

/// A linear map of the vectors side by side.
fn projection<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x = inputs(record)?;
    let map = linear_of_any_size(record, "param/projection")?;
    let (y, tape) = map.forward(&beside(record, &x)?)?;
    let mut grad = map.zeros_like();
    let dx = map.backward(&tape, &record.shaped("cot/y", y.shape())?, &mut grad);
    let answer = with_maps(Answer::new().with("out/y", &y), &[("projection", &grad)]);
    Ok(with_inputs(answer, &apart(&dx, &x)))
}

/// eq-3-gate with one head: the scores of the modalities are the logarithms of the sums.
fn weighted<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x = inputs(record)?;
    let all = beside(record, &x)?;
    let scorer: Linear<R> = linear(record, "param/attention.0", all.ncols(), x.len())?;
    let (l, scorer_tape) = scorer.forward(&all)?;
    let maps = maps(record, "encoding_projection.")?;
    let (mut parts, mut tapes) = (vec![], vec![]);
    for (m, (map, x)) in maps.iter().zip(&x).enumerate() {
        let (p, tape) = map.forward(x)?;
        parts.push((p, l.select(Axis(1), &[m])));
        tapes.push(tape);
    }
    let (y, tape) = gate(&parts.iter().map(|(p, l)| (&**p, &**l)).collect::<Vec<_>>())?;

    let dparts = gate_backward(&tape, &record.shaped("cot/y", y.shape())?);
    let mut dl = l.clone();
    let mut answer = Answer::new().with("out/y", &y);
    let mut dx = vec![];
    for (m, (dp, dl_m)) in dparts.iter().enumerate() {
        dl.slice_mut(s![.., m..m + 1]).assign(dl_m);
        let mut grad = maps[m].zeros_like();
        dx.push(maps[m].backward(&tapes[m], dp, &mut grad));
        answer = with_linear(answer, &format!("grad_param/encoding_projection.{}", MODALITIES[m]), &grad);
    }
    let mut grad = scorer.zeros_like();
    let dscored = apart(&scorer.backward(&scorer_tape, &dl, &mut grad), &x);
    dx.iter_mut().zip(&dscored).for_each(|(dx, more)| *dx += more);
    Ok(with_inputs(with_maps(answer, &[("attention.0", &grad)]), &dx))
}

/// An encoder for each modality, and one head over what they give.
fn late<R: Real>(record: &Record) -> Found<Answer<R>> {
    let x = inputs(record)?;
    let (mut encoders, mut encoded, mut tapes) = (vec![], vec![], vec![]);
    for (name, x) in MODALITIES.iter().zip(&x) {
        let encoder = Pooler { dense: linear_of_any_size(record, &format!("param/encoders.{name}.fc"))? };
        let (y, tape) = each(&encoder, x)?;
        encoders.push(encoder);
        encoded.push(y);
        tapes.push(tape);
    }
    let head: Linear<R> = linear_of_any_size(record, "param/head_module")?;
    let (logits, tape) = head.forward(&beside(record, &encoded)?)?;

    let mut head_grad = head.zeros_like();
    let dencoded = head.backward(&tape, &record.shaped("cot/logits", logits.shape())?, &mut head_grad);
    let mut answer = with_maps(Answer::new().with("out/logits", &logits), &[("head_module", &head_grad)]);
    let mut dx = vec![];
    for (m, dy) in apart(&dencoded, &encoded).iter().enumerate() {
        let mut grad = encoders[m].zeros_like();
        dx.push(encoders[m].backward(&tapes[m], dy, &mut grad));
        answer = with_linear(answer, &format!("grad_param/encoders.{}.fc", MODALITIES[m]), &grad.dense);
    }
    Ok(with_inputs(answer, &dx))
}

/// Each row of one matrix is to find its partner in the other one, in both directions.
fn contrast<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (a, b): (Array2<R>, Array2<R>) = (record.real("in/a")?, record.real("in/b")?);
    if a.dim() != b.dim() {
        return Err(record.invalid(0, "`in/a` and `in/b` differ in shape".to_string()));
    }
    let scale: Array0<R> = record.real("param/logit_scale")?;
    let scale = scale[()].exp();
    let ((a, a_tape), (b, b_tape)) = (l2_normalize(&a, Some(1e-12))?, l2_normalize(&b, Some(1e-12))?);
    let cosines = matmul(&a, &b.t());
    let z = cosines.mapv(|z| scale * z);
    let z_t = z.t().as_standard_layout().into_owned();
    let labels: Vec<_> = (0..a.nrows()).map(Some).collect();
    let half = R::of(0.5);
    let (to_b, to_b_tape) = cross_entropy(&z, &labels, OnEmpty::Refuse)?;
    let (to_a, to_a_tape) = cross_entropy(&z_t, &labels, OnEmpty::Refuse)?;
    let dz = cross_entropy_backward(&to_b_tape, &z, &labels, half)
        + cross_entropy_backward(&to_a_tape, &z_t, &labels, half).t();
    // The logits are e^s times the cosines, so the gradient of s is that of the logits times the logits.
    let dscale = column_sums(&column_sums(&(&dz * &z)).insert_axis(Axis(1)))[0];
    let dcosines = dz.mapv(|dz| scale * dz);
    Ok(Answer::new()
        .with_number("loss/loss", half * (to_a + to_b))
        .with("grad_in/a", &l2_normalize_backward(&a_tape, &matmul(&dcosines, &b)))
        .with("grad_in/b", &l2_normalize_backward(&b_tape, &matmul(&dcosines.t(), &a)))
        .with_number("grad_param/logit_scale", dscale))
}

/// `[n, d_m]` of every modality, all with the same `n`.
pub fn inputs<R: Real>(record: &Record) -> Found<Vec<Array2<R>>> {
    let x: Vec<Array2<R>> =
        MODALITIES.iter().map(|name| record.real(&format!("in/{name}"))).collect::<Found<_>>()?;
    beside(record, &x)?;
    Ok(x)
}

/// A linear map for each modality.
pub fn maps<R: Real>(record: &Record, prefix: &str) -> Found<Vec<Linear<R>>> {
    MODALITIES.iter().map(|name| linear_of_any_size(record, &format!("param/{prefix}{name}"))).collect()
}

pub fn with_inputs<R: Real>(answer: Answer<R>, dx: &[Array2<R>]) -> Answer<R> {
    MODALITIES.iter().zip(dx).fold(answer, |answer, (name, dx)| answer.with(&format!("grad_in/{name}"), dx))
}

/// A linear map and a hyperbolic tangent of every row: each is a sequence of one token.
pub fn each<R: Real>(map: &Pooler<R>, x: &ArrayRef2<R>) -> Found<(Array2<R>, PoolerTape<R>)> {
    Ok(map.forward(x, &Ragged::even(x.nrows(), 1))?)
}

fn beside<R: Real>(record: &Record, x: &[Array2<R>]) -> Found<Array2<R>> {
    joined(record, x, Axis(1))
}

pub fn joined<R: Real>(record: &Record, x: &[Array2<R>], axis: Axis) -> Found<Array2<R>> {
    let views: Vec<_> = x.iter().map(|x| x.view()).collect();
    concatenate(axis, &views).map_err(|_| record.invalid(0, "the modalities differ in shape".to_string()))
}

/// Cuts the columns as [`beside`] joined them.
fn apart<R: Real>(dx: &Array2<R>, x: &[Array2<R>]) -> Vec<Array2<R>> {
    let mut at = 0;
    let cut = |x: &Array2<R>| {
        let columns = at..at + x.ncols();
        at = columns.end;
        dx.slice(s![.., columns]).to_owned()
    };
    x.iter().map(cut).collect()
}
