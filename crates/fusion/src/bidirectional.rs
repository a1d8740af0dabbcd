//! Two streams that look at themselves and at each other, half and half.

use mmt_blocks::{Ffn, FfnTape, LayerNorm, LayerNormTape, Mask};
use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BidirectionalAttention, BidirectionalAttentionTape, Layout};

/// What each stream of the block has for itself.
#[derive(Clone, Debug)]
pub struct BidirectionalStream<R> {
    /// Before the attention.
    pub norm_1: LayerNorm<R>,
    /// Before the feed-forward network.
    pub norm_2: LayerNorm<R>,
    /// The feed-forward network.
    pub ffn: Ffn<R>,
}

tree!(BidirectionalStream { norm_1, norm_2, ffn });

/// The block of IRENE: eq-3-irene-bi and a feed-forward network for each stream, with the norms before them.
///
/// ```math
/// X' = X + \mathrm{Bi}_x(\mathrm{LN}_x(X), \mathrm{LN}_t(T)), \qquad X'' = X' + \mathrm{FFN}_x(\mathrm{LN}'_x(X')),
/// \qquad T \text{ alike}
/// ```
#[derive(Clone, Debug)]
pub struct Bidirectional<R> {
    /// Of the first modality.
    pub a: BidirectionalStream<R>,
    /// Of the second modality.
    pub b: BidirectionalStream<R>,
    /// What both share.
    pub attn: BidirectionalAttention<R>,
}

tree!(Bidirectional { a, b, attn });

/// What [`Bidirectional::backward`] reads of each stream.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct BidirectionalStreamTape<R> {
    pub norm_1: LayerNormTape<R>,
    pub norm_2: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
}

tree!(BidirectionalStreamTape { norm_1, norm_2, ffn });

/// What [`Bidirectional::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct BidirectionalTape<R> {
    pub a: BidirectionalStreamTape<R>,
    pub b: BidirectionalStreamTape<R>,
    pub attn: BidirectionalAttentionTape<R>,
}

tree!(BidirectionalTape { a, b, attn });

impl<R: Real> Bidirectional<R> {
    /// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a, d]`, `[n_b, d]`
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        masks: (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), BidirectionalTape<R>)> {
        self.forward_rows((a, &layout_a.rows()), (b, &layout_b.rows()), masks)
    }

    /// [`forward`](Self::forward) of sequences of which it is known where each sample begins.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward_rows(
        &self,
        (a, rows_a): (&ArrayRef2<R>, &Ragged),
        (b, rows_b): (&ArrayRef2<R>, &Ragged),
        masks: (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), BidirectionalTape<R>)> {
        let (h_a, norm_a) = self.a.norm_1.forward(a)?;
        let (h_b, norm_b) = self.b.norm_1.forward(b)?;
        let ((y_a, y_b), attn) = self.attn.forward_rows((&h_a, rows_a), (&h_b, rows_b), masks)?;
        let (z_a, tape_a) = self.a.feed_forward(stored(add(y_a, a)), norm_a)?;
        let (z_b, tape_b) = self.b.feed_forward(stored(add(y_b, b)), norm_b)?;
        Ok(((z_a, z_b), BidirectionalTape { a: tape_a, b: tape_b, attn }))
    }

    /// Gradients: returns those of the two modalities, adds to those of the parameters.
    pub fn backward(
        &self,
        tape: &BidirectionalTape<R>,
        (dz_a, dz_b): (&ArrayRef2<R>, &ArrayRef2<R>),
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let du_a = self.a.feed_forward_backward(&tape.a, dz_a, &mut grad.a);
        let du_b = self.b.feed_forward_backward(&tape.b, dz_b, &mut grad.b);
        let (dh_a, dh_b) = self.attn.backward(&tape.attn, (&du_a, &du_b), &mut grad.attn);
        let da = self.a.norm_1.backward(&tape.a.norm_1, &dh_a, &mut grad.a.norm_1);
        let db = self.b.norm_1.backward(&tape.b.norm_1, &dh_b, &mut grad.b.norm_1);
        (add(du_a, &da), add(du_b, &db))
    }
}

impl<R: Real> BidirectionalStream<R> {
    /// `u + FFN(LN(u))`
    fn feed_forward(
        &self,
        u: Array2<R>,
        norm_1: LayerNormTape<R>,
    ) -> Result<(Array2<R>, BidirectionalStreamTape<R>)> {
        let (h, norm_2) = self.norm_2.forward(&u)?;
        let (f, ffn) = self.ffn.forward(&h)?;
        Ok((stored(add(u, &f)), BidirectionalStreamTape { norm_1, norm_2, ffn }))
    }

    fn feed_forward_backward(
        &self,
        tape: &BidirectionalStreamTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> Array2<R> {
        let dh = self.ffn.backward(&tape.ffn, dz, &mut grad.ffn);
        add(self.norm_2.backward(&tape.norm_2, &dh, &mut grad.norm_2), dz)
    }
}
