//! Records of Transformer layers and of the whole encoder-decoder.

use mmt_blocks::{
    Activation, Block, BlockTape, Decoder, DecoderBlock, DecoderTape, Encoder, Ffn, LayerNorm, LayerNormTape,
    Linear, LinearTape, NormOrder, PostLn, PreLn,
};
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array2, Array3, IxDyn};

use super::Answer;
use super::case::{Found, Record};
use super::layout::{
    layer_norm, linear, mask, multi_head, reshape, rows, with_layer_norm, with_linear, with_multi_head,
};
use super::ops::unsupported;

/// The settings of a layer.
struct Sizes {
    d: usize,
    heads: usize,
    hidden: usize,
    activation: Activation,
    order: NormOrder,
    eps: f64,
}

impl Sizes {
    /// `width` is that of the tokens: a record that contradicts it is refused before anything is made from it.
    fn of(record: &Record, width: usize) -> Found<Self> {
        let d = record.size("d_model")?;
        if d != width {
            return Err(record.invalid(0, format!("`d_model` is {d}, the tokens have {width} numbers")));
        }
        Ok(Sizes {
            d,
            heads: record.size("nhead")?,
            hidden: record.size("dim_feedforward")?,
            activation: match record.word("activation") {
                "relu" => Activation::Relu,
                "gelu" => Activation::Gelu,
                _ => return unsupported("another nonlinearity"),
            },
            order: if record.flag("norm_first") { NormOrder::Pre } else { NormOrder::Post },
            eps: record.number_or("layer_norm_eps", 1e-5)?,
        })
    }

    fn ffn<R: Real>(&self, record: &Record, prefix: &str) -> Found<Ffn<R>> {
        Ok(Ffn {
            w_1: linear(record, &format!("{prefix}linear1"), self.d, self.hidden)?,
            w_2: linear(record, &format!("{prefix}linear2"), self.hidden, self.d)?,
            activation: self.activation,
        })
    }

    fn encoder_block<R: Real>(&self, record: &Record, prefix: &str) -> Found<Block<R>> {
        let norm = |i: usize| layer_norm(record, &format!("{prefix}norm{i}"), self.d, self.eps);
        let attn = multi_head(record, &format!("{prefix}self_attn."), [self.d; 3], self.heads)?;
        let (norm_1, norm_2, ffn) = (norm(1)?, norm(2)?, self.ffn(record, prefix)?);
        Ok(match self.order {
            NormOrder::Pre => Block::Pre(PreLn { norm_1, attn, norm_2, ffn }),
            NormOrder::Post => Block::Post(PostLn { attn, norm_1, ffn, norm_2 }),
        })
    }

    fn decoder_block<R: Real>(&self, record: &Record, prefix: &str) -> Found<DecoderBlock<R>> {
        let norm = |i: usize| layer_norm(record, &format!("{prefix}norm{i}"), self.d, self.eps);
        Ok(DecoderBlock {
            norm_1: norm(1)?,
            attn: multi_head(record, &format!("{prefix}self_attn."), [self.d; 3], self.heads)?,
            norm_2: norm(2)?,
            cross: multi_head(record, &format!("{prefix}multihead_attn."), [self.d; 3], self.heads)?,
            norm_3: norm(3)?,
            ffn: self.ffn(record, prefix)?,
            order: self.order,
        })
    }
}

fn with_encoder_block<R: Real>(answer: Answer<R>, prefix: &str, grad: &Block<R>) -> Answer<R> {
    let (norm_1, attn, norm_2, ffn) = match grad {
        Block::Pre(b) => (&b.norm_1, &b.attn, &b.norm_2, &b.ffn),
        Block::Post(b) => (&b.norm_1, &b.attn, &b.norm_2, &b.ffn),
    };
    let answer = with_multi_head(answer, &format!("{prefix}self_attn."), attn, true);
    with_ffn_and_norms(answer, prefix, ffn, &[norm_1, norm_2])
}

