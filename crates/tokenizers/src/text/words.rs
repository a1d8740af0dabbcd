//! A text as the words that BERT looks up.

use std::ops::Range;

use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

use super::kind::Kind;

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whether letters become small.
    pub lower_case: bool,
    /// Whether letters lose their accents.
    pub strip_accents: bool,
    /// Whether `[MASK]` and the other marks stand for themselves when they are met in a text. Otherwise `[`, `mask`
    /// and `]` are three words like any others, which is right for texts from strangers: nobody ends a sentence early.
    pub marks: bool,
}

impl Reading {
    /// That of the uncased models: small letters, no accents.
    pub const UNCASED: Reading = Reading { lower_case: true, strip_accents: true, marks: true };
    /// That of the cased models: letters as they are.
    pub const CASED: Reading = Reading { lower_case: false, strip_accents: false, marks: true };
}

/// A word as it is looked up, and where its letters stand in the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The letters.
    pub letters: String,
    /// For every byte of `letters` the bytes of the text that it comes from.
    pub from: Vec<Range<usize>>,
}

impl Word {
    /// The bytes of the text that some bytes of the word, at least one, come from.
    pub fn span(&self, bytes: Range<usize>) -> Range<usize> {
        self.from[bytes.start].start..self.from[bytes.end - 1].end
    }

    fn push(&mut self, letter: char, from: &Range<usize>) {
        self.letters.push(letter);
        self.from.extend((0..letter.len_utf8()).map(|_| from.clone()));
    }
}

/// Hands the words of a text to `emit`, in their order.
///
/// ```math
/// \text{text} \to \text{clean} \to \text{decompose} \to \text{drop accents} \to \text{small letters} \to \text{words}
/// ```
///
/// Characters that are not meant to be seen are dropped. Letters are decomposed as in the canonical form NFD of Unicode:
/// `é` becomes `e` and an accent, a Hangul syllable its two or three letters; accents, the category Mn, are dropped. A
/// word ends at a blank; an ideograph or a mark of punctuation is a word.
///
/// `offset` is added to every position.
///
/// Source: Devlin et al. 2019, released code, `tokenization.py`. Two of its successors differ in detail, and where they do
/// this follows the one with which the models are used today, the library *tokenizers*: private characters are dropped,
/// and letters become small one by one, so a Greek sigma at the end of a word is like any other.
pub fn for_each_word(text: &str, offset: usize, reading: Reading, emit: impl FnMut(&Word)) {
    let mut speller = Speller { reading, word: Word::default(), run: Vec::new(), emit };
    for (at, c) in text.char_indices() {
        let from = offset + at..offset + at + c.len_utf8();
        match Kind::of(c) {
            Kind::Blank => speller.end(),
            Kind::Dropped => {}
            Kind::Ideograph => {
                speller.end();
                speller.spell(c, Kind::Ideograph, &from);
                speller.end();
            }
            kind => speller.spell(c, kind, &from),
        }
    }
    speller.end();
}

/// The word that is being written.
struct Speller<F> {
    reading: Reading,
    word: Word,
    /// Marks behind the last letter, whose order is not known before the next letter.
    run: Vec<Mark>,
    emit: F,
}

/// A character that is written onto the one before it.
struct Mark {
    c: char,
    /// Its canonical combining class, which says where it goes.
    class: u8,
    /// Dropped.
    accent: bool,
    from: Range<usize>,
}

impl<F: FnMut(&Word)> Speller<F> {
    /// Writes a character as its parts.
    fn spell(&mut self, c: char, kind: Kind, from: &Range<usize>) {
        if c.is_ascii() || !self.reading.strip_accents {
            self.settle();
            self.put(c, kind, from);
        } else {
            decompose_canonical(c, |part| {
                self.part(part, if part == c { kind } else { Kind::of(part) }, from)
            });
        }
    }

    /// Writes a part of a character, or keeps it until the order of the marks is known.
    fn part(&mut self, c: char, kind: Kind, from: &Range<usize>) {
        let (class, accent) = (canonical_combining_class(c), kind == Kind::Accent);
        if class > 0 {
            return self.run.push(Mark { c, class, accent, from: from.clone() });
        }
        self.settle();
        if accent { self.stretch(from.end) } else { self.put(c, kind, from) }
    }

    /// Writes the marks behind the last letter in their canonical order, without the accents.
    ///
    /// Marks that change places come from the same bytes of the text: those of all of them.
    fn settle(&mut self) {
        let (Some(first), Some(last)) = (self.run.first(), self.run.last()) else { return };
        let from = first.from.start..last.from.end;
        let mut run = std::mem::take(&mut self.run);
        run.sort_by_key(|mark| mark.class);
        if run.iter().all(|mark| mark.accent) {
            self.stretch(from.end);
        }
        for mark in run.drain(..).filter(|mark| !mark.accent) {
            self.put(mark.c, Kind::Letter, &from);
        }
        self.run = run; // its memory
    }

