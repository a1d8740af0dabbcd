//! Queries, keys and values of one modality that two attentions read.

use mmt_blocks::{HeadsTape, Linear, LinearTape};
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

/// The projections of one modality.
#[derive(Clone, Debug)]
pub struct Projections<R> {
    /// `W_Q: [d, d]`
    pub w_q: Linear<R>,
    /// `W_K: [d, d]`
    pub w_k: Linear<R>,
    /// `W_V: [d, d]`
    pub w_v: Linear<R>,
}

tree!(Projections { w_q, w_k, w_v });

/// What [`BidirectionalAttention::backward`](crate::BidirectionalAttention::backward) reads of one modality.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ProjectionsTape<R> {
    pub w_q: LinearTape<R>,
    pub w_k: LinearTape<R>,
    pub w_v: LinearTape<R>,
    /// Of the attention to itself.
    pub own: HeadsTape<R>,
    /// Of the attention to the other modality.
    pub other: HeadsTape<R>,
    pub w_o: LinearTape<R>,
}

tree!(ProjectionsTape { w_q, w_k, w_v, own, other, w_o });

/// Queries, keys and values of one modality, with their tapes.
pub(crate) struct Projected<R> {
    pub q: Array2<R>,
    pub k: Array2<R>,
    pub v: Array2<R>,
    pub tapes: [LinearTape<R>; 3],
}

impl<R: Real> Projections<R> {
    /// Tokens of width `d`.
    pub fn new(d: usize, random: &mut Random) -> Self {
        let mut next = || Linear::new(d, d, random);
        Projections { w_q: next(), w_k: next(), w_v: next() }
    }

    pub(crate) fn forward(&self, x: &ArrayRef2<R>) -> Result<Projected<R>> {
        let (q, w_q) = self.w_q.forward(x)?;
        let (k, w_k) = self.w_k.forward(x)?;
        let (v, w_v) = self.w_v.forward(x)?;
        Ok(Projected { q, k, v, tapes: [w_q, w_k, w_v] })
    }

    pub(crate) fn backward(
        &self,
        tape: &ProjectionsTape<R>,
        [dq, dk, dv]: [&Array2<R>; 3],
        grad: &mut Self,
    ) -> Array2<R> {
        self.w_q.backward(&tape.w_q, dq, &mut grad.w_q)
            + self.w_k.backward(&tape.w_k, dk, &mut grad.w_k)
            + self.w_v.backward(&tape.w_v, dv, &mut grad.w_v)
    }
}
