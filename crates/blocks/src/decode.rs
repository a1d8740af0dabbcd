//! Writing a target word by word, with the keys and values of what was written kept.

use mmt_tensor::{ANY, Ragged, Real, Result, check_index, check_shape};
use ndarray::{Array1, Array2, ArrayRef2};

use crate::{DecoderBlock, EncoderDecoder, Heads, LayerNorm, Mask, MultiHead, NormOrder, TokenBatch};

/// What a decoder remembers of one source and of the words that it was given so far.
///
/// The keys and values of a word depend on it and on what stands before it, never on what follows: with a causal mask
/// they are computed once and kept. A step then costs one row through every layer instead of all rows.
#[derive(Clone, Debug)]
pub struct DecoderState<R> {
    /// One for each block.
    pub blocks: Vec<KeysAndValues<R>>,
    /// How many words were given.
    pub words: usize,
}

/// The projected keys and values of a block.
#[derive(Clone, Debug)]
pub struct KeysAndValues<R> {
    /// Of the words so far: `[t, d]`, a row longer after every step.
    pub target: (Array2<R>, Array2<R>),
    /// Of the source: `[m, d]`
    pub source: (Array2<R>, Array2<R>),
}

impl<R: Real> EncoderDecoder<R> {
    /// Reads one source.
    ///
    /// # Errors
    /// As [`forward`](EncoderDecoder::forward), about the source.
    pub fn start(&self, source: &[usize]) -> Result<DecoderState<R>> {
        let (memory, _) = self.encode(&TokenBatch::of_samples(&[source]))?;
        let none = |layer: &MultiHead<R>| {
            (Array2::zeros((0, layer.w_k.weight.ncols())), Array2::zeros((0, layer.w_v.weight.ncols())))
        };
        let read = |block: &DecoderBlock<R>| {
            Ok(KeysAndValues { target: none(&block.attn), source: keys_and_values(&block.cross, &memory)? })
        };
        Ok(DecoderState { blocks: self.decoder.blocks.iter().map(read).collect::<Result<_>>()?, words: 0 })
    }

    /// Gives the decoder one more word → `[words]`, the scores of the next: the last row of
    /// [`forward`](EncoderDecoder::forward) over all words so far.
    ///
    /// # Errors
    /// [`IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for an id that is not a word, and beyond the table of
    /// positions; [`ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for the state of another model, or one that an
    /// error left half written.
    pub fn step(&self, state: &mut DecoderState<R>, id: usize) -> Result<Array1<R>> {
        check_index("positions: table", state.words, self.positions.nrows())?;
        self.check_state(state)?;
        let mut x = self.target.forward(&[id])? * self.scale();
        x += &self.positions.row(state.words);
        for (block, kept) in self.decoder.blocks.iter().zip(&mut state.blocks) {
            x = step(block, kept, &x)?;
        }
        if let Some(norm) = &self.decoder.norm {
            x = norm.forward(&x)?.0;
        }
        state.words += 1;
        Ok(self.scores(&x)?.row(0).to_owned())
    }

    /// Refuses what [`start`](Self::start) and [`step`](Self::step) of this model did not make.
    fn check_state(&self, state: &DecoderState<R>) -> Result<()> {
        check_shape("decode: blocks", &[state.blocks.len()], &[self.decoder.blocks.len()])?;
        for (block, kept) in self.decoder.blocks.iter().zip(&state.blocks) {
            for (layer, (k, v), length) in
                [(&block.attn, &kept.target, state.words), (&block.cross, &kept.source, ANY)]
            {
                check_shape("decode: keys", k.shape(), &[length, layer.w_k.weight.ncols()])?;
                check_shape("decode: values", v.shape(), &[length, layer.w_v.weight.ncols()])?;
            }
        }
        Ok(())
    }

    /// The target of one source, always with the word of the highest score, the first of equals: up to and without the
    /// word `end`, at most `limit` words.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`step`](Self::step): a limit beyond the table of positions is an error when it is
    /// reached.
    pub fn greedy(&self, source: &[usize], end: usize, limit: usize) -> Result<Vec<usize>> {
        let (mut state, mut id, mut target) = (self.start(source)?, self.bos, vec![]);
        while target.len() < limit {
            id = highest(&self.step(&mut state, id)?);
            if id == end {
                break;
            }
            target.push(id);
        }
        Ok(target)
    }
}

/// One row through a block: the lines of [`DecoderBlock::forward`], with attention over what is kept.
fn step<R: Real>(block: &DecoderBlock<R>, kept: &mut KeysAndValues<R>, x: &Array2<R>) -> Result<Array2<R>> {
    let norm = |norm: &LayerNorm<R>, x: &Array2<R>| Ok(norm.forward(x)?.0);
    match block.order {
        NormOrder::Pre => {
            let h = norm(&block.norm_1, x)?;
            let u = remember_and_look(&block.attn, &h, &mut kept.target)? + x;
            let w = &u + look(&block.cross, &norm(&block.norm_2, &u)?, &kept.source)?;
            let f = block.ffn.forward(&norm(&block.norm_3, &w)?)?.0;
            Ok(w + f)
        }
        NormOrder::Post => {
            let a = remember_and_look(&block.attn, x, &mut kept.target)?;
            let u = norm(&block.norm_1, &(a + x))?;
            let c = look(&block.cross, &u, &kept.source)?;
            let w = norm(&block.norm_2, &(c + &u))?;
            let f = block.ffn.forward(&w)?.0;
            norm(&block.norm_3, &(f + &w))
        }
    }
}

