//! The record of ViLT: words and patches as one sequence, blocks with their norms first, and a pooler.

use mmt_blocks::{Activation, Block, BlockTape, Embedding, Encoder, EncoderTape, Ffn, Mask, Pooler, PreLn};
use mmt_tensor::{Real, Tree};
use mmt_tokenizers::image::Order;
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use mmt_tokenizers::{EmbeddingSum, MinimalEmbedding};
use ndarray::{Array2, Array3, Array4, ArrayD, Axis, Ix2, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::flax::samples;
use super::layout::{layer_norm, linear, reshape, rows, transposed, with_layer_norm, with_linear};
use super::ops::unsupported;
use super::parts::{attention, weights, with_maps, with_norms};

const FRONT: &str = "embeddings.";
const WORDS: &str = "embeddings.text_embeddings.";

/// `hf_vilt_model`
pub fn model<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (texts, pictures) = inputs::<R>(record)?;
    let front = front(record)?;
    let (x, tape) = front.forward(&texts, &pictures, None)?;
    let (d, eps) = (x.ncols(), record.number("layer_norm_eps")?);
    let seen = tape.rows.ranges().zip(&texts).flat_map(|(rows, text)| {
        let beyond = rows.len() - text.keep.len();
        text.keep.iter().copied().chain(std::iter::repeat_n(true, beyond))
    });
    let mask = Mask::Keys(seen.collect());
    let stack = Encoder {
        blocks: (0..record.size("num_hidden_layers")?).map(|i| block(record, i, d)).collect::<Found<_>>()?,
        norm: Some(layer_norm(record, "param/layernorm", d, eps)?),
        repeats: 1,
    };
    let (z, stack_tape) = stack.forward(&x, &tape.rows, &mask)?;
    let pooler = Pooler { dense: linear(record, "param/pooler.dense", d, d)? };
    let (pooled, pooler_tape) = pooler.forward(&z, &tape.rows)?;

    let (mut stack_grad, mut pooler_grad) = (stack.zeros_like(), pooler.zeros_like());
    let z = samples(&z, &tape.rows);
    let mut dz: Array2<R> = rows(&record.shaped("cot/last_hidden_state", z.shape())?);
    let dpooled: Array2<R> = record.shaped("cot/pooler_output", pooled.shape())?;
    dz += &pooler.backward(&pooler_tape, &dpooled, &mut pooler_grad);
    let dx = stack.backward(&stack_tape, &dz, &mut stack_grad);
    let mut grad = front.zeros_like();
    let dpictures = front.backward(&tape, &dx, &mut grad);

    let answer = Answer::new().with("out/last_hidden_state", &z).with("out/pooler_output", &pooled);
    let answer = with_maps(
        answer.with("act/hidden_states.0", &samples(&x, &tape.rows)),
        &[("pooler.dense", &pooler_grad.dense)],
    );
    let answer = with_stack(answer, &stack_tape, &stack_grad)?;
    Ok(with_front(answer, &grad).with("grad_in/pixel_values", &stacked(record, &dpictures)?))
}

/// Texts with their padding, and pictures with their channels last.
fn inputs<R: Real>(record: &Record) -> Found<(Vec<TextInput>, Vec<Array3<R>>)> {
    let table = |key: &str| -> Found<Array2<usize>> {
        let ids = record.ids(key)?;
        ids.into_dimensionality().map_err(|_| record.invalid(0, format!("`{key}` has not two axes")))
    };
    let (ids, segments, keep) =
        (table("in/input_ids")?, table("in/token_type_ids")?, table("in/attention_mask")?);
    let pictures: Array4<R> = record.real("in/pixel_values")?;
    if [segments.dim(), keep.dim()] != [ids.dim(); 2] || pictures.dim().0 != ids.nrows() {
        return Err(record.invalid(0, "texts and pictures differ in number".to_string()));
    }
    if record.ids("in/pixel_mask")?.iter().any(|&pixel| pixel != 1) {
        return unsupported("pictures with padding");
    }
    let text = |i: usize| TextInput {
        ids: ids.row(i).to_vec(),
        segments: segments.row(i).to_vec(),
        keep: keep.row(i).iter().map(|&keep| keep == 1).collect(),
    };
    let last = pictures.permuted_axes([0, 2, 3, 1]);
    let picture = |picture: ndarray::ArrayView3<R>| picture.as_standard_layout().into_owned();
    Ok(((0..ids.nrows()).map(text).collect(), last.outer_iter().map(picture).collect()))
}

fn front<R: Real>(record: &Record) -> Found<MinimalEmbedding<R>> {
    let (d, patch) = (record.size("hidden_size")?, record.size("patch_size")?);
    let table = |name: &str| -> Found<Embedding<R>> {
        Ok(Embedding { table: record.real::<R, Ix2>(&format!("param/{WORDS}{name}.weight"))? })
    };
    let numbers = record.size("num_channels")?.saturating_mul(patch).saturating_mul(patch);
    let kernel: ArrayD<R> = record.real(&format!("param/{FRONT}patch_embeddings.projection.weight"))?;
    if kernel.len() != d.saturating_mul(numbers) {
        return Err(record.invalid(0, "the kernel of patches has another size".to_string()));
    }
    let kernel: Array2<R> = reshape(&kernel, &[d, numbers]);
    let bias = record.shaped(&format!("param/{FRONT}patch_embeddings.projection.bias"), &[d])?;
    let class: Array3<R> = record.shaped(&format!("param/{FRONT}cls_token"), &[1, 1, d])?;
    let position: Array3<R> = record.real(&format!("param/{FRONT}position_embeddings"))?;
    Ok(MinimalEmbedding {
        text: TextEmbedding {
            word: table("word_embeddings")?,
            position: table("position_embeddings")?,
            segment: table("token_type_embeddings")?,
            sum: EmbeddingSum {
                norm: layer_norm(
                    record,
                    &format!("param/{WORDS}LayerNorm"),
                    d,
                    record.number("layer_norm_eps")?,
                )?,
            },
        },
        project: mmt_blocks::Linear { weight: transposed(&kernel), bias: Some(bias) },
        class: reshape(&class, &[d]),
        position: position.index_axis_move(Axis(0), 0),
        modality: record.shaped(&format!("param/{FRONT}token_type_embeddings.weight"), &[2, d])?,
        patch,
        order: Order::Chw,
    })
}

