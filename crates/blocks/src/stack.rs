//! Blocks one after the other.

use mmt_tensor::{Ragged, Random, Real, Result, check_setting, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Block, BlockConfig, BlockTape, LayerNorm, LayerNormTape, Mask, NormOrder};

/// A stack of encoder blocks that ends, after Pre-LN blocks, with one more layer norm.
///
/// **eq-1.15-pre-ln-final-norm**
/// ```math
/// x_{l+1} = x_l + f_l(x_l), \qquad y = \mathrm{LN}_F(x_L)
/// ```
///
/// `x: [n, d]` → `y: [n, d]`, the same for every sample of the batch
///
/// The note does not mention `LN_F`; without it the norm of the output grows with the depth. The list of blocks is run
/// through `repeats` times, so a stack with one block and `repeats = L` shares its weights across the layers, and their
/// gradients add up.
///
/// Source: Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, table 1; ViT ends with it too.
/// G-BERT's released encoder is Pre-LN without a final norm: `norm` is `None`. PyTorch's `nn.Transformer` ends with a norm in
/// either order.
#[derive(Clone, Debug)]
pub struct Encoder<R> {
    /// In the order in which they are run.
    pub blocks: Vec<Block<R>>,
    /// `LN_F`
    pub norm: Option<LayerNorm<R>>,
    /// How often the list is run through: 1, unless weights are shared across layers.
    pub repeats: usize,
}

tree!(Encoder { blocks, norm; repeats });

/// What [`Encoder::backward`] reads.
#[derive(Clone, Debug)]
pub struct EncoderTape<R> {
    /// One for each block that was run.
    pub blocks: Vec<BlockTape<R>>,
    /// Of the final norm.
    pub norm: Option<LayerNormTape<R>>,
}

tree!(EncoderTape { blocks, norm });

impl<R: Real> Encoder<R> {
    /// `depth` blocks; a final norm after Pre-LN blocks, none after Post-LN blocks.
    ///
    /// # Errors
    /// Those of [`Block::new`]; `InvalidHyperparameter` if `depth` is zero.
    pub fn new(order: NormOrder, depth: usize, config: &BlockConfig, random: &mut Random) -> Result<Self> {
        check_setting("encoder: depth", depth > 0, || "must be positive, got 0".to_string())?;
        let blocks = (0..depth).map(|_| Block::new(order, config, random)).collect::<Result<_>>()?;
        let norm = (order == NormOrder::Pre).then(|| config.norm());
        Ok(Encoder { blocks, norm, repeats: 1 })
    }

    /// The blocks in the order in which they are run, all of them as often as the stack says.
    pub fn runs(&self) -> impl Iterator<Item = &Block<R>> {
        (0..self.repeats).flat_map(|_| &self.blocks)
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the blocks.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, EncoderTape<R>)> {
        let (mut x, mut blocks) = (x.to_owned(), vec![]);
        for block in self.runs() {
            let (y, tape) = block.forward(&x, rows, mask)?;
            blocks.push(tape);
            x = y;
        }
        let Some(norm) = &self.norm else { return Ok((x, EncoderTape { blocks, norm: None })) };
        let (y, norm) = norm.forward(&x)?;
        Ok((y, EncoderTape { blocks, norm: Some(norm) }))
    }

    /// Gradients: returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-1.15-pre-ln-final-norm, backward**
    /// ```math
    /// \bar x_L = \mathrm{LN}_F\text{-backward}(\bar y), \qquad
    /// \bar x_l = \bar x_{l+1} + f_l\text{-backward}(\bar x_{l+1})
    /// ```
    ///
    /// Derivation: the chain rule through a composition, from the last function to the first. A block that is run several
    /// times adds to the same gradient once for each run.
    pub fn backward(&self, tape: &EncoderTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let mut dx = match (&self.norm, &tape.norm, &mut grad.norm) {
            (Some(norm), Some(tape), Some(grad)) => norm.backward(tape, dy, grad),
            _ => dy.to_owned(),
        };
        for (run, tape) in tape.blocks.iter().enumerate().rev() {
            let i = run % self.blocks.len();
            dx = self.blocks[i].backward(tape, &dx, &mut grad.blocks[i]);
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_without_blocks_is_refused() {
        let config = BlockConfig::small();
        let error = Encoder::<f32>::new(NormOrder::Pre, 0, &config, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "encoder: depth: must be positive, got 0");
    }
}
