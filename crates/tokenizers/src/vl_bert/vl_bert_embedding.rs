//! From words and regions to the tokens of VL-BERT.

use mmt_tensor::ops::lookup_backward;
use mmt_tensor::{Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Axis};

use super::four_embeddings::{FourEmbeddings, FourEmbeddingsTape};
use super::visual_feature::{VisualFeature, VisualFeatureTape};
use super::{VlBertConfig, VlBertInput};

/// The visual feature of regions, and the four embeddings of tokens.
#[derive(Clone, Debug)]
pub struct VlBertEmbedding<R> {
    /// From appearance and place to `h`.
    pub visual: VisualFeature<R>,
    /// From words and `h` to tokens.
    pub embed: FourEmbeddings<R>,
}

tree!(VlBertEmbedding { visual, embed });

/// What [`VlBertEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct VlBertEmbeddingTape<R> {
    /// Of the visual features.
    pub visual: VisualFeatureTape<R>,
    /// Of the four embeddings.
    pub embed: FourEmbeddingsTape<R>,
    /// For every token of text, the row of its whole image among the regions.
    pub images: Vec<usize>,
}

tree!(VlBertEmbeddingTape { visual, embed; images });

impl<R: Real> VlBertEmbedding<R> {
    /// A model that does not see the image yet: the norms of looks have `γ = 0`.
    pub fn new(config: &VlBertConfig, random: &mut Random) -> Self {
        VlBertEmbedding {
            visual: VisualFeature::new(config.appearance, 8 * config.waves, config.width, random),
            embed: FourEmbeddings::new(config, random),
        }
    }

    /// The tokens of several samples: words that look like the whole image, and regions that look like themselves.
    ///
    /// **eq-2.15-vl-bert-embedding**
    /// ```math
    /// h_r = \operatorname{ReLU}\bigl( [v_r \,\|\, g_r]\, W + b \bigr), \qquad
    /// h_i = \begin{cases} h_{r_0} & \text{a token of text} \\ h_r & \text{region } r \end{cases}, \qquad
    /// x_i = \operatorname{LN}\bigl( E_{tok}[t_i] + \operatorname{LN}_{T|I}(h_i) + E_{seg}[s_i] + E_{pos}[p_i] \bigr)
    /// ```
    ///
    /// `v: [regions, d_v]`, `g: [regions, 8k]` → `x: [tokens, d]`; `r_0` is the first region of a sample, the whole image
    ///
    /// That is eq-2.15-visual-feature of every region, and eq-2.15-four-embeddings. The regions of all samples stand below
    /// each other, `input.regions` for each. Dropout, where it is wanted, follows with its own mask.
    ///
    /// Source: Su et al. 2020, *VL-BERT*, section 3.2 and figure 1; released code, `pretrain/modules/resnet_vlbert_for_pretraining.py`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) if there are not as many rows as regions; otherwise as
    /// [`VisualFeature::forward`] and [`FourEmbeddings::forward`].
    pub fn forward(
        &self,
        v: &ArrayRef2<R>,
        g: &ArrayRef2<R>,
        inputs: &[VlBertInput],
    ) -> Result<(Array2<R>, VlBertEmbeddingTape<R>)> {
        let regions: usize = inputs.iter().map(|input| input.regions).sum();
        check_shape("vl_bert_embedding: v", v.shape(), &[regions, v.ncols()])?;
        let (h, visual) = self.visual.forward(v, g)?;
        let images = images(inputs);
        let (x, embed) = self.embed.forward(&h.select(Axis(0), &images), &h, inputs)?;
        Ok((x, VlBertEmbeddingTape { visual, embed, images }))
    }

    /// Gradients of [`forward`](Self::forward): returns `v̄` and `ḡ`, adds to those of the parameters.
    ///
    /// **eq-2.15-vl-bert-embedding, backward**
    /// ```math
    /// \bar h_r = \bar h^{\text{region}}_r + [r = r_0] \sum_{i \text{ of text}} \bar h^{\text{text}}_i, \qquad
    /// [\bar v \,\|\, \bar g] = \bigl( \bar h \odot [z > 0] \bigr) W^\top
    /// ```
    ///
    /// Derivation: the feature of the whole image is read once by its own token and once by every token of text, so
    /// ```math
    /// \dot h_i = \dot h_{r_0} \ \text{for all tokens of text}
    /// \quad\Rightarrow\quad
    /// \bar h_{r_0} = \bar h^{\text{region}}_{r_0} + \sum_i \bar h^{\text{text}}_i
    /// ```
    pub fn backward(
        &self,
        tape: &VlBertEmbeddingTape<R>,
        dx: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (dh_text, mut dh) = self.embed.backward(&tape.embed, dx, &mut grad.embed);
        lookup_backward(&tape.images, None, &dh_text, &mut dh);
        self.visual.backward(&tape.visual, &dh, &mut grad.visual)
    }
}

/// For every token of text, the row of its whole image among the regions.
fn images(inputs: &[VlBertInput]) -> Vec<usize> {
    let mut first = 0;
    let one = |input: &VlBertInput| {
        let image = first;
        first += input.regions;
        std::iter::repeat_n(image, input.ids.len())
    };
    inputs.iter().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: [usize; 2], g: [usize; 2], regions: usize) -> String {
        let module = VlBertEmbedding::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        let input = VlBertInput { ids: vec![1, 2], segments: vec![0, 0], regions };
        module.forward(&Array2::zeros(v), &Array2::zeros(g), &[input]).unwrap_err().to_string()
    }

    #[test]
    fn another_number_of_regions_is_refused() {
        assert_eq!(text([3, 3], [3, 8], 2), "vl_bert_embedding: v: expected shape [2, 3], got [3, 3]");
        assert_eq!(text([2, 3], [3, 8], 2), "visual feature: g: expected shape [2, 8], got [3, 8]");
        assert_eq!(text([2, 3], [2, 7], 2), "visual feature: g: expected shape [2, 8], got [2, 7]");
    }

    #[test]
    fn no_region_is_refused() {
        assert_eq!(text([0, 3], [0, 8], 0), "visual feature: v: empty");
        let module = VlBertEmbedding::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        let none = |d| Array2::zeros((0, d));
        let error = module.forward(&none(3), &none(8), &[]).unwrap_err();
        assert_eq!(error.to_string(), "visual feature: v: empty");
    }

    #[test]
    fn a_nan_is_refused() {
        let module = VlBertEmbedding::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        let input = VlBertInput { ids: vec![1], segments: vec![0], regions: 1 };
        let error = module.forward(&Array2::from_elem((1, 3), f64::NAN), &Array2::zeros((1, 8)), &[input]);
        assert_eq!(error.unwrap_err().to_string(), "linear: x: not a finite number");
    }
}
