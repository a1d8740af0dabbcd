//! Attention of two modalities to themselves and to each other, averaged.

use mmt_blocks::{Heads, HeadsTape, Linear, LinearTape, Mask};
use mmt_tensor::{Ragged, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::projections::Projected;
use crate::{Layout, Projections, ProjectionsTape};

/// The attention of IRENE's first blocks.
#[derive(Clone, Debug)]
pub struct BidirectionalAttention<R> {
    /// Of the first modality.
    pub a: Projections<R>,
    /// Of the second modality.
    pub b: Projections<R>,
    /// `W_O`, one for both: the released code has a second one and does not use it.
    pub w_o: Linear<R>,
    /// How many heads.
    pub heads: Heads,
}

tree!(BidirectionalAttention { a, b, w_o; heads });

/// What [`BidirectionalAttention::backward`] reads.
#[derive(Clone, Debug)]
pub struct BidirectionalAttentionTape<R> {
    /// Of the first modality.
    pub a: ProjectionsTape<R>,
    /// Of the second modality.
    pub b: ProjectionsTape<R>,
    /// Where each sample of the first modality begins.
    pub rows_a: Ragged,
    /// Where each sample of the second modality begins.
    pub rows_b: Ragged,
    /// Who sees which keys of the first and of the second modality.
    pub masks: (Mask, Mask),
}

tree!(BidirectionalAttentionTape { a, b; rows_a, rows_b, masks });

impl<R: Real> BidirectionalAttention<R> {
    /// Every token takes half of its answer from its own modality and half from the other one.
    ///
    /// **eq-3-irene-bi**
    /// ```math
    /// A_x = \tfrac12 \bigl( \mathrm{MHA}(Q_x, K_x, V_x) + \mathrm{MHA}(Q_x, K_t, V_t) \bigr), \qquad
    /// A_t = \tfrac12 \bigl( \mathrm{MHA}(Q_t, K_t, V_t) + \mathrm{MHA}(Q_t, K_x, V_x) \bigr), \qquad
    /// Y_x = A_x W_O + b_O, \quad Y_t = A_t W_O + b_O
    /// ```
    ///
    /// `a: [n_x, d]`, `b: [n_t, d]` → `[n_x, d]`, `[n_t, d]`; the first mask hides keys of the first modality from both, the
    /// second those of the second
    ///
    /// Four softmaxes, each by itself: eq-3-gate with every gate frozen at one half, and projections of each modality. `W_O`
    /// is shared. The products are as many as in one block over the joined sequence, so the block saves none.
    ///
    /// Source: Zhou et al. 2023, *A transformer-based representation-learning model with unified processing of multimodal
    /// input for clinical diagnostics* (IRENE), methods; the released `models/attention.py`. The note files it under
    /// cross-attention to concatenation.
    ///
    /// # Errors
    /// Those of [`linear`](mmt_tensor::ops::linear()) and [`Heads::forward`].
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        (mask_a, mask_b): (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), BidirectionalAttentionTape<R>)> {
        self.forward_rows((a, &layout_a.rows()), (b, &layout_b.rows()), (mask_a, mask_b))
    }

    /// [`forward`](Self::forward) of sequences of which it is known where each sample begins.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_rows(
        &self,
        (a, rows_a): (&ArrayRef2<R>, &Ragged),
        (b, rows_b): (&ArrayRef2<R>, &Ragged),
        (mask_a, mask_b): (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), BidirectionalAttentionTape<R>)> {
        let (a, b) = (self.a.forward(a)?, self.b.forward(b)?);
        let (own_a, other_a) = self.attend(&a.q, [(&a, rows_a, mask_a), (&b, rows_b, mask_b)], rows_a)?;
        let (own_b, other_b) = self.attend(&b.q, [(&b, rows_b, mask_b), (&a, rows_a, mask_a)], rows_b)?;
        let (y_a, w_o_a) = self.w_o.forward_owned(half(&own_a.o, &other_a.o))?;
        let (y_b, w_o_b) = self.w_o.forward_owned(half(&own_b.o, &other_b.o))?;
        let masks = (mask_a.clone(), mask_b.clone());
        let tape = BidirectionalAttentionTape {
            a: tape_of(a, own_a, other_a, w_o_a),
            b: tape_of(b, own_b, other_b, w_o_b),
            rows_a: rows_a.clone(),
            rows_b: rows_b.clone(),
            masks,
        };
        Ok(((y_a, y_b), tape))
    }

    /// Queries over their own keys and over those of the other modality.
    fn attend(
        &self,
        q: &Array2<R>,
        [own, other]: [(&Projected<R>, &Ragged, &Mask); 2],
        rows: &Ragged,
    ) -> Result<(HeadsTape<R>, HeadsTape<R>)> {
        let look = |(kv, of, mask): (&Projected<R>, &Ragged, &Mask)| -> Result<_> {
            Ok(self.heads.forward(q, &kv.k, &kv.v, rows, of, mask)?.1)
        };
        Ok((look(own)?, look(other)?))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the parameters.
    ///
    /// **eq-3-irene-bi, backward**
    /// ```math
    /// \bar A_x = \bar Y_x W_O^\top, \qquad \bar W_O = A_x^\top \bar Y_x + A_t^\top \bar Y_t, \qquad
    /// \bar Q_x = \bar Q_x^{xx} + \bar Q_x^{xt}, \qquad \bar K_x = \bar K_x^{xx} + \bar K_x^{tx}, \qquad
    /// \bar V_x = \bar V_x^{xx} + \bar V_x^{tx}
    /// ```
    ///
    /// and alike for `t`; `xt` is the attention of the queries of `x` over the keys of `t`, and each of the four gets half of
    /// its `Ā`.
    ///
    /// Derivation: the mean hands half of the gradient to each of its terms. Queries are used twice, once for either softmax;
    /// keys and values are used twice, by their own queries and by those of the other modality; `W_O` is used twice. Gradients
    /// of several uses add up.
    pub fn backward(
        &self,
        tape: &BidirectionalAttentionTape<R>,
        (dy_a, dy_b): (&ArrayRef2<R>, &ArrayRef2<R>),
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let BidirectionalAttentionTape { a, b, rows_a, rows_b, masks: (mask_a, mask_b) } = tape;
        let half = R::of(0.5);
        let da = self.w_o.backward(&a.w_o, dy_a, &mut grad.w_o) * half;
        let db = self.w_o.backward(&b.w_o, dy_b, &mut grad.w_o) * half;
        let (q_aa, k_aa, v_aa) = self.heads.backward(&a.own, &da, rows_a, rows_a, mask_a);
        let (q_ab, k_ab, v_ab) = self.heads.backward(&a.other, &da, rows_a, rows_b, mask_b);
        let (q_bb, k_bb, v_bb) = self.heads.backward(&b.own, &db, rows_b, rows_b, mask_b);
        let (q_ba, k_ba, v_ba) = self.heads.backward(&b.other, &db, rows_b, rows_a, mask_a);
        let of_a = [&(q_aa + q_ab), &(k_aa + k_ba), &(v_aa + v_ba)];
        let of_b = [&(q_bb + q_ba), &(k_bb + k_ab), &(v_bb + v_ab)];
        (self.a.backward(a, of_a, &mut grad.a), self.b.backward(b, of_b, &mut grad.b))
    }
}

