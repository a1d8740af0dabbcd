//! What a token is, what it looks like, where it comes from and where it stands.

use mmt_blocks::{Embedding, LayerNorm, LayerNormTape};
use mmt_tensor::ops::lookup_backward;
use mmt_tensor::{Error, Random, Real, Result, check_index, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2, Axis};

use super::rows::{Rows, ids, positions, put, segments};
use super::{EndFeature, VlBertConfig, VlBertInput};
use crate::EmbeddingSum;
use crate::embedding_sum::EmbeddingSumTape;

/// Layer norm of the sum of four rows: word, looks, segment, position.
#[derive(Clone, Debug)]
pub struct FourEmbeddings<R> {
    /// `E_tok: [words, d]`
    pub word: Embedding<R>,
    /// `E_mark: [2, d]`, `[IMG]` and `[END]`
    pub mark: Embedding<R>,
    /// `E_seg: [3, d]`, for the texts A and B and the image C
    pub segment: Embedding<R>,
    /// `E_pos: [longest, d]`
    pub position: Embedding<R>,
    /// The norm of what words look like; its `γ` begins as 0.
    pub norm_text: LayerNorm<R>,
    /// The norm of what regions look like; its `γ` begins as 0.
    pub norm_region: LayerNorm<R>,
    /// The sum and its norm.
    pub sum: EmbeddingSum<R>,
    /// What `[END]` looks like.
    pub end: EndFeature,
}

tree!(FourEmbeddings { word, mark, segment, position, norm_text, norm_region, sum; end });

/// What [`FourEmbeddings::backward`] reads.
#[derive(Clone, Debug)]
pub struct FourEmbeddingsTape<R> {
    /// Of what words look like.
    pub norm_text: LayerNormTape<R>,
    /// Of what regions look like.
    pub norm_region: LayerNormTape<R>,
    /// Of the sum and its norm.
    pub sum: EmbeddingSumTape<R>,
    /// The sequences.
    pub inputs: Vec<VlBertInput>,
}

tree!(FourEmbeddingsTape { norm_text, norm_region, sum; inputs });

const IMG: usize = 0;
const END: usize = 1;

impl<R: Real> FourEmbeddings<R> {
    /// Tables normal with standard deviation 0.02. The norms of looks have `γ = 0`: a new model does not see the image.
    pub fn new(config: &VlBertConfig, random: &mut Random) -> Self {
        let (d, eps) = (config.width, config.eps);
        let mut table = |rows| Embedding::new(rows, d, 0.02, random);
        let blind = || LayerNorm { gamma: Array1::zeros(d), ..LayerNorm::new(d, eps) };
        FourEmbeddings {
            word: table(config.words),
            mark: table(2),
            segment: table(3),
            position: table(config.longest),
            norm_text: blind(),
            norm_region: blind(),
            sum: EmbeddingSum::new(d, eps),
            end: config.end,
        }
    }