/// Keeps keys and values of a new row, then lets it look at all rows so far, itself included.
fn remember_and_look<R: Real>(
    layer: &MultiHead<R>,
    x: &ArrayRef2<R>,
    kept: &mut (Array2<R>, Array2<R>),
) -> Result<Array2<R>> {
    let (k, v) = keys_and_values(layer, x)?;
    kept.0.push_row(k.row(0)).expect("keys of one width");
    kept.1.push_row(v.row(0)).expect("values of one width");
    look(layer, x, kept)
}

fn keys_and_values<R: Real>(layer: &MultiHead<R>, x: &ArrayRef2<R>) -> Result<(Array2<R>, Array2<R>)> {
    Ok((layer.w_k.forward(x)?.0, layer.w_v.forward(x)?.0))
}

/// Attention of one row over keys and values that are projected already.
fn look<R: Real>(
    layer: &MultiHead<R>,
    x: &ArrayRef2<R>,
    (k, v): &(Array2<R>, Array2<R>),
) -> Result<Array2<R>> {
    let heads = Heads { count: layer.heads, kind: layer.kind, dead_rows: layer.dead_rows };
    let q = layer.w_q.forward(x)?.0;
    let (c, _) = heads.forward(&q, k, v, &Ragged::one(1), &Ragged::one(k.nrows()), &Mask::None)?;
    Ok(layer.w_o.forward(&c)?.0)
}

/// The first of the highest scores; they are finite.
fn highest<R: Real>(scores: &Array1<R>) -> usize {
    let mut best = 0;
    for (id, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = id;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;
    use crate::{BlockConfig, EncoderDecoderConfig, SinusoidalKind, Tying};

    fn model() -> EncoderDecoder<f64> {
        of_size(4, 1)
    }

    fn of_size(width: usize, decoder_depth: usize) -> EncoderDecoder<f64> {
        let block = BlockConfig { width, ..BlockConfig::small() };
        let config = EncoderDecoderConfig {
            block,
            order: NormOrder::Pre,
            encoder_depth: 1,
            decoder_depth,
            source_words: 7,
            target_words: 5,
            longest: 3,
            positions: SinusoidalKind::Interleaved,
            tying: Tying::None,
            output_bias: true,
            bos: 1,
        };
        EncoderDecoder::new(&config, &mut Random::seed(0)).unwrap()
    }

    #[test]
    fn a_word_beyond_a_table_is_refused() {
        let model = model();
        let mut state = model.start(&[6, 2]).unwrap();
        let error = model.step(&mut state, 5).unwrap_err();
        assert_eq!(error.to_string(), "embedding: ids: index 5 is outside a table of 5");
        let mut state = model.start(&[6, 2]).unwrap();
        for _ in 0..3 {
            model.step(&mut state, 1).unwrap();
        }
        let error = model.step(&mut state, 1).unwrap_err();
        assert_eq!(error.to_string(), "positions: table: index 3 is outside a table of 3");
    }

    #[test]
    fn the_state_of_another_model_is_refused() {
        let text = |other: EncoderDecoder<f64>| {
            let mut state = other.start(&[6, 2]).unwrap();
            model().step(&mut state, 1).unwrap_err().to_string()
        };
        assert_eq!(text(of_size(4, 2)), "decode: blocks: expected shape [1], got [2]");
        assert_eq!(text(of_size(6, 1)), "decode: keys: expected shape [0, 4], got [0, 6]");
        let mut state = model().start(&[6, 2]).unwrap();
        state.blocks[0].source.1 = Array2::zeros((2, 3));
        let error = model().step(&mut state, 1).unwrap_err().to_string();
        assert_eq!(error, "decode: values: expected shape [_, 4], got [2, 3]");
        let mut state = model().start(&[6, 2]).unwrap();
        state.words = 2;
        let error = model().step(&mut state, 1).unwrap_err().to_string();
        assert_eq!(error, "decode: keys: expected shape [2, 4], got [0, 4]");
    }

    #[test]
    fn a_source_without_a_word_is_refused() {
        let error = model().start(&[]).unwrap_err();
        assert_eq!(error.to_string(), "encoder_decoder: source: sample 0 has no word");
    }

    #[test]
    fn writing_ends_with_the_last_word_or_the_limit() {
        let mut model = model();
        let end = 2;
        let bias = model.output_bias.as_mut().unwrap();
        bias[end] = 1e3;
        assert_eq!(model.greedy(&[6, 2], end, 3).unwrap(), [0usize; 0]);
        model.output_bias.as_mut().unwrap()[end] = -1e3;
        assert_eq!(model.greedy(&[6, 2], end, 2).unwrap().len(), 2);
        assert_eq!(model.greedy(&[6, 2], end, 0).unwrap(), [0usize; 0]);
    }
}
