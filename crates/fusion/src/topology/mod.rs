//! Free combination of modalities: a small algebra of topologies.
//!
//! A [`Topology`] is a list of nodes, each of which reads earlier ones. Written as text it is an expression:
//!
//! ```text
//! Let u = Tf(1, 2, Cat[In a, In t]) in Tuple[Tf(2, 1, Seg(u, [a])), Tf(3, 1, Seg(u, [t]))]
//! ```
//!
//! | expression | meaning |
//! |---|---|
//! | `In m` | the tokens of modality `m` |
//! | `Learn(id, n)` | `n` learned tokens of no modality |
//! | `Lin(id, E)` | every token through a linear map to the width of the model |
//! | `Sum[(w, E), ..]` | weighted sum |
//! | `Cat[E, ..]` | concatenation along the tokens |
//! | `Seg(E, [m, ..])` | the segments of these modalities; `_` names tokens of no modality |
//! | `Tf(id, L, E)` | `L` blocks of self-attention |
//! | `Ca(id, E, E)` | a block whose queries come from the first, keys and values from the second |
//! | `Bi(id, E, E)` | the bidirectional block, a pair |
//! | `Out(E, i)` | the first (0) or second (1) of a pair |
//! | `Mean[E, ..]` | unweighted mean |
//! | `Let x = E in E` | a name for what is used several times |
//! | `Tuple[E, ..]` | several outputs, outermost |
//!
//! Nodes with the same id share their parameters.

pub mod cost;
pub mod counted;
mod draw;
pub mod kinds;
pub mod named;
pub mod parse;
pub mod part;
mod pieces;
mod print;
pub mod provenance;
mod rules;
pub mod run;
mod run_backward;
pub mod shape;
mod sizes;
pub mod taxonomy;
mod used;
pub mod vilt_class;
mod words;

use mmt_tensor::{Error, Result, check_index};

pub use cost::{Cost, block_flops, block_memory, cost};
pub use counted::{Counted, counted};
pub use draw::random_topology;
pub use kinds::{Kind, kinds};
pub use named::{NAMED, Named, bottleneck, two_streams};
pub use parse::{ParseError, Parsed, parse};
pub use part::Part;
pub use provenance::provenance;
pub use run::{NodeTape, Program, ProgramTape};
pub use shape::{Inputs, NodeError, Segment, Sequence, Shape, shapes};
pub use sizes::Sizes;
pub use taxonomy::{Stream, Taxonomy, Timing, taxonomy};
pub use vilt_class::{ViltClass, vilt_class, vilt_costs};

/// One step of a topology. Numbers refer to earlier nodes.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Node {
    /// The tokens of a modality.
    In { modality: String },
    /// Learned tokens of no modality, the same at the start for every sample.
    Learn { id: String, tokens: usize },
    /// Every token through a linear map to the width of the model.
    Lin { id: String, x: usize },
    /// `Σ_i w_i x_i`
    Sum { terms: Vec<(f64, usize)> },
    /// The tokens of all, in order.
    Cat { parts: Vec<usize> },
    /// The segments of these modalities, in the order of the sequence.
    Seg { x: usize, tags: Vec<String> },
    /// Blocks of self-attention.
    Tf { id: String, layers: usize, x: usize },
    /// Queries and residual from `q`, keys and values from `kv`.
    Ca { id: String, q: usize, kv: usize },
    /// Two streams that look at themselves and at each other: a pair.
    Bi { id: String, a: usize, b: usize },
    /// One of a pair.
    Out { x: usize, index: usize },
    /// `(1/k) Σ_i x_i`
    Mean { parts: Vec<usize> },
}

impl Node {
    /// The nodes that it reads, in order.
    pub fn reads(&self) -> Vec<usize> {
        match self {
            Node::In { .. } | Node::Learn { .. } => vec![],
            Node::Lin { x, .. } | Node::Seg { x, .. } | Node::Tf { x, .. } | Node::Out { x, .. } => vec![*x],
            Node::Sum { terms } => terms.iter().map(|(_, x)| *x).collect(),
            Node::Cat { parts } | Node::Mean { parts } => parts.clone(),
            Node::Ca { q, kv, .. } => vec![*q, *kv],
            Node::Bi { a, b, .. } => vec![*a, *b],
        }
    }

