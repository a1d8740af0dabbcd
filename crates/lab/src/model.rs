//! A small Transformer that answers questions about pictures: the model of `digits-qa`.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, Embedding, Encoder, Linear, LinearTape, Mask, NormOrder,
};
use mmt_fusion::{EarlyConcat, EarlyConcatTape, Layout};
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::embedding_sum::EmbeddingSumTape;
use mmt_tokenizers::image::{Order, PatchEmbedding, PatchEmbeddingTape};
use ndarray::{Array2, ArrayRef2, Axis};

use crate::batch::Batch;

/// The sizes of an [`Answerer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswererConfig {
    /// `d`, the width of a token.
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// The hidden width of the feed-forward networks.
    pub hidden: usize,
    /// Joint layers.
    pub depth: usize,
    /// Rows and columns of a patch.
    pub patch: usize,
    /// Patches of a picture.
    pub patches: usize,
    /// Words of the vocabulary.
    pub words: usize,
    /// Words of the longest text.
    pub longest: usize,
    /// Different answers.
    pub answers: usize,
}

/// Words and patches as one sequence, and the answer from its first token, `[CLS]`.
#[derive(Clone, Debug)]
pub struct Answerer<R> {
    /// What a word is: `[words, d]`
    pub word: Embedding<R>,
    /// Where a word stands: `[longest, d]`
    pub word_place: Embedding<R>,
    /// What a patch looks like.
    pub patch: PatchEmbedding<R>,
    /// Where a patch lies: `[patches, d]`
    pub patch_place: Embedding<R>,
    /// Where a token comes from, a text or an image: `[2, d]`
    pub modality: Embedding<R>,
    /// Word, place and modality.
    pub text: EmbeddingSum<R>,
    /// Patch, place and modality.
    pub image: EmbeddingSum<R>,
    /// The layers over all tokens.
    pub fusion: EarlyConcat<R>,
    /// From the first token to the scores of the answers.
    pub head: Linear<R>,
}

tree!(Answerer { word, word_place, patch, patch_place, modality, text, image, fusion, head });

/// What [`Answerer::backward`] reads.
#[derive(Clone, Debug)]
pub struct AnswererTape<R> {
    /// Of the text.
    pub text: EmbeddingSumTape<R>,
    /// Of the image, if the batch has one.
    pub image: Option<(PatchEmbeddingTape<R>, EmbeddingSumTape<R>)>,
    /// Of the joint layers.
    pub fusion: EarlyConcatTape<R>,
    /// Of the scores.
    pub head: LinearTape<R>,
}

tree!(AnswererTape { text, image, fusion, head });

/// The rows of [`Answerer::modality`].
const TEXT: usize = 0;
const IMAGE: usize = 1;

impl<R: Real> Answerer<R> {
    /// # Errors
    /// Sizes that contradict each other.
    pub fn new(config: &AnswererConfig, random: &mut Random) -> Result<Self> {
        let AnswererConfig { width: d, heads, hidden, .. } = *config;
        let eps = 1e-5;
        let block = BlockConfig {
            width: d,
            heads,
            hidden,
            activation: Activation::Relu,
            eps,
            attention: AttentionKind::Plain,
        };
        let std = 1.0 / (d as f64).sqrt();
        Ok(Answerer {
            word: Embedding::new(config.words, d, std, random),
            word_place: Embedding::new(config.longest, d, std, random),
            patch: PatchEmbedding::new(config.patch, 1, d, Order::Hwc, random),
            patch_place: Embedding::new(config.patches, d, std, random),
            modality: Embedding::new(2, d, std, random),
            text: EmbeddingSum::new(d, eps),
            image: EmbeddingSum::new(d, eps),
            fusion: EarlyConcat { joint: Encoder::new(NormOrder::Pre, config.depth, &block, random)?.into() },
            head: Linear::new(d, config.answers, random),
        })
    }

    /// The scores of the answers, one row per sample: `[B, answers]`
    ///
    /// # Errors
    /// Words or places outside the tables, pictures that patches do not tile, numbers that are not finite.
    pub fn forward(&self, batch: &Batch<R>) -> Result<(Array2<R>, AnswererTape<R>)> {
        let texts = Layout::of("text", batch.text.clone())?;
        let from = |modality, n| self.modality.forward(&vec![modality; n]);
        let (words, places) = (self.word.forward(&batch.words)?, self.word_place.forward(&batch.places())?);
        let (x_text, text) = self.text.forward(&[&words, &places, &from(TEXT, batch.words.len())?])?;
        let (x_image, images, image) = match &batch.images {
            None => (
                Array2::zeros((0, self.head.weight.nrows())),
                Layout::with_missing("image", Ragged::even(batch.text.samples(), 0))?,
                None,
            ),
            Some(images) => {
                let (patches, patch) = self.patch.forward(images)?;
                let each = patches.nrows() / batch.text.samples().max(1);
                let places = self.patch_place.forward(&batch.patch_places(each))?;
                let (x, sum) = self.image.forward(&[&patches, &places, &from(IMAGE, patches.nrows())?])?;
                (x, Layout::of("image", Ragged::even(batch.text.samples(), each))?, Some((patch, sum)))
            }
        };
        let (z, fusion) = self.fusion.forward((&x_text, &texts), (&x_image, &images), &Mask::None)?;
        let first = z.select(Axis(0), &first_rows(&fusion.layout));
        let (scores, head) = self.head.forward(&first)?;
        Ok((scores, AnswererTape { text, image, fusion, head }))
    }

