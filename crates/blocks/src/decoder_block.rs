//! The block of a decoder: it looks at what was written so far, then at the source.

use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, Ffn, FfnTape, LayerNorm, LayerNormTape, Mask, MultiHead, MultiHeadTape, NormOrder};

/// Self-attention, attention over a memory and a feed-forward network, in either order of the norms.
///
/// ```math
/// u = \mathrm{LN}_1(x + \mathrm{MHA}(x)), \qquad w = \mathrm{LN}_2(u + \mathrm{MHA}(u; Z)), \qquad
/// y = \mathrm{LN}_3(w + \mathrm{FFN}(w))
/// ```
///
/// in Post-LN form; in Pre-LN form the state of the decoder is normalized before each sub-layer, the memory not again.
///
/// `x: [n, d]`, `memory: [m, d]` → `[n, d]`
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.1.
#[derive(Clone, Debug)]
pub struct DecoderBlock<R> {
    /// Of the self-attention.
    pub norm_1: LayerNorm<R>,
    /// The self-attention, usually under a causal mask.
    pub attn: MultiHead<R>,
    /// Of the attention over the memory.
    pub norm_2: LayerNorm<R>,
    /// Queries from the decoder, keys and values from the memory.
    pub cross: MultiHead<R>,
    /// Of the feed-forward network.
    pub norm_3: LayerNorm<R>,
    /// The feed-forward network.
    pub ffn: Ffn<R>,
    /// Where the norms stand.
    pub order: NormOrder,
}

tree!(DecoderBlock { norm_1, attn, norm_2, cross, norm_3, ffn; order });

/// What [`DecoderBlock::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct DecoderBlockTape<R> {
    pub norm_1: LayerNormTape<R>,
    pub attn: MultiHeadTape<R>,
    pub norm_2: LayerNormTape<R>,
    pub cross: MultiHeadTape<R>,
    pub norm_3: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
}

tree!(DecoderBlockTape { norm_1, attn, norm_2, cross, norm_3, ffn });

impl<R: Real> DecoderBlock<R> {
    /// `memory` is the width of the source.
    ///
    /// # Errors
    /// Those of [`MultiHead::new`], [`MultiHead::cross`] and [`Ffn::new`].
    pub fn new(order: NormOrder, config: &BlockConfig, memory: usize, random: &mut Random) -> Result<Self> {
        Ok(DecoderBlock {
            norm_1: config.norm(),
            attn: config.attn(random)?,
            norm_2: config.norm(),
            cross: config.cross(memory, random)?,
            norm_3: config.norm(),
            ffn: config.ffn(random)?,
            order,
        })
    }

