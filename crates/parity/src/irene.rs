//! The record of IRENE: images and four kinds of text, two bidirectional blocks, then one stream.

use mmt_blocks::{Block, BlockTape, ClassToken, Encoder, EncoderTape, Linear, Mask};
use mmt_fusion::{
    Bidirectional, BidirectionalTape, Layout, concat, concat_all, concat_all_backward, concat_backward,
};
use mmt_tensor::ops::{
    Reduction, binary_cross_entropy, binary_cross_entropy_backward, global_avg_pool, global_avg_pool_backward,
};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array2, Array3};

use super::Answer;
use super::case::{Found, Record};
use super::flax::samples;
use super::irene_blocks::{joint_block, norm, paired_block, with_paired_block};
use super::irene_inputs::{Image, Text, pairs};
use super::layout::{linear, reshape};
use super::ops::unsupported;
use super::parts::{weights, with_maps, with_norms};

/// How many blocks are bidirectional.
const PAIRED: usize = 2;

/// `ext_irene`
pub fn model<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (image, texts) = (Image::of(record)?, Text::all(record)?);
    let (x, text) = (&image.tokens, concat_all(&pairs(&texts))?);
    let layout = Layout::of("image", ClassToken::<R>::rows(&image.rows))?;
    let mut answer = Answer::new().with("act/transformer.embeddings.0", &samples(x, &layout.rows()));
    for (i, part) in texts.iter().enumerate() {
        let key = format!("act/transformer.embeddings.{}", i + 1);
        answer = answer.with(&key, &samples(&part.tokens, &part.layout.rows()));
    }

    let mut paired: Vec<(Bidirectional<R>, BidirectionalTape<R>)> = vec![];
    let (mut a, mut b) = (x.clone(), text.0);
    for i in 0..PAIRED {
        let block = paired_block(record, i, x.ncols())?;
        let ((next_a, next_b), tape) =
            block.forward((&a, &layout), (&b, &text.1), (&Mask::None, &Mask::None))?;
        let name = format!("act/transformer.encoder.layer.{i}.");
        let seen = weights(&tape.attn.a.own.p, layout.samples());
        answer = answer.with(&format!("{name}2"), &seen).with(&format!("{name}attn.2"), &seen);
        for (part, x, w_o, layout) in
            [(0, &next_a, &tape.attn.a.w_o, &layout), (1, &next_b, &tape.attn.b.w_o, &text.1)]
        {
            let y = block.attn.w_o.forward(&w_o.x)?.0;
            answer = answer.with(&format!("{name}{part}"), &samples(x, &layout.rows()));
            answer = answer.with(&format!("{name}attn.{part}"), &samples(&y, &layout.rows()));
        }
        paired.push((block, tape));
        (a, b) = (next_a, next_b);
    }
    let (joint, all) = concat((&a, &layout), (&b, &text.1))?;
    let (mut answer, djoint) = one_stream(record, answer, &joint, &all.rows())?;

    let (mut da, mut db) = concat_backward(&layout, &text.1, &djoint);
    for (i, (block, tape)) in paired.iter().enumerate().rev() {
        let mut grad = block.zeros_like();
        (da, db) = block.backward(tape, (&da, &db), &mut grad);
        answer = with_paired_block(answer, i, &grad);
    }
    answer = image.backward(answer, &da);
    let layouts: Vec<&Layout> = texts.iter().map(|text| &text.layout).collect();
    for (text, dx) in texts.iter().zip(concat_all_backward(&layouts, &db)) {
        answer = text.backward(answer, &dx);
    }
    Ok(answer)
}

/// The blocks over both modalities, the mean of all tokens, and the labels; also the gradient of the tokens.
fn one_stream<R: Real>(
    record: &Record,
    answer: Answer<R>,
    x: &Array2<R>,
    rows: &Ragged,
) -> Found<(Answer<R>, Array2<R>)> {
    let d = x.ncols();
    let stack = Encoder {
        blocks: (PAIRED..record.size("layers")?).map(|i| joint_block(record, i, d)).collect::<Found<_>>()?,
        norm: Some(norm(record, "transformer.encoder.encoder_norm", d)?),
        repeats: 1,
    };
    let (z, tape) = stack.forward(x, rows, &Mask::None)?;
    // Tokens as the one axis of a map with `d` channels.
    let (batch, n) = (rows.samples(), rows.length(0));
    let z: Array3<R> = reshape(&z, &[batch, n, d]);
    let map = z.view().permuted_axes([0, 2, 1]).as_standard_layout().into_owned();
    let labels: Array2<i64> = whole(record, "in/labels")?;
    let head: Linear<R> = linear(record, "param/head", d, labels.ncols())?;
    let (y, head_tape) = head.forward(&global_avg_pool(&map)?)?;
    let labels = labels.mapv(|label| R::of(label as f64));
    let loss = binary_cross_entropy(&y, &labels, Reduction::Mean)?;

    let (mut head_grad, mut grad) = (head.zeros_like(), stack.zeros_like());
    let dy = binary_cross_entropy_backward(&y, &labels, Reduction::Mean, R::of(1.0));
    let dmap = global_avg_pool_backward(&map, &head.backward(&head_tape, &dy, &mut head_grad));
    let dz: Array2<R> = reshape(&dmap.permuted_axes([0, 2, 1]), &[batch * n, d]);
    let dx = stack.backward(&tape, &dz, &mut grad);

    let answer = answer.with("act/head", &y).with_number("loss/loss", loss);
    let answer = with_maps(answer.with("act/transformer.encoder", &z), &[("head", &head_grad)]);
    Ok((with_stack(answer, (&tape, &grad), batch)?, dx))
}

fn with_stack<R: Real>(
    mut answer: Answer<R>,
    (tape, grad): (&EncoderTape<R>, &Encoder<R>),
    batch: usize,
) -> Found<Answer<R>> {
    for (i, (tape, block)) in tape.blocks.iter().zip(&grad.blocks).enumerate() {
        let (BlockTape::Pre(tape), Block::Pre(block)) = (tape, block) else {
            return unsupported("norms behind the sums");
        };
        let (act, layer) = ("act/transformer.encoder.layer", i + PAIRED);
        if i > 0 {
            let before = samples(&tape.norm_1.x, &tape.attn.batch.rows);
            answer = answer.with(&format!("{act}.{}.0", layer - 1), &before);
        }
        answer = answer.with(&format!("{act}.{layer}.1"), &weights(&tape.attn.heads.p, batch));
        let name = |part: &str| format!("transformer.encoder.layer.{layer}.{part}");
        for (part, map) in [
            ("attn.query", &block.attn.w_q),
            ("attn.key", &block.attn.w_k),
            ("attn.value", &block.attn.w_v),
            ("attn.out", &block.attn.w_o),
            ("ffn.fc1", &block.ffn.w_1),
            ("ffn.fc2", &block.ffn.w_2),
        ] {
            answer = with_maps(answer, &[(&name(part), map)]);
        }
        let norms = [(&*name("attention_norm"), &block.norm_1), (&*name("ffn_norm"), &block.norm_2)];
        answer = with_norms(answer, &norms);
    }
    let norms: Vec<_> = grad.norm.iter().map(|norm| ("transformer.encoder.encoder_norm", norm)).collect();
    Ok(with_norms(answer, &norms))
}

/// Whole numbers in rows.
fn whole(record: &Record, key: &str) -> Found<Array2<i64>> {
    let wrong = |_| record.invalid(0, format!("`{key}` has other axes than rows and columns"));
    record.whole(key)?.into_dimensionality().map_err(wrong)
}