    /// The id of its parameters.
    pub fn id(&self) -> Option<&str> {
        match self {
            Node::Learn { id, .. }
            | Node::Lin { id, .. }
            | Node::Tf { id, .. }
            | Node::Ca { id, .. }
            | Node::Bi { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// Steps in order, and which of them are the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    nodes: Vec<Node>,
    outputs: Vec<usize>,
}

impl Topology {
    /// A list of nodes that read earlier ones, and the outputs.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] for a node that reads itself, a later node or none, and for an output that does not exist;
    /// [`Error::EmptyInput`] for no output.
    pub fn new(nodes: Vec<Node>, outputs: Vec<usize>) -> Result<Self> {
        for (i, node) in nodes.iter().enumerate() {
            for read in node.reads() {
                check_index("topology: node", read, i)?;
            }
        }
        for &output in &outputs {
            check_index("topology: output", output, nodes.len())?;
        }
        if outputs.is_empty() {
            return Err(Error::EmptyInput { at: "topology: outputs" });
        }
        Ok(Topology { nodes, outputs })
    }

    /// In order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Which nodes are the outputs.
    pub fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    /// The modalities that it reads, each once, in order.
    pub fn modalities(&self) -> Vec<String> {
        let mut names: Vec<String> = vec![];
        for node in &self.nodes {
            if let Node::In { modality } = node
                && !names.contains(modality)
            {
                names.push(modality.clone());
            }
        }
        names
    }

    /// What is allowed and yet odd: weights that are all zero, results that nothing reads, and modalities of `offered` that
    /// are not used.
    pub fn warnings(&self, offered: &[String]) -> Vec<String> {
        let mut list = vec![];
        for (i, node) in self.nodes.iter().enumerate() {
            if let Node::Sum { terms } = node
                && terms.iter().all(|(w, _)| *w == 0.0)
            {
                list.push(format!("node {i}: all weights of the sum are zero"));
            }
            let read = self.nodes.iter().any(|node| node.reads().contains(&i));
            if !read && !self.outputs.contains(&i) {
                list.push(format!("node {i}: nothing reads it"));
            }
        }
        let used = self.modalities();
        list.extend(
            offered.iter().filter(|m| !used.contains(m)).map(|m| format!("modality `{m}` is not used")),
        );
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(modality: &str) -> Node {
        Node::In { modality: modality.to_string() }
    }

    #[test]
    fn nodes_that_read_no_earlier_node_are_refused() {
        let text = |nodes, outputs| Topology::new(nodes, outputs).unwrap_err().to_string();
        let forward = vec![Node::Cat { parts: vec![1] }, input("a")];
        assert_eq!(text(forward, vec![0]), "topology: node: index 1 is outside a table of 0");
        let itself = vec![input("a"), Node::Tf { id: "1".to_string(), layers: 1, x: 1 }];
        assert_eq!(text(itself, vec![1]), "topology: node: index 1 is outside a table of 1");
        assert_eq!(text(vec![input("a")], vec![1]), "topology: output: index 1 is outside a table of 1");
        assert_eq!(text(vec![input("a")], vec![]), "topology: outputs: empty");
    }

    #[test]
    fn what_is_odd_is_pointed_out() {
        let nodes = vec![input("a"), input("t"), Node::Sum { terms: vec![(0.0, 0), (0.0, 0)] }];
        let topology = Topology::new(nodes, vec![2]).unwrap();
        let offered = ["a", "t", "v"].map(str::to_string);
        let text = [
            "node 1: nothing reads it",
            "node 2: all weights of the sum are zero",
            "modality `v` is not used",
        ];
        assert_eq!(topology.warnings(&offered), text);
    }
}
