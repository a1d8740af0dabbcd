//! From a topology to text.

use std::fmt;

use super::{Node, Topology};

/// Nodes that are used more than once get a name.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let printer = Printer { topology: self, uses: uses(self) };
        for i in 0..self.nodes.len() {
            if printer.is_named(i) {
                write!(f, "Let {} = {} in ", name(i), printer.node(i))?;
            }
        }
        let outputs: Vec<String> = self.outputs.iter().map(|&i| printer.at(i)).collect();
        match &outputs[..] {
            [one] => f.write_str(one),
            many => write!(f, "Tuple[{}]", many.join(", ")),
        }
    }
}

struct Printer<'a> {
    topology: &'a Topology,
    uses: Vec<usize>,
}

/// How often each node is read, among the nodes that matter.
fn uses(topology: &Topology) -> Vec<usize> {
    let mut uses = vec![0; topology.nodes.len()];
    topology.outputs.iter().for_each(|&i| uses[i] += 1);
    for (i, node) in topology.nodes.iter().enumerate().rev() {
        if uses[i] > 0 {
            node.reads().into_iter().for_each(|x| uses[x] += 1);
        }
    }
    uses
}

/// A name that is no word of the language and no modality's expression.
fn name(i: usize) -> String {
    format!("x{i}")
}

impl Printer<'_> {
    fn is_named(&self, i: usize) -> bool {
        self.uses[i] > 1 && !matches!(self.topology.nodes[i], Node::In { .. })
    }

    /// A node where it is read.
    fn at(&self, i: usize) -> String {
        if self.is_named(i) { name(i) } else { self.node(i) }
    }

    fn node(&self, i: usize) -> String {
        let list = |parts: &[usize]| parts.iter().map(|&x| self.at(x)).collect::<Vec<_>>().join(", ");
        match &self.topology.nodes[i] {
            Node::In { modality } => format!("In {modality}"),
            Node::Learn { id, tokens } => format!("Learn({id}, {tokens})"),
            Node::Lin { id, x } => format!("Lin({id}, {})", self.at(*x)),
            Node::Sum { terms } => {
                let terms: Vec<String> =
                    terms.iter().map(|(w, x)| format!("({w}, {})", self.at(*x))).collect();
                format!("Sum[{}]", terms.join(", "))
            }
            Node::Cat { parts } => format!("Cat[{}]", list(parts)),
            Node::Mean { parts } => format!("Mean[{}]", list(parts)),
            Node::Seg { x, tags } => format!("Seg({}, [{}])", self.at(*x), tags.join(", ")),
            Node::Tf { id, layers, x } => format!("Tf({id}, {layers}, {})", self.at(*x)),
            Node::Ca { id, q, kv } => format!("Ca({id}, {}, {})", self.at(*q), self.at(*kv)),
            Node::Bi { id, a, b } => format!("Bi({id}, {}, {})", self.at(*a), self.at(*b)),
            Node::Out { x, index } => format!("Out({}, {index})", self.at(*x)),
        }
    }
}
