//! What the topologies are made of: a stack over one sequence.

#![allow(clippy::large_enum_variant)] // a model holds a few of them, each for as long as it lives

use mmt_blocks::{BlockTape, Encoder, EncoderTape, HeadsTape, Mask, MultiHeadTape};
use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::{Ragged, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use crate::ResidualAttention;

/// `Tf(X)`: any stack from a sequence to a sequence of the same shape.
#[derive(Clone, Debug)]
pub enum Stream<R> {
    /// Blocks with norms and feed-forward networks. Without any block and norm it is the identity.
    Encoder(Encoder<R>),
    /// Attention and a residual connection.
    Attention(ResidualAttention<R>),
}

/// What [`Stream::backward`] reads.
#[derive(Clone, Debug)]
pub enum StreamTape<R> {
    /// Of the stack.
    Encoder(EncoderTape<R>),
    /// Of the attention.
    Attention(MultiHeadTape<R>),
}

/// The names are those of the variant inside.
macro_rules! tree_of_variants {
    ($($T:ident: $A:ident, $B:ident;)*) => {$(
        impl<R: Real> Tree<R> for $T<R> {
            fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
                match self {
                    $T::$A(inside) => inside.collect(name, list),
                    $T::$B(inside) => inside.collect(name, list),
                }
            }
            fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
                match self {
                    $T::$A(inside) => inside.collect_mut(name, list),
                    $T::$B(inside) => inside.collect_mut(name, list),
                }
            }
        }
    )*};
}
pub(crate) use tree_of_variants;

tree_of_variants! {
    Stream: Encoder, Attention;
    StreamTape: Encoder, Attention;
}

impl<R> From<Encoder<R>> for Stream<R> {
    fn from(encoder: Encoder<R>) -> Self {
        Stream::Encoder(encoder)
    }
}

impl<R: Real> Stream<R> {
    /// The stack that changes nothing.
    pub fn identity() -> Self {
        Stream::Encoder(Encoder { blocks: vec![], norm: None, repeats: 1 })
    }

    /// How many layers are run.
    pub fn layers(&self) -> usize {
        match self {
            Stream::Encoder(encoder) => encoder.runs().count(),
            Stream::Attention(_) => 1,
        }
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
    ) -> Result<(Array2<R>, StreamTape<R>)> {
        match self {
            Stream::Encoder(encoder) => {
                let (y, tape) = encoder.forward(x, rows, mask)?;
                Ok((y, StreamTape::Encoder(tape)))
            }
            Stream::Attention(block) => {
                let (y, tape) = block.forward(x, x, rows, rows, mask)?;
                Ok((y, StreamTape::Attention(tape)))
            }
        }
    }

    /// `dy: [n, d]` → `[n, d]`
    ///
    /// # Panics
    /// If the tape or the gradient is of the other kind.
    pub fn backward(&self, tape: &StreamTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        match (self, tape, grad) {
            (Stream::Encoder(encoder), StreamTape::Encoder(tape), Stream::Encoder(grad)) => {
                encoder.backward(tape, dy, grad)
            }
            (Stream::Attention(block), StreamTape::Attention(tape), Stream::Attention(grad)) => {
                let (dx, dcontext) = block.backward(tape, dy, grad);
                dx + dcontext
            }
            _ => panic!("stream, tape and gradient are of one kind"),
        }
    }
}

impl<R> StreamTape<R> {
    /// How many layers were run.
    pub fn layers(&self) -> usize {
        match self {
            StreamTape::Encoder(tape) => tape.blocks.len(),
            StreamTape::Attention(_) => 1,
        }
    }

    /// The attention of a layer, with its weights.
    pub fn heads(&self, layer: usize) -> &HeadsTape<R> {
        match self {
            StreamTape::Encoder(tape) => match &tape.blocks[layer] {
                BlockTape::Pre(block) => &block.attn.heads,
                BlockTape::Post(block) => &block.attn.heads,
            },
            StreamTape::Attention(tape) => &tape.heads,
        }
    }
}
