//! Records of streams that look at each other: ViLBERT and TriBERT.

use mmt_blocks::{CrossBlock, Heads, NormOrder};
use mmt_fusion::{Cross, CrossAttention, CrossTape, Layout, ThreeStreams, ThreeStreamsStream};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array2, ArrayD, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::layers::Batch;
use super::layout::{layer_norm, linear, reshape, rows};
use super::ops::unsupported;
use super::parts::{attention, keep, network, weights, with_maps, with_network, with_norms};

/// `vilbert_coattention`: vision is the first stream, text the second.
pub fn vilbert<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (vision, x) = Batch::of::<R>(&record.real("in/vision")?);
    let (text, y) = Batch::of::<R>(&record.real("in/text")?);
    let (d_a, d_b, inner) = (x.ncols(), y.ncols(), record.size("bi_hidden_size")?);
    let block = |own: usize, other: usize, prefix, d, context| -> Found<Cross<R>> {
        let names = |what: &str, i: usize| format!("biattention.{what}{i}");
        let (q, k, v) = (names("query", own), names("key", other), names("value", other));
        let dense = format!("biOutput.dense{own}");
        let heads = record.size("bi_num_attention_heads")?;
        let (ffn, norm_2) = network(record, prefix, d)?;
        Ok(Cross::Block(CrossBlock {
            norm_1: layer_norm(record, &format!("param/biOutput.LayerNorm{own}"), d, 1e-12)?,
            attn: attention(record, [&q, &k, &v, &dense], [d, context, inner], heads)?,
            norm_2,
            ffn,
            order: NormOrder::Post,
        }))
    };
    let module = CrossAttention { a: block(1, 2, "v", d_a, d_b)?, b: block(2, 1, "t", d_b, d_a)? };
    let layout = |tag: &str, rows: &Ragged| Layout::of(tag, rows.clone());
    let (la, lb) = (layout("vision", &vision.rows)?, layout("text", &text.rows)?);
    // Vision sees text, and text sees vision: each mask is about the keys of the other.
    let (mask_a, mask_b) = (keep(record, "in/text_keep")?, keep(record, "in/vision_keep")?);
    let ((z_a, z_b), tape) = module.forward((&x, &la), (&y, &lb), (&mask_a, &mask_b))?;
    let dz_a: Array2<R> = rows(&record.shaped("cot/vision", &vision.shape)?);
    let dz_b: Array2<R> = rows(&record.shaped("cot/text", &text.shape)?);
    let mut grad = module.zeros_like();
    let (dx, dy) = module.backward(&tape, (&dz_a, &dz_b), &mut grad);

    let (CrossTape::Block(a), CrossTape::Block(b)) = (&tape.a, &tape.b) else {
        return unsupported("no blocks");
    };
    let (Cross::Block(ga), Cross::Block(gb)) = (&grad.a, &grad.b) else { return unsupported("no blocks") };
    let mut answer = Answer::new();
    for (batch, key, rows) in [
        (&vision, "out/vision", &z_a),
        (&vision, "grad_in/vision", &dx),
        (&vision, "act/biattention.1", &a.attn.w_o.x),
        (&vision, "act/biOutput.0", &a.ffn.w_1.x),
        (&vision, "act/v_intermediate", &a.ffn.w_2.x),
        (&text, "out/text", &z_b),
        (&text, "grad_in/text", &dy),
        (&text, "act/biattention.0", &b.attn.w_o.x),
        (&text, "act/biOutput.1", &b.ffn.w_1.x),
        (&text, "act/t_intermediate", &b.ffn.w_2.x),
    ] {
        answer = batch.add(answer, key, rows);
    }
    answer = answer.with("act/attn_probs_vision_on_text", &weights(&a.attn.heads.p, vision.shape[0]));
    answer = answer.with("act/attn_probs_text_on_vision", &weights(&b.attn.heads.p, text.shape[0]));
    for (own, other, grad) in [(1, 2, ga), (2, 1, gb)] {
        let maps = [
            (format!("biattention.query{own}"), &grad.attn.w_q),
            (format!("biattention.key{other}"), &grad.attn.w_k),
            (format!("biattention.value{other}"), &grad.attn.w_v),
            (format!("biOutput.dense{own}"), &grad.attn.w_o),
        ];
        for (name, map) in &maps {
            answer = with_maps(answer, &[(name, map)]);
        }
        answer = with_norms(answer, &[(&format!("biOutput.LayerNorm{own}"), &grad.norm_1)]);
        answer = with_network(answer, if own == 1 { "v" } else { "t" }, &grad.ffn, &grad.norm_2);
    }
    Ok(answer)
}

