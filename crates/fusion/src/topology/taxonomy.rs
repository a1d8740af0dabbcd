//! Where a topology stands among the kinds of fusion.

use std::collections::BTreeSet;

use mmt_tensor::{Error, Result};

use super::shape::{Sequence, Shape};
use super::{Node, Topology, provenance};

/// How many streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Stream {
    Single,
    Multi,
    Hybrid,
}

/// When the modalities meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Timing {
    Early,
    Late,
    Throughout,
    /// Never: the decision joins them.
    None,
}

/// The labels of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taxonomy {
    /// How many streams.
    pub stream: Stream,
    /// When the modalities meet.
    pub timing: Timing,
    /// `τ`: the depth of the first layer whose output is mixed; none if there is no such layer.
    pub first: Option<usize>,
    /// `D`: how many layers lie on the longest way.
    pub depth: usize,
}

impl Taxonomy {
    /// `φ`: 0 for early, 1 for late, between them for middle fusion.
    pub fn position(&self) -> f64 {
        self.first.map_or(1.0, |first| (first - 1) as f64 / self.depth as f64)
    }
}

/// A layer: its depth, whose places its queries are, and whether its output is mixed.
struct Layer {
    depth: usize,
    own: BTreeSet<String>,
    mixed: bool,
}

/// The labels of a topology, from its layers.
///
/// **eq-3-taxonomy**
/// ```math
/// \operatorname{depth} = 1 + \max \operatorname{depth}(\text{what it reads}), \qquad
/// \tau = \min \{ \operatorname{depth}(l) : \text{a segment of } l \text{ knows two modalities} \}, \qquad
/// \varphi = \frac{\tau - 1}{D}
/// ```
///
/// a topology and its shapes → stream, timing, `τ`, `D`
///
/// Layers are `Tf` (one for each block), `Ca` and `Bi` (two). *Stream*: single if the queries of every layer belong to all
/// modalities, multi if to one, hybrid otherwise; learned tokens belong to nobody. *Timing*: none if no layer mixes; early or late
/// if a first mixing layer has queries of several modalities, early if it is the first of all; throughout if each has queries of one.
/// *Position*: `φ = 0` is early, `φ = 1` late, between them middle fusion.
///
/// Source: the terms are those of Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, sections 3.3 and 3.4, and
/// of the note, section 4, which do not define them.
///
/// # Errors
/// [`Error::EmptyInput`] for a topology without layers.
pub fn taxonomy(topology: &Topology, shapes: &[Shape]) -> Result<Taxonomy> {
    let layers = layers(topology, shapes);
    let Some(depth) = layers.iter().map(|layer| layer.depth).max() else {
        return Err(Error::EmptyInput { at: "taxonomy: layers" });
    };
    let all = topology.modalities().len();
    let every = |f: fn(usize, usize) -> bool| layers.iter().all(|layer| f(layer.own.len(), all));
    let stream = match (every(|own, all| own == all), every(|own, _| own == 1)) {
        (true, _) => Stream::Single,
        (_, true) => Stream::Multi,
        _ => Stream::Hybrid,
    };
    let first = layers.iter().filter(|layer| layer.mixed).map(|layer| layer.depth).min();
    let several =
        |first| layers.iter().any(|layer| layer.mixed && layer.depth == first && layer.own.len() > 1);
    let timing = match first {
        None => Timing::None,
        Some(first) if !several(first) => Timing::Throughout,
        Some(1) => Timing::Early,
        Some(_) => Timing::Late,
    };
    Ok(Taxonomy { stream, timing, first, depth })
}

fn layers(topology: &Topology, shapes: &[Shape]) -> Vec<Layer> {
    let influence = provenance(topology, shapes);
    let mut depths: Vec<usize> = vec![];
    let mut layers = vec![];
    for (i, node) in topology.nodes().iter().enumerate() {
        let below = node.reads().iter().map(|&x| depths[x]).max().unwrap_or(0);
        let count = match node {
            Node::Tf { layers, .. } => *layers,
            Node::Ca { .. } | Node::Bi { .. } => 1,
            _ => 0,
        };
        depths.push(below + count);
        let queries: Vec<&Sequence> = match &shapes[i] {
            Shape::Sequence(sequence) => vec![sequence],
            Shape::Pair(a, b) => vec![a, b],
        };
        for (query, known) in queries.into_iter().zip(&influence[i]) {
            let segments = query.segments.iter().zip(known);
            let mixed =
                segments.clone().any(|(segment, known)| !segment.origin.is_empty() && known.len() > 1);
            let layer = |l| Layer { depth: below + l, own: query.origin(), mixed };
            // The queries of a block are as many as its outputs, and mix in the first layer already: the layers between the
            // first and the last add nothing.
            let ends = if count > 1 { vec![1, count] } else { (1..=count).collect() };
            layers.extend(ends.into_iter().map(layer));
        }
    }
    layers
}

/// Whether a node has products of its own.
pub(super) fn is_layer(node: &Node) -> bool {
    matches!(node, Node::Tf { .. } | Node::Ca { .. } | Node::Bi { .. } | Node::Lin { .. })
}

/// All modalities that a node's output knows.
pub(super) fn knows(influence: &[Vec<BTreeSet<String>>]) -> BTreeSet<String> {
    influence.iter().flatten().flatten().cloned().collect()
}