fn with_decoder_block<R: Real>(answer: Answer<R>, prefix: &str, grad: &DecoderBlock<R>) -> Answer<R> {
    let answer = with_multi_head(answer, &format!("{prefix}self_attn."), &grad.attn, true);
    let answer = with_multi_head(answer, &format!("{prefix}multihead_attn."), &grad.cross, true);
    with_ffn_and_norms(answer, prefix, &grad.ffn, &[&grad.norm_1, &grad.norm_2, &grad.norm_3])
}

fn with_ffn_and_norms<R: Real>(
    answer: Answer<R>,
    prefix: &str,
    ffn: &Ffn<R>,
    norms: &[&LayerNorm<R>],
) -> Answer<R> {
    let answer = with_linear(answer, &format!("{prefix}linear1"), &ffn.w_1);
    let answer = with_linear(answer, &format!("{prefix}linear2"), &ffn.w_2);
    norms
        .iter()
        .enumerate()
        .fold(answer, |answer, (i, norm)| with_layer_norm(answer, &format!("{prefix}norm{}", i + 1), norm))
}

/// What a layer gave, from its tape.
fn output<R: Real>(layer: &Linear<R>, tape: &LinearTape<R>) -> Found<Array2<R>> {
    Ok(layer.forward(&tape.x)?.0)
}

/// What a norm gave, from its tape.
fn normed<R: Real>(norm: &LayerNorm<R>, tape: &LayerNormTape<R>) -> Found<Array2<R>> {
    Ok(norm.forward(&tape.x)?.0)
}

/// A batch `[batch, n, d]` as rows, and back.
pub struct Batch {
    /// `[batch, n, d]`
    pub shape: [usize; 3],
    /// Where each sample begins.
    pub rows: Ragged,
}

impl Batch {
    /// The rows of all samples.
    pub fn of<R: Real>(x: &Array3<R>) -> (Self, Array2<R>) {
        let (batch, n, d) = x.dim();
        (Batch { shape: [batch, n, d], rows: Ragged::even(batch, n) }, rows(&x.clone().into_dyn()))
    }

    /// Adds rows under a key, as a batch.
    pub fn add<R: Real>(&self, answer: Answer<R>, key: &str, rows: &Array2<R>) -> Answer<R> {
        let [batch, n, _] = self.shape;
        answer.with(key, &reshape::<R, _, IxDyn>(rows, &[batch, n, rows.ncols()]))
    }
}

/// `layer_encoder`
pub fn encoder_layer<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (batch, x) = Batch::of::<R>(&record.real("in/x")?);
    let block = Sizes::of(record, x.ncols())?.encoder_block::<R>(record, "param/")?;
    let mask = mask(record, "in/mask", "in/pad", &batch.rows, &batch.rows)?;
    let (y, tape) = block.forward(&x, &batch.rows, &mask)?;
    let dy: Array2<R> = rows(&record.shaped("cot/y", &batch.shape)?);
    let mut grad = block.zeros_like();
    let dx = block.backward(&tape, &dy, &mut grad);

    let (attn, norm_1, norm_2, ffn) = match &block {
        Block::Pre(b) => (&b.attn, &b.norm_1, &b.norm_2, &b.ffn),
        Block::Post(b) => (&b.attn, &b.norm_1, &b.norm_2, &b.ffn),
    };
    let (attn_tape, norm_1_tape, norm_2_tape, ffn_tape) = match &tape {
        BlockTape::Pre(t) => (&t.attn, &t.norm_1, &t.norm_2, &t.ffn),
        BlockTape::Post(t) => (&t.attn, &t.norm_1, &t.norm_2, &t.ffn),
    };
    let mut answer = with_encoder_block(Answer::new(), "grad_param/", &grad);
    for (key, rows) in [
        ("out/y", &y),
        ("grad_in/x", &dx),
        ("act/self_attn_out", &output(&attn.w_o, &attn_tape.w_o)?),
        ("act/norm1", &normed(norm_1, norm_1_tape)?),
        ("act/norm2", &normed(norm_2, norm_2_tape)?),
        ("act/linear1", &ffn_tape.z),
        ("act/linear2", &output(&ffn.w_2, &ffn_tape.w_2)?),
    ] {
        answer = batch.add(answer, key, rows);
    }
    Ok(answer)
}

