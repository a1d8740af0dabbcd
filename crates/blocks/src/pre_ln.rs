//! The block that normalizes before each sub-layer.

use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, Ffn, FfnTape, LayerNorm, LayerNormTape, Mask, MultiHead, MultiHeadTape};

/// Self-attention and a feed-forward network, each on the normalized tokens and added to them.
///
/// **eq-1.14-pre-ln-block**
/// ```math
/// u = x + \mathrm{MHA}(\mathrm{LN}_1(x)), \qquad y = u + \mathrm{FFN}(\mathrm{LN}_2(u))
/// ```
///
/// `x: [n, d]` → `y: [n, d]`
///
/// A stack of such blocks ends with one more layer norm: eq-1.15-pre-ln-final-norm.
///
/// Source: Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, table 1.
#[derive(Clone, Debug)]
pub struct PreLn<R> {
    /// `LN_1`
    pub norm_1: LayerNorm<R>,
    /// `MHA`
    pub attn: MultiHead<R>,
    /// `LN_2`
    pub norm_2: LayerNorm<R>,
    /// `FFN`
    pub ffn: Ffn<R>,
}

tree!(PreLn { norm_1, attn, norm_2, ffn });

/// What [`PreLn::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct PreLnTape<R> {
    pub norm_1: LayerNormTape<R>,
    pub attn: MultiHeadTape<R>,
    pub norm_2: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
}

tree!(PreLnTape { norm_1, attn, norm_2, ffn });

impl<R: Real> PreLn<R> {
    /// # Errors
    /// Those of [`MultiHead::new`] and [`Ffn::new`].
    pub fn new(config: &BlockConfig, random: &mut Random) -> Result<Self> {
        Ok(PreLn {
            norm_1: config.norm(),
            attn: config.attn(random)?,
            norm_2: config.norm(),
            ffn: config.ffn(random)?,
        })
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(&self, x: &ArrayRef2<R>, rows: &Ragged, mask: &Mask) -> Result<(Array2<R>, PreLnTape<R>)> {
        let (h, norm_1) = self.norm_1.forward(x)?;
        let (a, attn) = self.attn.forward(&h, &h, rows, rows, mask)?;
        let u = stored(add(a, x));
        let (h, norm_2) = self.norm_2.forward(&u)?;
        let (f, ffn) = self.ffn.forward(&h)?;
        Ok((stored(add(u, &f)), PreLnTape { norm_1, attn, norm_2, ffn }))
    }

    /// Gradients: returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-1.14-pre-ln-block, backward**
    /// ```math
    /// \bar u = \bar y + \mathrm{LN}_2\text{-backward}\bigl(\mathrm{FFN}\text{-backward}(\bar y)\bigr), \qquad
    /// \bar x = \bar u + \mathrm{LN}_1\text{-backward}\bigl(\mathrm{MHA}\text{-backward}(\bar u)\bigr)
    /// ```
    ///
    /// Derivation: `y = u + f(u)` has the Jacobian `I + J_f`, so `ū = ȳ + J_f' ȳ`: the gradient goes through the branch and
    /// past it. The same for `u = x + g(x)`.
    pub fn backward(&self, tape: &PreLnTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let dh = self.ffn.backward(&tape.ffn, dy, &mut grad.ffn);
        let du = stored(add(self.norm_2.backward(&tape.norm_2, &dh, &mut grad.norm_2), dy));
        let (dh_q, dh_kv) = self.attn.backward(&tape.attn, &du, &mut grad.attn);
        let dh = add(dh_q, &dh_kv);
        add(du, &self.norm_1.backward(&tape.norm_1, &dh, &mut grad.norm_1))
    }
}