/// `tribert_connection`: vision, pose and audio.
pub fn tribert<R: Real>(record: &Record) -> Found<Answer<R>> {
    const STREAMS: [(usize, &str, &str); 3] = [(1, "vision", "v"), (2, "pose", "p"), (3, "audio", "a")];
    let inner = record.size("bi_hidden_size")?;
    let inputs: Vec<ArrayD<R>> =
        STREAMS.iter().map(|(_, name, _)| record.real(&format!("in/{name}"))).collect::<Found<_>>()?;
    let stream = |i: usize| -> Found<ThreeStreamsStream<R>> {
        let (n, _, prefix) = STREAMS[i];
        let d = inputs[i].shape().last().copied().unwrap_or(0);
        let map = |name: &str, from, to| linear(record, &format!("param/{name}{n}"), from, to);
        let (ffn, norm_2) = network(record, prefix, d)?;
        Ok(ThreeStreamsStream {
            w_q: map("biattention.query", d, inner)?,
            w_k: map("biattention.key", d, inner / 2)?,
            w_v: map("biattention.value", d, inner / 2)?,
            w_o: map("biOutput.dense", inner, d)?,
            norm_1: layer_norm(record, &format!("param/biOutput.LayerNorm{n}"), d, 1e-12)?,
            ffn,
            norm_2,
        })
    };
    let heads = Heads::new(record.size("bi_num_attention_heads")?);
    let module = ThreeStreams { a: stream(0)?, b: stream(1)?, c: stream(2)?, heads };
    let batch = inputs[0].shape()[0];
    let x: Vec<Array2<R>> = inputs.iter().map(rows).collect();
    let at = Ragged::even(batch, x[0].nrows() / batch.max(1));
    let (z, tape) = module.forward([&x[0], &x[1], &x[2]], &at)?;
    let mut dz: Vec<Array2<R>> = vec![];
    for ((_, name, _), input) in STREAMS.iter().zip(&inputs) {
        dz.push(rows(&record.shaped::<R, IxDyn>(&format!("cot/{name}"), input.shape())?));
    }
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, [&dz[0], &dz[1], &dz[2]], &mut grad);

    let mut answer = Answer::new();
    let grads = [&grad.a, &grad.b, &grad.c];
    for (i, (n, name, prefix)) in STREAMS.into_iter().enumerate() {
        let (own, grad) = (&tape.streams[i], grads[i]);
        let shape = inputs[i].shape();
        let as_stored =
            |x: &Array2<R>| reshape::<R, _, IxDyn>(x, &[&shape[..shape.len() - 1], &[x.ncols()]].concat());
        answer = answer.with(&format!("out/{name}"), &as_stored(&z[i]));
        answer = answer.with(&format!("grad_in/{name}"), &as_stored(&dx[i]));
        answer = answer.with(&format!("act/attn_probs_{name}"), &weights(&own.heads.p, batch));
        answer = answer.with(&format!("act/biattention.{i}"), &as_stored(&own.w_o.x));
        answer = answer.with(&format!("act/biOutput.{i}"), &as_stored(&own.ffn.w_1.x));
        for (what, map) in [
            ("biattention.query", &grad.w_q),
            ("biattention.key", &grad.w_k),
            ("biattention.value", &grad.w_v),
            ("biOutput.dense", &grad.w_o),
        ] {
            answer = with_maps(answer, &[(&format!("{what}{n}"), map)]);
        }
        answer = with_norms(answer, &[(&format!("biOutput.LayerNorm{n}"), &grad.norm_1)]);
        answer = with_network(answer, prefix, &grad.ffn, &grad.norm_2);
    }
    Ok(answer)
}
