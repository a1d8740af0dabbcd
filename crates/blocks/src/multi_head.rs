//! Multi-head attention with projections.

use mmt_tensor::{Ragged, Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use crate::heads::check_heads;
use crate::{AttentionKind, DeadRows, Heads, HeadsTape, Linear, LinearTape, Mask};

/// Multi-head attention of the tokens `x` over the tokens of a context.
///
/// *eq-1.3-mha-full*
/// ```math
/// Y = C\, W_O + b_O, \qquad C = \mathrm{MHA}(X W_Q + b_Q,\; Z W_K + b_K,\; Z W_V + b_V)
/// ```
///
/// `x: [n, d_x]`, `context: [m, d_z]` → `[n, d_o]`, with MHA of eq-1.2-mha-note
///
/// Block `i` of the columns of `W_Q` is the matrix of head `i`: projecting once and cutting into heads is the same as
/// one projection per head. Biases are optional.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.2.
#[derive(Clone, Debug)]
pub struct MultiHead<R> {
    /// `W_Q: [d_x, d]`
    pub w_q: Linear<R>,
    /// `W_K: [d_z, d]`
    pub w_k: Linear<R>,
    /// `W_V: [d_z, d_v]`
    pub w_v: Linear<R>,
    /// `W_O: [d_v, d_o]`
    pub w_o: Linear<R>,
    /// `c`, a divisor of `d` and `d_v`
    pub heads: usize,
    /// How attention is computed.
    pub kind: AttentionKind,
    /// What happens to a query that may see no key.
    pub dead_rows: DeadRows,
}

tree!(MultiHead { w_q, w_k, w_v, w_o; heads, kind, dead_rows });

/// What [`MultiHead::backward`] reads.
#[derive(Clone, Debug)]
pub struct MultiHeadTape<R> {
    /// Of `X W_Q`.
    pub w_q: LinearTape<R>,
    /// Of `Z W_K`.
    pub w_k: LinearTape<R>,
    /// Of `Z W_V`.
    pub w_v: LinearTape<R>,
    /// Of the heads; its output is `C`.
    pub heads: HeadsTape<R>,
    /// Of `C W_O`.
    pub w_o: LinearTape<R>,
    /// Of the batch: where samples begin, and who sees whom.
    pub batch: AttentionBatch,
}

tree!(MultiHeadTape { w_q, w_k, w_v, heads, w_o; batch });

/// What attention was told about its batch.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionBatch {
    /// Where each sample begins in the queries.
    pub rows: Ragged,
    /// Where each sample begins in the keys.
    pub context_rows: Ragged,
    /// Which keys are visible.
    pub mask: Mask,
}

