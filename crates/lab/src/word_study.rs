//! Embeddings of words trained on the grammar of [`text`], and whether related words are near each other.

use std::collections::BTreeMap;

use mmt_objectives::{edge_weight, graph_autoencoder, graph_autoencoder_backward};
use mmt_tensor::ops::{l2_normalize, matmul};
use mmt_tensor::optim::{Adam, AdamConfig};
use mmt_tensor::{Random, Result, Tree};
use mmt_tokenizers::graph::{Adjacency, Counting, Gcn, Nodes, WordGraphConfig, word_graph};
use mmt_tokenizers::text::word2vec::{
    Guess, Noise, OnHit, Speaker, WordVectors, sample_contexts, sample_pairs,
};
use ndarray::Array2;

use crate::data::text::{self, CLASSES};

/// How an embedding is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// eq-2.4-skip-gram
    SkipGram,
    /// eq-2.5-cbow
    Cbow,
    /// eq-2.7-gcn on eq-2.6-word-graph, with eq-2.7-graph-autoencoder.
    Gcn,
}

impl Method {
    /// All three.
    pub const ALL: [Method; 3] = [Method::SkipGram, Method::Cbow, Method::Gcn];
}

/// Numbers of a vector.
const WIDTH: usize = 16;
/// Guesses of one step of word2vec.
const BATCH: usize = 64;
/// Wrong answers of a guess.
const NEGATIVES: usize = 5;
/// Words to each side, at most.
const RADIUS: usize = 3;
/// How often word2vec reads the text.
const EPOCHS: usize = 20;
/// Steps of the graph network.
const STEPS: usize = 200;

/// What came out of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct WordStudy {
    /// How the embedding was learned.
    pub method: Method,
    /// Of all words of the grammar's classes and all pairs of one related and one unrelated word, the share in which the
    /// related word is nearer.
    pub nearer: f64,
    /// The mean cosine of two words of one class.
    pub related: f64,
    /// The mean cosine of two words of different classes.
    pub unrelated: f64,
    /// Of [`LISTED`], the number in which the related word is nearer than the unrelated one.
    pub listed: usize,
}

/// A word, a related one, and an unrelated one.
pub const LISTED: [[&str; 3]; 8] = [
    ["dog", "cat", "car"],
    ["horse", "cow", "lemon"],
    ["apple", "pear", "teacher"],
    ["plum", "cherry", "bus"],
    ["train", "boat", "hen"],
    ["car", "truck", "grape"],
    ["baker", "doctor", "tram"],
    ["singer", "farmer", "goat"],
];

/// The grammar's sentences as numbers of words.
struct Corpus {
    ids: BTreeMap<&'static str, usize>,
    /// A question and its answer each.
    documents: Vec<Vec<usize>>,
}

impl Corpus {
    fn new(seed: u64) -> Self {
        let mut ids = BTreeMap::new();
        let mut id = |word: &&'static str| {
            let next = ids.len();
            *ids.entry(*word).or_insert(next)
        };
        let documents = (text::exchanges(seed).iter())
            .map(|exchange| exchange.question.iter().chain(&exchange.answer).map(&mut id).collect())
            .collect();
        Corpus { ids, documents }
    }

    fn counts(&self) -> Vec<u64> {
        let mut counts = vec![0; self.ids.len()];
        self.documents.iter().flatten().for_each(|&word| counts[word] += 1);
        counts
    }
}

/// Trains an embedding from a seed, which also draws the sentences, and asks what is near what.
///
/// # Errors
/// Those of the layers.
pub fn word_study(method: Method, seed: u64) -> Result<WordStudy> {
    let (corpus, random) = (Corpus::new(seed), &mut Random::seed(seed));
    let vectors = match method {
        Method::SkipGram | Method::Cbow => word2vec(&corpus, method, random)?,
        Method::Gcn => gcn(&corpus, random)?,
    };
    let (unit, _) = l2_normalize(&vectors, Some(1e-12))?;
    Ok(judge(method, &corpus, &matmul(&unit, &unit.t())))
}

/// Adam in place of the plain steps of `word2vec.c`, which takes a billion words.
fn word2vec(corpus: &Corpus, method: Method, random: &mut Random) -> Result<Array2<f32>> {
    let mut vectors = WordVectors::<f32>::new(corpus.ids.len(), WIDTH, random)?;
    let noise = Noise::new(&corpus.counts(), OnHit::Redraw)?;
    let mut optimizer = Adam::new::<f32>(&vectors, AdamConfig::ADAM)?;
    for _ in 0..EPOCHS {
        let (mut contexts, mut guesses) = (vec![], vec![]);
        for document in &corpus.documents {
            for (context, target) in questions(document, method, random)? {
                contexts.push(context);
                guesses.push(noise.guess(target, NEGATIVES, random)?);
            }
        }
        let order = random.permutation(guesses.len());
        for batch in order.chunks(BATCH) {
            let contexts: Vec<Vec<usize>> = batch.iter().map(|&i| contexts[i].clone()).collect();
            let guesses: Vec<Guess> = batch.iter().map(|&i| guesses[i].clone()).collect();
            // A context of one word is skip-gram, with the same bits.
            let (_, tape) = vectors.cbow(&contexts, &guesses)?;
            let mut grad = vectors.zeros_like();
            vectors.cbow_backward(&tape, 1.0 / batch.len() as f32, &mut grad);
            optimizer.step(&mut vectors, &grad, 0.02)?;
        }
    }
    Ok(vectors.input)
}

