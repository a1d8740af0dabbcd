//! A small model that has to write a sequence backwards.

use mmt_tensor::ops::{add_matmul, linear, matmul};
use mmt_tensor::{Error, Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, Embedding, Encoder, EncoderTape, Mask, NormOrder};

/// Words with places, a stack of blocks, and scores from the table of words itself.
///
/// **eq-1.17-warm-up**
/// ```math
/// x_i = E_{t_i} + P_i, \qquad Z = \mathrm{Encoder}(x)\, E^\top, \qquad
/// \ell = \operatorname{CE}(Z, \text{the words backwards}), \qquad
/// \alpha_s = \alpha \min\Bigl(1, \frac sw\Bigr)
/// ```
///
/// `ids: [n]` → scores `Z: [n, words]`, the same for every sample of a batch
///
/// The claim: at a large rate `α` Post-LN needs a warm-up of `w > 0` steps, Pre-LN does not. The task is the smallest on
/// which a processor separates the two: [`warm_up`](crate::depth::warm_up()) trains on it with Adam. It is a statement
/// about a rate and a depth. At 0.01 with 6 layers Post-LN fails without a warm-up and succeeds with one of 200 steps;
/// at 0.003 both succeed; and with 12 layers a warm-up of 200 steps is not enough, so "Post-LN with warm-up
/// always works" does not hold either.
///
/// Source: Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, sections 3.2 and 4, where the task is
/// translation: without warm-up Post-LN reaches a BLEU of 8.45 instead of 34.
#[derive(Clone, Debug)]
pub struct Reverser<R> {
    /// `E: [words, d]`, read twice: for the input and for the scores.
    pub words: Embedding<R>,
    /// `P: [longest, d]`
    pub places: Embedding<R>,
    /// The blocks.
    pub encoder: Encoder<R>,
}

tree!(Reverser { words, places, encoder });

/// What [`Reverser::backward`] reads.
#[derive(Clone, Debug)]
pub struct ReverserTape<R> {
    /// Of the blocks.
    pub encoder: EncoderTape<R>,
    /// Their output: `[n, d]`
    pub y: Array2<R>,
    /// The words: `[n]`
    pub ids: Vec<usize>,
    /// The place of every word in its sample: `[n]`
    pub places: Vec<usize>,
}

tree!(ReverserTape { encoder, y; ids, places });

impl<R: Real> Reverser<R> {
    /// Tables of normal numbers with variance `1/d`.
    ///
    /// # Errors
    /// Those of [`Encoder::new`].
    pub fn new(
        order: NormOrder,
        depth: usize,
        (words, longest): (usize, usize),
        config: &BlockConfig,
        random: &mut Random,
    ) -> Result<Self> {
        let std = (1.0 / config.width.max(1) as f64).sqrt();
        Ok(Reverser {
            words: Embedding::new(words, config.width, std, random),
            places: Embedding::new(longest, config.width, std, random),
            encoder: Encoder::new(order, depth, config, random)?,
        })
    }

    /// `ids: [n]` → `[n, words]`
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if `rows` has not one token per word; [`Error::IndexOutOfRange`] for a word or a place
    /// outside its table; those of the blocks.
    pub fn forward(&self, ids: &[usize], rows: &Ragged) -> Result<(Array2<R>, ReverserTape<R>)> {
        check_rows(ids, rows)?;
        let places: Vec<usize> = rows.lengths().flat_map(|n| 0..n).collect();
        let x = self.words.forward(ids)? + self.places.forward(&places)?;
        let (y, encoder) = self.encoder.forward(&x, rows, &Mask::None)?;
        let scores = linear(&y, &self.words.table.t(), None)?;
        Ok((scores, ReverserTape { encoder, y, ids: ids.to_vec(), places }))
    }

    /// Adds the gradients of all parameters, given that of the scores; words have none.
    ///
    /// **eq-1.17-warm-up, backward**
    /// ```math
    /// \bar Y = \bar Z E, \qquad \bar E = \bar Z^\top Y + \sum_i e_{t_i} \bar x_i^\top, \qquad
    /// \bar P = \sum_i e_i \bar x_i^\top, \qquad \bar x = \mathrm{Encoder}\text{-backward}(\bar Y)
    /// ```
    ///
    /// Derivation: `z_{ik} = Σ_j y_{ij} E_{kj}` gives the first term, the lookup `x_i = E_{t_i} + P_i` the second. `E` is
    /// used in both places, so its gradients add up.
    pub fn backward(&self, tape: &ReverserTape<R>, dscores: &ArrayRef2<R>, grad: &mut Self) {
        add_matmul(&mut grad.words.table, &dscores.t(), &tape.y);
        let dy = matmul(dscores, &self.words.table);
        let dx = self.encoder.backward(&tape.encoder, &dy, &mut grad.encoder);
        self.words.backward(&tape.ids, &dx, &mut grad.words);
        self.places.backward(&tape.places, &dx, &mut grad.places);
    }
}

/// Every sample backwards: what the model has to write.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `rows` has not one token per word.
pub fn reversed(ids: &[usize], rows: &Ragged) -> Result<Vec<usize>> {
    check_rows(ids, rows)?;
    Ok(rows.ranges().flat_map(|range| ids[range].iter().rev().copied()).collect())
}

fn check_rows(ids: &[usize], rows: &Ragged) -> Result<()> {
    if ids.len() == rows.tokens() {
        return Ok(());
    }
    Err(Error::ShapeMismatch { at: "reversal: ids", expected: vec![rows.tokens()], got: vec![ids.len()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Reverser<f64> {
        let config = BlockConfig::small();
        Reverser::new(NormOrder::Pre, 1, (5, 3), &config, &mut Random::seed(1)).unwrap()
    }

    #[test]
    fn every_sample_is_reversed_by_itself() {
        let rows = Ragged::of_lengths([3, 1, 2]);
        assert_eq!(reversed(&[1, 2, 3, 4, 5, 6], &rows).unwrap(), [3, 2, 1, 4, 6, 5]);
        let error = reversed(&[1, 2], &rows).unwrap_err().to_string();
        assert_eq!(error, "reversal: ids: expected shape [6], got [2]");
    }

    #[test]
    fn words_and_places_outside_the_tables_are_refused() {
        let text = |ids: &[usize], rows| model().forward(ids, &rows).unwrap_err().to_string();
        assert_eq!(text(&[1, 5], Ragged::one(2)), "embedding: ids: index 5 is outside a table of 5");
        assert_eq!(text(&[1; 4], Ragged::one(4)), "embedding: ids: index 3 is outside a table of 3");
        assert_eq!(text(&[1; 4], Ragged::one(3)), "reversal: ids: expected shape [3], got [4]");
        assert_eq!(text(&[], Ragged::one(0)), "lookup: ids: empty");
    }
}