/// `(x + y) / 2`
fn half<R: Real>(x: &Array2<R>, y: &Array2<R>) -> Array2<R> {
    (x + y) * R::of(0.5)
}

fn tape_of<R>(
    projected: Projected<R>,
    own: HeadsTape<R>,
    other: HeadsTape<R>,
    w_o: LinearTape<R>,
) -> ProjectionsTape<R> {
    let [w_q, w_k, w_v] = projected.tapes;
    ProjectionsTape { w_q, w_k, w_v, own, other, w_o }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;

    #[test]
    fn wrong_inputs_are_refused() {
        let random = &mut Random::seed(0);
        let module = |heads| BidirectionalAttention::<f64> {
            a: Projections::new(4, &mut Random::seed(1)),
            b: Projections::new(4, &mut Random::seed(2)),
            w_o: Linear::new(4, 4, &mut Random::seed(3)),
            heads: Heads::new(heads),
        };
        let text = |heads, a: Array2<f64>, b: Array2<f64>| {
            let layout = |tag: &str, n| Layout::with_missing(tag, Ragged::one(n)).unwrap();
            let (la, lb) = (layout("a", a.nrows()), layout("b", b.nrows()));
            module(heads).forward((&a, &la), (&b, &lb), (&Mask::None, &Mask::None)).unwrap_err().to_string()
        };
        let x: Array2<f64> = random.uniform((3, 4), 1.0);
        assert_eq!(text(3, x.clone(), x.clone()), "3 heads do not divide a width of 4");
        let wide = Array2::ones((2, 5));
        assert_eq!(text(2, x.clone(), wide), "linear: w: expected shape [5, 4], got [4, 4]");
        assert_eq!(text(2, x.clone(), Array2::zeros((0, 4))), "attention: k: empty");
        let nan = Array2::from_elem((2, 4), f64::NAN);
        assert_eq!(text(2, x, nan), "linear: x: not a finite number");
    }
}
