//! Records of layers that look at another sequence: MulT, and a layer of TorchMultimodal.

use mmt_blocks::{Activation, CrossBlock, DecoderBlock, Ffn, Mask, NormOrder};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array2, Array3};

use super::Answer;
use super::case::{Found, Record};
use super::layers::Batch;
use super::layout::{layer_norm, linear, multi_head, reshape, rows, with_multi_head};
use super::parts::{attention, with_maps, with_norms};

/// `tmm_crosslayer`: self-attention, cross-attention, feed-forward network.
pub fn cross_layer<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (batch, x) = Batch::of::<R>(&record.real("in/x")?);
    let (source, context) = Batch::of::<R>(&record.real("in/ctx")?);
    let (d, heads) = (x.ncols(), record.size("n_head")?);
    let attn = |name: &str| {
        let names = ["query", "key", "value", "output"].map(|part| format!("{name}.{part}"));
        attention(record, [&names[0], &names[1], &names[2], &names[3]], [d, d, d], heads)
    };
    let norm = |name: &str| layer_norm(record, &format!("param/{name}"), d, 1e-12);
    let hidden = record.size("dim_feedforward")?;
    let block = DecoderBlock {
        norm_1: norm("attention_layernorm")?,
        attn: attn("attention")?,
        norm_2: norm("cross_attention_layernorm")?,
        cross: attn("cross_attention")?,
        norm_3: norm("feedforward_layernorm")?,
        ffn: Ffn {
            w_1: linear(record, "param/feedforward.model.0", d, hidden)?,
            w_2: linear(record, "param/feedforward.model.2", hidden, d)?,
            activation: Activation::Gelu,
        },
        order: NormOrder::Post,
    };
    let dy: Array2<R> = rows(&record.shaped("cot/y", &batch.shape)?);
    let run = if record.flag("norm_first") { norm_first } else { norm_last };
    let (outputs, [dx, dcontext], grad) = run(&block, [&x, &context], [&batch.rows, &source.rows], &dy)?;

    let names =
        ["out/y", "act/attention_layernorm", "act/cross_attention_layernorm", "act/feedforward_layernorm"];
    let mut answer = batch.add(Answer::new(), "grad_in/x", &dx);
    for (name, output) in names.iter().zip(&outputs) {
        answer = batch.add(answer, name, output);
    }
    answer = source.add(answer, "grad_in/ctx", &dcontext);
    for (name, attn) in [("attention", &grad.attn), ("cross_attention", &grad.cross)] {
        for (part, map) in
            [("query", &attn.w_q), ("key", &attn.w_k), ("value", &attn.w_v), ("output", &attn.w_o)]
        {
            answer = with_maps(answer, &[(&format!("{name}.{part}"), map)]);
        }
    }
    let maps = [("feedforward.model.0", &grad.ffn.w_1), ("feedforward.model.2", &grad.ffn.w_2)];
    answer = with_maps(answer, &maps);
    Ok(with_norms(
        answer,
        &[
            ("attention_layernorm", &grad.norm_1),
            ("cross_attention_layernorm", &grad.norm_2),
            ("feedforward_layernorm", &grad.norm_3),
        ],
    ))
}

/// The output and what the three norms gave; the gradients of both inputs; those of the parameters.
type Layer<R> = ([Array2<R>; 4], [Array2<R>; 2], DecoderBlock<R>);

/// Norms after the sums: a block of ours.
fn norm_last<R: Real>(
    block: &DecoderBlock<R>,
    [x, context]: [&Array2<R>; 2],
    [rows, of]: [&Ragged; 2],
    dy: &Array2<R>,
) -> Found<Layer<R>> {
    let (y, tape) = block.forward(x, context, rows, of, &Mask::None, &Mask::None)?;
    let mut grad = block.zeros_like();
    let (dx, dcontext) = block.backward(&tape, dy, &mut grad);
    Ok(([y.clone(), tape.cross.w_q.x, tape.ffn.w_1.x, y], [dx, dcontext], grad))
}

/// Norms first, and yet the last two sums start from what was normalized: the library's way, from its parts.
fn norm_first<R: Real>(
    block: &DecoderBlock<R>,
    [x, context]: [&Array2<R>; 2],
    [rows, of]: [&Ragged; 2],
    dy: &Array2<R>,
) -> Found<Layer<R>> {
    let (h_1, norm_1) = block.norm_1.forward(x)?;
    let (a, attn) = block.attn.forward(&h_1, &h_1, rows, rows, &Mask::None)?;
    let (h_2, norm_2) = block.norm_2.forward(&(a + x))?;
    let (c, cross) = block.cross.forward(&h_2, context, rows, of, &Mask::None)?;
    let (h_3, norm_3) = block.norm_3.forward(&(c + &h_2))?;
    let (f, ffn) = block.ffn.forward(&h_3)?;
    let mut grad = block.zeros_like();
    let dh_3 = block.ffn.backward(&ffn, dy, &mut grad.ffn) + dy;
    let dc = block.norm_3.backward(&norm_3, &dh_3, &mut grad.norm_3);
    let (dh_2, dcontext) = block.cross.backward(&cross, &dc, &mut grad.cross);
    let da = block.norm_2.backward(&norm_2, &(dh_2 + &dc), &mut grad.norm_2);
    let (dq, dkv) = block.attn.backward(&attn, &da, &mut grad.attn);
    let dx = block.norm_1.backward(&norm_1, &(dq + dkv), &mut grad.norm_1) + da;
    Ok(([f + &h_3, h_1, h_2, h_3], [dx, dcontext], grad))
}