impl<R: Real> MultiHead<R> {
    /// `d` is the width of a token on both sides.
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`](mmt_tensor::Error::HeadDivisibility) if `heads` is zero or does not divide `d`.
    pub fn new(d: usize, heads: usize, random: &mut Random) -> Result<Self> {
        Self::cross(d, d, heads, random)
    }

    /// Tokens of width `d` look at a context of width `d_z`.
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`](mmt_tensor::Error::HeadDivisibility) if `heads` is zero or does not divide `d`.
    pub fn cross(d: usize, d_z: usize, heads: usize, random: &mut Random) -> Result<Self> {
        check_heads(d, heads)?;
        Ok(MultiHead {
            w_q: Linear::new(d, d, random),
            w_k: Linear::new(d_z, d, random),
            w_v: Linear::new(d_z, d, random),
            w_o: Linear::new(d, d, random),
            heads,
            kind: AttentionKind::Plain,
            dead_rows: DeadRows::Refuse,
        })
    }

    /// The same layer without biases.
    pub fn without_bias(self) -> Self {
        MultiHead {
            w_q: self.w_q.without_bias(),
            w_k: self.w_k.without_bias(),
            w_v: self.w_v.without_bias(),
            w_o: self.w_o.without_bias(),
            ..self
        }
    }

    /// `x: [n, d_x]`, `context: [m, d_z]` → `[n, d_o]`
    ///
    /// Sample `b` of the queries, `rows.range(b)`, sees sample `b` of the context, `context_rows.range(b)`.
    ///
    /// # Errors
    /// Those of [`linear`](mmt_tensor::ops::linear()) and [`Heads::forward`].
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        context: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, MultiHeadTape<R>)> {
        self.forward_split(x, (context, context), rows, context_rows, mask)
    }

    /// Keys from one matrix, values from another with as many rows; usually both are the same context.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_split(
        &self,
        x: &ArrayRef2<R>,
        (keys, values): (&ArrayRef2<R>, &ArrayRef2<R>),
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, MultiHeadTape<R>)> {
        check_shape("multi_head: values", values.shape(), &[keys.nrows(), values.ncols()])?;
        let (q, w_q) = self.w_q.forward(x)?;
        let (k, w_k) = self.w_k.forward(keys)?;
        let (v, w_v) = self.w_v.forward(values)?;
        let (c, heads) = self.inner().forward(&q, &k, &v, rows, context_rows, mask)?;
        let (y, w_o) = self.w_o.forward(&c)?;
        let batch =
            AttentionBatch { rows: rows.clone(), context_rows: context_rows.clone(), mask: mask.clone() };
        Ok((y, MultiHeadTape { w_q, w_k, w_v, heads, w_o, batch }))
    }

    /// Gradients: returns `x̄` and that of the context; in self-attention the gradient is their sum.
    ///
    /// *eq-1.3-mha-full, backward*
    /// ```math
    /// \bar C = \bar Y W_O^\top, \qquad (\bar Q, \bar K, \bar V) = \mathrm{MHA}\text{-backward}(\bar C), \qquad
    /// \bar X = \bar Q W_Q^\top, \qquad \bar Z = \bar K W_K^\top + \bar V W_V^\top, \qquad
    /// \bar W_Q = X^\top \bar Q, \quad \bar W_K = Z^\top \bar K, \quad \bar W_V = Z^\top \bar V, \quad
    /// \bar W_O = C^\top \bar Y
    /// ```
    ///
    /// Derivation: four linear maps around eq-1.2-mha-note; the context feeds two of them, and gradients of a matrix that
    /// is used twice add up. The gradient of `b_K` is zero: it adds the same number `q_i \cdot b_K` to all scores of a row,
    /// and a softmax does not see that,
    /// ```math
    /// \bar b_K = \sum_j \bar K_j = \frac{1}{\sqrt{d/c}} \sum_i \Bigl( \sum_j \bar S_{ij} \Bigr) Q_i = 0 .
    /// ```
    pub fn backward(
        &self,
        tape: &MultiHeadTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (dx, (dkeys, dvalues)) = self.backward_split(tape, dy, grad);
        (dx, dkeys + dvalues)
    }

    /// The gradients of queries, keys and values, each by itself.
    pub fn backward_split(
        &self,
        tape: &MultiHeadTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, (Array2<R>, Array2<R>)) {
        let dc = self.w_o.backward(&tape.w_o, dy, &mut grad.w_o);
        let AttentionBatch { rows, context_rows, mask } = &tape.batch;
        let (dq, dk, dv) = self.inner().backward(&tape.heads, &dc, rows, context_rows, mask);
        let dx = self.w_q.backward(&tape.w_q, &dq, &mut grad.w_q);
        let dkeys = self.w_k.backward(&tape.w_k, &dk, &mut grad.w_k);
        let dvalues = self.w_v.backward(&tape.w_v, &dv, &mut grad.w_v);
        (dx, (dkeys, dvalues))
    }

    /// The part without parameters.
    fn inner(&self) -> Heads {
        Heads { count: self.heads, kind: self.kind, dead_rows: self.dead_rows }
    }
}
