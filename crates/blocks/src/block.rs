//! An encoder block of either order, and what it takes to make one.

use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use crate::{
    Activation, AttentionKind, Ffn, LayerNorm, Mask, MultiHead, PostLn, PostLnTape, PreLn, PreLnTape,
};

/// Where the layer norms of a block stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormOrder {
    /// Before each sub-layer: eq-1.14-pre-ln-block.
    Pre,
    /// After each sum: eq-1.13-post-ln-block.
    Post,
}

/// The sizes and choices of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockConfig {
    /// `d`, the width of a token.
    pub width: usize,
    /// `c`, a divisor of the width.
    pub heads: usize,
    /// `f`, the hidden width of the feed-forward network.
    pub hidden: usize,
    /// `σ` of the feed-forward network.
    pub activation: Activation,
    /// `ε` of the layer norms.
    pub eps: f64,
    /// How attention is computed.
    pub attention: AttentionKind,
}

impl BlockConfig {
    /// Two heads of width two: the smallest block, for tests.
    #[cfg(test)]
    pub(crate) fn small() -> Self {
        BlockConfig {
            width: 4,
            heads: 2,
            hidden: 6,
            activation: Activation::Relu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        }
    }

    /// A layer norm of a block.
    pub fn norm<R: Real>(&self) -> LayerNorm<R> {
        LayerNorm::new(self.width, self.eps)
    }

    /// The self-attention of a block.
    ///
    /// # Errors
    /// Those of [`MultiHead::new`].
    pub fn attn<R: Real>(&self, random: &mut Random) -> Result<MultiHead<R>> {
        Ok(MultiHead { kind: self.attention, ..MultiHead::new(self.width, self.heads, random)? })
    }

    /// Attention over a context of width `context`.
    ///
    /// # Errors
    /// Those of [`MultiHead::cross`].
    pub fn cross<R: Real>(&self, context: usize, random: &mut Random) -> Result<MultiHead<R>> {
        Ok(MultiHead { kind: self.attention, ..MultiHead::cross(self.width, context, self.heads, random)? })
    }

    /// The feed-forward network of a block.
    ///
    /// # Errors
    /// Those of [`Ffn::new`].
    pub fn ffn<R: Real>(&self, random: &mut Random) -> Result<Ffn<R>> {
        Ffn::new(self.width, self.hidden, self.activation, random)
    }
}

/// An encoder block of either order.
#[derive(Clone, Debug)]
pub enum Block<R> {
    /// Norms before the sub-layers.
    Pre(PreLn<R>),
    /// Norms after the sums.
    Post(PostLn<R>),
}

/// What [`Block::backward`] reads.
#[derive(Clone, Debug)]
pub enum BlockTape<R> {
    /// Of [`PreLn`].
    Pre(PreLnTape<R>),
    /// Of [`PostLn`].
    Post(PostLnTape<R>),
}

/// The names are those of the block inside.
macro_rules! tree_of_either {
    ($($T:ident),*) => {$(
        impl<R: Real> Tree<R> for $T<R> {
            fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
                match self {
                    $T::Pre(block) => block.collect(name, list),
                    $T::Post(block) => block.collect(name, list),
                }
            }
            fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
                match self {
                    $T::Pre(block) => block.collect_mut(name, list),
                    $T::Post(block) => block.collect_mut(name, list),
                }
            }
        }
    )*};
}
tree_of_either!(Block, BlockTape);

impl<R: Real> Block<R> {
    /// # Errors
    /// Those of [`PreLn::new`] and [`PostLn::new`].
    pub fn new(order: NormOrder, config: &BlockConfig, random: &mut Random) -> Result<Self> {
        Ok(match order {
            NormOrder::Pre => Block::Pre(PreLn::new(config, random)?),
            NormOrder::Post => Block::Post(PostLn::new(config, random)?),
        })
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the layers.
    pub fn forward(&self, x: &ArrayRef2<R>, rows: &Ragged, mask: &Mask) -> Result<(Array2<R>, BlockTape<R>)> {
        Ok(match self {
            Block::Pre(block) => {
                let (y, tape) = block.forward(x, rows, mask)?;
                (y, BlockTape::Pre(tape))
            }
            Block::Post(block) => {
                let (y, tape) = block.forward(x, rows, mask)?;
                (y, BlockTape::Post(tape))
            }
        })
    }

    /// `dy: [n, d]` → `[n, d]`
    ///
    /// # Panics
    /// If the tape or the gradient is of the other order.
    pub fn backward(&self, tape: &BlockTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        match (self, tape, grad) {
            (Block::Pre(block), BlockTape::Pre(tape), Block::Pre(grad)) => block.backward(tape, dy, grad),
            (Block::Post(block), BlockTape::Post(tape), Block::Post(grad)) => block.backward(tape, dy, grad),
            _ => panic!("block, tape and gradient are of one order"),
        }
    }
}
