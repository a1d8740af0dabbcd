//! A small multimodal model as a case: a class token, patches and words in one sequence, trained in groups of samples.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, Embedding, Encoder, EncoderTape, Linear, LinearTape, Mask,
    NormOrder,
};
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2, ArrayView2, Axis, s};

use crate::answers::mean_cross_entropy;

/// How large a [`Tiny`] is.
#[derive(Clone, Copy, Debug)]
pub struct TinyConfig {
    /// Groups of samples in a batch.
    pub groups: usize,
    /// Samples of a group.
    pub samples: usize,
    /// Patches of a picture.
    pub patches: usize,
    /// Numbers of a patch.
    pub pixels: usize,
    /// Words of a text.
    pub words: usize,
    /// Words of the vocabulary.
    pub vocabulary: usize,
    /// Blocks.
    pub depth: usize,
    /// The width of a token.
    pub width: usize,
}

impl TinyConfig {
    /// 4 groups of 8 samples of 64 patches of 8x8 pixels in three colors and 16 words; 4 blocks of width 64.
    pub const TIMED: Self = TinyConfig {
        groups: 4,
        samples: 8,
        patches: 64,
        pixels: 192,
        words: 16,
        vocabulary: 1000,
        depth: 4,
        width: 64,
    };

    /// Tokens of a sample.
    pub fn tokens(&self) -> usize {
        1 + self.patches + self.words
    }

    /// Operations in the matrix products of a forward pass of all groups.
    pub fn flops(&self) -> f64 {
        let TinyConfig { patches, pixels, depth, width, .. } = *self;
        let (samples, n) = (self.groups * self.samples, self.tokens());
        let blocks = depth * samples * n * (12 * width * width + 2 * n * width);
        2.0 * (blocks + samples * patches * pixels * width) as f64
    }
}

/// Heads of attention.
const HEADS: usize = 4;
/// Different answers.
const ANSWERS: usize = 10;

/// `[CLS]`, patches and words with the embedding of their place, an encoder, and the answer from `[CLS]`.
#[derive(Clone, Debug)]
pub struct Tiny<R> {
    /// What a word is: `[vocabulary, d]`
    pub word: Embedding<R>,
    /// What a patch looks like.
    pub patch: Linear<R>,
    /// `[CLS]`: `[1, d]`
    pub class: Array2<R>,
    /// Where a token stands: `[tokens, d]`
    pub place: Array2<R>,
    /// The blocks.
    pub encoder: Encoder<R>,
    /// From `[CLS]` to the scores.
    pub head: Linear<R>,
}

tree!(Tiny { word, patch, class, place, encoder, head });

/// What a [`Tiny`] reads: a group of samples.
#[derive(Clone, Debug)]
pub struct TinyInput<R> {
    /// `[samples · patches, pixels]`
    pub pixels: Array2<R>,
    /// `[samples · words]`
    pub words: Vec<usize>,
    /// `[samples]`
    pub answers: Vec<usize>,
}

/// What [`Tiny::backward`] reads.
#[derive(Clone, Debug)]
pub struct TinyTape<R> {
    patch: LinearTape<R>,
    encoder: EncoderTape<R>,
    head: LinearTape<R>,
    dscores: Array2<R>,
}

impl<R: Real> Tiny<R> {
    /// # Errors
    /// Sizes that contradict each other.
    pub fn new(config: &TinyConfig, random: &mut Random) -> Result<Self> {
        let d = config.width;
        let block = BlockConfig {
            width: d,
            heads: HEADS,
            hidden: 4 * d,
            activation: Activation::Gelu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        };
        Ok(Tiny {
            word: Embedding::new(config.vocabulary, d, 1.0, random),
            patch: Linear::new(config.pixels, d, random),
            class: Array2::zeros((1, d)),
            place: random.normal((config.tokens(), d), 0.02),
            encoder: Encoder::new(NormOrder::Pre, config.depth, &block, random)?,
            head: Linear::new(d, ANSWERS, random),
        })
    }

