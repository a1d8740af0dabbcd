//! What a token of a text is, where it stands, and which text it belongs to.

use mmt_blocks::Embedding;
use mmt_tensor::{Error, Random, Real, Result, check_index, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use super::TextInput;
use crate::EmbeddingSum;
use crate::embedding_sum::EmbeddingSumTape;

/// Layer norm of the sum of three rows, one from each of three tables.
#[derive(Clone, Debug)]
pub struct TextEmbedding<R> {
    /// `E_tok: [words, d]`
    pub word: Embedding<R>,
    /// `E_pos: [longest, d]`
    pub position: Embedding<R>,
    /// `E_seg: [2, d]`
    pub segment: Embedding<R>,
    /// The sum and its norm.
    pub sum: EmbeddingSum<R>,
}

tree!(TextEmbedding { word, position, segment, sum });

/// What [`TextEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct TextEmbeddingTape<R> {
    /// Of the sum and its norm.
    pub sum: EmbeddingSumTape<R>,
    /// Rows of the table of words.
    pub ids: Vec<usize>,
    /// Rows of the table of positions.
    pub positions: Vec<usize>,
    /// Rows of the table of segments.
    pub segments: Vec<usize>,
}

tree!(TextEmbeddingTape { sum; ids, positions, segments });

impl<R: Real> TextEmbedding<R> {
    /// Tables for `words` ids and sequences of up to `longest` tokens of width `d`, normal with standard deviation 0.02.
    pub fn new(words: usize, longest: usize, d: usize, eps: f64, random: &mut Random) -> Self {
        let mut table = |rows| Embedding::new(rows, d, 0.02, random);
        TextEmbedding {
            word: table(words),
            position: table(longest),
            segment: table(2),
            sum: EmbeddingSum::new(d, eps),
        }
    }

    /// The tokens of several sequences, each counted from position 0.
    ///
    /// **eq-1.28-bert-embedding**
    /// ```math
    /// x_i = \operatorname{LN}\bigl( E_{tok}[t_i] + E_{pos}[i] + E_{seg}[s_i] \bigr)
    /// ```
    ///
    /// `t, s: [n]` → `x: [tokens, d]`, the sequences below each other
    ///
    /// A vector that is added to every row of one table and taken from every row of another changes nothing. Dropout,
    /// where it is wanted, follows with its own mask.
    ///
    /// Source: Devlin et al. 2019, *BERT*, section 3 and figure 2; the norm, with `ε = 1e-12`, is in the released code.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no sequence, and for one of nothing but padding; [`Error::ShapeMismatch`] if ids,
    /// segments and padding of a sequence differ in number; [`Error::IndexOutOfRange`] for ids, positions and segments
    /// outside their tables; those of [`EmbeddingSum::forward`].
    pub fn forward(&self, texts: &[TextInput]) -> Result<(Array2<R>, TextEmbeddingTape<R>)> {
        texts.iter().try_for_each(|text| self.check(text))?;
        let ids: Vec<usize> = texts.iter().flat_map(|text| text.ids.iter().copied()).collect();
        let positions: Vec<usize> = texts.iter().flat_map(|text| 0..text.ids.len()).collect();
        let segments: Vec<usize> = texts.iter().flat_map(|text| text.segments.iter().copied()).collect();
        let word = self.word.forward(&ids)?;
        let position = self.position.forward(&positions)?;
        let segment = self.segment.forward(&segments)?;
        let (x, sum) = self.sum.forward(&[&word, &position, &segment])?;
        Ok((x, TextEmbeddingTape { sum, ids, positions, segments }))
    }

    fn check(&self, text: &TextInput) -> Result<()> {
        let n = text.ids.len();
        check_shape("text_embedding: segments", &[text.segments.len()], &[n])?;
        check_shape("text_embedding: keep", &[text.keep.len()], &[n])?;
        if !text.keep.contains(&true) {
            return Err(Error::EmptyInput { at: "text_embedding: text" });
        }
        let within = |at, indices: &[usize], table: &Embedding<R>| {
            indices.iter().try_for_each(|&i| check_index(at, i, table.table.nrows()))
        };
        within("text_embedding: ids", &text.ids, &self.word)?;
        within("text_embedding: positions", &[n - 1], &self.position)?;
        within("text_embedding: segments", &text.segments, &self.segment)
    }

