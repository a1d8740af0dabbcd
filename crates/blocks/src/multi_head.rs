//! Multi-head attention with projections.

use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use crate::heads::check_heads;
use crate::{AttentionKind, DeadRows, Heads, HeadsTape, Linear, LinearTape, Mask};

/// Multi-head attention of the tokens `x` over the tokens of a context.
///
/// **eq-1.3-mha-full**
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

    /// Queries from one sequence, keys and values from another: a decoder that looks at its source, or a modality that
    /// looks at the other one. With `x` as its own context it is self-attention.
    ///
    /// **eq-1.6-cross-attention**
    /// ```math
    /// Y = \mathrm{MHA}(X W_Q + b_Q,\; Z W_K + b_K,\; Z W_V + b_V)\, W_O + b_O, \qquad
    /// X \in \mathbb R^{n \times d_x}, \quad Z \in \mathbb R^{m \times d_z}
    /// ```
    ///
    /// `x: [n, d_x]`, `context: [m, d_z]` → `[n, d_o]`
    ///
    /// Sample `b` of the queries, `rows.range(b)`, sees sample `b` of the context, `context_rows.range(b)`. A mask of keys
    /// is about the rows of the context: that of the target does not belong here.
    ///
    /// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.3.
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
        let (c, heads) = self.inner().forward_owned((q, k, v), rows, context_rows, mask)?;
        let (y, w_o) = self.w_o.forward_owned(c)?;
        let batch =
            AttentionBatch { rows: rows.clone(), context_rows: context_rows.clone(), mask: mask.clone() };
        Ok((y, MultiHeadTape { w_q, w_k, w_v, heads, w_o, batch }))
    }

    /// Gradients: returns `x̄` and that of the context; in self-attention the gradient is their sum.
    ///
    /// **eq-1.3-mha-full, backward**
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
    ///
    /// **eq-1.6-cross-attention, backward**
    /// ```math
    /// \bar Z = \sum_{l} \bigl( \bar K_l W_{K,l}^\top + \bar V_l W_{V,l}^\top \bigr)
    /// ```
    ///
    /// Derivation: a context that several layers `l` read is used several times, and what this function returns for each of
    /// them adds up.
    pub fn backward(
        &self,
        tape: &MultiHeadTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (dx, (dkeys, dvalues)) = self.backward_split(tape, dy, grad);
        (dx, add(dkeys, &dvalues))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> MultiHead<f64> {
        MultiHead::cross(4, 6, 2, &mut Random::seed(0)).unwrap()
    }

    fn refused(x: (usize, usize), context: (usize, usize), rows: Ragged, of: Ragged, mask: Mask) -> String {
        let (x, context) = (Array2::ones(x), Array2::ones(context));
        layer().forward(&x, &context, &rows, &of, &mask).unwrap_err().to_string()
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        let text = |heads| MultiHead::<f64>::new(10, heads, &mut Random::seed(0)).unwrap_err().to_string();
        assert_eq!(text(3), "3 heads do not divide a width of 10");
        assert_eq!(text(0), "0 heads do not divide a width of 10");
        let mut layer = layer();
        layer.heads = 3;
        let x = Array2::ones((2, 4));
        let error = layer.forward(&x, &Array2::ones((3, 6)), &Ragged::one(2), &Ragged::one(3), &Mask::None);
        assert_eq!(error.unwrap_err().to_string(), "3 heads do not divide a width of 4");
    }

    #[test]
    fn tokens_of_another_width_are_refused() {
        let (rows, of) = (Ragged::one(2), Ragged::one(3));
        let text = refused((2, 5), (3, 6), rows.clone(), of.clone(), Mask::None);
        assert_eq!(text, "linear: w: expected shape [5, 4], got [4, 4]");
        let text = refused((2, 4), (3, 4), rows, of, Mask::None);
        assert_eq!(text, "linear: w: expected shape [4, 4], got [6, 4]");
    }

    #[test]
    fn samples_that_do_not_fit_are_refused() {
        let text = refused((2, 4), (3, 6), Ragged::one(3), Ragged::one(3), Mask::None);
        assert_eq!(text, "attention: q: expected shape [3, 4], got [2, 4]");
        let text = refused((2, 4), (3, 6), Ragged::one(2), Ragged::one(4), Mask::None);
        assert_eq!(text, "attention: k: expected shape [4, 4], got [3, 4]");
        let text = refused((2, 4), (3, 6), Ragged::one(2), Ragged::of_lengths([1, 2]), Mask::None);
        assert_eq!(text, "attention: samples of the keys: expected shape [1], got [2]");
        let text =
            refused((2, 4), (3, 6), Ragged::of_lengths([1, 1]), Ragged::of_lengths([0, 3]), Mask::None);
        assert_eq!(text, "attention: k: empty");
    }

    #[test]
    fn a_mask_of_another_length_than_the_memory_is_refused() {
        let text = refused((2, 4), (3, 6), Ragged::one(2), Ragged::one(3), Mask::Keys(vec![true; 2]));
        assert_eq!(text, "mask: keys: expected shape [3], got [2]");
    }

    #[test]
    fn a_memory_of_padding_only_is_refused_or_gives_zero() {
        let (rows, of) = (Ragged::of_lengths([1, 2]), Ragged::of_lengths([1, 2]));
        let mask = Mask::Keys(vec![true, false, false]);
        assert_eq!(refused((3, 4), (3, 6), rows.clone(), of.clone(), mask.clone()), "query 1 may see no key");
        let layer = MultiHead { dead_rows: DeadRows::Zero, ..layer() };
        let (_, tape) =
            layer.forward(&Array2::ones((3, 4)), &Array2::ones((3, 6)), &rows, &of, &mask).unwrap();
        assert!(tape.w_o.x.row(0).iter().all(|&c| c != 0.0));
        assert!(tape.w_o.x.row(1).iter().chain(tape.w_o.x.row(2)).all(|&c| c == 0.0));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (mut x, context) = (Array2::ones((2, 4)), Array2::ones((3, 6)));
            x[(1, 2)] = bad;
            let error = layer().forward(&x, &context, &Ragged::one(2), &Ragged::one(3), &Mask::None);
            assert_eq!(error.unwrap_err().to_string(), "linear: x: not a finite number");
        }
    }
}
