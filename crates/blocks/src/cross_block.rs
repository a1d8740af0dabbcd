//! The block whose attention looks at another sequence.

use mmt_tensor::ops::stored;
use mmt_tensor::parallel::add;
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, Ffn, FfnTape, LayerNorm, LayerNormTape, Mask, MultiHead, MultiHeadTape, NormOrder};

/// Attention over a context and a feed-forward network, in either order of the norms.
///
/// `x: [n, d]`, `context: [m, d_z]` → `[n, d]`. The context is taken as it comes: in Pre-LN form only `x` is normalized.
#[derive(Clone, Debug)]
pub struct CrossBlock<R> {
    /// Of the attention: of its input in Pre-LN form, of the sum in Post-LN form.
    pub norm_1: LayerNorm<R>,
    /// Queries from `x`, keys and values from the context.
    pub attn: MultiHead<R>,
    /// Of the feed-forward network.
    pub norm_2: LayerNorm<R>,
    /// The feed-forward network.
    pub ffn: Ffn<R>,
    /// Where the norms stand.
    pub order: NormOrder,
}

tree!(CrossBlock { norm_1, attn, norm_2, ffn; order });

/// What [`CrossBlock::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct CrossBlockTape<R> {
    pub norm_1: LayerNormTape<R>,
    pub attn: MultiHeadTape<R>,
    pub norm_2: LayerNormTape<R>,
    pub ffn: FfnTape<R>,
}

tree!(CrossBlockTape { norm_1, attn, norm_2, ffn });

impl<R: Real> CrossBlock<R> {
    /// `context` is `d_z`, the width of the other sequence.
    ///
    /// # Errors
    /// Those of [`MultiHead::cross`] and [`Ffn::new`].
    pub fn new(order: NormOrder, config: &BlockConfig, context: usize, random: &mut Random) -> Result<Self> {
        Ok(CrossBlock {
            norm_1: config.norm(),
            attn: config.cross(context, random)?,
            norm_2: config.norm(),
            ffn: config.ffn(random)?,
            order,
        })
    }

    /// `x: [n, d]`, `context: [m, d_z]` → `[n, d]`; the mask hides rows of the context.
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        context: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, CrossBlockTape<R>)> {
        match self.order {
            NormOrder::Pre => {
                let (h, norm_1) = self.norm_1.forward(x)?;
                let (a, attn) = self.attn.forward(&h, context, rows, context_rows, mask)?;
                let u = stored(add(a, x));
                let (h, norm_2) = self.norm_2.forward(&u)?;
                let (f, ffn) = self.ffn.forward(&h)?;
                Ok((stored(add(u, &f)), CrossBlockTape { norm_1, attn, norm_2, ffn }))
            }
            NormOrder::Post => {
                let (a, attn) = self.attn.forward(x, context, rows, context_rows, mask)?;
                let (u, norm_1) = self.norm_1.forward(&stored(add(a, x)))?;
                let (f, ffn) = self.ffn.forward(&u)?;
                let (y, norm_2) = self.norm_2.forward(&stored(add(f, &u)))?;
                Ok((y, CrossBlockTape { norm_1, attn, norm_2, ffn }))
            }
        }
    }

    /// `dy: [n, d]` → `x̄: [n, d]` and the gradient of the context: `[m, d_z]`
    pub fn backward(
        &self,
        tape: &CrossBlockTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        match self.order {
            NormOrder::Pre => {
                let dh = self.ffn.backward(&tape.ffn, dy, &mut grad.ffn);
                let du = stored(add(self.norm_2.backward(&tape.norm_2, &dh, &mut grad.norm_2), dy));
                let (dh, dcontext) = self.attn.backward(&tape.attn, &du, &mut grad.attn);
                (add(du, &self.norm_1.backward(&tape.norm_1, &dh, &mut grad.norm_1)), dcontext)
            }
            NormOrder::Post => {
                let ds = self.norm_2.backward(&tape.norm_2, dy, &mut grad.norm_2);
                let du = stored(add(self.ffn.backward(&tape.ffn, &ds, &mut grad.ffn), &ds));
                let dt = self.norm_1.backward(&tape.norm_1, &du, &mut grad.norm_1);
                let (dx, dcontext) = self.attn.backward(&tape.attn, &dt, &mut grad.attn);
                (add(dt, &dx), dcontext)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Dual;
    use mmt_tensor::testing::{check_module, qres};

    use super::*;
    use crate::Activation;

    /// Samples of several lengths, of which each looks at a context of its own, with some of its rows hidden.
    #[test]
    fn gradients_of_both_orders() {
        let config = BlockConfig { activation: Activation::Gelu, ..BlockConfig::small() };
        let (rows, context_rows) = (Ragged::of_lengths([1, 2]), Ragged::of_lengths([2, 3]));
        let mask = Mask::Keys(vec![true, true, true, false, true]);
        for order in [NormOrder::Pre, NormOrder::Post] {
            let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (3, 4), 1.0), qres(2, (5, 3), 1.0));
            check_module(
                &CrossBlock::new(order, &config, 3, &mut Random::seed(0)).unwrap(),
                inputs,
                |m, (x, context)| m.forward(x, context, &rows, &context_rows, &mask),
                |m, tape, dy, grad| m.backward(tape, dy, grad),
            );
        }
    }
}