/// `layer_decoder`
pub fn decoder_layer<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (batch, x) = Batch::of::<R>(&record.real("in/tgt")?);
    let (source, memory) = Batch::of::<R>(&record.real("in/memory")?);
    same_number(record, &batch, &source)?;
    let block = Sizes::of(record, x.ncols())?.decoder_block::<R>(record, "param/")?;
    let causal = mask(record, "in/tgt_mask", "in/tgt_pad", &batch.rows, &batch.rows)?;
    let padding = mask(record, "in/mem_mask", "in/mem_pad", &batch.rows, &source.rows)?;
    let (y, tape) = block.forward(&x, &memory, &batch.rows, &source.rows, &causal, &padding)?;
    let dy: Array2<R> = rows(&record.shaped("cot/y", &batch.shape)?);
    let mut grad = block.zeros_like();
    let (dx, dmemory) = block.backward(&tape, &dy, &mut grad);

    let mut answer = with_decoder_block(Answer::new(), "grad_param/", &grad);
    for (key, rows) in [
        ("out/y", &y),
        ("grad_in/tgt", &dx),
        ("act/self_attn_out", &output(&block.attn.w_o, &tape.attn.w_o)?),
        ("act/cross_attn_out", &output(&block.cross.w_o, &tape.cross.w_o)?),
        ("act/norm1", &normed(&block.norm_1, &tape.norm_1)?),
        ("act/norm2", &normed(&block.norm_2, &tape.norm_2)?),
        ("act/norm3", &normed(&block.norm_3, &tape.norm_3)?),
        ("act/linear1", &tape.ffn.z),
    ] {
        answer = batch.add(answer, key, rows);
    }
    Ok(source.add(answer, "grad_in/memory", &dmemory))
}

/// `layer_transformer`: an encoder and a decoder, each with a final norm in either order.
pub fn transformer<R: Real>(record: &Record) -> Found<Answer<R>> {
    let (target, tgt) = Batch::of::<R>(&record.real("in/tgt")?);
    let (source, src) = Batch::of::<R>(&record.real("in/src")?);
    same_number(record, &target, &source)?;
    let sizes = Sizes::of(record, tgt.ncols())?;
    let encoder = encoder(record, &sizes)?;
    let decoder = decoder(record, &sizes)?;
    let padding = mask(record, "in/src_mask", "in/src_pad", &source.rows, &source.rows)?;
    let causal = mask(record, "in/tgt_mask", "in/tgt_pad", &target.rows, &target.rows)?;
    let memory_padding = mask(record, "in/memory_mask", "in/src_pad", &target.rows, &source.rows)?;

    let (memory, encoder_tape) = encoder.forward(&src, &source.rows, &padding)?;
    let (y, decoder_tape) =
        decoder.forward(&tgt, &memory, &target.rows, &source.rows, &causal, &memory_padding)?;

    let dy: Array2<R> = rows(&record.shaped("cot/y", &target.shape)?);
    let (mut encoder_grad, mut decoder_grad) = (encoder.zeros_like(), decoder.zeros_like());
    let (dx, dmemory) = decoder.backward(&decoder_tape, &dy, &mut decoder_grad);
    let dsrc = encoder.backward(&encoder_tape, &dmemory, &mut encoder_grad);

    let mut answer = Answer::new();
    for (i, block) in encoder_grad.blocks.iter().enumerate() {
        answer = with_encoder_block(answer, &format!("grad_param/encoder.layers.{i}."), block);
        answer = source.add(
            answer,
            &format!("act/encoder.layers.{i}"),
            &block_output(&encoder, &encoder_tape, i)?,
        );
    }
    for (i, block) in decoder_grad.blocks.iter().enumerate() {
        answer = with_decoder_block(answer, &format!("grad_param/decoder.layers.{i}."), block);
        answer = target.add(
            answer,
            &format!("act/decoder.layers.{i}"),
            &decoder_output(&decoder, &decoder_tape, i)?,
        );
    }
    if let Some(norm) = &encoder_grad.norm {
        answer = with_layer_norm(answer, "grad_param/encoder.norm", norm);
    }
    if let Some(norm) = &decoder_grad.norm {
        answer = with_layer_norm(answer, "grad_param/decoder.norm", norm);
    }
    answer = source.add(answer, "act/encoder.norm", &memory);
    answer = target.add(answer, "act/decoder.norm", &y);
    answer = source.add(answer, "grad_in/src", &dsrc);
    answer = target.add(answer, "grad_in/tgt", &dx);
    Ok(target.add(answer, "out/y", &y))
}