/// Who guesses what in a document.
fn questions(document: &[usize], method: Method, random: &mut Random) -> Result<Vec<(Vec<usize>, usize)>> {
    Ok(match method {
        Method::Cbow => {
            let contexts = sample_contexts(document, RADIUS, random)?;
            contexts.into_iter().map(|(center, context)| (context, center)).collect()
        }
        _ => {
            let pairs = sample_pairs(document, RADIUS, Speaker::Center, random)?;
            pairs.into_iter().map(|pair| (vec![pair.word], pair.target)).collect()
        }
    })
}

fn gcn(corpus: &Corpus, random: &mut Random) -> Result<Array2<f32>> {
    let (counting, nodes) = (Counting::Windows, Nodes::Words);
    let config = WordGraphConfig { words: corpus.ids.len(), window: 20, counting, nodes };
    let graph: Adjacency<f32> = word_graph(&corpus.documents, &config)?;
    let edges = graph.to_matrix().mapv(|weight| weight > 0.0);
    let weight = edge_weight(&edges)?;
    let graph = graph.normalized()?;
    let mut gcn = Gcn::new(graph.nodes(), 2 * WIDTH, WIDTH, random)?;
    let mut optimizer = Adam::new::<f32>(&gcn, AdamConfig::ADAM)?;
    for _ in 0..STEPS {
        let (z, tape) = gcn.forward(None, &graph)?;
        let (_, loss) = graph_autoencoder(&z, &edges, weight)?;
        let dz = graph_autoencoder_backward(&loss, &edges, weight, 1.0);
        let mut grad = gcn.zeros_like();
        gcn.backward(&tape, &dz, &graph, &mut grad);
        optimizer.step(&mut gcn, &grad, 0.02)?;
    }
    Ok(gcn.forward(None, &graph)?.0)
}

fn judge(method: Method, corpus: &Corpus, cosines: &Array2<f32>) -> WordStudy {
    let cosine = |a: &str, b: &str| f64::from(cosines[(corpus.ids[a], corpus.ids[b])]);
    let words: Vec<(usize, &str)> =
        CLASSES.iter().enumerate().flat_map(|(c, class)| class.words.iter().map(move |w| (c, *w))).collect();
    let (mut related, mut unrelated, mut nearer) = (vec![], vec![], vec![]);
    for &(class, word) in &words {
        let others = |same: bool| {
            let kept = words.iter().filter(move |(c, w)| *w != word && (*c == class) == same);
            kept.map(|(_, other)| cosine(word, other)).collect::<Vec<_>>()
        };
        let (near, far) = (others(true), others(false));
        nearer.extend(near.iter().flat_map(|n| far.iter().map(move |f| f64::from(u8::from(n > f)))));
        related.extend(near);
        unrelated.extend(far);
    }
    let mean = |list: Vec<f64>| list.iter().fold(0.0, |sum, x| sum + x) / list.len() as f64;
    let listed = LISTED.iter().filter(|[word, near, far]| cosine(word, near) > cosine(word, far)).count();
    WordStudy { method, nearer: mean(nearer), related: mean(related), unrelated: mean(unrelated), listed }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bands around what five seeds gave, see `docs/words.md`.
    #[test]
    fn related_words_are_nearer_than_unrelated_ones() {
        for method in Method::ALL {
            for seed in 1..=5 {
                let study = word_study(method, seed).unwrap();
                assert!(study.related > study.unrelated, "{study:?}");
                assert_eq!(study.listed, LISTED.len(), "{study:?}");
                assert!(study.nearer > 0.9, "{study:?}");
            }
        }
    }

    /// The measure itself: vectors that were never trained are near each other by chance.
    #[test]
    fn vectors_that_know_nothing_are_not_sorted() {
        let corpus = Corpus::new(1);
        for seed in 1..=5 {
            let vectors = Random::seed(seed).uniform((corpus.ids.len(), WIDTH), 1.0);
            let (unit, _) = l2_normalize(&vectors, Some(1e-12)).unwrap();
            let study = judge(Method::SkipGram, &corpus, &matmul(&unit, &unit.t()));
            assert!((0.4..0.6).contains(&study.nearer), "{study:?}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_study() {
        for method in Method::ALL {
            assert_eq!(word_study(method, 3).unwrap(), word_study(method, 3).unwrap());
        }
    }
}
