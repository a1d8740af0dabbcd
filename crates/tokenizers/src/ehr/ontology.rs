//! Codes as the leaves of a tree of ever wider classes.

use std::collections::{BTreeMap, BTreeSet};

use mmt_tensor::{Error, Result};

use crate::graph::Neighbors;

/// A tree of classes, whose leaves are codes.
///
/// A code can be a class of others too: 143 of G-BERT's four-letter codes of medications are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ontology {
    /// The name of every node, in the order in which it was first named.
    names: Vec<String>,
    /// The class of every node; the root has none.
    parents: Vec<Option<usize>>,
    /// The node of every code.
    leaves: Vec<usize>,
    /// The number of every code, by its name.
    codes: BTreeMap<String, usize>,
}

impl Ontology {
    /// From the path of every code: itself, its class, and so on to the root. A name that follows itself counts once.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no code and for a path without a name; [`Error::InvalidHyperparameter`] for a code that is
    /// given twice, a node with two parents, a node above itself, and a path that does not end at the root of the others.
    pub fn of_paths(paths: &[Vec<String>]) -> Result<Self> {
        if paths.is_empty() || paths.iter().any(Vec::is_empty) {
            return Err(Error::EmptyInput { at: "ontology: path" });
        }
        let (mut ids, codes) = (BTreeMap::new(), BTreeMap::new());
        let mut tree = Ontology { names: vec![], parents: vec![], leaves: vec![], codes };
        for (code, path) in paths.iter().enumerate() {
            let nodes: Vec<usize> = path.iter().map(|name| tree.node(name, &mut ids)).collect();
            if tree.codes.insert(path[0].clone(), code).is_some() {
                return Err(wrong("leaf", format!("`{}` is given twice", path[0])));
            }
            tree.leaves.push(nodes[0]);
            for step in nodes.windows(2).filter(|step| step[0] != step[1]) {
                tree.link(step[0], step[1])?;
            }
        }
        tree.check_roots()?;
        Ok(tree)
    }

    fn node<'a>(&mut self, name: &'a str, ids: &mut BTreeMap<&'a str, usize>) -> usize {
        *ids.entry(name).or_insert_with(|| {
            self.names.push(name.to_string());
            self.parents.push(None);
            self.names.len() - 1
        })
    }

    fn link(&mut self, child: usize, parent: usize) -> Result<()> {
        match self.parents[child] {
            Some(other) if other != parent => {
                let [child, one, two] = [child, other, parent].map(|node| &self.names[node]);
                Err(wrong("parent", format!("`{child}` lies below `{one}` and below `{two}`")))
            }
            _ => {
                self.parents[child] = Some(parent);
                Ok(())
            }
        }
    }

    /// Every code must lead to the same root. Every node is walked from once, however long chains are.
    fn check_roots(&self) -> Result<()> {
        let (mut roots, mut walked) = (BTreeSet::new(), vec![0; self.nodes()]);
        for (walk, &leaf) in (1..).zip(&self.leaves) {
            let mut node = leaf;
            while walked[node] == 0 {
                walked[node] = walk;
                let Some(parent) = self.parents[node] else {
                    roots.insert(node);
                    break;
                };
                node = parent;
                if walked[node] == walk {
                    return Err(wrong("parent", format!("`{}` lies above itself", self.names[node])));
                }
            }
        }
        let mut roots = roots.into_iter().map(|root| &self.names[root]);
        match (roots.next(), roots.next()) {
            (Some(one), Some(other)) => {
                Err(wrong("parent", format!("`{other}` has none, and is not the root `{one}`")))
            }
            _ => Ok(()),
        }
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.names.len()
    }

    /// The node of every code, in the order in which codes were given.
    pub fn leaves(&self) -> &[usize] {
        &self.leaves
    }

    /// The name of a node.
    pub fn name(&self, node: usize) -> &str {
        &self.names[node]
    }

    /// The number of a code.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for a code that is none of the leaves.
    pub fn code(&self, name: &str) -> Result<usize> {
        self.codes
            .get(name)
            .copied()
            .ok_or_else(|| Error::UnknownId { at: "ontology: code", id: name.to_string() })
    }

    /// The class of a node; the root has none.
    pub fn parent(&self, node: usize) -> Option<usize> {
        self.parents[node]
    }

    /// All classes of a node, from the nearest to the root.
    pub fn ancestors(&self, node: usize) -> Vec<usize> {
        std::iter::successors(self.parents[node], |&node| self.parents[node]).collect()
    }

    /// Every class reads what lies directly below it.
    pub fn upward(&self) -> Neighbors {
        let edges = self.parents.iter().enumerate().filter_map(|(node, parent)| Some(((*parent)?, node)));
        Neighbors::new(self.nodes(), &edges.collect::<Vec<_>>()).expect("nodes of this tree")
    }

    /// Every code reads all of its classes.
    pub fn downward(&self) -> Neighbors {
        let of_leaf = |&leaf: &usize| self.ancestors(leaf).into_iter().map(move |class| (leaf, class));
        let edges: Vec<_> = self.leaves.iter().flat_map(of_leaf).collect();
        Neighbors::new(self.nodes(), &edges).expect("nodes of this tree")
    }
}