    /// Counts an accent that is dropped as a part of the letter that it stands on.
    fn stretch(&mut self, end: usize) {
        let Some(last) = self.word.from.last().cloned() else { return };
        for from in self.word.from.iter_mut().rev().take_while(|from| **from == last) {
            from.end = end;
        }
    }

    fn put(&mut self, c: char, kind: Kind, from: &Range<usize>) {
        if kind == Kind::Punctuation {
            self.flush();
            self.word.push(c, from);
            self.flush();
        } else if !self.reading.lower_case {
            self.word.push(c, from);
        } else if c.is_ascii() {
            self.word.push(c.to_ascii_lowercase(), from);
        } else {
            c.to_lowercase().for_each(|c| self.word.push(c, from));
        }
    }

    /// The end of a word, if there is one.
    fn end(&mut self) {
        self.settle();
        self.flush();
    }

    fn flush(&mut self) {
        if !self.word.letters.is_empty() {
            (self.emit)(&self.word);
            self.word.letters.clear();
            self.word.from.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, reading: Reading) -> Vec<String> {
        let mut words = Vec::new();
        for_each_word(text, 0, reading, |word| words.push(word.letters.clone()));
        words
    }

    /// The words of a text with what they come from.
    fn origins(text: &str) -> Vec<(String, String)> {
        let mut words = Vec::new();
        for_each_word(text, 0, Reading::UNCASED, |word| {
            let span = word.span(0..word.letters.len());
            words.push((word.letters.clone(), text[span].to_string()));
        });
        words
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
    }

    #[test]
    fn punctuation_and_ideographs_stand_alone() {
        assert_eq!(words("Don't (東京!)", Reading::CASED), ["Don", "'", "t", "(", "東", "京", "!", ")"]);
    }

    #[test]
    fn accents_and_capitals_are_told_apart_only_when_asked() {
        assert_eq!(words("Ünïcödé ŁÓDŹ", Reading::UNCASED), ["unicode", "łodz"]);
        assert_eq!(words("Ünïcödé ŁÓDŹ", Reading::CASED), ["Ünïcödé", "ŁÓDŹ"]);
        let small = Reading { lower_case: true, ..Reading::CASED };
        assert_eq!(words("ŁÓDŹ İ", small), ["łódź", "i\u{307}"]);
        let plain = Reading { strip_accents: true, ..Reading::CASED };
        assert_eq!(words("ŁÓDŹ İ", plain), ["ŁODZ", "I"]);
    }

    #[test]
    fn a_letter_keeps_the_bytes_of_its_accents() {
        let text = "x\u{301}y caf\u{e9} e\u{323}\u{301}";
        assert_eq!(origins(text), pairs(&[("xy", "x\u{301}y"), ("cafe", "café"), ("e", "e\u{323}\u{301}")]));
        assert_eq!(origins("\u{301}a"), pairs(&[("a", "a")]));
        assert_eq!(origins("a\u{ad}b"), pairs(&[("ab", "a\u{ad}b")]));
    }

    #[test]
    fn a_syllable_is_as_many_letters_as_it_has() {
        let mut all = Vec::new();
        for_each_word("한", 10, Reading::UNCASED, |word| all.push(word.clone()));
        assert_eq!(all[0].letters, "\u{1112}\u{1161}\u{11ab}");
        assert_eq!(all[0].from, vec![10..13; 9]);
    }

    #[test]
    fn a_sign_that_is_punctuation_with_an_accent_is_punctuation() {
        // U+2260 is `=` with a stroke, U+037E looks like `;`, U+1FEF is a backtick.
        assert_eq!(words("a\u{2260}b\u{37e}c\u{1fef}", Reading::UNCASED), ["a", "=", "b", ";", "c", "`"]);
    }

    #[test]
    fn marks_that_stay_change_places_as_the_standard_says() {
        // U+302E has class 224, U+1D165 has 216, U+0323 is an accent, U+034F an accent of class 0 that parts a run.
        let (dots, stem) = ('\u{302E}', '\u{1D165}');
        let run = format!("a{dots}\u{323}{stem}");
        assert_eq!(words(&run, Reading::UNCASED), [format!("a{stem}{dots}")]);
        let parted = format!("a{dots}\u{34F}{stem}");
        assert_eq!(words(&parted, Reading::UNCASED), [format!("a{dots}{stem}")]);
        let mut all = Vec::new();
        for_each_word(&run, 0, Reading::UNCASED, |word| all.push(word.clone()));
        assert_eq!(all[0].span(1..5), 1..run.len());
    }
}
