//! Errata of section 2.2 of the note: words.

use mmt_tensor::{Random, Real, Tree};
use mmt_tokenizers::graph::{Counting, Nodes, WordGraphConfig, word_graph};
use mmt_tokenizers::text::word2vec::WordVectors;
use mmt_tokenizers::text::{TextEmbedding, TextInput};

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C16",
        section: "2.2",
        claim: "the embedding of a word is the vector that word2vec learned",
        correction: "the table may begin as word2vec's, but models of BERT's kind learn it together with the rest: every word \
                     of a batch has a gradient",
        source: "Devlin et al. 2019, section 3; Mikolov et al. 2013",
        equation: "eq-2.5-cbow",
        as_written: the_table_stays,
        as_corrected: the_table_is_learned,
    },
    Erratum {
        id: "ERR-C17",
        section: "2.2",
        claim: "words are nodes and being near each other is an edge: that is a graph",
        correction: "what weighs an edge has to be said. TextGCN takes pointwise mutual information over windows; its released \
                     code counts pairs of positions, whose shares exceed 1",
        source: "Yao, Mao & Luo 2019, section 3.2 and released code, build_graph.py",
        equation: "eq-2.6-word-graph",
        as_written: any_count_of_pairs_will_do,
        as_corrected: windows_give_probabilities,
    },
];

/// The share of the words of a batch whose vectors get a gradient, from a table that begins as word2vec's, and the same share
/// of the words that are not in the batch.
fn moved_words() -> Result<[f64; 2], String> {
    let text = |error: mmt_tensor::Error| error.to_string();
    let random = &mut Random::seed(1);
    let words = WordVectors::<f64>::new(10, 4, random).map_err(text)?;
    let mut model = TextEmbedding::new(10, 6, 4, 1e-12, random);
    model.word.table.assign(&words.input);
    let ids = vec![1, 7, 3, 7];
    let input = TextInput { ids: ids.clone(), segments: vec![0; 4], keep: vec![true; 4] };
    let (x, tape) = model.forward(&[input]).map_err(text)?;
    let mut grad = model.zeros_like();
    model.backward(&tape, &random.uniform(x.dim(), 1.0), &mut grad);
    let moves = |word: &usize| grad.word.table.row(*word).iter().any(|&g| g != 0.0);
    let share = |list: Vec<usize>| list.iter().filter(|word| moves(word)).count() as f64 / list.len() as f64;
    let others = (0..10).filter(|word| !ids.contains(word)).collect();
    Ok([share(ids.clone()), share(others)])
}

fn the_table_stays() -> Outcome {
    let [batch, _] = moved_words()?;
    judge(batch == 0.0, format!("{:.0} % of the words of a batch have a gradient", 100.0 * batch))
}

fn the_table_is_learned() -> Outcome {
    let [batch, others] = moved_words()?;
    judge(
        batch == 1.0 && others == 0.0,
        format!(
            "{:.0} % of the words of a batch have a gradient, and {:.0} % of the others",
            100.0 * batch,
            100.0 * others
        ),
    )
}

/// `p(a, b)` of the single window `a b a b`, from the weight of its edge: `p(a) = p(b) = 1`.
fn probability(counting: Counting) -> Result<f64, String> {
    let config = WordGraphConfig { words: 2, window: 20, counting, nodes: Nodes::Words };
    let graph = word_graph::<f64>(&[vec![0, 1, 0, 1]], &config).map_err(|e| e.to_string())?;
    Ok(Real::exp(graph.to_matrix()[(0, 1)]))
}

fn any_count_of_pairs_will_do() -> Outcome {
    let p = probability(Counting::Positions)?;
    judge(p <= 1.0, format!("in the window `a b a b` the pair has the probability {p:.3}"))
}

fn windows_give_probabilities() -> Outcome {
    let p = probability(Counting::Windows)?;
    judge(p <= 1.0, format!("in the window `a b a b` the pair has the probability {p:.3}"))
}
