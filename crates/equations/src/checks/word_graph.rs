//! Evidence for `eq-2.6-word-graph`.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_close;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::graph::{Adjacency, Counting, Nodes, WordGraphConfig, word_graph};
use ndarray::{Array1, Array2, array};

use crate::{Property, properties};

const CONFIG: WordGraphConfig =
    WordGraphConfig { words: 5, window: 3, counting: Counting::Windows, nodes: Nodes::Words };

/// The numbers of the specification, section 8, for the window `a b a b`, and a small text counted by hand.
pub fn forward() {
    let pmi = |counting| {
        let config = WordGraphConfig { words: 2, window: 20, counting, ..CONFIG };
        word_graph::<f64>(&[vec![0, 1, 0, 1]], &config).unwrap().to_matrix()[(0, 1)]
    };
    assert_eq!(pmi(Counting::Windows), 0.0);
    assert_close(&pmi(Counting::Positions), &ln(4.0), 1e-15);

    // Windows 0 1 2, 1 2 0, 3 4 of two documents: #W = 3, #W(0) = #W(1) = #W(2) = 2, #W(0, 1) = 2, #W(3, 4) = 1.
    let documents = [vec![0, 1, 2, 0], vec![3, 4]];
    let a = word_graph::<f64>(&documents, &CONFIG).unwrap().to_matrix();
    let (near, pair) = (ln(2.0 * 3.0 / 4.0), ln(3.0));
    let mut want = Array2::zeros((5, 5));
    for (i, j, weight) in [(0, 1, near), (0, 2, near), (1, 2, near), (3, 4, pair)] {
        (want[(i, j)], want[(j, i)]) = (weight, weight);
    }
    assert_close(&a, &want, 1e-15);

    // Documents 5 and 6: word 0 occurs twice in document 5 and in no other.
    let config = WordGraphConfig { nodes: Nodes::WordsAndDocuments, ..CONFIG };
    let a = word_graph::<f64>(&documents, &config).unwrap().to_matrix();
    let rare = ln(2.0);
    let row = array![2.0 * rare, rare, rare, 0.0, 0.0, 0.0, 0.0];
    assert_close(&a.row(5).to_owned(), &row, 1e-15);
}

fn ln(x: f64) -> f64 {
    Real::ln(x)
}

/// Nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_symmetric_and_not_negative,
    independent_words_have_no_edge,
    the_largest_eigenvalue_of_the_normalized_graph_is_one,
    a_document_of_other_words_joins_nothing,
    without_repetition_both_ways_of_counting_agree,
    a_word_of_every_document_has_no_edge_to_any,
];

fn documents(random: &mut Random, words: usize) -> Vec<Vec<usize>> {
    let lengths: Vec<usize> = (0..1 + random.below(5)).map(|_| 1 + random.below(9)).collect();
    lengths.into_iter().map(|n| (0..n).map(|_| random.below(words)).collect()).collect()
}

fn draw(random: &mut Random) -> (Vec<Vec<usize>>, WordGraphConfig) {
    let words = 2 + random.below(8);
    let nodes = if random.unit() < 0.5 { Nodes::Words } else { Nodes::WordsAndDocuments };
    let counting = if random.unit() < 0.5 { Counting::Windows } else { Counting::Positions };
    (documents(random, words), WordGraphConfig { words, window: 2 + random.below(4), counting, nodes })
}

fn run(documents: &[Vec<usize>], config: &WordGraphConfig) -> Adjacency<f64> {
    word_graph(documents, config).unwrap()
}

fn it_is_symmetric_and_not_negative(random: &mut Random) {
    let (documents, config) = draw(random);
    let a = run(&documents, &config).to_matrix();
    assert_eq!(a, a.t());
    assert!(a.iter().all(|&a| a >= 0.0) && a.diag().iter().all(|&a| a == 0.0));
}

/// Word 0 stands in half of the windows, word 1 in half, and both in a quarter.
fn independent_words_have_no_edge(random: &mut Random) {
    let repeat = 1 + random.below(4);
    let table = [vec![0, 1], vec![0, 2], vec![1, 2], vec![2, 2]];
    let documents: Vec<Vec<usize>> = table.iter().flat_map(|d| vec![d.clone(); repeat]).collect();
    let config = WordGraphConfig { words: 3, window: 2, ..CONFIG };
    assert_eq!(run(&documents, &config).to_matrix()[(0, 1)], 0.0);
}

/// `Ã D^{1/2} 1 = D^{1/2} 1`, and no signal grows.
fn the_largest_eigenvalue_of_the_normalized_graph_is_one(random: &mut Random) {
    let (documents, config) = draw(random);
    let graph = run(&documents, &config);
    let looped: Array2<f64> = graph.to_matrix() + Array2::<f64>::eye(graph.nodes());
    let roots: Array2<f64> =
        looped.rows().into_iter().map(|row| [row.iter().sum::<f64>().sqrt()]).collect::<Vec<_>>().into();
    let normalized = graph.normalized().unwrap();
    assert_close(&normalized.times(&roots), &roots, 1e-13);
    let norm = |x: &Array2<f64>| x.iter().map(|x| x * x).sum::<f64>();
    let mut signal: Array2<f64> = random.uniform((graph.nodes(), 1), 1.0);
    for _ in 0..5 {
        let next = normalized.times(&signal);
        assert!(norm(&next) <= norm(&signal) * (1.0 + 1e-12));
        signal = next;
    }
}

fn a_document_of_other_words_joins_nothing(random: &mut Random) {
    let (mut documents, config) = draw(random);
    let config = WordGraphConfig { words: config.words + 3, nodes: Nodes::Words, ..config };
    documents.push(vec![config.words - 1, config.words - 2, config.words - 3]);
    let graph = run(&documents, &config);
    for (i, j) in ndarray::indices((config.words, config.words)) {
        let apart = (i < config.words - 3) != (j < config.words - 3);
        assert!(!apart || graph.neighbors(i).all(|(k, _)| k != j));
    }
}

fn without_repetition_both_ways_of_counting_agree(random: &mut Random) {
    let words = 3 + random.below(6);
    let documents: Vec<Vec<usize>> = (0..3).map(|_| random.permutation(words)).collect();
    let graph = |counting| run(&documents, &WordGraphConfig { words, counting, ..CONFIG });
    assert_eq!(graph(Counting::Windows), graph(Counting::Positions));
}

fn a_word_of_every_document_has_no_edge_to_any(random: &mut Random) {
    let (mut documents, config) = draw(random);
    documents.iter_mut().for_each(|document| document.push(0));
    let graph = run(&documents, &WordGraphConfig { nodes: Nodes::WordsAndDocuments, ..config.clone() });
    assert!(graph.neighbors(0).all(|(j, _)| j < config.words));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let documents = [vec![0, 1, 2, 0], vec![3, 4], vec![1, 4, 4, 2, 3]];
    for (name, counting, nodes) in [
        ("word-graph.words.windows", Counting::Windows, Nodes::Words),
        ("word-graph.documents.positions", Counting::Positions, Nodes::WordsAndDocuments),
    ] {
        let graph = word_graph::<R>(&documents, &WordGraphConfig { counting, nodes, ..CONFIG })?;
        (cases.case(name).ids("words", &documents.iter().flatten().copied().collect::<Array1<_>>()))
            .ids("lengths", &documents.iter().map(Vec::len).collect::<Array1<_>>())
            .out("a", &graph.to_matrix())
            .out("normalized", &graph.normalized()?.to_matrix());
    }
    Ok(())
}
