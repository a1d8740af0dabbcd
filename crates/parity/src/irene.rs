//! The record of IRENE: images and four kinds of text, two bidirectional blocks, then one stream.

use mmt_blocks::{
    Activation, Block, BlockTape, ClassToken, Encoder, EncoderTape, Ffn, Heads, LayerNorm, Linear,
    LinearTape, Mask, PreLn, add_positions, add_positions_backward,
};
use mmt_fusion::{
    Bidirectional, BidirectionalAttention, BidirectionalStream, BidirectionalTape, Layout, Projections,
    concat, concat_all, concat_all_backward, concat_backward,
};
use mmt_tensor::ops::{
    Reduction, binary_cross_entropy, binary_cross_entropy_backward, global_avg_pool, global_avg_pool_backward,
};
use mmt_tensor::{Ragged, Real, Tree};
use mmt_tokenizers::image::{Order, PatchEmbedding};
use ndarray::{Array2, Array3, Array4, ArrayD, Axis, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::flax::samples;
use super::layout::{layer_norm, linear, linear_of_any_size, reshape, rows, transposed, with_linear};
use super::ops::unsupported;
use super::parts::{attention, weights, with_maps, with_norms};

const TEXTS: [&str; 4] = ["cc", "lab", "sex", "age"];
const FRONT: &str = "transformer.embeddings.";
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

fn norm<R: Real>(record: &Record, name: &str, d: usize) -> Found<LayerNorm<R>> {
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

fn joint_block<R: Real>(record: &Record, i: usize, d: usize) -> Found<Block<R>> {
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

fn paired_block<R: Real>(record: &Record, i: usize, d: usize) -> Found<Bidirectional<R>> {
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

fn with_paired_block<R: Real>(mut answer: Answer<R>, i: usize, grad: &Bidirectional<R>) -> Answer<R> {
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

/// The image as tokens, a class token in front, and positions.
struct Image<R> {
    patches: PatchEmbedding<R>,
    tape: mmt_tokenizers::image::PatchEmbeddingTape<R>,
    class: ClassToken<R>,
    /// Without the class token.
    rows: Ragged,
    tokens: Array2<R>,
}

impl<R: Real> Image<R> {
    fn of(record: &Record) -> Found<Self> {
        let images: Array4<R> = record.real("in/image")?;
        let images = images.permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let (d, patch) = (record.size("hidden_size")?, record.size("patch")?);
        let kernel = format!("param/{FRONT}patch_embeddings");
        let shape = [d, images.dim().3, patch, patch];
        let weight: ArrayD<R> = record.shaped(&format!("{kernel}.weight"), &shape)?;
        let weight: Array2<R> = reshape(&weight, &[d, weight.len() / d.max(1)]);
        let bias = record.shaped(&format!("{kernel}.bias"), &[d])?;
        let project = Linear { weight: transposed(&weight), bias: Some(bias) };
        let patches = PatchEmbedding { project, patch, order: Order::Chw };
        let (x, tape) = patches.forward(&images)?;
        let rows = Ragged::even(images.dim().0, x.nrows() / images.dim().0);
        let class: Array3<R> = record.shaped(&format!("param/{FRONT}cls_token"), &[1, 1, d])?;
        let position: Array3<R> =
            record.shaped(&format!("param/{FRONT}position_embeddings"), &[1, rows.length(0) + 1, d])?;
        let class =
            ClassToken { class: reshape(&class, &[d]), position: position.index_axis_move(Axis(0), 0) };
        let tokens = class.forward(&x, &rows)?;
        Ok(Image { patches, tape, class, rows, tokens })
    }

    fn backward(&self, answer: Answer<R>, dx: &Array2<R>) -> Answer<R> {
        let (mut class, mut patches) = (self.class.zeros_like(), self.patches.zeros_like());
        let dpatches = self.class.backward(dx, &self.rows, &mut class);
        let dimage = self.patches.backward(&self.tape, &dpatches, &mut patches);
        let (d, [_, _, _, c], patch) = (dx.ncols(), self.tape.shape, self.patches.patch);
        let kernel = transposed(&patches.project.weight);
        let key = format!("grad_param/{FRONT}patch_embeddings");
        with_linear(answer, &key, &patches.project)
            .with(&format!("{key}.weight"), &reshape::<R, _, IxDyn>(&kernel, &[d, c, patch, patch]))
            .with(&format!("grad_param/{FRONT}cls_token"), &reshape::<R, _, IxDyn>(&class.class, &[1, 1, d]))
            .with(&format!("grad_param/{FRONT}position_embeddings"), &class.position.insert_axis(Axis(0)))
            .with("grad_in/image", &dimage.permuted_axes([0, 3, 1, 2]))
    }
}

/// One kind of text: a linear map and positions of its own.
struct Text<R> {
    name: &'static str,
    map: Linear<R>,
    tape: LinearTape<R>,
    tokens: Array2<R>,
    layout: Layout,
}

impl<R: Real> Text<R> {
    fn all(record: &Record) -> Found<Vec<Self>> {
        TEXTS.iter().map(|name| Text::of(record, name)).collect()
    }

    fn of(record: &Record, name: &'static str) -> Found<Self> {
        let x: Array3<R> = record.real(&format!("in/{name}"))?;
        let layout = Layout::of(name, Ragged::even(x.dim().0, x.dim().1))?;
        let map: Linear<R> = linear_of_any_size(record, &format!("param/{FRONT}{name}_embeddings"))?;
        let table: Array3<R> =
            record.shaped(&format!("param/{FRONT}pe_{name}"), &[1, x.dim().1, map.weight.ncols()])?;
        let (y, tape) = map.forward(&rows(&x.into_dyn()))?;
        let tokens = add_positions(&y, &table.index_axis_move(Axis(0), 0), &layout.rows())?;
        Ok(Text { name, map, tape, tokens, layout })
    }

    fn backward(&self, answer: Answer<R>, dx: &Array2<R>) -> Answer<R> {
        let (name, rows, mut grad) = (self.name, self.layout.rows(), self.map.zeros_like());
        let mut table = Array2::zeros((rows.length(0), dx.ncols()));
        add_positions_backward(dx, &rows, &mut table);
        let din = self.map.backward(&self.tape, dx, &mut grad);
        with_linear(answer, &format!("grad_param/{FRONT}{name}_embeddings"), &grad)
            .with(&format!("grad_param/{FRONT}pe_{name}"), &table.insert_axis(Axis(0)))
            .with(&format!("grad_in/{name}"), &samples(&din, &rows))
    }
}

fn pairs<R>(texts: &[Text<R>]) -> Vec<(&ndarray::ArrayRef2<R>, &Layout)> {
    texts.iter().map(|text| (&*text.tokens, &text.layout)).collect()
}

/// Whole numbers in rows.
fn whole(record: &Record, key: &str) -> Found<Array2<i64>> {
    let wrong = |_| record.invalid(0, format!("`{key}` has other axes than rows and columns"));
    record.whole(key)?.into_dimensionality().map_err(wrong)
}