    /// `x: [n, d]`, `memory: [m, d_z]` → `[n, d]`; `mask` is that of the self-attention, `memory_mask` hides rows of the
    /// memory.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        memory: &ArrayRef2<R>,
        rows: &Ragged,
        memory_rows: &Ragged,
        mask: &Mask,
        memory_mask: &Mask,
    ) -> Result<(Array2<R>, DecoderBlockTape<R>)> {
        match self.order {
            NormOrder::Pre => {
                let (h, norm_1) = self.norm_1.forward(x)?;
                let (a, attn) = self.attn.forward(&h, &h, rows, rows, mask)?;
                let u = stored(add(a, x));
                let (h, norm_2) = self.norm_2.forward(&u)?;
                let (c, cross) = self.cross.forward(&h, memory, rows, memory_rows, memory_mask)?;
                let w = stored(add(u, &c));
                let (h, norm_3) = self.norm_3.forward(&w)?;
                let (f, ffn) = self.ffn.forward(&h)?;
                Ok((stored(add(w, &f)), DecoderBlockTape { norm_1, attn, norm_2, cross, norm_3, ffn }))
            }
            NormOrder::Post => {
                let (a, attn) = self.attn.forward(x, x, rows, rows, mask)?;
                let (u, norm_1) = self.norm_1.forward(&stored(add(a, x)))?;
                let (c, cross) = self.cross.forward(&u, memory, rows, memory_rows, memory_mask)?;
                let (w, norm_2) = self.norm_2.forward(&stored(add(c, &u)))?;
                let (f, ffn) = self.ffn.forward(&w)?;
                let (y, norm_3) = self.norm_3.forward(&stored(add(f, &w)))?;
                Ok((y, DecoderBlockTape { norm_1, attn, norm_2, cross, norm_3, ffn }))
            }
        }
    }

    /// `dy: [n, d]` → `x̄: [n, d]` and the gradient of the memory: `[m, d_z]`; adds to the gradients of the parameters.
    ///
    /// In Post-LN form, with `f'(ȳ)` for the backward of `f`:
    /// ```math
    /// \bar v = \mathrm{LN}_3'(\bar y), \qquad \bar w = \bar v + \mathrm{FFN}'(\bar v), \qquad
    /// \bar s = \mathrm{LN}_2'(\bar w), \qquad (\bar c, \bar Z) = \mathrm{MHA}'(\bar s), \qquad
    /// \bar u = \bar s + \bar c, \qquad \bar t = \mathrm{LN}_1'(\bar u), \qquad
    /// \bar x = \bar t + \mathrm{MHA}'(\bar t)
    /// ```
    ///
    /// In Pre-LN form:
    /// ```math
    /// \bar w = \bar y + \mathrm{LN}_3'\bigl(\mathrm{FFN}'(\bar y)\bigr), \qquad
    /// (\bar h, \bar Z) = \mathrm{MHA}'(\bar w), \qquad \bar u = \bar w + \mathrm{LN}_2'(\bar h), \qquad
    /// \bar x = \bar u + \mathrm{LN}_1'\bigl(\mathrm{MHA}'(\bar u)\bigr)
    /// ```
    ///
    /// Derivation: in Post-LN form `t = x + MHA(x)`, `u = LN_1(t)`, `s = u + MHA(u; Z)`, `w = LN_2(s)`, `v = w + FFN(w)`,
    /// `y = LN_3(v)`; in Pre-LN form `u = x + MHA(LN_1(x))`, `w = u + MHA(h; Z)` with `h = LN_2(u)`, `y = w + FFN(LN_3(w))`.
    /// Read from the last to the first: a sum hands its gradient on to both terms, and what is read twice gets the sum of
    /// two gradients. Self-attention reads its input as queries and as keys with values, whose gradients add; the memory
    /// is read by one attention alone.
    pub fn backward(
        &self,
        tape: &DecoderBlockTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        match self.order {
            NormOrder::Pre => {
                let dh = self.ffn.backward(&tape.ffn, dy, &mut grad.ffn);
                let dw = stored(add(self.norm_3.backward(&tape.norm_3, &dh, &mut grad.norm_3), dy));
                let (dh, dmemory) = self.cross.backward(&tape.cross, &dw, &mut grad.cross);
                let du = stored(add(dw, &self.norm_2.backward(&tape.norm_2, &dh, &mut grad.norm_2)));
                let (dh_q, dh_kv) = self.attn.backward(&tape.attn, &du, &mut grad.attn);
                let dh = add(dh_q, &dh_kv);
                let dx = stored(add(du, &self.norm_1.backward(&tape.norm_1, &dh, &mut grad.norm_1)));
                (dx, dmemory)
            }
            NormOrder::Post => {
                let dv = self.norm_3.backward(&tape.norm_3, dy, &mut grad.norm_3);
                let dw = stored(add(self.ffn.backward(&tape.ffn, &dv, &mut grad.ffn), &dv));
                let ds = self.norm_2.backward(&tape.norm_2, &dw, &mut grad.norm_2);
                let (du, dmemory) = self.cross.backward(&tape.cross, &ds, &mut grad.cross);
                let dt = self.norm_1.backward(&tape.norm_1, &add(du, &ds), &mut grad.norm_1);
                let (dx_q, dx_kv) = self.attn.backward(&tape.attn, &dt, &mut grad.attn);
                (add(add(dt, &dx_q), &dx_kv), dmemory)
            }
        }
    }
}
