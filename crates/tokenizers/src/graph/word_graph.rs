//! Words as nodes, joined where they occur together.

use std::collections::{BTreeMap, BTreeSet};

use mmt_tensor::{Error, Real, Result, check_index, check_setting};

use super::Adjacency;

/// What is counted when two words stand in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// The window, once: the paper.
    Windows,
    /// Every pair of positions: the released code, `build_graph.py`. Words that repeat count several times in a pair and
    /// once alone, so `p(i, j)` can exceed 1: 4 for the window `a b a b`.
    Positions,
}

/// What the nodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// The words.
    Words,
    /// The words, then the documents, joined to their words by `TF · IDF`.
    WordsAndDocuments,
}

/// How a graph is made of documents.
#[derive(Clone, Debug, PartialEq)]
pub struct WordGraphConfig {
    /// How many different words there are; ids are below this.
    pub words: usize,
    /// The width of the sliding window: 20 in the paper. A shorter document is one window.
    pub window: usize,
    /// What counts as occurring together.
    pub counting: Counting,
    /// What the nodes are.
    pub nodes: Nodes,
}

/// The graph of the words of documents, weighed by how much more often two of them occur together than chance.
///
/// **eq-2.6-word-graph**
/// ```math
/// \mathrm{PMI}(i, j) = \log \frac{p(i, j)}{p(i)\, p(j)}, \qquad
/// p(i) = \frac{\#W(i)}{\#W}, \quad p(i, j) = \frac{\#W(i, j)}{\#W}, \qquad
/// A_{ij} = \begin{cases}
/// \max(\mathrm{PMI}(i, j), 0) & \text{words } i \ne j \\
/// \mathrm{TF}_{ij} \log \dfrac{N}{\mathrm{DF}_j} & \text{document } i, \text{ word } j
/// \end{cases}
/// ```
///
/// `#W` counts sliding windows over each document, `#W(i)` those that contain word `i`, `#W(i, j)` those that contain both;
/// `TF` counts a word in a document, `DF` the documents with a word. Logarithms are natural. A document without words has no
/// window. Words that are independent, or closer to it than rounding can tell, have no edge: that is decided in whole
/// numbers. The ones on the diagonal of the paper's `A` are those that [`Adjacency::normalized`] adds.
///
/// Source: Yao, Mao & Luo 2019, *Graph Convolutional Networks for Text Classification*, eqs. 3 and 4; the released code,
/// `build_graph.py`, for [`Counting::Positions`].
///
/// # Errors
/// [`Error::EmptyInput`] for documents without any word; [`Error::InvalidHyperparameter`] for a window below 2;
/// [`Error::IndexOutOfRange`] for a word outside the vocabulary.
pub fn word_graph<R: Real>(documents: &[Vec<usize>], config: &WordGraphConfig) -> Result<Adjacency<R>> {
    let WordGraphConfig { words, window, counting, nodes } = *config;
    check_setting("word_graph: window", window >= 2, || format!("must be at least 2, got {window}"))?;
    documents.iter().flatten().try_for_each(|&word| check_index("word_graph: word", word, words))?;
    if documents.iter().all(Vec::is_empty) {
        return Err(Error::EmptyInput { at: "word_graph: documents" });
    }
    let mut edges = Windows::count(documents, words, window, counting).edges();
    match nodes {
        Nodes::Words => Adjacency::new(words, &edges),
        Nodes::WordsAndDocuments => {
            edges.extend(document_edges(documents, words));
            Adjacency::new(words + documents.len(), &edges)
        }
    }
}

/// What the sliding windows saw.
struct Windows {
    /// `#W`
    all: u64,
    /// `#W(i)`
    single: Vec<u64>,
    /// `#W(i, j)` for `i < j`
    pairs: BTreeMap<(usize, usize), u64>,
}