fn with_front<R: Real>(answer: Answer<R>, grad: &MinimalEmbedding<R>) -> Answer<R> {
    let (d, patch) = (grad.class.len(), grad.patch);
    let channels = grad.project.weight.nrows() / (patch * patch);
    let kernel = reshape::<R, _, IxDyn>(&transposed(&grad.project.weight), &[d, channels, patch, patch]);
    let key = |name: &str| format!("grad_param/{FRONT}{name}");
    let text = |name: &str| format!("grad_param/{WORDS}{name}.weight");
    let answer = with_linear(answer, &key("patch_embeddings.projection"), &grad.project)
        .with(&key("patch_embeddings.projection.weight"), &kernel)
        .with(&key("cls_token"), &reshape::<R, _, IxDyn>(&grad.class, &[1, 1, d]))
        .with(&key("position_embeddings"), &grad.position.clone().insert_axis(Axis(0)))
        .with(&key("token_type_embeddings.weight"), &grad.modality)
        .with(&text("word_embeddings"), &grad.text.word.table)
        .with(&text("position_embeddings"), &grad.text.position.table)
        .with(&text("token_type_embeddings"), &grad.text.segment.table);
    with_layer_norm(answer, &format!("grad_param/{WORDS}LayerNorm"), &grad.text.sum.norm)
}

fn block<R: Real>(record: &Record, i: usize, d: usize) -> Found<Block<R>> {
    let name = |part: &str| format!("encoder.layer.{i}.{part}");
    let maps = ["query", "key", "value"].map(|part| name(&format!("attention.attention.{part}")));
    let out = name("attention.output.dense");
    let norm = |part: &str| {
        layer_norm(record, &format!("param/{}", name(part)), d, record.number("layer_norm_eps")?)
    };
    let hidden = record.size("intermediate_size")?;
    let map = |part: &str, from, to| linear(record, &format!("param/{}", name(part)), from, to);
    Ok(Block::Pre(PreLn {
        norm_1: norm("layernorm_before")?,
        attn: attention(
            record,
            [&maps[0], &maps[1], &maps[2], &out],
            [d; 3],
            record.size("num_attention_heads")?,
        )?,
        norm_2: norm("layernorm_after")?,
        ffn: Ffn {
            w_1: map("intermediate.dense", d, hidden)?,
            w_2: map("output.dense", hidden, d)?,
            activation: Activation::Gelu,
        },
    }))
}

/// What went into every layer and into the last norm, what was looked at, and the gradients.
fn with_stack<R: Real>(mut answer: Answer<R>, tape: &EncoderTape<R>, grad: &Encoder<R>) -> Found<Answer<R>> {
    let mut all = None;
    for (i, (tape, block)) in tape.blocks.iter().zip(&grad.blocks).enumerate() {
        let (BlockTape::Pre(tape), Block::Pre(block)) = (tape, block) else {
            return unsupported("norms behind the sums");
        };
        let rows = &tape.attn.batch.rows;
        answer = answer
            .with(&format!("act/hidden_states.{i}"), &samples(&tape.norm_1.x, rows))
            .with(&format!("act/attentions.{i}"), &weights(&tape.attn.heads.p, rows.samples()));
        let name = |part: &str| format!("encoder.layer.{i}.{part}");
        for (part, map) in [
            ("attention.attention.query", &block.attn.w_q),
            ("attention.attention.key", &block.attn.w_k),
            ("attention.attention.value", &block.attn.w_v),
            ("attention.output.dense", &block.attn.w_o),
            ("intermediate.dense", &block.ffn.w_1),
            ("output.dense", &block.ffn.w_2),
        ] {
            answer = with_maps(answer, &[(&name(part), map)]);
        }
        let [before, after] = ["layernorm_before", "layernorm_after"].map(name);
        answer = with_norms(answer, &[(&before, &block.norm_1), (&after, &block.norm_2)]);
        all = Some(rows.clone());
    }
    if let (Some(norm), Some(rows)) = (&tape.norm, all) {
        answer = answer.with(&format!("act/hidden_states.{}", tape.blocks.len()), &samples(&norm.x, &rows));
    }
    Ok(with_norms(answer, &grad.norm.iter().map(|norm| ("layernorm", norm)).collect::<Vec<_>>()))
}

/// A batch with channels first.
fn stacked<R: Real>(record: &Record, pictures: &[Array3<R>]) -> Found<Array4<R>> {
    let all = ndarray::stack(Axis(0), &pictures.iter().map(|picture| picture.view()).collect::<Vec<_>>())
        .map_err(|_| record.invalid(0, "pictures of several sizes".to_string()))?;
    Ok(all.permuted_axes([0, 3, 1, 2]))
}
