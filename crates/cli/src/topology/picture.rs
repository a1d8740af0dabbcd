//! A topology as a drawing.

use std::collections::BTreeSet;

use mmt_fusion::topology::{Node, Sequence, Shape, Topology, provenance};
use mmt_report::figures::topology::Step;

use super::size_of;

/// `Ca 1`
pub fn name(node: &Node) -> String {
    match node {
        Node::In { modality } => modality.clone(),
        Node::Learn { id, tokens } => format!("Learn {id} ({tokens})"),
        Node::Lin { id, .. } => format!("Lin {id}"),
        Node::Sum { .. } => "Sum".to_string(),
        Node::Cat { .. } => "Cat".to_string(),
        Node::Seg { tags, .. } => format!("Seg {}", tags.join(", ")),
        Node::Tf { id, layers, .. } => format!("Tf {id} ({layers})"),
        Node::Ca { id, .. } => format!("Ca {id}"),
        Node::Bi { id, .. } => format!("Bi {id}"),
        Node::Out { index, .. } => format!("Out {index}"),
        Node::Mean { .. } => "Mean".to_string(),
    }
}

/// Every node as a step of the drawing, in the colors of `all` modalities, in their order.
pub fn steps(topology: &Topology, shapes: &[Shape], all: &[String]) -> Vec<Step> {
    let influence = provenance(topology, shapes);
    let places = |known: &BTreeSet<String>| -> Vec<usize> {
        all.iter().enumerate().filter(|(_, m)| known.contains(*m)).map(|(i, _)| i).collect()
    };
    let step = |(i, node): (usize, &Node)| {
        let sequences: Vec<&Sequence> = match &shapes[i] {
            Shape::Sequence(one) => vec![one],
            Shape::Pair(a, b) => vec![a, b],
        };
        let segments = sequences.iter().zip(&influence[i]).flat_map(|(sequence, known)| {
            sequence.segments.iter().zip(known).map(|(s, known)| (s.rows.tokens(), places(known)))
        });
        Step {
            name: name(node),
            shape: size_of(&shapes[i]),
            reads: node.reads(),
            segments: segments.collect(),
            output: topology.outputs().contains(&i),
        }
    };
    topology.nodes().iter().enumerate().map(step).collect()
}