    /// Adds the gradients of all parameters, given that of the scores; words and pictures have none.
    pub fn backward(
        &self,
        batch: &Batch<R>,
        tape: &AnswererTape<R>,
        dscores: &ArrayRef2<R>,
        grad: &mut Self,
    ) {
        let dfirst = self.head.backward(&tape.head, dscores, &mut grad.head);
        let mut dz = Array2::zeros((tape.fusion.layout.rows().tokens(), dfirst.ncols()));
        for (row, dfirst) in first_rows(&tape.fusion.layout).into_iter().zip(dfirst.rows()) {
            dz.row_mut(row).assign(&dfirst);
        }
        let (dtext, dimage) = self.fusion.backward(&tape.fusion, &dz, &mut grad.fusion);
        if let Some((patch, sum)) = &tape.image {
            let de = self.image.backward(sum, &dimage, &mut grad.image);
            self.modality.backward(&vec![IMAGE; de.nrows()], &de, &mut grad.modality);
            let each = de.nrows() / batch.text.samples();
            self.patch_place.backward(&batch.patch_places(each), &de, &mut grad.patch_place);
            self.patch.backward(patch, &de, &mut grad.patch);
        }
        let de = self.text.backward(&tape.text, &dtext, &mut grad.text);
        self.modality.backward(&vec![TEXT; de.nrows()], &de, &mut grad.modality);
        self.word_place.backward(&batch.places(), &de, &mut grad.word_place);
        self.word.backward(&batch.words, &de, &mut grad.word);
    }
}

impl<R: Real> AnswererTape<R> {
    /// What the first token of a sample looks at in a joint layer: the mean of the heads over all tokens of the sample,
    /// the words first. Sums to 1.
    pub fn attention(&self, layer: usize, sample: usize) -> Vec<f64> {
        let heads = self.fusion.joint.heads(layer);
        let count = heads.p.len() / self.fusion.layout.samples();
        let own = &heads.p[sample * count..(sample + 1) * count];
        (0..own[0].ncols())
            .map(|key| own.iter().map(|p| p[(0, key)].to_f64()).sum::<f64>() / count as f64)
            .collect()
    }
}

/// Where every sample begins: there is its `[CLS]`.
fn first_rows(layout: &Layout) -> Vec<usize> {
    layout.rows().ranges().map(|range| range.start).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use mmt_tensor::Dual;
    use mmt_tensor::Tree;
    use mmt_tensor::testing::{check_backward, shake};

    use super::*;
    use crate::batch::{Modalities, vocabulary};
    use crate::data::digits::Part;
    use crate::data::digits_qa;
    use crate::train::sizes;

    #[test]
    fn all_gradients_of_the_model_are_exact() {
        let config = AnswererConfig { width: 4, heads: 2, hidden: 6, ..sizes() };
        let examples = digits_qa::draw(3, Part::Train, &mut Random::seed(1));
        let start = Answerer::<Dual>::new(&config, &mut Random::seed(2)).unwrap();
        for modalities in [Modalities::Text, Modalities::Image, Modalities::Both] {
            let batch = Batch::new(&examples, modalities, &vocabulary()).unwrap();
            check_backward(
                &shake(&start, 3),
                |model| Ok(model.forward(&batch)?.0),
                |model, dscores| {
                    let (_, tape) = model.forward(&batch).unwrap();
                    let mut grad = model.zeros_like();
                    model.backward(&batch, &tape, dscores, &mut grad);
                    grad
                },
            );
        }
    }

    #[test]
    fn attention_is_a_distribution_over_all_tokens() {
        let examples = digits_qa::draw(4, Part::Train, &mut Random::seed(1));
        let model = Answerer::<f64>::new(&sizes(), &mut Random::seed(2)).unwrap();
        let batch = Batch::new(&examples, Modalities::Both, &vocabulary()).unwrap();
        let (_, tape) = model.forward(&batch).unwrap();
        for (sample, words) in batch.text.lengths().enumerate() {
            let weights = tape.attention(1, sample);
            assert_eq!(weights.len(), words + sizes().patches);
            assert_abs_diff_eq!(weights.iter().sum::<f64>(), 1.0, epsilon = 1e-12);
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let examples = digits_qa::draw(1, Part::Train, &mut Random::seed(1));
        let model = Answerer::<f64>::new(&sizes(), &mut Random::seed(2)).unwrap();
        let mut batch = Batch::new(&examples, Modalities::Both, &vocabulary()).unwrap();
        batch.images = Some(ndarray::Array4::zeros((1, 8, 24, 1)));
        let error = model.forward(&batch).unwrap_err().to_string();
        assert_eq!(error, "embedding: ids: index 8 is outside a table of 8");
    }
}
