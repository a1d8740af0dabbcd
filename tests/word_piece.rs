//! Word pieces: the vocabulary of BERT, the ids that another library gives, and what holds for any text.

use std::fs;

use mmt_tests::root;
use mmt_tokenizers::text::{Encoding, Piece, Reading, Vocabulary, WordPiece};
use proptest::prelude::*;
use serde_json::Value;

fn tokenizer(reading: Reading) -> WordPiece {
    let bytes = fs::read(root().join("tests/word_piece/vocab.txt")).unwrap();
    WordPiece::new(Vocabulary::parse(&bytes).unwrap(), reading).unwrap()
}

fn cases(kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join("tests/word_piece/cases.json")).unwrap();
    let mut page: Value = serde_json::from_str(&text).unwrap();
    page[kind].as_array_mut().map(std::mem::take).unwrap()
}

fn numbers(list: &Value) -> Vec<usize> {
    list.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

fn ids(pieces: &[Piece]) -> Vec<usize> {
    pieces.iter().map(|piece| piece.id).collect()
}

#[test]
fn texts_have_the_ids_that_another_library_gives() {
    let words = tokenizer(Reading::UNCASED);
    let special = words.special();
    for case in cases("texts") {
        let text = case["text"].as_str().unwrap();
        let pieces = words.pieces(text);
        let shown: Vec<&str> = pieces.iter().map(|p| words.vocabulary().word(p.id).unwrap()).collect();
        assert_eq!(shown, case["tokens"].as_array().unwrap()[..], "{text:?}");
        let marked = [&[special.cls], &ids(&pieces)[..], &[special.sep]].concat();
        assert_eq!(marked, numbers(&case["ids"]), "{text:?}");
        if !pieces.is_empty() {
            assert_eq!(words.encode(text, None, 512).unwrap().input.ids, marked);
        }
    }
}

#[test]
fn pairs_have_the_ids_and_segments_that_another_library_gives() {
    let words = tokenizer(Reading::UNCASED);
    for case in cases("pairs") {
        let (a, b) = (case["a"].as_str().unwrap(), case["b"].as_str().unwrap());
        let Encoding { input, .. } = words.encode(a, Some(b), 128).unwrap();
        assert_eq!((input.ids, input.segments), (numbers(&case["ids"]), numbers(&case["segments"])));
    }
}

#[test]
fn the_vocabulary_is_whole() {
    let words = tokenizer(Reading::UNCASED);
    assert_eq!(words.vocabulary().size(), 30_522);
    // Every piece that begins a word and is letters alone is found as it is.
    let is_word = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric());
    for (id, word) in words.vocabulary().words().enumerate().filter(|(_, word)| is_word(word)) {
        assert_eq!(ids(&words.pieces(word)), [id], "{word}");
    }
}

/// Letters, marks, blanks and whatever Unicode has, with much of what is special to the tokenizer.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[a-z]{1,8}",
        2 => "\\PC{0,6}",
        2 => any::<char>().prop_map(String::from),
        1 => "[\u{300}-\u{36f}\u{302e}\u{1d165}\u{34f}\u{ac00}-\u{ac20}\u{4e00}-\u{4e20}\u{200b}\u{fffd}\0]{1,4}",
        1 => prop_oneof!["\\[MASK\\]", "\\[SEP\\]", "\\[UNK\\]", "\\[CLS", "[ \t\n,.!#\\[\\]]{1,3}"],
        1 => "[A-ZÀ-ɏΑ-Ωа-я]{1,10}",
    ];
    proptest::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
}

