//! The blocks of IRENE and the names of their parameters.

use mmt_blocks::{Activation, Block, Ffn, Heads, LayerNorm, PreLn};
use mmt_fusion::{Bidirectional, BidirectionalAttention, BidirectionalStream, Projections};
use mmt_tensor::Real;

use super::Answer;
use super::case::{Found, Record};
use super::layout::{layer_norm, linear};
use super::parts::{attention, with_maps, with_norms};

pub fn norm<R: Real>(record: &Record, name: &str, d: usize) -> Found<LayerNorm<R>> {
    layer_norm(record, &format!("param/{name}"), d, record.number("layer_norm_eps")?)
}

fn network<R: Real>(record: &Record, name: &str, d: usize) -> Found<Ffn<R>> {
    let hidden = record.size("mlp_dim")?;
    Ok(Ffn {
        w_1: linear(record, &format!("param/{name}.fc1"), d, hidden)?,
        w_2: linear(record, &format!("param/{name}.fc2"), hidden, d)?,
        activation: Activation::Gelu,
    })
}

pub fn joint_block<R: Real>(record: &Record, i: usize, d: usize) -> Found<Block<R>> {
    let name = |part: &str| format!("transformer.encoder.layer.{i}.{part}");
    let maps = ["attn.query", "attn.key", "attn.value", "attn.out"].map(name);
    let maps = [&*maps[0], &*maps[1], &*maps[2], &*maps[3]];
    Ok(Block::Pre(PreLn {
        norm_1: norm(record, &name("attention_norm"), d)?,
        attn: attention(record, maps, [d; 3], record.size("heads")?)?,
        norm_2: norm(record, &name("ffn_norm"), d)?,
        ffn: network(record, &name("ffn"), d)?,
    }))
}

pub fn paired_block<R: Real>(record: &Record, i: usize, d: usize) -> Found<Bidirectional<R>> {
    let name = |part: &str| format!("transformer.encoder.layer.{i}.{part}");
    let map = |part: &str| linear(record, &format!("param/{}", name(part)), d, d);
    let stream = |norm_1: &str, norm_2: &str, ffn: &str| -> Found<BidirectionalStream<R>> {
        Ok(BidirectionalStream {
            norm_1: norm(record, &name(norm_1), d)?,
            norm_2: norm(record, &name(norm_2), d)?,
            ffn: network(record, &name(ffn), d)?,
        })
    };
    let projections = |end: &str| -> Found<Projections<R>> {
        let part = |what: &str| map(&format!("attn.{what}{end}"));
        Ok(Projections { w_q: part("query")?, w_k: part("key")?, w_v: part("value")? })
    };
    Ok(Bidirectional {
        a: stream("attention_norm", "ffn_norm", "ffn")?,
        b: stream("att_norm_text", "ffn_norm_text", "ffn_text")?,
        attn: BidirectionalAttention {
            a: projections("")?,
            b: projections("_text")?,
            w_o: map("attn.out")?,
            heads: Heads::new(record.size("heads")?),
        },
    })
}

pub fn with_paired_block<R: Real>(mut answer: Answer<R>, i: usize, grad: &Bidirectional<R>) -> Answer<R> {
    let name = |part: &str| format!("transformer.encoder.layer.{i}.{part}");
    answer = with_maps(answer, &[(&name("attn.out"), &grad.attn.w_o)]);
    for (end, first, stream, own) in
        [("", "attention_norm", &grad.a, &grad.attn.a), ("_text", "att_norm_text", &grad.b, &grad.attn.b)]
    {
        for (part, map) in [("attn.query", &own.w_q), ("attn.key", &own.w_k), ("attn.value", &own.w_v)] {
            answer = with_maps(answer, &[(&format!("{}{end}", name(part)), map)]);
        }
        for (part, map) in [("fc1", &stream.ffn.w_1), ("fc2", &stream.ffn.w_2)] {
            answer = with_maps(answer, &[(&format!("{}{end}.{part}", name("ffn")), map)]);
        }
        answer = with_norms(answer, &[(&name(first), &stream.norm_1)]);
        answer = with_norms(answer, &[(&format!("{}{end}", name("ffn_norm")), &stream.norm_2)]);
    }
    answer
}
