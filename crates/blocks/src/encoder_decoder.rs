//! The full Transformer: an encoder that reads a source, and a decoder that writes a target.

use mmt_tensor::ops::{add_matmul, linear, matmul, sum};
use mmt_tensor::{Error, Random, Real, Result, check_index, check_setting, tree};
use ndarray::{Array1, Array2, ArrayRef2};

use crate::{
    Decoder, DecoderTape, Embedding, Encoder, EncoderDecoderConfig, EncoderTape, Mask, TokenBatch, Tying,
    add_positions, sinusoidal,
};

/// The full Transformer: scores for every next word of a target, given its source.
///
/// **eq-1.22-encoder-decoder**
/// ```math
/// x = \sqrt d\, E[\text{ids}] + PE, \qquad
/// Z = \mathrm{Encoder}(x_\text{source}), \qquad
/// y = \mathrm{Decoder}(x_\text{target}; Z), \qquad
/// \text{scores} = y\, E^\top + b
/// ```
///
/// `source: [m]`, `target: [n]`, both ids; `Z: [m, d]`, `y: [n, d]` → `scores: [n, words]`
///
/// A block of the decoder looks at the target so far, then at the source:
/// ```math
/// u = \mathrm{LN}_1(x + \mathrm{MHA}(x)), \qquad w = \mathrm{LN}_2(u + \mathrm{MHA}(u; Z)), \qquad
/// y = \mathrm{LN}_3(w + \mathrm{FFN}(w))
/// ```
/// in Post-LN form; in Pre-LN form the state is normalized before each of the three, `Z` is the encoder's output after its
/// final norm, and the memory is not normalized again. The factor `√d` belongs to the embedding alone: the scores are
/// products with `E` itself.
///
/// Three masks: padding of the source in the encoder; the future and padding of the target in the first attention of the
/// decoder; padding of the source, again, in the second. Targets begin with `bos` and are one step behind what is asked,
/// see [`TokenBatch::teacher_forcing`]. Dropout, where it is wanted, follows with its own mask.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, sections 3.1 to 3.5 (base: `d = 512`, 8 heads, hidden width
/// 2048, 6 + 6 blocks); Press & Wolf 2017, *Using the Output Embedding to Improve Language Models*, for shared tables.
#[derive(Clone, Debug)]
pub struct EncoderDecoder<R> {
    /// Words of the source; none if it shares the table of the target.
    pub source: Option<Embedding<R>>,
    /// `E`, words of the target.
    pub target: Embedding<R>,
    /// The blocks over the source.
    pub encoder: Encoder<R>,
    /// The blocks over the target.
    pub decoder: Decoder<R>,
    /// `[d, words]`; none if the scores are products with `E`.
    pub output: Option<Array2<R>>,
    /// `b: [words]`
    pub output_bias: Option<Array1<R>>,
    /// `PE: [longest, d]`, a constant.
    pub positions: Array2<R>,
    /// The id with which every target begins.
    pub bos: usize,
}

tree!(EncoderDecoder { source, target, encoder, decoder, output, output_bias; positions, bos });

/// What [`EncoderDecoder::backward`] reads.
#[derive(Clone, Debug)]
pub struct EncoderDecoderTape<R> {
    /// Of the source.
    pub encoder: EncoderTape<R>,
    /// Of the target.
    pub decoder: DecoderTape<R>,
    /// `y: [n, d]`, what the scores are made from.
    pub y: Array2<R>,
    /// The ids of the source.
    pub source: Vec<usize>,
    /// The ids of the target.
    pub target: Vec<usize>,
}

tree!(EncoderDecoderTape { encoder, decoder, y; source, target });

impl<R: Real> EncoderDecoder<R> {
    /// Tables are normal with standard deviation `1/√d`, so that `√d E` has variance 1.
    ///
    /// # Errors
    /// Those of [`Encoder::new`], [`Decoder::new`] and [`sinusoidal()`]; `InvalidHyperparameter` if tables are to be shared
    /// by vocabularies of different sizes; `IndexOutOfRange` if `bos` is not a word.
    pub fn new(config: &EncoderDecoderConfig, random: &mut Random) -> Result<Self> {
        let (d, words) = (config.block.width, (config.source_words, config.target_words));
        check_setting("encoder_decoder: tying", config.tying != Tying::All || words.0 == words.1, || {
            format!("one table cannot hold {} words of the source and {} of the target", words.0, words.1)
        })?;
        check_index("encoder_decoder: bos", config.bos, words.1)?;
        let std = 1.0 / (d.max(1) as f64).sqrt();
        let mut table = |n: usize| Embedding::new(n, d, std, random);
        let (source, target, output) = match config.tying {
            Tying::All => (None, table(words.1), None),
            Tying::TargetAndOutput => (Some(table(words.0)), table(words.1), None),
            Tying::None => (Some(table(words.0)), table(words.1), Some(table(words.1).table.reversed_axes())),
        };
        Ok(EncoderDecoder {
            source,
            target,
            encoder: Encoder::new(config.order, config.encoder_depth, &config.block, random)?,
            decoder: Decoder::new(config.order, config.decoder_depth, &config.block, d, random)?,
            output: output.map(|w| w.as_standard_layout().into_owned()),
            output_bias: config.output_bias.then(|| Array1::zeros(words.1)),
            positions: sinusoidal(config.longest, d, config.positions)?,
            bos: config.bos,
        })
    }

