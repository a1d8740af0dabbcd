//! What the topologies are made of: a block over one sequence that looks at another one.

#![allow(clippy::large_enum_variant)] // a model holds a few of them, each for as long as it lives

use mmt_blocks::{CrossBlock, CrossBlockTape, Mask, MultiHeadTape};
use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::{Ragged, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use crate::ResidualAttention;
use crate::stream::tree_of_variants;

/// `Ca(X; Y)`: queries and residual from one sequence, keys and values from another.
#[derive(Clone, Debug)]
pub enum Cross<R> {
    /// With norms and a feed-forward network.
    Block(CrossBlock<R>),
    /// Attention and a residual connection.
    Attention(ResidualAttention<R>),
}

/// What [`Cross::backward`] reads.
#[derive(Clone, Debug)]
pub enum CrossTape<R> {
    /// Of the block.
    Block(CrossBlockTape<R>),
    /// Of the attention.
    Attention(MultiHeadTape<R>),
}

tree_of_variants! {
    Cross: Block, Attention;
    CrossTape: Block, Attention;
}

impl<R: Real> Cross<R> {
    /// `x: [n, d]`, `context: [m, d_y]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the block.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        context: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, CrossTape<R>)> {
        match self {
            Cross::Block(block) => {
                let (y, tape) = block.forward(x, context, rows, context_rows, mask)?;
                Ok((y, CrossTape::Block(tape)))
            }
            Cross::Attention(block) => {
                let (y, tape) = block.forward(x, context, rows, context_rows, mask)?;
                Ok((y, CrossTape::Attention(tape)))
            }
        }
    }

    /// `dy: [n, d]` → `x̄: [n, d]` and the gradient of the context: `[m, d_y]`
    ///
    /// # Panics
    /// If the tape or the gradient is of the other kind.
    pub fn backward(
        &self,
        tape: &CrossTape<R>,
        dy: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        match (self, tape, grad) {
            (Cross::Block(block), CrossTape::Block(tape), Cross::Block(grad)) => {
                block.backward(tape, dy, grad)
            }
            (Cross::Attention(block), CrossTape::Attention(tape), Cross::Attention(grad)) => {
                block.backward(tape, dy, grad)
            }
            _ => panic!("block, tape and gradient are of one kind"),
        }
    }
}
