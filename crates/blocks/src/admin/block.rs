//! The Post-LN block with weighted shortcuts.

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

    /// `dy: [n, d]` → `[n, d]`
    pub fn backward(&self, tape: &AdminBlockTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let (du, df) = self.shortcut_2.backward(&tape.shortcut_2, dy, &mut grad.shortcut_2);
        let du = du + self.ffn.backward(&tape.ffn, &df, &mut grad.ffn);
        let (dx, da) = self.shortcut_1.backward(&tape.shortcut_1, &du, &mut grad.shortcut_1);
        let (dx_q, dx_kv) = self.attn.backward(&tape.attn, &da, &mut grad.attn);
        dx + dx_q + dx_kv
    }
}