    /// `source` and `target` with one sample for each other → `[n, words]`, the scores of the word after each word of the
    /// target.
    ///
    /// # Errors
    /// [`Error::InvalidSequence`] for a target that does not begin with `bos` and for a source without a word or with
    /// nothing but padding; [`Error::IndexOutOfRange`] for a word that is not in its table and for a sequence that is
    /// longer than the table of positions; [`Error::ShapeMismatch`] for another number of samples; those of the blocks.
    pub fn forward(
        &self,
        source: &TokenBatch,
        target: &TokenBatch,
    ) -> Result<(Array2<R>, EncoderDecoderTape<R>)> {
        self.check_target(source, target)?;
        let padding = Mask::Keys(source.keep.clone());
        let before = Mask::All(vec![Mask::causal(), Mask::Keys(target.keep.clone())]);

        let (memory, encoder) = self.encode(source)?;
        let x = self.embed(&self.target, target)?;
        let (y, decoder) =
            self.decoder.forward(&x, &memory, &target.rows, &source.rows, &before, &padding)?;
        let scores = self.scores(&y)?;
        let ids = (source.ids.clone(), target.ids.clone());
        Ok((scores, EncoderDecoderTape { encoder, decoder, y, source: ids.0, target: ids.1 }))
    }

    /// Adds the gradients of all parameters, given that of the scores; ids have none.
    ///
    /// **eq-1.22-encoder-decoder, backward**
    /// ```math
    /// \bar y = \bar S E, \qquad
    /// \bar E = \bar S^\top y + \sqrt d \sum_{i \in \text{target}} e_{t_i} \bar x_i^\top
    ///     + \sqrt d \sum_{i \in \text{source}} e_{s_i} \bar x_i^\top, \qquad
    /// \bar Z = \sum_{l} \bar Z_l
    /// ```
    ///
    /// with `S` the scores and `e_t` the unit vector of word `t`.
    ///
    /// Derivation: the decoder backward gives `x̄` of the target and, summed over its blocks, `Z̄`; with that the encoder
    /// backward runs once. A table that is used three times has three contributions: as the matrix of the scores, where
    /// `S = y E^\top` gives `\bar S^\top y`, and in two lookups, each with the factor `√d` of the forward pass.
    pub fn backward(&self, tape: &EncoderDecoderTape<R>, dscores: &ArrayRef2<R>, grad: &mut Self) {
        let dy = self.scores_backward(&tape.y, dscores, grad);
        let (dx, dmemory) = self.decoder.backward(&tape.decoder, &dy, &mut grad.decoder);
        self.target.backward(&tape.target, &(dx * self.scale()), &mut grad.target);
        let dx = self.encoder.backward(&tape.encoder, &dmemory, &mut grad.encoder);
        let table = grad.source.as_mut().unwrap_or(&mut grad.target);
        self.source_table().backward(&tape.source, &(dx * self.scale()), table);
    }

    /// The memory of a source: `[m, d]`
    ///
    /// # Errors
    /// As [`forward`](Self::forward), about the source.
    pub fn encode(&self, source: &TokenBatch) -> Result<(Array2<R>, EncoderTape<R>)> {
        source.check("encoder_decoder: source")?;
        for (sample, range) in source.rows.ranges().enumerate() {
            if !source.keep[range].contains(&true) {
                let why = "has no word";
                return Err(Error::InvalidSequence { at: "encoder_decoder: source", sample, why });
            }
        }
        let x = self.embed(self.source_table(), source)?;
        self.encoder.forward(&x, &source.rows, &Mask::Keys(source.keep.clone()))
    }

    /// `y: [n, d]` → `[n, words]`
    pub(crate) fn scores(&self, y: &ArrayRef2<R>) -> Result<Array2<R>> {
        match &self.output {
            Some(w) => linear(y, w, self.output_bias.as_deref()),
            None => linear(y, &self.target.table.t(), self.output_bias.as_deref()),
        }
    }

    fn scores_backward(&self, y: &ArrayRef2<R>, dscores: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        if let Some(db) = &mut grad.output_bias {
            sum::add_column_sums(db, dscores);
        }
        match (&self.output, &mut grad.output) {
            (Some(w), Some(dw)) => {
                add_matmul(dw, &y.t(), dscores);
                matmul(dscores, &w.t())
            }
            _ => {
                add_matmul(&mut grad.target.table, &dscores.t(), y);
                matmul(dscores, &self.target.table)
            }
        }
    }

