//! Texts as pieces of words.

use std::ops::Range;

use mmt_tensor::{Result, check_setting};

use super::trie::Trie;
use super::words::{Reading, Word, for_each_word};
use super::{SpecialIds, TextInput, Vocabulary};

/// Words with more letters are not looked up.
const LONGEST_WORD: usize = 100;

/// What a piece begins with that does not begin a word.
const GLUE: &str = "##";

/// Splits words into the longest pieces that a vocabulary has, from the left.
///
/// ```math
/// w = u_1 u_2 \cdots u_k, \qquad
/// u_i = \text{the longest } u \text{ with } u_i \cdots u_k = u\, v \text{ and }
/// \begin{cases} u \in V & i = 1 \\ \mathtt{\#\#}u \in V & i > 1 \end{cases}
/// ```
///
/// A word that cannot be written so, or that has more than 100 letters, is one `[UNK]`. What a word is says
/// [`for_each_word`]. The search is greedy and never goes back: `[UNK]` may stand for a word that other pieces of the
/// vocabulary would make up.
///
/// Source: Devlin et al. 2019, *BERT*, section 4, and the released code, `tokenization.py`, where the limit is 200; it is
/// 100 where the models are used today.
#[derive(Clone, Debug)]
pub struct WordPiece {
    vocabulary: Vocabulary,
    reading: Reading,
    special: SpecialIds,
    unknown: usize,
    /// The pieces that begin a word.
    heads: Trie,
    /// The others, without their `##`.
    tails: Trie,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its place in the vocabulary.
    pub id: usize,
    /// The bytes of the text that it comes from. Pieces of one character, such as the letters of a Hangul syllable,
    /// come from the same bytes.
    pub span: Range<usize>,
}

/// A sequence of ids, and what each comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// What the model reads.
    pub input: TextInput,
    /// For every token the bytes of its text, `a` in segment 0 and `b` in segment 1; `None` for the marks between texts.
    pub spans: Vec<Option<Range<usize>>>,
}

impl WordPiece {
    /// A tokenizer over the pieces of a vocabulary.
    ///
    /// # Errors
    /// [`Error::UnknownId`](mmt_tensor::Error::UnknownId) for a vocabulary without `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` or
    /// `[MASK]`; [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for one of more than 16 million bytes.
    pub fn new(vocabulary: Vocabulary, reading: Reading) -> Result<Self> {
        let bytes: usize = vocabulary.words().map(str::len).sum();
        check_setting("word pieces: vocabulary", bytes < Trie::MOST, || {
            format!("{bytes} bytes are too many")
        })?;
        let (special, unknown) = (SpecialIds::of(&vocabulary)?, vocabulary.id("[UNK]")?);
        let (mut heads, mut tails) = (Vec::new(), Vec::new());
        for (id, word) in vocabulary.words().enumerate() {
            match tail(word) {
                Some(tail) => tails.push((tail.as_bytes(), id)),
                None => heads.push((word.as_bytes(), id)),
            }
        }
        let (heads, tails) = (Trie::new(heads), Trie::new(tails));
        Ok(WordPiece { vocabulary, reading, special, unknown, heads, tails })
    }

    /// The pieces and their ids.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The ids that stand for no word.
    pub fn special(&self) -> &SpecialIds {
        &self.special
    }

