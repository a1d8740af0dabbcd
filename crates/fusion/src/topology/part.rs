//! The parameters of the kinds of nodes.

use mmt_blocks::Linear;
use mmt_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use mmt_tensor::{Real, Tree};
use ndarray::Array2;

use crate::{Bidirectional, Cross, Stream};

/// The parameters behind an id.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // a program holds a few of them
pub enum Part<R> {
    /// Learned tokens: `[n, d]`
    Learn(Array2<R>),
    /// A linear map.
    Lin(Linear<R>),
    /// Blocks of self-attention.
    Tf(Stream<R>),
    /// A block that looks at another sequence.
    Ca(Cross<R>),
    /// The bidirectional block.
    Bi(Bidirectional<R>),
}

/// The names are those of what is inside.
impl<R: Real> Tree<R> for Part<R> {
    fn collect<'a>(&'a self, name: &str, list: &mut Vec<(String, ArrayViewD<'a, R>)>) {
        match self {
            Part::Learn(tokens) => tokens.collect(name, list),
            Part::Lin(inside) => inside.collect(name, list),
            Part::Tf(inside) => inside.collect(name, list),
            Part::Ca(inside) => inside.collect(name, list),
            Part::Bi(inside) => inside.collect(name, list),
        }
    }
    fn collect_mut<'a>(&'a mut self, name: &str, list: &mut Vec<(String, ArrayViewMutD<'a, R>)>) {
        match self {
            Part::Learn(tokens) => tokens.collect_mut(name, list),
            Part::Lin(inside) => inside.collect_mut(name, list),
            Part::Tf(inside) => inside.collect_mut(name, list),
            Part::Ca(inside) => inside.collect_mut(name, list),
            Part::Bi(inside) => inside.collect_mut(name, list),
        }
    }
}
