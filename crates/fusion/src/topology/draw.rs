//! Topologies and programs drawn at random.

use std::collections::BTreeMap;

use mmt_blocks::{
    Activation, AttentionKind, Block, BlockConfig, CrossBlock, Encoder, Ffn, Heads, LayerNorm, Linear,
    NormOrder,
};
use mmt_tensor::{Random, Real, Result};

use super::shape::{Inputs, shapes};
use super::{Kind, Node, Part, Program, Sizes, Topology, kinds};
use crate::{Bidirectional, BidirectionalAttention, BidirectionalStream, Cross, Projections, Stream};

/// A well-typed topology of about `steps` nodes over the given inputs, whose widths may differ from that of the model.
pub fn random_topology(inputs: &Inputs, sizes: &Sizes, steps: usize, random: &mut Random) -> Topology {
    let mut nodes: Vec<Node> = inputs.keys().map(|m| Node::In { modality: m.clone() }).collect();
    let fits = |nodes: &[Node]| {
        let topology = Topology::new(nodes.to_vec(), vec![0]).ok()?;
        let shapes = shapes(&topology, inputs, sizes).ok()?;
        kinds(&topology, &shapes, sizes).ok()
    };
    while nodes.len() < inputs.len() + steps {
        nodes.push(random_node(&nodes, random));
        if fits(&nodes).is_none() {
            nodes.pop();
        }
    }
    let pair = |i: &usize| matches!(nodes[*i], Node::Bi { .. });
    let last = (0..nodes.len()).rev().filter(|i| !pair(i)).take(1 + random.below(2)).collect();
    Topology::new(nodes, last).expect("nodes that read earlier ones")
}

fn random_node(nodes: &[Node], random: &mut Random) -> Node {
    let mut pick = || random.below(nodes.len());
    let (a, b) = (pick(), pick());
    let id = format!("p{}", random.below(6));
    let tag = match random.below(4) {
        0 => "_".to_string(),
        _ => match &nodes[random.below(nodes.len())] {
            Node::In { modality } => modality.clone(),
            _ => "_".to_string(),
        },
    };
    // Positive, so that a sum of the same thing twice is not nothing.
    let weight = |random: &mut Random| (1 + random.below(8)) as f64 / 4.0;
    match random.below(12) {
        0 => Node::Learn { id, tokens: 1 + random.below(3) },
        1 | 2 => Node::Lin { id, x: a },
        3 => Node::Sum { terms: vec![(weight(random), a), (weight(random), b)] },
        4 => Node::Cat { parts: vec![a, b] },
        5 => Node::Seg { x: a, tags: vec![tag] },
        6 | 7 => Node::Tf { id, layers: 1 + random.below(2), x: a },
        8 => Node::Ca { id, q: a, kv: b },
        9 => Node::Bi { id, a, b },
        10 => Node::Out { x: a, index: random.below(2) },
        _ => Node::Mean { parts: vec![a, b] },
    }
}

impl<R: Real> Program<R> {
    /// A topology with random parameters: Pre-LN blocks without a norm at the end of a stack.
    ///
    /// # Errors
    /// Those of [`shapes()`] and [`kinds()`], and those of the blocks.
    pub fn new(topology: Topology, inputs: &Inputs, sizes: Sizes, random: &mut Random) -> Result<Self> {
        let shapes = shapes(&topology, inputs, &sizes).map_err(|e| e.error)?;
        let mut parts = BTreeMap::new();
        for (id, kind) in kinds(&topology, &shapes, &sizes)? {
            parts.insert(id, part(&kind, &sizes, random)?);
        }
        Ok(Program { parts, topology, sizes })
    }
}

fn part<R: Real>(kind: &Kind, sizes: &Sizes, random: &mut Random) -> Result<Part<R>> {
    let config = |width| BlockConfig {
        width,
        heads: sizes.heads,
        hidden: sizes.hidden,
        activation: Activation::Gelu,
        eps: 1e-6,
        attention: AttentionKind::Plain,
    };
    Ok(match *kind {
        Kind::Learn { tokens, width } => Part::Learn(random.normal((tokens, width), 0.02)),
        Kind::Lin { from, to } => Part::Lin(Linear::new(from, to, random)),
        Kind::Tf { layers, width } => {
            let blocks = (0..layers).map(|_| Block::new(NormOrder::Pre, &config(width), random));
            Part::Tf(Stream::Encoder(Encoder {
                blocks: blocks.collect::<Result<_>>()?,
                norm: None,
                repeats: 1,
            }))
        }
        Kind::Ca { width, context } => {
            Part::Ca(Cross::Block(CrossBlock::new(NormOrder::Pre, &config(width), context, random)?))
        }
        Kind::Bi { width } => {
            let mut stream = || -> Result<_> {
                let norm = || LayerNorm::new(width, 1e-6);
                let ffn = Ffn::new(width, sizes.hidden, Activation::Gelu, random)?;
                Ok(BidirectionalStream { norm_1: norm(), norm_2: norm(), ffn })
            };
            let (a, b) = (stream()?, stream()?);
            let attn = BidirectionalAttention {
                a: Projections::new(width, random),
                b: Projections::new(width, random),
                w_o: Linear::new(width, width, random),
                heads: Heads::new(sizes.heads),
            };
            Part::Bi(Bidirectional { a, b, attn })
        }
    })
}