    /// The pieces of a text, in its order; none for a text in which there is nothing to see.
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut from = 0;
        for (at, _) in text.match_indices('[').filter(|_| self.reading.marks) {
            let Some(id) = self.marks().into_iter().find(|&id| text[at..].starts_with(self.word(id))) else {
                continue;
            };
            let span = at..at + self.word(id).len();
            self.look_up_words(&text[from..at], from, &mut pieces);
            from = span.end;
            pieces.push(Piece { id, span });
        }
        self.look_up_words(&text[from..], from, &mut pieces);
        pieces
    }

    /// One or two texts as [`TextInput::new`] joins them, with what every token comes from.
    ///
    /// # Errors
    /// Those of [`TextInput::new`]: a text without a piece, and a `longest` without room for one of each.
    pub fn encode(&self, a: &str, b: Option<&str>, longest: usize) -> Result<Encoding> {
        let (a, b) = (self.pieces(a), b.map(|b| self.pieces(b)));
        let ids = |pieces: &[Piece]| pieces.iter().map(|piece| piece.id).collect::<Vec<_>>();
        let input = TextInput::new(&ids(&a), b.as_deref().map(ids).as_deref(), &self.special, longest)?;
        let in_a = input.segments.iter().filter(|&&segment| segment == 0).count();
        let mut spans = vec![None];
        for (pieces, end) in [(a, in_a), (b.unwrap_or_default(), input.ids.len())] {
            if spans.len() < end {
                let kept = end - 1 - spans.len();
                spans.extend(pieces.into_iter().take(kept).map(|piece| Some(piece.span)));
                spans.push(None);
            }
        }
        Ok(Encoding { input, spans })
    }

    /// The words of some ids, with spaces between them. `[CLS]`, `[SEP]` and `[PAD]` are left out.
    ///
    /// Case, accents and blanks are lost, and a word that is not in the vocabulary is `[UNK]`; the pieces of what comes
    /// back are the pieces that were given, if they were pieces of a text read with its marks.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for an id outside the vocabulary.
    pub fn decode(&self, ids: &[usize]) -> Result<String> {
        let silent = [self.special.pad, self.special.cls, self.special.sep];
        let mut text = String::new();
        for &id in ids {
            let word = self.vocabulary.word(id)?;
            if silent.contains(&id) {
                continue;
            }
            match tail(word) {
                Some(tail) => text.push_str(tail),
                None if text.is_empty() => text.push_str(word),
                None => text.extend([" ", word]),
            }
        }
        Ok(text)
    }

    /// The ids of the marks that may stand in a text.
    fn marks(&self) -> [usize; 5] {
        let SpecialIds { pad, cls, sep, mask } = self.special;
        [pad, self.unknown, cls, sep, mask]
    }

    fn word(&self, id: usize) -> &str {
        self.vocabulary.word(id).expect("an id of this vocabulary")
    }

    fn look_up_words(&self, text: &str, offset: usize, pieces: &mut Vec<Piece>) {
        for_each_word(text, offset, self.reading, |word| self.look_up(word, pieces));
    }

    fn look_up(&self, word: &Word, pieces: &mut Vec<Piece>) {
        let (letters, before) = (word.letters.as_bytes(), pieces.len());
        let (mut at, looked_up) = (0, !too_long(&word.letters));
        while at < letters.len() {
            let trie = if at == 0 { &self.heads } else { &self.tails };
            let Some((length, id)) = trie.longest(&letters[at..]).filter(|_| looked_up) else {
                pieces.truncate(before);
                return pieces.push(Piece { id: self.unknown, span: word.span(0..letters.len()) });
            };
            pieces.push(Piece { id, span: word.span(at..at + length) });
            at += length;
        }
    }
}

/// A piece that does not begin a word, without what says so; `##` alone is a word.
fn tail(piece: &str) -> Option<&str> {
    piece.strip_prefix(GLUE).filter(|tail| !tail.is_empty())
}

