//! From a topology to text.

use std::fmt;

use super::{Node, Topology};

/// Nodes that are used more than once get a name.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let uses = uses(self);
        let named =
            (0..self.nodes.len()).filter(|&i| uses[i] > 1 && !matches!(self.nodes[i], Node::In { .. }));
        let printer = Printer { topology: self, named: named.collect() };
        for &i in &printer.named {
            write!(f, "Let {} = {} in ", printer.at(i), printer.node(i))?;
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
    /// The nodes with names, in order.
    named: Vec<usize>,
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

impl Printer<'_> {
    /// A node where it is read: what it is, or its name, numbered from `x1` in the order of the text, so that a text that
    /// was read prints as itself.
    fn at(&self, i: usize) -> String {
        self.named.iter().position(|&n| n == i).map_or_else(|| self.node(i), |n| format!("x{}", n + 1))
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