/// A batch `[time, batch, width]` as rows, sample by sample, and back.
fn by_sample<R: Real>(x: &Array3<R>) -> Array3<R> {
    x.view().permuted_axes([1, 0, 2]).as_standard_layout().into_owned()
}

/// A layer of MulT: Pre-LN, and the source goes through the first norm as well.
pub fn mult<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (d, heads, depth) = (record.size("embed_dim")?, record.size("num_heads")?, record.size("layers")?);
    let x: Array3<R> = record.real("in/x")?;
    let source: Option<Array3<R>> = record.optional("in/y")?;
    if x.dim().2 != d || source.as_ref().is_some_and(|y| y.dim().2 != d || y.dim().1 != x.dim().1) {
        return Err(record.invalid(0, "tokens are not as wide as `embed_dim`, or batches differ".to_string()));
    }
    let (batch, own) = Batch::of(&by_sample(&x));
    let (other, context) = Batch::of(&by_sample(source.as_ref().unwrap_or(&x)));
    let mask = match record.flag("attn_mask") {
        true => Mask::Causal { offset: other.shape[1].abs_diff(batch.shape[1]) as isize },
        false => Mask::None,
    };
    let block = |l: usize| -> Found<CrossBlock<R>> {
        let prefix = format!("param/layers.{l}.");
        let norm = |i: usize| layer_norm(record, &format!("{prefix}layer_norms.{i}"), d, 1e-5);
        Ok(CrossBlock {
            norm_1: norm(0)?,
            attn: multi_head(record, &format!("{prefix}self_attn."), [d; 3], heads)?,
            norm_2: norm(1)?,
            ffn: Ffn {
                w_1: linear(record, &format!("{prefix}fc1"), d, 4 * d)?,
                w_2: linear(record, &format!("{prefix}fc2"), 4 * d, d)?,
                activation: Activation::Relu,
            },
            order: NormOrder::Pre,
        })
    };
    let blocks: Vec<CrossBlock<R>> = (0..depth).map(block).collect::<Found<_>>()?;
    let norm = layer_norm(record, "param/layer_norm", d, 1e-5)?;
    let root = R::of(d as f64).sqrt();
    let table: Array2<R> = record.real("buf/embed_positions.weights[-1]")?;
    if table.nrows() <= batch.shape[1].max(other.shape[1]) || table.ncols() != d {
        return Err(record.invalid(0, "the table of positions is too small".to_string()));
    }
    let places = |batch: &Batch, x: &Array2<R>| placed(x, batch.shape[1], root, &table);
    let (mut u, context) = (places(&batch, &own), places(&other, &context));

    let (mut tapes, mut outputs) = (vec![], vec![]);
    for block in &blocks {
        let read = if source.is_some() { &context } else { &u };
        let (h, read) = block.norm_1.forward(read)?;
        let (y, tape) = block.forward(&u, &h, &batch.rows, &other.rows, &mask)?;
        tapes.push((read, tape));
        outputs.push(y.clone());
        u = y;
    }
    let (y, last) = norm.forward(&u)?;

    let dy: Array3<R> = record.shaped("cot/y", x.shape())?;
    let mut norm_grad = norm.zeros_like();
    let mut du = norm.backward(&last, &rows(&by_sample(&dy).into_dyn()), &mut norm_grad);
    let mut grads: Vec<CrossBlock<R>> = blocks.iter().map(Tree::zeros_like).collect();
    let mut dcontext = Array2::zeros(context.dim());
    for (l, (read, tape)) in tapes.iter().enumerate().rev() {
        let (mut below, dh) = blocks[l].backward(tape, &du, &mut grads[l]);
        let dread = blocks[l].norm_1.backward(read, &dh, &mut grads[l].norm_1);
        if source.is_some() {
            dcontext += &dread
        } else {
            below += &dread
        }
        du = below;
    }

    let stored = |batch: &Batch, x: &Array2<R>| by_sample(&reshape::<R, _, ndarray::Ix3>(x, &batch.shape));
    let mut answer = Answer::new().with("out/y", &stored(&batch, &y));
    answer = answer.with("grad_in/x", &stored(&batch, &(du * root)));
    if source.is_some() {
        answer = answer.with("grad_in/y", &stored(&other, &(dcontext * root)));
    }
    for (l, grad) in grads.iter().enumerate() {
        answer = answer.with(&format!("act/layers.{l}"), &stored(&batch, &outputs[l]));
        answer = with_multi_head(answer, &format!("grad_param/layers.{l}.self_attn."), &grad.attn, true);
        let names = ["fc1", "fc2", "layer_norms.0", "layer_norms.1"].map(|name| format!("layers.{l}.{name}"));
        answer = with_maps(answer, &[(&names[0], &grad.ffn.w_1), (&names[1], &grad.ffn.w_2)]);
        answer = with_norms(answer, &[(&names[2], &grad.norm_1), (&names[3], &grad.norm_2)]);
    }
    Ok(with_norms(answer, &[("layer_norm", &norm_grad)]))
}

/// `√d x` and a row of the stored table for every place, counted from one: row 0 is for padding.
fn placed<R: Real>(x: &Array2<R>, n: usize, root: R, table: &Array2<R>) -> Array2<R> {
    Array2::from_shape_fn(x.dim(), |(i, c)| x[(i, c)] * root + table[(i % n + 1, c)])
}
