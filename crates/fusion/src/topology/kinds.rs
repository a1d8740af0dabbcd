//! What is learned under which id.

use std::collections::BTreeMap;

use mmt_tensor::{Error, Result};

use super::shape::{Shape, sequence};
use super::{Node, Sizes, Topology};

/// The parameters behind an id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    /// Learned tokens.
    Learn { tokens: usize, width: usize },
    /// A linear map.
    Lin { from: usize, to: usize },
    /// Blocks of self-attention.
    Tf { layers: usize, width: usize },
    /// A block that looks at another sequence.
    Ca { width: usize, context: usize },
    /// The bidirectional block.
    Bi { width: usize },
}

/// The parameters of a topology, each once, however often they are used.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if two nodes share an id and need parameters of different shapes.
pub fn kinds(topology: &Topology, shapes: &[Shape], sizes: &Sizes) -> Result<BTreeMap<String, Kind>> {
    let mut found: BTreeMap<String, Kind> = BTreeMap::new();
    for node in topology.nodes() {
        let Some(kind) = kind(node, shapes, sizes) else { continue };
        let id = node.id().expect("what has parameters has an id");
        match found.get(id) {
            Some(old) if *old != kind => {
                let why = format!("`{id}` has two shapes: {old:?} and {kind:?}");
                return Err(Error::InvalidHyperparameter { at: "topology: parameters", why });
            }
            _ => found.insert(id.to_string(), kind),
        };
    }
    Ok(found)
}

/// What a node learns, if anything.
pub(super) fn kind(node: &Node, shapes: &[Shape], sizes: &Sizes) -> Option<Kind> {
    let width = |x: usize| sequence(shapes, x).expect("a topology whose shapes are known").width;
    match *node {
        Node::Learn { tokens, .. } => Some(Kind::Learn { tokens, width: sizes.width }),
        Node::Lin { x, .. } => Some(Kind::Lin { from: width(x), to: sizes.width }),
        Node::Tf { layers, x, .. } => Some(Kind::Tf { layers, width: width(x) }),
        Node::Ca { q, kv, .. } => Some(Kind::Ca { width: width(q), context: width(kv) }),
        Node::Bi { a, .. } => Some(Kind::Bi { width: width(a) }),
        _ => None,
    }
}
