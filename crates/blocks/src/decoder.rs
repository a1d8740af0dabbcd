//! Decoder blocks one after the other, all of them over one memory.

use mmt_tensor::{Ragged, Random, Real, Result, check_setting, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{BlockConfig, DecoderBlock, DecoderBlockTape, LayerNorm, LayerNormTape, Mask, NormOrder};

/// A stack of decoder blocks that ends, after Pre-LN blocks, with one more layer norm.
///
/// `x: [n, d]`, `memory: [m, d_z]` → `[n, d]`
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.1. PyTorch's `nn.Transformer` ends with a norm in
/// either order.
#[derive(Clone, Debug)]
pub struct Decoder<R> {
    /// In the order in which they are run.
    pub blocks: Vec<DecoderBlock<R>>,
    /// The final norm.
    pub norm: Option<LayerNorm<R>>,
}

tree!(Decoder { blocks, norm });

/// What [`Decoder::backward`] reads.
#[derive(Clone, Debug)]
pub struct DecoderTape<R> {
    /// One for each block.
    pub blocks: Vec<DecoderBlockTape<R>>,
    /// Of the final norm.
    pub norm: Option<LayerNormTape<R>>,
    /// How many rows and columns the memory has.
    pub memory: (usize, usize),
}

tree!(DecoderTape { blocks, norm; memory });

impl<R: Real> Decoder<R> {
    /// `depth` blocks over a memory of width `memory`; a final norm after Pre-LN blocks, none after Post-LN blocks.
    ///
    /// # Errors
    /// Those of [`DecoderBlock::new`]; `InvalidHyperparameter` if `depth` is zero.
    pub fn new(
        order: NormOrder,
        depth: usize,
        config: &BlockConfig,
        memory: usize,
        random: &mut Random,
    ) -> Result<Self> {
        check_setting("decoder: depth", depth > 0, || "must be positive, got 0".to_string())?;
        let blocks =
            (0..depth).map(|_| DecoderBlock::new(order, config, memory, random)).collect::<Result<_>>()?;
        Ok(Decoder { blocks, norm: (order == NormOrder::Pre).then(|| config.norm()) })
    }

    /// `x: [n, d]`, `memory: [m, d_z]` → `[n, d]`; `mask` is that of the self-attention, `memory_mask` hides rows of the
    /// memory.
    ///
    /// # Errors
    /// Those of the blocks.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        memory: &ArrayRef2<R>,
        rows: &Ragged,
        memory_rows: &Ragged,
        mask: &Mask,
        memory_mask: &Mask,
    ) -> Result<(Array2<R>, DecoderTape<R>)> {
        let (mut x, mut blocks) = (x.to_owned(), vec![]);
        for block in &self.blocks {
            let (y, tape) = block.forward(&x, memory, rows, memory_rows, mask, memory_mask)?;
            blocks.push(tape);
            x = y;
        }
        let (y, norm) = match &self.norm {
            None => (x, None),
            Some(norm) => {
                let (y, tape) = norm.forward(&x)?;
                (y, Some(tape))
            }
        };
        Ok((y, DecoderTape { blocks, norm, memory: memory.dim() }))
    }

    /// `dy: [n, d]` → `x̄: [n, d]` and the gradient of the memory: `[m, d_z]`
    ///
    /// ```math
    /// \bar Z = \sum_l \bar Z_l
    /// ```
    ///
    /// Derivation: every block `l` reads the same memory, and the gradients of all uses add up, from the last block to
    /// the first.
    pub fn backward(
        &self,
        tape: &DecoderTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let mut dx = match (&self.norm, &tape.norm, &mut grad.norm) {
            (Some(norm), Some(tape), Some(grad)) => norm.backward(tape, dy, grad),
            _ => dy.to_owned(),
        };
        let mut dmemory = Array2::zeros(tape.memory);
        for (i, block) in self.blocks.iter().enumerate().rev() {
            let (dx_i, dmemory_i) = block.backward(&tape.blocks[i], &dx, &mut grad.blocks[i]);
            dx = dx_i;
            dmemory += &dmemory_i;
        }
        (dx, dmemory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_without_blocks_is_refused() {
        let config = BlockConfig::small();
        let error = Decoder::<f32>::new(NormOrder::Pre, 0, &config, 4, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "decoder: depth: must be positive, got 0");
    }
}
