//! The block that normalizes after each sum, as the original Transformer and BERT do.

use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, Ffn, FfnTape, LayerNorm, LayerNormTape, Mask, MultiHead, MultiHeadTape};

/// Self-attention and a feed-forward network, each added to its input, the sum normalized.
///
/// **eq-1.13-post-ln-block**
/// ```math
/// u = \mathrm{LN}_1(x + \mathrm{MHA}(x)), \qquad y = \mathrm{LN}_2(u + \mathrm{FFN}(u))
/// ```
///
/// `x: [n, d]` → `y: [n, d]`
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.1.
#[derive(Clone, Debug)]
pub struct PostLn<R> {
    /// `MHA`
    pub attn: MultiHead<R>,
    /// `LN_1`
    pub norm_1: LayerNorm<R>,
    /// `FFN`
    pub ffn: Ffn<R>,
    /// `LN_2`
    pub norm_2: LayerNorm<R>,
}

tree!(PostLn { attn, norm_1, ffn, norm_2 });

/// What [`PostLn::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PostLnTape<R> {
    pub attn: MultiHeadTape<R>,
    pub norm_1: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
    pub norm_2: LayerNormTape<R>,
}

tree!(PostLnTape { attn, norm_1, ffn, norm_2 });

impl<R: Real> PostLn<R> {
    /// # Errors
    /// Those of [`MultiHead::new`] and [`Ffn::new`].
    pub fn new(config: &BlockConfig, random: &mut Random) -> Result<Self> {
        Ok(PostLn {
            attn: config.attn(random)?,
            norm_1: config.norm(),
            ffn: config.ffn(random)?,
            norm_2: config.norm(),
        })
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, PostLnTape<R>)> {
        let (a, attn) = self.attn.forward(x, x, rows, rows, mask)?;
        let (u, norm_1) = self.norm_1.forward(&stored(add(a, x)))?;
        let (f, ffn) = self.ffn.forward(&u)?;
        let (y, norm_2) = self.norm_2.forward(&stored(add(f, &u)))?;
        Ok((y, PostLnTape { attn, norm_1, ffn, norm_2 }))
    }

    /// Gradients: returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-1.13-post-ln-block, backward**
    /// ```math
    /// \bar s = \mathrm{LN}_2\text{-backward}(\bar y), \qquad \bar u = \bar s + \mathrm{FFN}\text{-backward}(\bar s), \qquad
    /// \bar t = \mathrm{LN}_1\text{-backward}(\bar u), \qquad \bar x = \bar t + \mathrm{MHA}\text{-backward}(\bar t)
    /// ```
    ///
    /// Derivation: name the sums `t = x + MHA(x)` and `s = u + FFN(u)`. Each is normalized, so its gradient comes out of
    /// the norm; each is a sum of its input and a branch, so the gradient goes both ways and adds up.
    pub fn backward(&self, tape: &PostLnTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let ds = self.norm_2.backward(&tape.norm_2, dy, &mut grad.norm_2);
        let du = stored(add(self.ffn.backward(&tape.ffn, &ds, &mut grad.ffn), &ds));
        let dt = self.norm_1.backward(&tape.norm_1, &du, &mut grad.norm_1);
        let (dx_q, dx_kv) = self.attn.backward(&tape.attn, &dt, &mut grad.attn);
        add(add(dt, &dx_q), &dx_kv)
    }
}