fn wrong(what: &str, why: String) -> Error {
    let at = if what == "leaf" { "ontology: leaf" } else { "ontology: parent" };
    Error::InvalidHyperparameter { at, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ehr::atc_path;

    fn paths(paths: &[&[&str]]) -> Vec<Vec<String>> {
        paths.iter().map(|path| path.iter().map(ToString::to_string).collect()).collect()
    }

    fn text(list: &[&[&str]]) -> String {
        Ontology::of_paths(&paths(list)).unwrap_err().to_string()
    }

    #[test]
    fn a_tree_joins_paths() {
        let tree = Ontology::of_paths(&paths(&[&["a1", "a", "root"], &["a2", "a", "root"], &["b", "root"]]));
        let tree = tree.unwrap();
        assert_eq!((tree.nodes(), tree.leaves()), (5, &[0, 3, 4][..]));
        assert_eq!(tree.upward().of(1), [0, 1, 3]);
        assert_eq!(tree.upward().of(2), [1, 2, 4]);
        assert_eq!(tree.downward().of(0), [0, 1, 2]);
        assert_eq!(tree.downward().of(1), [1]);
        assert_eq!((tree.code("a2").unwrap(), tree.name(3)), (1, "a2"));
    }

    #[test]
    fn a_code_may_be_a_class_of_others() {
        let tree = Ontology::of_paths(&[atc_path("C09A").unwrap(), atc_path("C09AA").unwrap()]).unwrap();
        assert_eq!(tree.nodes(), 5);
        assert_eq!(tree.ancestors(tree.leaves()[1]), [0, 1, 2, 3]);
    }

    #[test]
    fn a_cycle_a_missing_parent_and_two_parents_are_refused() {
        assert_eq!(text(&[&["a", "b", "a"]]), "ontology: parent: `a` lies above itself");
        let error = text(&[&["a", "root"], &["b", "other"]]);
        assert_eq!(error, "ontology: parent: `other` has none, and is not the root `root`");
        let error = text(&[&["a", "b", "root"], &["c", "a", "root"]]);
        assert_eq!(error, "ontology: parent: `a` lies below `b` and below `root`");
    }

    /// A chain of 40,000 codes: a walk to the root from each of them would be 800 million steps.
    #[test]
    fn long_chains_take_no_longer_than_they_are() {
        let step = |i: usize| vec![format!("c{i:05}"), format!("c{:05}", i + 1)];
        let chain: Vec<Vec<String>> = (0..40_000).map(step).collect();
        let tree = Ontology::of_paths(&chain).unwrap();
        assert_eq!((tree.nodes(), tree.code("c39999").unwrap()), (40_001, 39_999));
    }

    #[test]
    fn a_leaf_that_is_given_twice_is_refused() {
        assert_eq!(text(&[&["a", "root"], &["a", "root"]]), "ontology: leaf: `a` is given twice");
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(text(&[]), "ontology: path: empty");
        assert_eq!(text(&[&["a"], &[]]), "ontology: path: empty");
    }

    #[test]
    fn a_code_that_nobody_named_is_unknown() {
        let tree = Ontology::of_paths(&paths(&[&["a1", "a", "root"]])).unwrap();
        for name in ["a", "b"] {
            assert_eq!(
                tree.code(name).unwrap_err().to_string(),
                format!("ontology: code: unknown: `{name}`")
            );
        }
    }
}