/// The output of block `i`: the input of what follows it.
fn block_output<R: Real>(
    encoder: &Encoder<R>,
    tape: &mmt_blocks::EncoderTape<R>,
    i: usize,
) -> Found<Array2<R>> {
    match (tape.blocks.get(i + 1), &tape.norm) {
        (Some(BlockTape::Pre(next)), _) => Ok(next.norm_1.x.clone()),
        (Some(BlockTape::Post(next)), _) => Ok(next.attn.w_q.x.clone()),
        (None, Some(norm)) => Ok(norm.x.clone()),
        (None, None) => match (&encoder.blocks[i], &tape.blocks[i]) {
            (Block::Post(block), BlockTape::Post(tape)) => normed(&block.norm_2, &tape.norm_2),
            _ => unsupported("a stack without a final norm"),
        },
    }
}

/// [`block_output`] of a decoder, which has a final norm here.
fn decoder_output<R: Real>(decoder: &Decoder<R>, tape: &DecoderTape<R>, i: usize) -> Found<Array2<R>> {
    match (tape.blocks.get(i + 1), &tape.norm) {
        (Some(next), _) if decoder.blocks[i + 1].order == NormOrder::Pre => Ok(next.norm_1.x.clone()),
        (Some(next), _) => Ok(next.attn.w_q.x.clone()),
        (None, Some(norm)) => Ok(norm.x.clone()),
        (None, None) => unsupported("a stack without a final norm"),
    }
}

fn encoder<R: Real>(record: &Record, sizes: &Sizes) -> Found<Encoder<R>> {
    let depth = depth(record, "num_encoder_layers", "encoder")?;
    let blocks: Found<Vec<_>> =
        (0..depth).map(|i| sizes.encoder_block(record, &format!("param/encoder.layers.{i}."))).collect();
    let norm = layer_norm(record, "param/encoder.norm", sizes.d, sizes.eps)?;
    Ok(Encoder { blocks: blocks?, norm: Some(norm), repeats: 1 })
}

fn decoder<R: Real>(record: &Record, sizes: &Sizes) -> Found<Decoder<R>> {
    let depth = depth(record, "num_decoder_layers", "decoder")?;
    let blocks: Found<Vec<_>> =
        (0..depth).map(|i| sizes.decoder_block(record, &format!("param/decoder.layers.{i}."))).collect();
    let norm = layer_norm(record, "param/decoder.norm", sizes.d, sizes.eps)?;
    Ok(Decoder { blocks: blocks?, norm: Some(norm) })
}

/// A depth for which the record has parameters.
fn depth(record: &Record, key: &str, stack: &str) -> Found<usize> {
    let depth = record.size(key)?;
    let last = format!("param/{stack}.layers.{}.norm1.weight", depth.wrapping_sub(1));
    if depth > 0 && record.has(&last) {
        return Ok(depth);
    }
    Err(record.invalid(0, format!("`{key}` is {depth}, which is not how many layers are stored")))
}

fn same_number(record: &Record, target: &Batch, source: &Batch) -> Found<()> {
    if target.shape[0] == source.shape[0] && target.shape[2] == source.shape[2] {
        return Ok(());
    }
    Err(record.invalid(0, "source and target are batches of different sizes".to_string()))
}
