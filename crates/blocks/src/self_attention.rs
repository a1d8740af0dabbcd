//! Self-attention as the note writes it: three projections, no fourth.

use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::heads::check_heads;
use crate::{AttentionBatch, Heads, HeadsTape, Linear, LinearTape, Mask};

/// Every token looks at all tokens of its own sample.
///
/// **eq-1.4-self-attention**
/// ```math
/// \mathrm{MHSA}(X) = \mathrm{MHA}(X W_Q,\; X W_K,\; X W_V)
/// ```
///
/// `x: [n, d_x]` → `[n, d_v]`, with MHA of eq-1.2-mha-note; one head is `SA(X) = Attention(X W_Q, X W_K, X W_V)`
///
/// The standard form has an output projection: [`MultiHead`](crate::MultiHead) with `x` as its own context. Scores and
/// output take `n² d + n² d_v` multiply-adds, see [`multiply_adds`].
///
/// Source: the note, section 1.1; Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.3.
#[derive(Clone, Debug)]
pub struct SelfAttention<R> {
    /// `W_Q: [d_x, d]`
    pub w_q: Linear<R>,
    /// `W_K: [d_x, d]`
    pub w_k: Linear<R>,
    /// `W_V: [d_x, d_v]`
    pub w_v: Linear<R>,
    /// The heads, `c` of them.
    pub heads: Heads,
}

tree!(SelfAttention { w_q, w_k, w_v; heads });

/// What [`SelfAttention::backward`] reads.
#[derive(Clone, Debug)]
pub struct SelfAttentionTape<R> {
    /// Of `X W_Q`.
    pub w_q: LinearTape<R>,
    /// Of `X W_K`.
    pub w_k: LinearTape<R>,
    /// Of `X W_V`.
    pub w_v: LinearTape<R>,
    /// Of the heads.
    pub heads: HeadsTape<R>,
    /// Of the batch.
    pub batch: AttentionBatch,
}

tree!(SelfAttentionTape { w_q, w_k, w_v, heads; batch });

/// Multiply-adds of the scores and of the output of attention, for all heads together.
///
/// ```math
/// n\,m\,d + n\,m\,d_v
/// ```
///
/// The number of heads does not matter: `c` heads of width `d / c` cost what one of width `d` costs.
pub fn multiply_adds(n: usize, m: usize, d: usize, d_v: usize) -> usize {
    n * m * d + n * m * d_v
}

impl<R: Real> SelfAttention<R> {
    /// Tokens of width `d_x`, queries and keys of width `d`, values of width `d_v`; no biases.
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`](mmt_tensor::Error::HeadDivisibility) if `heads` is zero or does not divide `d` and
    /// `d_v`.
    pub fn new(d_x: usize, d: usize, d_v: usize, heads: usize, random: &mut Random) -> Result<Self> {
        check_heads(d, heads)?;
        check_heads(d_v, heads)?;
        Ok(SelfAttention {
            w_q: Linear::new(d_x, d, random).without_bias(),
            w_k: Linear::new(d_x, d, random).without_bias(),
            w_v: Linear::new(d_x, d_v, random).without_bias(),
            heads: Heads::new(heads),
        })
    }

    /// `x: [n, d_x]` → `[n, d_v]`
    ///
    /// # Errors
    /// Those of [`linear`](mmt_tensor::ops::linear()) and [`Heads::forward`].
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, SelfAttentionTape<R>)> {
        let (q, w_q) = self.w_q.forward(x)?;
        let (k, w_k) = self.w_k.forward(x)?;
        let (v, w_v) = self.w_v.forward(x)?;
        let (o, heads) = self.heads.forward(&q, &k, &v, rows, rows, mask)?;
        let batch = AttentionBatch { rows: rows.clone(), context_rows: rows.clone(), mask: mask.clone() };
        Ok((o, SelfAttentionTape { w_q, w_k, w_v, heads, batch }))
    }

    /// Gradients: returns `x̄`, adds to those of the three projections.
    ///
    /// **eq-1.4-self-attention, backward**
    /// ```math
    /// \bar X = \bar Q W_Q^\top + \bar K W_K^\top + \bar V W_V^\top, \qquad
    /// \bar W_Q = X^\top \bar Q, \quad \bar W_K = X^\top \bar K, \quad \bar W_V = X^\top \bar V
    /// ```
    ///
    /// Derivation: `X` is used three times, and the gradients of the three uses add up; each is that of a linear map.
    pub fn backward(&self, tape: &SelfAttentionTape<R>, d_o: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let AttentionBatch { rows, context_rows, mask } = &tape.batch;
        let (dq, dk, dv) = self.heads.backward(&tape.heads, d_o, rows, context_rows, mask);
        self.w_q.backward(&tape.w_q, &dq, &mut grad.w_q)
            + self.w_k.backward(&tape.w_k, &dk, &mut grad.w_k)
            + self.w_v.backward(&tape.w_v, &dv, &mut grad.w_v)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_do_not_divide_a_width_are_refused() {
        let text = |d, d_v, heads| {
            SelfAttention::<f64>::new(4, d, d_v, heads, &mut Random::seed(0)).unwrap_err().to_string()
        };
        assert_eq!(text(4, 4, 3), "3 heads do not divide a width of 4");
        assert_eq!(text(6, 4, 3), "3 heads do not divide a width of 4");
        assert_eq!(text(4, 4, 0), "0 heads do not divide a width of 4");
    }

    #[test]
    fn tokens_of_another_width_are_refused() {
        let layer = SelfAttention::<f64>::new(4, 4, 4, 2, &mut Random::seed(0)).unwrap();
        let error = layer.forward(&Array2::zeros((3, 2)), &Ragged::one(3), &Mask::None).unwrap_err();
        assert_eq!(error.to_string(), "linear: w: expected shape [2, 4], got [4, 4]");
    }

    #[test]
    fn no_token_is_refused() {
        let layer = SelfAttention::<f64>::new(4, 4, 4, 2, &mut Random::seed(0)).unwrap();
        let error = layer.forward(&Array2::zeros((0, 4)), &Ragged::one(0), &Mask::None).unwrap_err();
        assert_eq!(error.to_string(), "attention: q: empty");
    }
}
