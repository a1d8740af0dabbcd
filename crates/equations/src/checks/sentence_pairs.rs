//! Evidence for `eq-1.31-sentence-pairs`.

use mmt_golden::Cases;
use mmt_objectives::{PairConfig, SentencePair, sample_sentence_pairs};
use mmt_tensor::{Random, Real, Result};
use ndarray::Array1;

use crate::{Property, properties};

type Document = Vec<Vec<usize>>;

/// A document whose words are all different, and different from those of other documents.
fn document(index: usize, sentences: usize, random: &mut Random) -> Document {
    let mut word = 1000 * index;
    let mut sentence = |n: usize| -> Vec<usize> {
        (0..n)
            .map(|_| {
                word += 1;
                word
            })
            .collect()
    };
    (0..sentences).map(|_| sentence(1 + random.below(6))).collect()
}

fn corpus(documents: usize, random: &mut Random) -> Vec<Document> {
    (0..documents)
        .map(|i| {
            let sentences = 1 + random.below(12);
            document(i, sentences, random)
        })
        .collect()
}

/// The classes of more than 10⁵ pairs: half of the chunks that could be continued, and none of the others.
pub fn forward() {
    let mut random = Random::seed(1);
    let (documents, config) = (corpus(20, &mut random), PairConfig { tokens: 16, short: 0.1 });
    let (mut pairs, mut next, mut long) = (0.0, 0.0, 0.0);
    for round in 0..60_000 {
        for pair in sample_sentence_pairs(&documents, round % 20, &config, &mut random).unwrap() {
            pairs += 1.0;
            long += f64::from(u8::from(pair.chunk > 1));
            next += f64::from(u8::from(!pair.random));
        }
    }
    assert!(pairs >= 1e5 && long < pairs, "{pairs} pairs, {long} of them continued");
    assert!((next / long - 0.5).abs() < 0.01, "{}", next / long);
    assert!(next / pairs <= 0.5, "{}", next / pairs);

    // With two documents all ten drawings are the same one in 2^-10 of the cases, and then it is taken.
    let two: Vec<Document> = vec![vec![vec![1]], vec![vec![2]]];
    let same = |random: &mut Random| sample_sentence_pairs(&two, 0, &config, random).unwrap()[0].source == 0;
    let count = (0..200_000).filter(|_| same(&mut random)).count() as f64;
    assert!((count / 200_000.0 * 1024.0 - 1.0).abs() < 0.3, "{count}");
}

/// Drawing is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_chunk_of_one_sentence_is_always_random,
    no_sentence_is_lost,
    second_texts_are_read_from_their_document,
    a_seed_decides_everything,
];

struct Drawn {
    documents: Vec<Document>,
    index: usize,
    config: PairConfig,
    pairs: Vec<SentencePair>,
}

fn draw(random: &mut Random) -> Drawn {
    let count = 2 + random.below(5);
    let documents = corpus(count, random);
    let (index, config) =
        (random.below(count), PairConfig { tokens: 2 + random.below(30), short: random.unit() });
    let pairs = sample_sentence_pairs(&documents, index, &config, random).unwrap();
    Drawn { documents, index, config, pairs }
}

fn a_chunk_of_one_sentence_is_always_random(random: &mut Random) {
    let Drawn { pairs, .. } = draw(random);
    assert!(pairs.iter().all(|pair| pair.random || pair.chunk > 1));
    let alone: Vec<Document> = (0..3).map(|i| document(i, 1, random)).collect();
    let config = PairConfig { tokens: 128, short: 0.0 };
    let pairs = sample_sentence_pairs(&alone, 0, &config, random).unwrap();
    assert!(pairs.len() == 1 && pairs[0].random);
}

/// What was not used goes back: first texts and true second texts, one after the other, are the document.
fn no_sentence_is_lost(random: &mut Random) {
    let Drawn { documents, index, pairs, .. } = draw(random);
    let mut words = Vec::new();
    for pair in pairs {
        words.extend(pair.a);
        if !pair.random {
            words.extend(pair.b);
        }
    }
    assert_eq!(words, documents[index].concat());
}

/// Whole sentences that follow each other.
fn second_texts_are_read_from_their_document(random: &mut Random) {
    let Drawn { documents, index, config, pairs } = draw(random);
    for pair in pairs {
        let source = &documents[pair.source];
        let start = source.iter().position(|sentence| sentence[0] == pair.b[0]).expect("a first sentence");
        assert!(source[start..].concat().starts_with(&pair.b));
        assert!(pair.random || pair.source == index);
        let last = source.iter().map(Vec::len).max().unwrap();
        assert!(!pair.random || pair.b.len() < config.tokens + last);
    }
}

fn a_seed_decides_everything(random: &mut Random) {
    let Drawn { documents, index, config, .. } = draw(random);
    let of = |mut random: Random| sample_sentence_pairs(&documents, index, &config, &mut random).unwrap();
    assert_eq!(of(random.clone()), of(random.clone()));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let mut random = Random::seed(1);
    let documents = corpus(3, &mut random);
    let config = PairConfig { tokens: 12, short: 0.0 };
    let pairs = sample_sentence_pairs(&documents, 2, &config, &mut random)?;
    let case = cases.case("sentence-pairs.bert.seed-1");
    for (i, document) in documents.iter().enumerate() {
        case.ids(&format!("documents.{i}"), &Array1::from(document.concat()));
        case.ids(&format!("lengths.{i}"), &Array1::from_iter(document.iter().map(Vec::len)));
    }
    for (i, pair) in pairs.iter().enumerate() {
        let numbers = |list: &[usize]| Array1::from_iter(list.iter().map(|&id| R::of(id as f64)));
        case.out(&format!("{i}.a"), &numbers(&pair.a)).out(&format!("{i}.b"), &numbers(&pair.b));
        case.out(&format!("{i}.random"), &numbers(&[usize::from(pair.random)]));
    }
    Ok(())
}
