//! The sum of what is known about a token: what it is, where it stands, where it comes from.

use mmt_blocks::{LayerNorm, LayerNormTape};
use mmt_tensor::{Error, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// Layer norm of the sum of several embeddings of the same tokens.
#[derive(Clone, Debug)]
pub struct EmbeddingSum<R> {
    /// The norm after the sum.
    pub norm: LayerNorm<R>,
}

tree!(EmbeddingSum { norm });

/// What [`EmbeddingSum::backward`] reads.
#[derive(Clone, Debug)]
pub struct EmbeddingSumTape<R> {
    /// The norm, whose input is the sum.
    pub norm: LayerNormTape<R>,
}

tree!(EmbeddingSumTape { norm });

impl<R: Real> EmbeddingSum<R> {
    /// For tokens of width `d`.
    pub fn new(d: usize, eps: f64) -> Self {
        EmbeddingSum { norm: LayerNorm::new(d, eps) }
    }

    /// The token that its embeddings add up to.
    ///
    /// **eq-2.15-embedding-sum**
    /// ```math
    /// x_i = \operatorname{LN}\Bigl( \sum_{k=1}^K e_k(i) \Bigr)
    /// ```
    ///
    /// `e_1, .., e_K: [n, d]` → `x: [n, d]`
    ///
    /// One norm after the sum, not one per summand. BERT has three summands (word, segment, position), VL-BERT four
    /// (also a visual feature). Dropout, where it is wanted, follows with its own mask.
    ///
    /// Source: Devlin et al. 2019, *BERT*, figure 2; Su et al. 2020, *VL-BERT*, section 3.2; the norm is in the released
    /// code of both.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no summand or no token; [`Error::ShapeMismatch`] for summands of different shapes;
    /// [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(&self, summands: &[&ArrayRef2<R>]) -> Result<(Array2<R>, EmbeddingSumTape<R>)> {
        let [first, rest @ ..] = summands else { return Err(Error::EmptyInput { at: "embedding_sum: e" }) };
        let mut sum: Array2<R> = (*first).to_owned();
        for &e in rest {
            check_shape("embedding_sum: e", e.shape(), first.shape())?;
            sum = sum + e;
        }
        let (x, norm) = self.norm.forward(&sum)?;
        Ok((x, EmbeddingSumTape { norm }))
    }

    /// Gradient of [`forward`](Self::forward): returns `ē`, the same for every summand.
    ///
    /// **eq-2.15-embedding-sum, backward**
    /// ```math
    /// \bar e_k(i) = \bar s_i \quad \text{for all } k, \qquad
    /// \bar s = \operatorname{LN}^\top(\bar x), \qquad s_i = \sum_k e_k(i)
    /// ```
    ///
    /// Derivation:
    /// ```math
    /// \frac{\partial s_i}{\partial e_k(i)} = I
    /// \quad\Rightarrow\quad
    /// \bar e_k(i) = \bar s_i
    /// ```
    pub fn backward(&self, tape: &EmbeddingSumTape<R>, dx: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        self.norm.backward(&tape.norm, dx, &mut grad.norm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(summands: &[&Array2<f64>]) -> String {
        let summands: Vec<&ArrayRef2<f64>> = summands.iter().map(|e| &***e).collect();
        EmbeddingSum::new(3, 1e-12).forward(&summands).unwrap_err().to_string()
    }

    #[test]
    fn summands_of_different_shapes_are_refused() {
        let (a, b) = (Array2::zeros((2, 3)), Array2::zeros((2, 4)));
        assert_eq!(run(&[&a, &b]), "embedding_sum: e: expected shape [2, 3], got [2, 4]");
        let c = Array2::zeros((1, 3));
        assert_eq!(run(&[&a, &c]), "embedding_sum: e: expected shape [2, 3], got [1, 3]");
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(run(&[]), "embedding_sum: e: empty");
        assert_eq!(run(&[&Array2::zeros((0, 3))]), "layer_norm: x: empty");
    }

    #[test]
    fn a_nan_in_any_summand_is_refused() {
        let (a, nan) = (Array2::zeros((2, 3)), Array2::from_elem((2, 3), f64::NAN));
        assert_eq!(run(&[&a, &nan]), "layer_norm: x: not a finite number");
    }
}