    /// Gradients: adds to the rows that were looked up. Ids have no gradient.
    ///
    /// **eq-1.28-bert-embedding, backward**
    /// ```math
    /// \bar E_{tok}[v] = \sum_{i:\, t_i = v} \bar e_i, \qquad
    /// \bar E_{pos}[j] = \sum_{i \text{ at position } j} \bar e_i, \qquad
    /// \bar E_{seg}[s] = \sum_{i:\, s_i = s} \bar e_i, \qquad
    /// \bar e = \operatorname{LN}^\top(\bar x)
    /// ```
    ///
    /// Derivation: with `e_i` the sum that the norm sees, `e_i = Σ_v [t_i = v] E_tok[v] + ..`, so
    /// ```math
    /// \frac{\partial e_i}{\partial E_{tok}[v]} = [t_i = v]\, I
    /// \quad\Rightarrow\quad
    /// \bar E_{tok}[v] = \sum_i [t_i = v]\, \bar e_i
    /// ```
    /// and the same for the other tables. Summed over its rows, each gradient is `Σ_i ē_i`.
    pub fn backward(&self, tape: &TextEmbeddingTape<R>, dx: &ArrayRef2<R>, grad: &mut Self) {
        let de = self.sum.backward(&tape.sum, dx, &mut grad.sum);
        self.word.backward(&tape.ids, &de, &mut grad.word);
        self.position.backward(&tape.positions, &de, &mut grad.position);
        self.segment.backward(&tape.segments, &de, &mut grad.segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ids: &[usize], segments: &[usize], keep: bool) -> String {
        let module = TextEmbedding::<f64>::new(5, 3, 4, 1e-12, &mut Random::seed(0));
        let good = TextInput { ids: vec![1], segments: vec![0], keep: vec![true] };
        let bad =
            TextInput { ids: ids.to_vec(), segments: segments.to_vec(), keep: vec![keep; ids.len().max(1)] };
        module.forward(&[good, bad]).unwrap_err().to_string()
    }

    #[test]
    fn a_sequence_longer_than_the_table_is_refused() {
        let error = text(&[1; 4], &[0; 4], true);
        assert_eq!(error, "text_embedding: positions: index 3 is outside a table of 3");
    }

    #[test]
    fn ids_and_segments_outside_their_tables_are_refused() {
        let error = text(&[1, 5], &[0, 0], true);
        assert_eq!(error, "text_embedding: ids: index 5 is outside a table of 5");
        let error = text(&[1, 4], &[0, 2], true);
        assert_eq!(error, "text_embedding: segments: index 2 is outside a table of 2");
    }

    #[test]
    fn padding_alone_is_refused() {
        assert_eq!(text(&[0, 0], &[0, 0], false), "text_embedding: text: empty");
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        assert_eq!(text(&[1, 2], &[0], true), "text_embedding: segments: expected shape [2], got [1]");
        assert_eq!(text(&[], &[], true), "text_embedding: keep: expected shape [0], got [1]");
    }

    #[test]
    fn nothing_is_refused() {
        let module = TextEmbedding::<f64>::new(5, 3, 4, 1e-12, &mut Random::seed(0));
        assert_eq!(module.forward(&[]).unwrap_err().to_string(), "lookup: ids: empty");
        let none = TextInput { ids: vec![], segments: vec![], keep: vec![] };
        assert_eq!(module.forward(&[none]).unwrap_err().to_string(), "text_embedding: text: empty");
    }

    #[test]
    fn a_table_with_a_nan_is_refused() {
        let mut module = TextEmbedding::<f64>::new(5, 3, 4, 1e-12, &mut Random::seed(0));
        module.segment.table[(1, 0)] = f64::NAN;
        let input = TextInput { ids: vec![1], segments: vec![1], keep: vec![true] };
        assert_eq!(module.forward(&[input]).unwrap_err().to_string(), "lookup: table: not a finite number");
    }
}
