//! A topology in sizes in which its gradients are checked in no time.

use mmt_fusion::topology::{Inputs, Node, Sizes, Topology, kinds, shapes};
use mmt_tensor::Ragged;

use super::known::Known;
use crate::failure::Failure;

/// Blocks of a stack: the third would be a second one again.
const LAYERS: usize = 2;
/// Tokens of a modality, if lengths can be cut.
const TOKENS: usize = 4;
/// More tokens of all modalities are not checked in their full lengths.
const MOST: usize = 256;
/// The sizes of the blocks.
const SIZES: Sizes = Sizes { width: 8, heads: 2, hidden: 12 };

/// The topology with shallow stacks and short, narrow inputs; with the lengths as they are if short ones do not fit together.
pub fn sizes(known: &Known) -> Result<(Topology, Inputs, Sizes), Failure> {
    // Equal widths stay equal.
    let width = |d: usize| if d == known.sizes.width { SIZES.width } else { 2 + 2 * (d % 5) };
    let with = |most: usize| {
        let nodes = known.topology.nodes().iter().map(|node| match node.clone() {
            Node::Tf { id, layers, x } => Node::Tf { id, layers: layers.min(LAYERS), x },
            Node::Learn { id, tokens } => Node::Learn { id, tokens: tokens.min(most) },
            other => other,
        });
        let topology = Topology::new(nodes.collect(), known.topology.outputs().to_vec()).ok()?;
        let short = |(m, (rows, d)): (&String, &(Ragged, usize))| {
            (m.clone(), (Ragged::one(rows.tokens().min(most)), width(*d)))
        };
        let inputs: Inputs = known.inputs.iter().map(short).collect();
        let shapes = shapes(&topology, &inputs, &SIZES).ok()?;
        kinds(&topology, &shapes, &SIZES).ok()?;
        Some((topology, inputs, SIZES))
    };
    let learned = |node: &Node| if let Node::Learn { tokens, .. } = node { *tokens } else { 0 };
    let tokens = known.inputs.values().map(|(rows, _)| rows.tokens());
    let all = tokens.chain(known.topology.nodes().iter().map(learned)).fold(0, usize::saturating_add);
    let whole = || if all <= MOST { with(MOST) } else { None };
    with(TOKENS).or_else(whole).ok_or_else(|| {
        Failure::usage(format!("gradients of {all} tokens take too long"))
            .hint("fewer tokens: --in a=8x32 for each modality")
    })
}
