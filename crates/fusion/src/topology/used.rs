//! Inputs that reach no output.

use mmt_tensor::Error;

use super::{Node, NodeError, Topology};

impl Topology {
    /// Every input reaches an output.
    ///
    /// # Errors
    /// As a [`NodeError`] about the first input that does not: [`Error::InvalidHyperparameter`].
    pub fn check_used(&self) -> std::result::Result<(), NodeError> {
        let mut used = vec![false; self.nodes.len()];
        self.outputs.iter().for_each(|&output| used[output] = true);
        for (i, node) in self.nodes.iter().enumerate().rev() {
            if used[i] {
                node.reads().iter().for_each(|&read| used[read] = true);
            }
        }
        let unused = |(i, node): &(usize, &Node)| matches!(node, Node::In { .. }) && !used[*i];
        match self.nodes.iter().enumerate().find(unused) {
            None => Ok(()),
            Some((node, _)) => {
                let why = "expected every input to reach an output, and nothing reads this one".to_string();
                Err(NodeError { node, error: Error::InvalidHyperparameter { at: "topology: input", why } })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn inputs_that_reach_no_output_are_refused() {
        let check = |text: &str| parse(text).unwrap().topology.check_used();
        assert_eq!(check("Let u = In t in Tf(1, 2, Cat[In a, u])"), Ok(()));
        assert_eq!(check("Let u = Bi(1, In a, In t) in Out(u, 0)"), Ok(()));
        for text in ["Let u = In t in Tf(1, 2, In a)", "Let u = Tf(3, 1, Lin(2, In t)) in Tf(1, 2, In a)"] {
            let parsed = parse(text).unwrap();
            let NodeError { node, error } = parsed.topology.check_used().unwrap_err();
            assert_eq!(&text[parsed.places[node].clone()], "In t");
            assert_eq!(
                error.to_string(),
                "topology: input: expected every input to reach an output, and nothing reads this one"
            );
        }
    }
}