    /// The mean cross entropy of the answers.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(&self, input: &TinyInput<R>) -> Result<(R, TinyTape<R>)> {
        let (samples, n) = (input.answers.len(), self.place.nrows());
        let (patches, patch) = self.patch.forward(&input.pixels)?;
        let words = self.word.forward(&input.words)?;
        let x = self.assemble(samples, &patches, &words);
        let (z, encoder) = self.encoder.forward(&x, &Ragged::even(samples, n), &Mask::None)?;
        let (scores, head) = self.head.forward(&z.slice(s![..;n, ..]))?;
        let (loss, dscores) = mean_cross_entropy(&scores, &input.answers)?;
        Ok((loss, TinyTape { patch, encoder, head, dscores }))
    }

    /// Adds the gradients of all parameters, for a gradient of the loss of 1.
    pub fn backward(&self, input: &TinyInput<R>, tape: &TinyTape<R>, grad: &mut Self) {
        let (samples, n) = (input.answers.len(), self.place.nrows());
        let mut dz = Array2::zeros((samples * n, self.place.ncols()));
        let dclass = self.head.backward(&tape.head, &tape.dscores, &mut grad.head);
        dz.slice_mut(s![..;n, ..]).assign(&dclass);
        let dx = self.encoder.backward(&tape.encoder, &dz, &mut grad.encoder);
        let (dpatches, dwords) = grad.take_apart(samples, input.words.len() / samples, &dx);
        self.word.backward(&input.words, &dwords, &mut grad.word);
        self.patch.backward(&tape.patch, &dpatches, &mut grad.patch);
    }

    /// Every sample: `[CLS]`, its patches, its words, each with the embedding of its place.
    fn assemble(&self, samples: usize, patches: &ArrayRef2<R>, words: &ArrayRef2<R>) -> Array2<R> {
        let (n, p, w) = (self.place.nrows(), patches.nrows() / samples, words.nrows() / samples);
        let mut x = Array2::zeros((samples * n, self.place.ncols()));
        for (b, mut x) in x.axis_chunks_iter_mut(Axis(0), n).enumerate() {
            x.assign(&self.place);
            let mut add = |from: usize, part: ArrayView2<R>| {
                let mut rows = x.slice_mut(s![from..from + part.nrows(), ..]);
                rows += &part;
            };
            add(0, self.class.view());
            add(1, patches.slice(s![b * p..(b + 1) * p, ..]));
            add(1 + p, words.slice(s![b * w..(b + 1) * w, ..]));
        }
        x
    }

    /// The other way for gradients: those of patches and words, and those of `[CLS]` and of the places added to `self`.
    fn take_apart(&mut self, samples: usize, words: usize, dx: &ArrayRef2<R>) -> (Array2<R>, Array2<R>) {
        let (n, d) = self.place.dim();
        let zeros = |rows| Array2::zeros((samples * rows, d));
        let p = n - 1 - words;
        let (mut dpatches, mut dwords) = (zeros(p), zeros(words));
        for (b, dx) in dx.axis_chunks_iter(Axis(0), n).enumerate() {
            self.place += &dx;
            self.class += &dx.slice(s![..1, ..]);
            dpatches.slice_mut(s![b * p..(b + 1) * p, ..]).assign(&dx.slice(s![1..1 + p, ..]));
            dwords.slice_mut(s![b * words..(b + 1) * words, ..]).assign(&dx.slice(s![1 + p.., ..]));
        }
        (dpatches, dwords)
    }
}

impl<R: Real> TinyInput<R> {
    /// Pictures, texts and answers without meaning.
    pub fn draw(config: &TinyConfig, random: &mut Random) -> Self {
        let TinyConfig { samples, patches, pixels, words, vocabulary, .. } = *config;
        TinyInput {
            pixels: random.normal((samples * patches, pixels), 1.0),
            words: (0..samples * words).map(|_| random.below(vocabulary)).collect(),
            answers: (0..samples).map(|_| random.below(ANSWERS)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::testing::{check_backward, shake};
    use mmt_tensor::{Dual, Tree};
    use ndarray::Array0;

    use super::*;

    #[test]
    fn all_gradients_are_exact() {
        let config = TinyConfig {
            groups: 1,
            samples: 2,
            patches: 3,
            pixels: 4,
            words: 2,
            vocabulary: 5,
            depth: 1,
            width: 4,
        };
        let mut random = Random::seed(1);
        let start = Tiny::<Dual>::new(&config, &mut random).unwrap();
        let input = TinyInput::draw(&config, &mut random);
        check_backward(
            &shake(&start, 2),
            |model| Ok(Array0::from_elem((), model.forward(&input)?.0)),
            |model, dloss| {
                let (_, tape) = model.forward(&input).unwrap();
                let mut grad = model.zeros_like();
                model.backward(&input, &tape, &mut grad);
                grad.arrays_mut().iter_mut().for_each(|(_, g)| g.mapv_inplace(|g| g * dloss[()]));
                grad
            },
        );
    }

    #[test]
    fn the_timed_model_has_the_published_size() {
        assert_eq!(TinyConfig::TIMED.tokens(), 81);
        assert_eq!(TinyConfig::TIMED.flops(), 1_284_538_368.0);
    }
}
