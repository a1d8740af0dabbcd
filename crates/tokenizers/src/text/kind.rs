//! What a tokenizer does with a character.
//!
//! Categories and decompositions are those of Unicode 18, of the crates `unicode-properties` and `unicode-normalization`; blanks
//! and lower case are those of the standard library of the compiler. A character that is younger than the tables of another
//! library, or that has changed its category since, may be a letter there and a mark here: with the vocabulary of the uncased
//! BERT, Hugging Face tokenizers 0.23.3 has other pieces for 693 characters of all. `tests/word_piece/README.md` counts them.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// What becomes of a character of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Part of a word.
    Letter,
    /// An accent that stands on its own, the category Mn: part of a word, or dropped with the other accents.
    Accent,
    /// Ends a word.
    Blank,
    /// Not there: a control character, a format character such as the soft hyphen, a private character, the
    /// replacement character.
    Dropped,
    /// A word by itself, because it is a sign for a word.
    Ideograph,
    /// A word by itself: the marks of ASCII, which include `+` and `^`, and the categories P of Unicode.
    Punctuation,
}

impl Kind {
    /// The kind of a character.
    pub fn of(c: char) -> Kind {
        match ASCII.get(c as usize) {
            Some(&kind) => kind,
            None => beyond_ascii(c),
        }
    }
}

const ASCII: [Kind; 128] = {
    let mut kinds = [Kind::Letter; 128];
    let mut i = 0;
    while i < kinds.len() {
        kinds[i] = match i as u8 {
            b'\t' | b'\n' | b'\r' | b' ' => Kind::Blank,
            c if c.is_ascii_control() => Kind::Dropped,
            c if c.is_ascii_punctuation() => Kind::Punctuation,
            _ => Kind::Letter,
        };
        i += 1;
    }
    kinds
};

fn beyond_ascii(c: char) -> Kind {
    if is_ideograph(c) {
        return Kind::Ideograph;
    }
    match c.general_category() {
        GeneralCategory::NonspacingMark => Kind::Accent,
        GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse => Kind::Dropped,
        _ if c == char::REPLACEMENT_CHARACTER => Kind::Dropped,
        _ if c.is_whitespace() => Kind::Blank,
        _ if c.general_category_group() == GeneralCategoryGroup::Punctuation => Kind::Punctuation,
        _ => Kind::Letter,
    }
}

/// The blocks of Chinese characters that BERT spaces out, with their extensions A to E and what is compatible with them.
///
/// Kana and Hangul are no part: they are written in words. Extensions F and later are younger than BERT.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF
        | 0x3400..=0x4DBF
        | 0x2_0000..=0x2_A6DF
        | 0x2_A700..=0x2_B73F
        | 0x2_B740..=0x2_B81F
        | 0x2_B820..=0x2_CEAF
        | 0xF900..=0xFAFF
        | 0x2_F800..=0x2_FA1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(characters: &str, kind: Kind) {
        for c in characters.chars() {
            assert_eq!(Kind::of(c), kind, "{c:?}");
        }
    }

    /// The version that the head of this file names.
    #[test]
    fn the_tables_are_of_unicode_18() {
        assert_eq!(unicode_properties::UNICODE_VERSION, (18, 0, 0));
        assert_eq!(unicode_normalization::UNICODE_VERSION, (18, 0, 0));
    }

    #[test]
    fn every_mark_of_ascii_is_punctuation() {
        all("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", Kind::Punctuation);
        all("azAZ09", Kind::Letter);
        let marks = (0..128u8).filter(|&b| Kind::of(b as char) == Kind::Punctuation);
        assert_eq!(marks.count(), 32);
    }

    #[test]
    fn punctuation_of_every_category_of_unicode_is_punctuation() {
        // Pc, Pd, Ps, Pe, Pi, Pf, Po
        all("‿—「」“”。", Kind::Punctuation);
        // Signs outside ASCII are letters: Sm, Sc, Sk, So.
        all("±€´🙂", Kind::Letter);
    }

    #[test]
    fn controls_vanish_and_blanks_separate() {
        all(
            "\0\u{1}\u{b}\u{c}\u{1f}\u{7f}\u{85}\u{ad}\u{200b}\u{200d}\u{feff}\u{fffd}\u{e000}",
            Kind::Dropped,
        );
        all(" \t\n\r\u{a0}\u{2003}\u{2028}\u{2029}\u{3000}", Kind::Blank);
    }

    #[test]
    fn blocks_of_ideographs_end_where_they_end() {
        for (first, last) in [
            ('\u{4E00}', '\u{9FFF}'),
            ('\u{3400}', '\u{4DBF}'),
            ('\u{20000}', '\u{2A6DF}'),
            ('\u{2A700}', '\u{2B73F}'),
            ('\u{2B740}', '\u{2B81F}'),
            ('\u{2B820}', '\u{2CEAF}'),
            ('\u{F900}', '\u{FAFF}'),
            ('\u{2F800}', '\u{2FA1F}'),
        ] {
            assert_eq!((Kind::of(first), Kind::of(last)), (Kind::Ideograph, Kind::Ideograph));
        }
        all(
            "\u{33FF}\u{4DC0}\u{A000}\u{1FFFF}\u{2A6E0}\u{2CEB0}\u{FB00}\u{2F7FF}\u{2FA20}かカ한",
            Kind::Letter,
        );
    }

    #[test]
    fn accents_are_a_kind_of_their_own() {
        all("\u{301}\u{308}\u{941}", Kind::Accent);
    }
}