    /// `√d E[ids] + PE`: `[n, d]`
    fn embed(&self, table: &Embedding<R>, tokens: &TokenBatch) -> Result<Array2<R>> {
        add_positions(&(table.forward(&tokens.ids)? * self.scale()), &self.positions, &tokens.rows)
    }

    /// The table of the source.
    fn source_table(&self) -> &Embedding<R> {
        self.source.as_ref().unwrap_or(&self.target)
    }

    /// `√d`
    pub(crate) fn scale(&self) -> R {
        R::of(self.target.table.ncols() as f64).sqrt()
    }

    fn check_target(&self, source: &TokenBatch, target: &TokenBatch) -> Result<()> {
        target.check("encoder_decoder: target")?;
        target.rows.check_samples("encoder_decoder: samples of the target", source.rows.samples())?;
        for (sample, range) in target.rows.ranges().enumerate() {
            if target.ids[range].first() != Some(&self.bos) {
                let why = "does not begin with the first word of every target";
                return Err(Error::InvalidSequence { at: "encoder_decoder: target", sample, why });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockConfig, NormOrder, SinusoidalKind};

    fn config() -> EncoderDecoderConfig {
        EncoderDecoderConfig {
            block: BlockConfig::small(),
            order: NormOrder::Post,
            encoder_depth: 1,
            decoder_depth: 1,
            source_words: 13,
            target_words: 13,
            longest: 4,
            positions: SinusoidalKind::Interleaved,
            tying: Tying::All,
            output_bias: false,
            bos: 1,
        }
    }

    fn refused(source: &TokenBatch, target: &TokenBatch) -> String {
        let model = EncoderDecoder::<f64>::new(&config(), &mut Random::seed(0)).unwrap();
        model.forward(source, target).unwrap_err().to_string()
    }

    fn batch(samples: &[&[usize]]) -> TokenBatch {
        TokenBatch::padded(samples, 0)
    }

    #[test]
    fn a_target_without_its_first_word_is_refused() {
        let text = refused(&batch(&[&[5], &[6]]), &batch(&[&[1, 5], &[5, 1]]));
        let why = "sample 1 does not begin with the first word of every target";
        assert_eq!(text, format!("encoder_decoder: target: {why}"));
        let text = refused(&batch(&[&[5], &[6]]), &batch(&[&[1], &[]]));
        assert_eq!(text, format!("encoder_decoder: target: {why}"));
    }

    #[test]
    fn a_source_of_padding_only_is_refused() {
        let text = refused(&batch(&[&[5], &[0, 0]]), &batch(&[&[1], &[1]]));
        assert_eq!(text, "encoder_decoder: source: sample 1 has no word");
        let text = refused(&batch(&[&[], &[5]]), &batch(&[&[1], &[1]]));
        assert_eq!(text, "encoder_decoder: source: sample 0 has no word");
    }

    #[test]
    fn a_sequence_that_is_longer_than_the_table_is_refused() {
        let text = refused(&batch(&[&[5; 5]]), &batch(&[&[1]]));
        assert_eq!(text, "positions: table: index 4 is outside a table of 4");
        let text = refused(&batch(&[&[5]]), &batch(&[&[1; 5]]));
        assert_eq!(text, "positions: table: index 4 is outside a table of 4");
    }

    #[test]
    fn words_and_samples_that_do_not_fit_are_refused() {
        let text = refused(&batch(&[&[13]]), &batch(&[&[1]]));
        assert_eq!(text, "embedding: ids: index 13 is outside a table of 13");
        let text = refused(&batch(&[&[5]]), &batch(&[&[1, 13]]));
        assert_eq!(text, "embedding: ids: index 13 is outside a table of 13");
        let text = refused(&batch(&[&[5]]), &batch(&[&[1], &[1]]));
        assert_eq!(text, "encoder_decoder: samples of the target: expected shape [1], got [2]");
        let source = TokenBatch { keep: vec![], ..batch(&[&[5]]) };
        let text = refused(&source, &batch(&[&[1]]));
        assert_eq!(text, "encoder_decoder: source: expected shape [1], got [0]");
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        let text = |config: EncoderDecoderConfig| {
            EncoderDecoder::<f64>::new(&config, &mut Random::seed(0)).unwrap_err().to_string()
        };
        assert_eq!(
            text(EncoderDecoderConfig { source_words: 12, ..config() }),
            "encoder_decoder: tying: one table cannot hold 12 words of the source and 13 of the target"
        );
        let bos = "encoder_decoder: bos: index 13 is outside a table of 13";
        assert_eq!(text(EncoderDecoderConfig { bos: 13, ..config() }), bos);
        assert_eq!(text(EncoderDecoderConfig { longest: 0, ..config() }), "sinusoidal: n: empty");
    }
}
