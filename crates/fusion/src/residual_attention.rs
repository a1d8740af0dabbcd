//! The smallest block: attention and a residual connection.

use mmt_blocks::{Mask, MultiHead, MultiHeadTape};
use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

/// Attention over a context, added to the tokens that asked: no norm, no feed-forward network.
///
/// ```math
/// Z = X + \mathrm{MHA}(X W_Q,\; Y W_K,\; Y W_V)\, W_O
/// ```
///
/// `x: [n, d]`, `context: [m, d_y]` → `[n, d]`. With `Y = X` it is a layer of a Transformer of attention alone. Numbers
/// by hand of a topology are those of this block, because nothing else stands between its formula and the result.
///
/// Source: Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits* (attention-only Transformers).
#[derive(Clone, Debug)]
pub struct ResidualAttention<R> {
    /// Queries from `x`, keys and values from the context.
    pub attn: MultiHead<R>,
}

tree!(ResidualAttention { attn });

impl<R: Real> ResidualAttention<R> {
    /// No biases.
    ///
    /// # Errors
    /// Those of [`MultiHead::cross`].
    pub fn new(d: usize, context: usize, heads: usize, random: &mut Random) -> Result<Self> {
        Ok(ResidualAttention { attn: MultiHead::cross(d, context, heads, random)?.without_bias() })
    }

    /// `x: [n, d]`, `context: [m, d_y]` → `[n, d]`
    ///
    /// # Errors
    /// Those of [`MultiHead::forward`].
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        context: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, MultiHeadTape<R>)> {
        let (a, tape) = self.attn.forward(x, context, rows, context_rows, mask)?;
        Ok((stored(add(a, x)), tape))
    }

    /// `dz: [n, d]` → `x̄: [n, d]` and the gradient of the context: `[m, d_y]`
    pub fn backward(
        &self,
        tape: &MultiHeadTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (dx, dcontext) = self.attn.backward(tape, dz, &mut grad.attn);
        (add(dx, dz), dcontext)
    }
}
