//! The Post-LN block with weighted shortcuts.

use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use super::{Shortcut, ShortcutTape};
use crate::{BlockConfig, Ffn, FfnTape, Mask, MultiHead, MultiHeadTape, PostLn};

/// Self-attention and a feed-forward network, each with a weighted shortcut, eq-1.19-admin.
///
/// ```math
/// u = \mathrm{LN}_1(\omega_1 \odot x + \mathrm{MHA}(x)), \qquad y = \mathrm{LN}_2(\omega_2 \odot u + \mathrm{FFN}(u))
/// ```
///
/// `x: [n, d]` → `y: [n, d]`
#[derive(Clone, Debug)]
pub struct AdminBlock<R> {
    /// `MHA`
    pub attn: MultiHead<R>,
    /// `ω_1` and `LN_1`
    pub shortcut_1: Shortcut<R>,
    /// `FFN`
    pub ffn: Ffn<R>,
    /// `ω_2` and `LN_2`
    pub shortcut_2: Shortcut<R>,
}

tree!(AdminBlock { attn, shortcut_1, ffn, shortcut_2 });

/// What [`AdminBlock::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct AdminBlockTape<R> {
    pub attn: MultiHeadTape<R>,
    pub shortcut_1: ShortcutTape<R>,
    pub ffn: FfnTape<R>,
    pub shortcut_2: ShortcutTape<R>,
}

tree!(AdminBlockTape { attn, shortcut_1, ffn, shortcut_2 });

impl<R: Real> AdminBlock<R> {
    /// With `ω = 1`.
    ///
    /// # Errors
    /// Those of [`PostLn::new`].
    pub fn new(config: &BlockConfig, random: &mut Random) -> Result<Self> {
        let PostLn { attn, norm_1, ffn, norm_2 } = PostLn::new(config, random)?;
        Ok(AdminBlock { attn, shortcut_1: Shortcut::new(norm_1), ffn, shortcut_2: Shortcut::new(norm_2) })
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
    ) -> Result<(Array2<R>, AdminBlockTape<R>)> {
        let (a, attn) = self.attn.forward(x, x, rows, rows, mask)?;
        let (u, shortcut_1) = self.shortcut_1.forward(x, &a)?;
        let (f, ffn) = self.ffn.forward(&u)?;
        let (y, shortcut_2) = self.shortcut_2.forward(&u, &f)?;
        Ok((y, AdminBlockTape { attn, shortcut_1, ffn, shortcut_2 }))
    }

    /// `dy: [n, d]` → `[n, d]`; adds to the gradients of the parameters.
    ///
    /// ```math
    /// \bar b_2 = \mathrm{LN}_2\text{-backward}(\bar y), \qquad
    /// \bar u = \omega_2 \odot \bar b_2 + \mathrm{FFN}\text{-backward}(\bar b_2), \qquad
    /// \bar b_1 = \mathrm{LN}_1\text{-backward}(\bar u), \qquad
    /// \bar x = \omega_1 \odot \bar b_1 + \mathrm{MHA}\text{-backward}(\bar b_1)
    /// ```
    ///
    /// Derivation: with `b_1 = ω_1 ⊙ x + MHA(x)` and `b_2 = ω_2 ⊙ u + FFN(u)` each norm reads a sum of two paths from the
    /// same input, and the gradients of the paths add: the diagonal `ω` by eq-1.19-admin, and that of the branch.
    /// Attention reads `x` twice, as queries and as keys with values, and both gradients add as well.
    pub fn backward(&self, tape: &AdminBlockTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let (du, df) = self.shortcut_2.backward(&tape.shortcut_2, dy, &mut grad.shortcut_2);
        let du = add(du, &self.ffn.backward(&tape.ffn, &df, &mut grad.ffn));
        let (dx, da) = self.shortcut_1.backward(&tape.shortcut_1, &du, &mut grad.shortcut_1);
        let (dx_q, dx_kv) = self.attn.backward(&tape.attn, &da, &mut grad.attn);
        add(add(dx, &dx_q), &dx_kv)
    }
}
