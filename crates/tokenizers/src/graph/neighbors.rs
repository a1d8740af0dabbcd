//! Who reads whom in a directed graph.

use mmt_tensor::{Error, Ragged, Result, check_index};

/// For every node the nodes that it reads: itself, and the senders of the edges to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbors {
    /// Where the edges of each node begin.
    rows: Ragged,
    /// The node that is read, of every edge.
    sources: Vec<usize>,
}

impl Neighbors {
    /// `n` nodes and edges `(receiver, sender)`; every node also reads itself. An edge that is given twice counts once, and
    /// so does a loop.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no node; [`Error::IndexOutOfRange`] for a node that does not exist.
    pub fn new(n: usize, edges: &[(usize, usize)]) -> Result<Self> {
        if n == 0 {
            return Err(Error::EmptyInput { at: "neighbors: nodes" });
        }
        let mut lists: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
        for &(receiver, sender) in edges {
            check_index("neighbors: edge", receiver.max(sender), n)?;
            lists[receiver].push(sender);
        }
        for list in &mut lists {
            list.sort_unstable();
            list.dedup();
        }
        Ok(Neighbors { rows: Ragged::of_lengths(lists.iter().map(Vec::len)), sources: lists.concat() })
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.rows.samples()
    }

    /// How many edges, loops included.
    pub fn edges(&self) -> usize {
        self.sources.len()
    }

    /// The edges of each node.
    pub fn rows(&self) -> &Ragged {
        &self.rows
    }

    /// The node that is read.
    pub fn source(&self, edge: usize) -> usize {
        self.sources[edge]
    }

    /// The nodes that `node` reads, in order.
    pub fn of(&self, node: usize) -> &[usize] {
        &self.sources[self.rows.range(node)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_reads_itself_and_its_senders_once() {
        let neighbors = Neighbors::new(3, &[(0, 2), (0, 2), (1, 1)]).unwrap();
        assert_eq!([neighbors.of(0), neighbors.of(1), neighbors.of(2)], [&[0, 2][..], &[1], &[2]]);
    }

    #[test]
    fn edges_that_are_none_are_refused() {
        assert_eq!(Neighbors::new(0, &[]).unwrap_err().to_string(), "neighbors: nodes: empty");
        let error = Neighbors::new(2, &[(0, 2)]).unwrap_err();
        assert_eq!(error.to_string(), "neighbors: edge: index 2 is outside a table of 2");
    }
}