    /// The tokens of several sequences, given what their words and regions look like.
    ///
    /// **eq-2.15-four-embeddings**
    /// ```math
    /// x_i = \operatorname{LN}\bigl( E_{tok}[t_i] + u_i + E_{seg}[s_i] + E_{pos}[p_i] \bigr), \qquad
    /// u_i = \begin{cases}
    ///   \operatorname{LN}_T(h_i) & \text{a token of text} \\
    ///   \operatorname{LN}_I(h_i) & \text{a region} \\
    ///   0 & \mathtt{[END]}
    /// \end{cases}
    /// ```
    ///
    /// `h_text: [words, d]`, `h_region: [regions, d]` → `x: [tokens, d]`, the sequences below each other
    ///
    /// `t`, `s` and `p` are those of eq-2.15-vl-bert-input; regions are `[IMG]`. The norms `LN_T` and `LN_I` begin with
    /// `γ = 0` and `β = 0`, so that at the start the looks add nothing and the words have the tokens of the BERT that the
    /// model begins as. In the paper `[END]` looks like the whole image, [`EndFeature::WholeImage`]: it takes what the
    /// first token of its text looks like.
    ///
    /// Source: Su et al. 2020, *VL-BERT*, section 3.2; released code, `common/visual_linguistic_bert.py`, with
    /// `visual_ln`.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no sequence, and for one without words or regions; [`Error::ShapeMismatch`] if ids and
    /// segments differ in number, or looks, words and regions do, or for looks and tables of another width;
    /// [`Error::IndexOutOfRange`] for ids and positions outside their tables, and for a text in a segment other than 0 and
    /// 1; [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(
        &self,
        h_text: &ArrayRef2<R>,
        h_region: &ArrayRef2<R>,
        inputs: &[VlBertInput],
    ) -> Result<(Array2<R>, FourEmbeddingsTape<R>)> {
        inputs.iter().try_for_each(|input| self.check(input))?;
        let (rows, d) = (Rows::of(inputs), self.word.table.ncols());
        check_shape("four_embeddings: h_text", h_text.shape(), &[rows.text.len(), d])?;
        check_shape("four_embeddings: h_region", h_region.shape(), &[rows.regions.len(), d])?;
        let (text, norm_text) = self.norm_text.forward(h_text)?;
        let (region, norm_region) = self.norm_region.forward(h_region)?;
        let mut looks = Array2::zeros((rows.text.len() + rows.regions.len() + rows.ends.len(), d));
        put(&text, &rows.text, &mut looks);
        put(&region, &rows.regions, &mut looks);
        if self.end == EndFeature::WholeImage {
            put(&text.select(Axis(0), &rows.firsts), &rows.ends, &mut looks);
        }
        let segment = self.segment.forward(&segments(inputs))?;
        let position = self.position.forward(&positions(inputs))?;
        let (x, sum) = self.sum.forward(&[&self.names(&rows, inputs)?, &looks, &segment, &position])?;
        Ok((x, FourEmbeddingsTape { norm_text, norm_region, sum, inputs: inputs.to_vec() }))
    }

    /// The rows of the tables of words and marks.
    fn names(&self, rows: &Rows, inputs: &[VlBertInput]) -> Result<Array2<R>> {
        check_shape("four_embeddings: marks", self.mark.table.shape(), &[2, self.word.table.ncols()])?;
        let mark = self.mark.forward(&[IMG, END])?;
        let mut names = Array2::zeros((VlBertInput::rows(inputs).tokens(), mark.ncols()));
        put(&self.word.forward(&ids(inputs))?, &rows.text, &mut names);
        rows.regions.iter().for_each(|&row| names.row_mut(row).assign(&mark.row(IMG)));
        rows.ends.iter().for_each(|&row| names.row_mut(row).assign(&mark.row(END)));
        Ok(names)
    }

    fn check(&self, input: &VlBertInput) -> Result<()> {
        let n = input.ids.len();
        check_shape("four_embeddings: segments", &[input.segments.len()], &[n])?;
        for (at, count) in [("four_embeddings: text", n), ("four_embeddings: regions", input.regions)] {
            if count == 0 {
                return Err(Error::EmptyInput { at });
            }
        }
        let words = self.word.table.nrows();
        input.ids.iter().try_for_each(|&id| check_index("four_embeddings: ids", id, words))?;
        let segment = |&s: &usize| check_index("four_embeddings: segments", s, VlBertInput::IMAGE);
        input.segments.iter().try_for_each(segment)?;
        check_index("four_embeddings: segments", VlBertInput::IMAGE, self.segment.table.nrows())?;
        check_index("four_embeddings: positions", n + 1, self.position.table.nrows())
    }

    /// Gradients of [`forward`](Self::forward): returns those of the looks, adds to those of the parameters.
    ///
    /// **eq-2.15-four-embeddings, backward**
    /// ```math
    /// \bar E_{pos}[j] = \sum_{i:\, p_i = j} \bar e_i, \qquad
    /// \bar E_{seg}[s] = \sum_{i:\, s_i = s} \bar e_i, \qquad
    /// \bar E_{tok}[t] = \sum_{i:\, t_i = t} \bar e_i, \qquad
    /// \bar h_i = \operatorname{LN}_{T|I}^\top(\bar e_i), \qquad
    /// \bar e = \operatorname{LN}^\top(\bar x)
    /// ```
    ///
    /// Derivation: with `e_i` the sum that the norm sees,
    /// ```math
    /// \dot e_i = \dot E_{tok}[t_i] + \dot u_i + \dot E_{seg}[s_i] + \dot E_{pos}[p_i]
    /// \quad\Rightarrow\quad
    /// \bar E_{pos}[j] = \sum_i [p_i = j]\, \bar e_i, \quad \bar u_i = \bar e_i
    /// ```
    /// All regions of a sample stand at its position `T`, whose row collects the gradients of all of them. As long as
    /// `γ = 0` no gradient passes a norm of looks, but its own `γ̄ = Σ_i ē_i ⊙ ĥ_i` is not zero, and opens it. With
    /// [`EndFeature::WholeImage`] the first token of a text has the gradient of `[END]` too.
    pub fn backward(
        &self,
        tape: &FourEmbeddingsTape<R>,
        dx: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (inputs, rows) = (&tape.inputs, Rows::of(&tape.inputs));
        let de = self.sum.backward(&tape.sum, dx, &mut grad.sum);
        self.position.backward(&positions(inputs), &de, &mut grad.position);
        self.segment.backward(&segments(inputs), &de, &mut grad.segment);
        let [mut text, region, end] =
            [&rows.text, &rows.regions, &rows.ends].map(|rows| de.select(Axis(0), rows));
        self.word.backward(&ids(inputs), &text, &mut grad.word);
        self.mark.backward(&vec![IMG; region.nrows()], &region, &mut grad.mark);
        self.mark.backward(&vec![END; end.nrows()], &end, &mut grad.mark);
        if self.end == EndFeature::WholeImage {
            lookup_backward(&rows.firsts, None, &end, &mut text);
        }
        let dh_region = self.norm_region.backward(&tape.norm_region, &region, &mut grad.norm_region);
        (self.norm_text.backward(&tape.norm_text, &text, &mut grad.norm_text), dh_region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(ids: &[usize], segments: &[usize], regions: usize) -> VlBertInput {
        VlBertInput { ids: ids.to_vec(), segments: segments.to_vec(), regions }
    }

    fn text(inputs: &[VlBertInput], text: [usize; 2], region: [usize; 2]) -> String {
        let module = FourEmbeddings::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        let looks = (Array2::zeros(text), Array2::zeros(region));
        module.forward(&looks.0, &looks.1, inputs).unwrap_err().to_string()
    }

    #[test]
    fn a_sequence_longer_than_the_table_is_refused() {
        let error = text(&[input(&[1; 5], &[0; 5], 1)], [5, 4], [1, 4]);
        assert_eq!(error, "four_embeddings: positions: index 6 is outside a table of 6");
    }

    #[test]
    fn ids_and_segments_outside_their_tables_are_refused() {
        let error = text(&[input(&[1, 5], &[0, 0], 1)], [2, 4], [1, 4]);
        assert_eq!(error, "four_embeddings: ids: index 5 is outside a table of 5");
        let error = text(&[input(&[1, 4], &[0, 2], 1)], [2, 4], [1, 4]);
        assert_eq!(error, "four_embeddings: segments: index 2 is outside a table of 2");
        let mut module = FourEmbeddings::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        module.segment.table = Array2::zeros((2, 4));
        let one = Array2::zeros((1, 4));
        let error = module.forward(&one, &one, &[input(&[1], &[0], 1)]).unwrap_err();
        assert_eq!(error.to_string(), "four_embeddings: segments: index 2 is outside a table of 2");
    }

    #[test]
    fn lengths_and_widths_that_differ_are_refused() {
        let error = text(&[input(&[1, 2], &[0], 1)], [2, 4], [1, 4]);
        assert_eq!(error, "four_embeddings: segments: expected shape [2], got [1]");
        let good = || [input(&[1, 2], &[0, 1], 3)];
        let error = text(&good(), [3, 4], [3, 4]);
        assert_eq!(error, "four_embeddings: h_text: expected shape [2, 4], got [3, 4]");
        let error = text(&good(), [2, 4], [2, 4]);
        assert_eq!(error, "four_embeddings: h_region: expected shape [3, 4], got [2, 4]");
        let error = text(&good(), [2, 5], [3, 4]);
        assert_eq!(error, "four_embeddings: h_text: expected shape [2, 4], got [2, 5]");
    }

    #[test]
    fn tables_of_other_widths_are_refused() {
        let run = |change: fn(&mut FourEmbeddings<f64>)| {
            let mut module = FourEmbeddings::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
            change(&mut module);
            let one = Array2::zeros((1, 4));
            module.forward(&one, &one, &[input(&[1], &[0], 1)]).unwrap_err().to_string()
        };
        let mark = run(|m| m.mark.table = Array2::zeros((2, 3)));
        assert_eq!(mark, "four_embeddings: marks: expected shape [2, 4], got [2, 3]");
        let sum = "embedding_sum: e: expected shape [3, 4], got [3, 3]";
        assert_eq!(run(|m| m.segment.table = Array2::zeros((3, 3))), sum);
        assert_eq!(run(|m| m.position.table = Array2::zeros((6, 3))), sum);
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(text(&[], [0, 4], [0, 4]), "layer_norm: x: empty");
        let error = text(&[input(&[], &[], 1)], [0, 4], [1, 4]);
        assert_eq!(error, "four_embeddings: text: empty");
        let error = text(&[input(&[1], &[0], 0)], [1, 4], [0, 4]);
        assert_eq!(error, "four_embeddings: regions: empty");
    }

    #[test]
    fn a_nan_is_refused_although_gamma_is_zero() {
        let module = FourEmbeddings::<f64>::new(&VlBertConfig::SMALLEST, &mut Random::seed(0));
        let (nan, good) = (Array2::from_elem((1, 4), f64::NAN), Array2::zeros((1, 4)));
        let run = |a, b| module.forward(a, b, &[input(&[1], &[0], 1)]).unwrap_err().to_string();
        assert_eq!(run(&nan, &good), "layer_norm: x: not a finite number");
        assert_eq!(run(&good, &nan), "layer_norm: x: not a finite number");
    }
}