/// What the program promises of every text.
fn check(words: &WordPiece, text: &str) {
    let pieces = words.pieces(text);
    for piece in &pieces {
        assert!(piece.id < words.vocabulary().size());
        assert!(text.get(piece.span.clone()).is_some_and(|origin| !origin.is_empty()), "{piece:?}");
    }
    for pair in pieces.windows(2) {
        assert!(pair[0].span.start <= pair[1].span.start && pair[0].span.end <= pair[1].span.end, "{pair:?}");
    }
    let once = words.decode(&ids(&pieces)).unwrap();
    let again = words.pieces(&once);
    assert_eq!(words.decode(&ids(&again)).unwrap(), once);
    let silent = |id: &usize| [words.special().sep, words.special().cls, words.special().pad].contains(id);
    let spoken: Vec<usize> = ids(&pieces).into_iter().filter(|id| !silent(id)).collect();
    assert_eq!(ids(&again), spoken);
}

#[test]
fn any_text_has_pieces_in_order_that_survive_being_decoded() {
    let (uncased, cased) = (tokenizer(Reading::UNCASED), tokenizer(Reading::CASED));
    let small = tokenizer(Reading { lower_case: true, ..Reading::CASED });
    proptest!(ProptestConfig::with_cases(600), |(text in any_text())| {
        [&uncased, &cased, &small].into_iter().for_each(|words| check(words, &text));
    });
}

#[test]
fn every_character_keeps_the_promises() {
    let words = tokenizer(Reading::UNCASED);
    for c in '\0'..=char::MAX {
        check(&words, &format!("a{c}b"));
    }
}

#[test]
fn a_sequence_has_a_span_for_every_token_however_it_is_cut() {
    let words = tokenizer(Reading::UNCASED);
    proptest!(|(a in any_text(), b in any_text(), longest in 0..40usize)| {
        let Ok(Encoding { input, spans }) = words.encode(&a, Some(&b), longest) else { return Ok(()) };
        prop_assert_eq!(spans.len(), input.ids.len());
        let sep = input.segments.iter().position(|&s| s == 1).unwrap();
        let inner: Vec<usize> = (0..spans.len()).filter(|i| ![0, sep - 1, spans.len() - 1].contains(i)).collect();
        let pieces = [words.pieces(&a), words.pieces(&b)];
        for i in inner {
            let (segment, at) = (input.segments[i], if i < sep { i - 1 } else { i - sep });
            let piece = &pieces[segment][at];
            prop_assert_eq!((input.ids[i], spans[i].clone()), (piece.id, Some(piece.span.clone())));
        }
        prop_assert!([0, sep - 1, spans.len() - 1].iter().all(|&i| spans[i].is_none()));
    });
}

#[test]
fn any_bytes_are_a_vocabulary_or_one_line_of_error() {
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..64))| {
        if let Err(error) = Vocabulary::parse(&bytes) {
            prop_assert!(!error.to_string().contains('\n'));
        }
    });
}

#[test]
fn any_words_make_a_tokenizer() {
    let marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let list = proptest::collection::btree_set("(##)?[a-cé#]{1,4}", 0..40);
    proptest!(|(list in list, text in "[a-cé ]{0,24}")| {
        let words = marks.into_iter().chain(list.iter().map(String::as_str));
        let words = WordPiece::new(Vocabulary::new(words).unwrap(), Reading::CASED).unwrap();
        check(&words, &text);
        let expected: Vec<String> = text.split_whitespace().flat_map(|word| slowly(word, &list)).collect();
        let found: Vec<String> = words.pieces(&text).iter().map(|p| words.vocabulary().word(p.id).unwrap().into()).collect();
        prop_assert_eq!(found, expected);
    });
}

/// The rule of the longest piece as it is said: every end is tried, from the last.
fn slowly(word: &str, list: &std::collections::BTreeSet<String>) -> Vec<String> {
    let (mut pieces, mut rest) = (Vec::new(), word);
    while !rest.is_empty() {
        let ends = (1..=rest.len()).rev().filter(|&end| rest.is_char_boundary(end));
        let glue = if pieces.is_empty() { "" } else { "##" };
        let mut tried = ends.map(|end| (end, format!("{glue}{}", &rest[..end])));
        let Some((end, piece)) = tried.find(|(_, piece)| list.contains(piece)) else {
            return vec!["[UNK]".to_string()];
        };
        pieces.push(piece);
        rest = &rest[end..];
    }
    pieces
}