impl Windows {
    fn count(documents: &[Vec<usize>], words: usize, window: usize, counting: Counting) -> Self {
        let mut counts = Windows { all: 0, single: vec![0; words], pairs: BTreeMap::new() };
        for document in documents.iter().filter(|document| !document.is_empty()) {
            for window in document.windows(window.min(document.len())) {
                counts.add(window, counting);
            }
        }
        counts
    }

    fn add(&mut self, window: &[usize], counting: Counting) {
        self.all += 1;
        let distinct: Vec<usize> = BTreeSet::from_iter(window.iter().copied()).into_iter().collect();
        distinct.iter().for_each(|&word| self.single[word] += 1);
        let list = if counting == Counting::Windows { &distinct } else { window };
        for (at, &i) in list.iter().enumerate() {
            for &j in list[at + 1..].iter().filter(|&&j| j != i) {
                *self.pairs.entry((i.min(j), i.max(j))).or_default() += 1;
            }
        }
    }

    /// `(i, j, PMI)` where it is positive.
    fn edges<R: Real>(&self) -> Vec<(usize, usize, R)> {
        let edge = |(&(i, j), &both): (&(usize, usize), &u64)| {
            let together = u128::from(both) * u128::from(self.all);
            let apart = u128::from(self.single[i]) * u128::from(self.single[j]);
            let number = |count: u64| R::of(count as f64);
            let ratio = number(both) * number(self.all) / (number(self.single[i]) * number(self.single[j]));
            let weight = ratio.ln();
            (together > apart && weight > R::of(0.0)).then_some((i, j, weight))
        };
        self.pairs.iter().filter_map(edge).collect()
    }
}

/// `(document, word, TF · IDF)` where it is positive.
fn document_edges<R: Real>(documents: &[Vec<usize>], words: usize) -> Vec<(usize, usize, R)> {
    let count = |document: &Vec<usize>| {
        let mut counts = BTreeMap::<usize, u64>::new();
        document.iter().for_each(|&word| *counts.entry(word).or_default() += 1);
        counts
    };
    let counts: Vec<BTreeMap<usize, u64>> = documents.iter().map(count).collect();
    let mut containing = vec![0u64; words];
    counts.iter().flat_map(BTreeMap::keys).for_each(|&word| containing[word] += 1);
    let edge = |document: usize, (&word, &count): (&usize, &u64)| {
        let rarity = R::of(documents.len() as f64) / R::of(containing[word] as f64);
        (containing[word] < documents.len() as u64)
            .then(|| (words + document, word, R::of(count as f64) * rarity.ln()))
    };
    let of_document = |(i, counts)| BTreeMap::iter(counts).filter_map(move |entry| edge(i, entry)).collect();
    counts.iter().enumerate().flat_map::<Vec<_>, _>(of_document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(documents: &[Vec<usize>], window: usize) -> String {
        let (counting, nodes) = (Counting::Windows, Nodes::WordsAndDocuments);
        let config = WordGraphConfig { words: 3, window, counting, nodes };
        word_graph::<f64>(documents, &config).unwrap_err().to_string()
    }

    #[test]
    fn no_words_are_refused() {
        assert_eq!(text(&[], 20), "word_graph: documents: empty");
        assert_eq!(text(&[vec![], vec![]], 20), "word_graph: documents: empty");
    }

    #[test]
    fn a_window_without_pairs_is_refused() {
        assert_eq!(text(&[vec![0, 1]], 1), "word_graph: window: must be at least 2, got 1");
    }

    #[test]
    fn words_outside_the_vocabulary_are_refused() {
        assert_eq!(text(&[vec![0, 3]], 20), "word_graph: word: index 3 is outside a table of 3");
    }

    #[test]
    fn a_document_without_words_has_no_window() {
        let windows = Windows::count(&[vec![0, 1, 2], vec![], vec![1]], 3, 2, Counting::Windows);
        assert_eq!((windows.all, windows.single), (3, vec![1, 3, 1]));
    }
}
