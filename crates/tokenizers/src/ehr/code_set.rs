//! The codes of a visit as a set, and the settings of what reads it.

use std::collections::BTreeSet;

/// The codes of one kind of one visit, without an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeSet {
    /// Ids of codes, from [`VisitEncoder::CODES`](super::VisitEncoder::CODES) on; [`VisitEncoder::MASK`](super::VisitEncoder::MASK) where one is hidden.
    pub ids: Vec<usize>,
    /// The row of the table of kinds: 0 for diagnoses, 1 for medications.
    pub kind: usize,
}

impl CodeSet {
    /// A set: ids in ascending order, each once.
    pub fn new(ids: &[usize], kind: usize) -> Self {
        CodeSet { ids: BTreeSet::from_iter(ids.iter().copied()).into_iter().collect(), kind }
    }
}

/// Which tokens attention may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VisitKeys {
    /// Codes only: `[CLS]` asks, and is never read. The released code, which keeps ids above 1.
    Codes,
    /// `[CLS]` too.
    All,
}

/// The sizes of a [`VisitEncoder`](super::VisitEncoder).
#[derive(Clone, Debug, PartialEq)]
pub struct VisitConfig {
    /// `d`: 300.
    pub width: usize,
    /// Blocks: 2.
    pub depth: usize,
    /// Heads of the blocks: 4.
    pub heads: usize,
    /// Heads of the graph attention: 4.
    pub graph_heads: usize,
    /// The hidden width of the feed-forward networks: 300.
    pub hidden: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_one_order_and_no_repetition() {
        assert_eq!(CodeSet::new(&[5, 3, 5, 4], 0), CodeSet { ids: vec![3, 4, 5], kind: 0 });
    }
}
