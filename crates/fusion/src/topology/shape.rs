//! The shapes of a topology, before anything is computed.

use std::collections::{BTreeMap, BTreeSet};

use mmt_tensor::{Error, Ragged, Result, check_setting};

use super::rules::shape;
use super::{Sizes, Topology};

/// The lengths and the width of every modality.
pub type Inputs = BTreeMap<String, (Ragged, usize)>;

/// Tokens of a sequence that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Whose places they are; nobody's, if they were learned.
    pub origin: BTreeSet<String>,
    /// How many there are in every sample.
    pub rows: Ragged,
}

/// What a node gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A sequence.
    Sequence(Sequence),
    /// Two sequences.
    Pair(Sequence, Sequence),
}

impl Shape {
    fn segments(&self) -> usize {
        match self {
            Shape::Sequence(x) => x.segments.len(),
            Shape::Pair(a, b) => a.segments.len() + b.segments.len(),
        }
    }
}

/// In all nodes together: a short text can double them with every name.
const MOST_SEGMENTS: usize = 1 << 16;

/// The shape of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// `d`
    pub width: usize,
    /// In order.
    pub segments: Vec<Segment>,
}

impl Sequence {
    /// `N`, the tokens of every sample.
    pub fn rows(&self) -> Ragged {
        let samples = self.segments[0].rows.samples();
        Ragged::of_lengths((0..samples).map(|b| self.segments.iter().map(|s| s.rows.length(b)).sum()))
    }

    /// `N` in all samples together.
    pub fn tokens(&self) -> usize {
        self.segments.iter().map(|segment| segment.rows.tokens()).sum()
    }

    /// Whose places its tokens are.
    pub fn origin(&self) -> BTreeSet<String> {
        self.segments.iter().flat_map(|segment| segment.origin.iter().cloned()).collect()
    }
}

/// A mistake and the node that makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeError {
    /// Which node.
    pub node: usize,
    /// What is wrong.
    pub error: Error,
}

/// The shape of every node, or the first mistake.
///
/// **eq-3-shape**
/// ```math
/// \begin{aligned}
/// \operatorname{Cat}&: N = \textstyle\sum_i N_i, \text{ layouts one after the other} &
/// \operatorname{Sum}, \operatorname{Mean}&: \text{equal } N, d \\
/// \operatorname{Seg}&: \text{the part of the layout} &
/// \operatorname{Tf}&: (N, d) \to (N, d) \\
/// \operatorname{Ca}(q, kv)&: \text{as } q &
/// \operatorname{Bi}(a, b)&: \text{as } a \text{ and as } b \\
/// \operatorname{Learn}&: (n, d), \text{ of no modality} &
/// \operatorname{Lin}&: d_m \to d
/// \end{aligned}
/// ```
///
/// a topology, the shapes of its inputs, the sizes of its blocks → a shape for each node
///
/// A sum and a mean keep the layout of their first term if the lengths of all segments agree, and unite whose they are; otherwise
/// the result is one segment of all of them. Lengths are per sample, so the same rules hold for a batch.
///
/// Source: follows from the definitions of the pages of this crate.
///
/// # Errors
/// As a [`NodeError`]: [`Error::UnknownId`] for a modality without an input and for a tag that no segment has;
/// [`Error::DuplicateModality`] for a tag that two segments have; [`Error::ShapeMismatch`] for lengths, widths or numbers of
/// samples that do not fit; [`Error::HeadDivisibility`]; [`Error::EmptyInput`] for nothing to add, join or read;
/// [`Error::NonFinite`] for a weight; [`Error::IndexOutOfRange`] for a third of a pair; [`Error::InvalidHyperparameter`] for a
/// pair where a sequence is needed and the reverse, and for sizes out of range.
pub fn shapes(
    topology: &Topology,
    inputs: &Inputs,
    sizes: &Sizes,
) -> std::result::Result<Vec<Shape>, NodeError> {
    let (mut done, mut segments): (Vec<Shape>, usize) = (vec![], 0);
    for (i, node) in topology.nodes().iter().enumerate() {
        let shape = sizes.check().and_then(|()| shape(node, &done, inputs, sizes));
        let shape = shape.and_then(|shape| {
            segments += shape.segments();
            let few = segments <= MOST_SEGMENTS;
            check_setting("topology: segments", few, || format!("{segments} of all nodes are too many"))?;
            Ok(shape)
        });
        done.push(shape.map_err(|error| NodeError { node: i, error })?);
    }
    for &output in topology.outputs() {
        sequence(&done, output).map_err(|error| NodeError { node: output, error })?;
    }
    Ok(done)
}

/// The sequence that a node gives.
pub(super) fn sequence(done: &[Shape], i: usize) -> Result<&Sequence> {
    match &done[i] {
        Shape::Sequence(sequence) => Ok(sequence),
        Shape::Pair(..) => wrong("a sequence, and this is a pair"),
    }
}

pub(super) fn wrong<T>(what: &str) -> Result<T> {
    Err(Error::InvalidHyperparameter { at: "topology", why: format!("expected {what}") })
}

/// Whether a segment belongs to the tags and to nobody else.
pub(super) fn is_kept(segment: &Segment, tags: &[String]) -> bool {
    match segment.origin.is_empty() {
        true => tags.iter().any(|tag| tag == "_"),
        false => segment.origin.iter().all(|tag| tags.contains(tag)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::parse;

    /// Twelve names make 4096 segments of one, and a short text can ask for them again and again.
    #[test]
    fn segments_without_end_are_refused() {
        let names = |n: usize| {
            let double = |k: usize| format!("Let x{} = Cat[x{k}, x{k}] in ", k + 1);
            format!("Let x0 = In a in {}", (0..n).map(double).collect::<String>())
        };
        let inputs: Inputs = [("a".to_string(), (Ragged::one(1), 4))].into();
        let sizes = Sizes { width: 4, heads: 2, hidden: 8 };
        let of = |copies: usize| {
            let text = format!("{}Sum[{}(1, x12)]", names(12), "(1, Mean[x12]), ".repeat(copies));
            shapes(&parse(&text).unwrap().topology, &inputs, &sizes)
        };
        assert!(of(1).is_ok());
        let error = of(100).unwrap_err().error.to_string();
        assert!(
            error.starts_with("topology: segments: ") && error.ends_with("of all nodes are too many"),
            "{error}"
        );
    }
}
