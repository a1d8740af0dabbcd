//! Pairs of texts that follow each other or do not.

use mmt_tensor::{Error, Random, Result, check_index, check_setting};

/// The sizes of the pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct PairConfig {
    /// Tokens that both texts of a pair fill together: the length of a sequence less its three marks.
    pub tokens: usize,
    /// How often a document aims at a random, shorter length: 0.1 in BERT.
    pub short: f64,
}

/// Two texts and where the second comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentencePair {
    /// The ids of the first text.
    pub a: Vec<usize>,
    /// The ids of the second.
    pub b: Vec<usize>,
    /// Whether `b` was drawn at random: class 1 of next sentence prediction.
    pub random: bool,
    /// The document that `b` is from.
    pub source: usize,
    /// How many sentences the chunk had that the pair was cut from.
    pub chunk: usize,
}

/// How often another document is drawn when it came out as the same one.
const DRAWS: usize = 10;

/// Cuts a document into pairs of texts, about half of them with a second text from elsewhere.
///
/// **eq-1.31-sentence-pairs**
/// ```math
/// P(\text{random} \mid \text{chunk of } k \text{ sentences}) = \begin{cases} 1 & k = 1 \\ \tfrac12 & k \ge 2 \end{cases}
/// \quad\Rightarrow\quad P(\text{next}) \le \tfrac12
/// ```
///
/// `documents`: sentences of ids; `index` is the document to be cut → pairs in the order of the document
///
/// Sentences are collected until they fill the length. The chunk is cut in two at a random place between sentences. The
/// second part is `b`, or goes back into the document and `b` is read from a random place of a random document, which is
/// drawn again up to ten times if it is the same one, and then taken. A chunk of one sentence has no second part, so its `b`
/// is always random: the classes are not balanced.
///
/// The texts together can be longer than wanted; they are cut when the sequence is put together.
///
/// Source: Devlin et al. 2019, *BERT*, appendix A.2; the procedure is that of the released code,
/// `create_pretraining_data.py`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for fewer than two documents, fewer than two tokens and a `short` that is no
/// probability; [`Error::IndexOutOfRange`] for an index that is no document; [`Error::EmptyInput`] for a document
/// without sentences and a sentence without tokens.
pub fn sample_sentence_pairs(
    documents: &[Vec<Vec<usize>>],
    index: usize,
    config: &PairConfig,
    random: &mut Random,
) -> Result<Vec<SentencePair>> {
    check(documents, index, config)?;
    let document = &documents[index];
    let shorter = random.unit() < config.short;
    let target = if shorter { 2 + random.below(config.tokens - 1) } else { config.tokens };
    let (mut pairs, mut start) = (Vec::new(), 0);
    while start < document.len() {
        let end = chunk_end(document, start, target);
        let chunk = end - start;
        let cut = start + if chunk == 1 { 1 } else { 1 + random.below(chunk - 1) };
        let a = document[start..cut].concat();
        if chunk == 1 || random.unit() < 0.5 {
            let source = other_document(documents.len(), index, random);
            let b = random_text(&documents[source], target.saturating_sub(a.len()), random);
            pairs.push(SentencePair { a, b, random: true, source, chunk });
            start = cut;
        } else {
            let b = document[cut..end].concat();
            pairs.push(SentencePair { a, b, random: false, source: index, chunk });
            start = end;
        }
    }
    Ok(pairs)
}

/// Behind the sentence with which `target` tokens are reached, or behind the last one.
fn chunk_end(document: &[Vec<usize>], start: usize, target: usize) -> usize {
    let mut tokens = 0;
    let reached = |sentence: &Vec<usize>| {
        tokens += sentence.len();
        tokens >= target
    };
    document[start..].iter().position(reached).map_or(document.len(), |i| start + i + 1)
}

/// A document that is not `index`, unless ten drawings say `index`.
fn other_document(documents: usize, index: usize, random: &mut Random) -> usize {
    let mut drawn = index;
    for _ in 0..DRAWS {
        drawn = random.below(documents);
        if drawn != index {
            break;
        }
    }
    drawn
}

/// Sentences from a random one on, until there are `target` tokens.
fn random_text(document: &[Vec<usize>], target: usize, random: &mut Random) -> Vec<usize> {
    let start = random.below(document.len());
    document[start..chunk_end(document, start, target)].concat()
}

fn check(documents: &[Vec<Vec<usize>>], index: usize, config: &PairConfig) -> Result<()> {
    let PairConfig { tokens, short } = *config;
    check_setting("sentence_pairs: documents", documents.len() > 1, || {
        format!("a random text needs a second document, got {}", documents.len())
    })?;
    check_setting("sentence_pairs: tokens", tokens > 1, || format!("must be at least 2, got {tokens}"))?;
    check_setting("sentence_pairs: short", (0.0..=1.0).contains(&short), || {
        format!("must be a probability, got {short}")
    })?;
    check_index("sentence_pairs: index", index, documents.len())?;
    if documents.iter().any(Vec::is_empty) {
        return Err(Error::EmptyInput { at: "sentence_pairs: documents" });
    }
    if documents.iter().flatten().any(Vec::is_empty) {
        return Err(Error::EmptyInput { at: "sentence_pairs: sentences" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(documents: &[Vec<Vec<usize>>], index: usize, tokens: usize, short: f64) -> String {
        let config = PairConfig { tokens, short };
        sample_sentence_pairs(documents, index, &config, &mut Random::seed(0)).unwrap_err().to_string()
    }

    fn two() -> Vec<Vec<Vec<usize>>> {
        vec![vec![vec![1, 2], vec![3]], vec![vec![4]]]
    }

    #[test]
    fn a_single_document_is_refused() {
        let error = text(&two()[..1], 0, 8, 0.1);
        assert_eq!(error, "sentence_pairs: documents: a random text needs a second document, got 1");
    }

    #[test]
    fn a_document_that_does_not_exist_is_refused() {
        assert_eq!(text(&two(), 2, 8, 0.1), "sentence_pairs: index: index 2 is outside a table of 2");
    }

    #[test]
    fn settings_outside_their_range_are_refused() {
        assert_eq!(text(&two(), 0, 1, 0.1), "sentence_pairs: tokens: must be at least 2, got 1");
        for short in [-0.1, 1.1, f64::NAN] {
            let error = text(&two(), 0, 8, short);
            assert_eq!(error, format!("sentence_pairs: short: must be a probability, got {short}"));
        }
    }

    #[test]
    fn empty_documents_and_sentences_are_refused() {
        assert_eq!(text(&[vec![], vec![vec![1]]], 1, 8, 0.1), "sentence_pairs: documents: empty");
        assert_eq!(text(&[vec![vec![]], vec![vec![1]]], 1, 8, 0.1), "sentence_pairs: sentences: empty");
    }
}