fn too_long(word: &str) -> bool {
    word.len() > LONGEST_WORD && word.chars().count() > LONGEST_WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\nuna\n##aff\n##ffa\n##ble\n##f\n!\na\n##a\n[\n]\nmask";

    fn tokenizer(reading: Reading) -> WordPiece {
        WordPiece::new(Vocabulary::parse(WORDS.as_bytes()).unwrap(), reading).unwrap()
    }

    /// The pieces of a text with what they come from.
    fn shown(text: &str, reading: Reading) -> Vec<(String, String)> {
        let words = tokenizer(reading);
        let show = |piece: Piece| (words.word(piece.id).to_string(), text[piece.span].to_string());
        words.pieces(text).into_iter().map(show).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    }

    #[test]
    fn the_longest_piece_is_taken_and_never_given_back() {
        let expected = pairs(&[("una", "Una"), ("##ffa", "ffa"), ("##ble", "ble"), ("!", "!")]);
        assert_eq!(shown("Unaffable!", Reading::UNCASED), expected);
        // un + ##aff would do; una + ##ff does not go on.
        assert_eq!(shown("unaff", Reading::UNCASED), pairs(&[("una", "una"), ("##f", "f"), ("##f", "f")]));
        assert_eq!(shown("unaffx", Reading::UNCASED), pairs(&[("[UNK]", "unaffx")]));
        assert_eq!(shown("Una una", Reading::CASED), pairs(&[("[UNK]", "Una"), ("una", "una")]));
    }

    #[test]
    fn a_hundred_letters_are_a_word_and_one_more_is_not() {
        assert_eq!(shown(&"a".repeat(100), Reading::UNCASED).len(), 100);
        assert_eq!(shown(&"a".repeat(101), Reading::UNCASED), pairs(&[("[UNK]", &"a".repeat(101))]));
        // Letters are counted as they are looked up, and not bytes.
        assert_eq!(shown(&"á".repeat(100), Reading::UNCASED).len(), 100);
        let vocabulary = Vocabulary::parse(format!("{WORDS}\né\n##é").as_bytes()).unwrap();
        let words = WordPiece::new(vocabulary, Reading::CASED).unwrap();
        assert_eq!(words.pieces(&"é".repeat(100)).len(), 100);
        assert_eq!(words.pieces(&"é".repeat(101)).len(), 1);
    }

    #[test]
    fn marks_in_a_text_are_read_or_spelled() {
        let text = "a[MASK]\u{301}a [mask]";
        let marks =
            pairs(&[("a", "a"), ("[MASK]", "[MASK]"), ("a", "a"), ("[", "["), ("mask", "mask"), ("]", "]")]);
        assert_eq!(shown(text, Reading::UNCASED), marks);
        let spelled = shown("a [MASK]", Reading { marks: false, ..Reading::UNCASED });
        assert_eq!(spelled, pairs(&[("a", "a"), ("[", "["), ("mask", "MASK"), ("]", "]")]));
    }

    #[test]
    fn two_texts_are_joined_and_cut_with_their_spans() {
        let words = tokenizer(Reading::UNCASED);
        let Encoding { input, spans } = words.encode("Una!", Some(" a a a"), 16).unwrap();
        assert_eq!(input.ids, [2, 6, 11, 3, 12, 12, 12, 3]);
        assert_eq!(input.segments, [0, 0, 0, 0, 1, 1, 1, 1]);
        assert_eq!(spans, [None, Some(0..3), Some(3..4), None, Some(1..2), Some(3..4), Some(5..6), None]);
        let Encoding { input, spans } = words.encode("Una!", Some(" a a a"), 5).unwrap();
        assert_eq!(input.ids, [2, 6, 3, 12, 3]);
        assert_eq!(spans, [None, Some(0..3), None, Some(1..2), None]);
        let Encoding { input, spans } = words.encode("a a", None, 9).unwrap();
        assert_eq!((input.ids, spans), (vec![2, 12, 12, 3], vec![None, Some(0..1), Some(2..3), None]));
    }

    #[test]
    fn ids_are_words_again() {
        let words = tokenizer(Reading::UNCASED);
        assert_eq!(words.decode(&[2, 6, 8, 9, 11, 4, 1, 3, 0]).unwrap(), "unaffable ! [MASK] [UNK]");
        assert_eq!(words.decode(&[]).unwrap(), "");
        let error = words.decode(&[5, 17]).unwrap_err();
        assert_eq!(error.to_string(), "vocabulary: id: index 17 is outside a table of 17");
    }

    #[test]
    fn a_vocabulary_without_a_mark_is_refused() {
        for mark in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
            let words = WORDS.replace(mark, "other");
            let vocabulary = Vocabulary::parse(words.as_bytes()).unwrap();
            let error = WordPiece::new(vocabulary, Reading::UNCASED).unwrap_err();
            assert_eq!(error.to_string(), format!("vocabulary: word: unknown: `{mark}`"));
        }
    }

    #[test]
    fn texts_with_nothing_to_see_are_refused() {
        let words = tokenizer(Reading::UNCASED);
        let text = |a, b, longest| words.encode(a, b, longest).unwrap_err().to_string();
        assert_eq!(text("", None, 8), "text_input: a: empty");
        assert_eq!(text("a", Some(" \u{200b}\u{301}"), 8), "text_input: b: empty");
        assert_eq!(text("a", Some("a"), 4), "text_input: longest: must be at least 5, got 4");
    }

    #[test]
    fn a_bare_glue_is_a_word() {
        let vocabulary = Vocabulary::parse(format!("{WORDS}\n##").as_bytes()).unwrap();
        let words = WordPiece::new(vocabulary, Reading::UNCASED).unwrap();
        assert_eq!(words.decode(&[12, 17]).unwrap(), "a ##");
        assert_eq!(words.pieces("##").iter().map(|piece| piece.id).collect::<Vec<_>>(), [1, 1]);
    }
}
