//! Words and their ids.

use mmt_tensor::{Error, Result, check_index};

use super::text_of;

/// A list of words; the id of a word is its place in the list.
///
/// ```math
/// \text{id} : \{\text{words}\} \to \{0, \dots, V - 1\}
/// ```
///
/// Words are what stands between white space, compared as they are: no lower case, no parts of words. Those are
/// [`WordPiece`](super::WordPiece)'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
    /// The ids in the order of their words, for a search.
    sorted: Vec<usize>,
}

/// Why a list of words is refused, and the place of the word.
struct Refused {
    place: usize,
    why: Why,
}

enum Why {
    NotOneWord,
    /// The same word stands at an earlier place.
    Again(usize),
}

impl Vocabulary {
    /// The words in the order of their ids.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no word; [`Error::InvalidHyperparameter`] for a word that stands twice, that is empty
    /// or that contains white space.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let words: Vec<&str> = words.into_iter().collect();
        if words.is_empty() {
            return Err(Error::EmptyInput { at: "vocabulary: words" });
        }
        Self::of(&words).map_err(|Refused { place, why }| {
            let word = words[place];
            let why = match why {
                Why::NotOneWord => format!("{word:?} is not one word"),
                Why::Again(_) => format!("{word:?} stands twice"),
            };
            Error::InvalidHyperparameter { at: "vocabulary: words", why }
        })
    }

    /// The words of a file with one word per line, such as the `vocab.txt` of a BERT: the word of line `i + 1` has the
    /// id `i`. Lines end with LF or CR LF; the last may lack its end.
    ///
    /// # Errors
    /// As [`text_of`]; [`Error::EmptyInput`] for no line; [`Error::InvalidLine`] for the first line that is empty, contains white
    /// space or repeats an earlier line.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let invalid = |line, why| Error::InvalidLine { at: "vocabulary", line, why };
        let text = text_of(bytes, "vocabulary")?;
        if text.is_empty() {
            return Err(Error::EmptyInput { at: "vocabulary" });
        }
        let text = text.strip_suffix('\n').unwrap_or(text);
        let words: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        Self::of(&words).map_err(|Refused { place, why }| {
            let why = match why {
                Why::NotOneWord => format!("{:?} is not one word", words[place]),
                Why::Again(first) => format!("{:?} stands on line {} already", words[place], first + 1),
            };
            invalid(place + 1, why)
        })
    }

    fn of(words: &[&str]) -> std::result::Result<Self, Refused> {
        let blank = |word: &&str| word.is_empty() || word.contains(char::is_whitespace);
        let not_one_word = words.iter().position(blank).map(|place| Refused { place, why: Why::NotOneWord });
        let mut sorted: Vec<usize> = (0..words.len()).collect();
        sorted.sort_by_key(|&id| words[id]); // stable: equal words in the order of their ids
        let equal = sorted.windows(2).filter(|pair| words[pair[0]] == words[pair[1]]);
        let again = equal.map(|pair| Refused { place: pair[1], why: Why::Again(pair[0]) });
        match again.chain(not_one_word).min_by_key(|refused| refused.place) {
            Some(refused) => Err(refused),
            None => Ok(Vocabulary { words: words.iter().map(|word| word.to_string()).collect(), sorted }),
        }
    }

    /// `V`, how many words there are.
    pub fn size(&self) -> usize {
        self.words.len()
    }

    /// The words in the order of their ids.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(String::as_str)
    }

    /// The id of a word.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for a word that is not in the list.
    pub fn id(&self, word: &str) -> Result<usize> {
        let unknown = || Error::UnknownId { at: "vocabulary: word", id: word.to_string() };
        let place = self.sorted.binary_search_by_key(&word, |&id| &self.words[id]);
        place.map(|place| self.sorted[place]).map_err(|_| unknown())
    }

    /// The word of an id.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] for an id that no word has.
    pub fn word(&self, id: usize) -> Result<&str> {
        check_index("vocabulary: id", id, self.size())?;
        Ok(&self.words[id])
    }

    /// The ids of the words of a text.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for the first word that is not in the list; [`Error::EmptyInput`] for a text without
    /// words.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>> {
        let ids: Vec<usize> = text.split_whitespace().map(|word| self.id(word)).collect::<Result<_>>()?;
        if ids.is_empty() { Err(Error::EmptyInput { at: "vocabulary: text" }) } else { Ok(ids) }
    }

    /// The words of some ids, with spaces between them.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] for an id that no word has.
    pub fn decode(&self, ids: &[usize]) -> Result<String> {
        let words: Vec<&str> = ids.iter().map(|&id| self.word(id)).collect::<Result<_>>()?;
        Ok(words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colors() -> Vocabulary {
        Vocabulary::new(["[CLS]", "red", "green"]).unwrap()
    }

    #[test]
    fn a_text_survives() {
        let ids = colors().encode("[CLS]  green\tred ").unwrap();
        assert_eq!(ids, [0, 2, 1]);
        assert_eq!(colors().decode(&ids).unwrap(), "[CLS] green red");
    }

    #[test]
    fn unknown_words_and_ids_are_refused_by_name() {
        let error = colors().encode("green blue").unwrap_err();
        assert_eq!(error.to_string(), "vocabulary: word: unknown: `blue`");
        let error = colors().decode(&[1, 3]).unwrap_err();
        assert_eq!(error.to_string(), "vocabulary: id: index 3 is outside a table of 3");
    }

    #[test]
    fn a_text_without_words_is_refused() {
        assert_eq!(colors().encode(" \n").unwrap_err().to_string(), "vocabulary: text: empty");
    }

    #[test]
    fn lists_that_are_not_words_are_refused() {
        let text = |words: &[&'static str]| Vocabulary::new(words.iter().copied()).unwrap_err().to_string();
        assert_eq!(text(&[]), "vocabulary: words: empty");
        assert_eq!(text(&["a", "b", "a"]), "vocabulary: words: \"a\" stands twice");
        assert_eq!(text(&["a", ""]), "vocabulary: words: \"\" is not one word");
        assert_eq!(text(&["a b"]), "vocabulary: words: \"a b\" is not one word");
    }

    #[test]
    fn lines_are_words() {
        let words = |bytes: &[u8]| Vocabulary::parse(bytes).unwrap();
        assert_eq!(words(b"[CLS]\nred\ngreen\n"), colors());
        assert_eq!(words(b"[CLS]\r\nred\r\ngreen"), colors());
        assert_eq!(words("é\n##ß".as_bytes()).id("##ß").unwrap(), 1);
    }

    #[test]
    fn lines_that_are_not_words_are_refused_by_number() {
        let text = |bytes: &[u8]| Vocabulary::parse(bytes).unwrap_err().to_string();
        assert_eq!(text(b""), "vocabulary: empty");
        assert_eq!(text(b"\n"), "vocabulary: line 1: \"\" is not one word");
        assert_eq!(text(b"a\n\nb\n"), "vocabulary: line 2: \"\" is not one word");
        assert_eq!(text(b"a\nb\n\n"), "vocabulary: line 3: \"\" is not one word");
        assert_eq!(text(b"a\nb\tc\n"), "vocabulary: line 2: \"b\\tc\" is not one word");
        assert_eq!(text(b"a\nb\nc\nb\na\n"), "vocabulary: line 4: \"b\" stands on line 2 already");
        let escape = "vocabulary: line 2: \"\\u{1b}[2J\" stands on line 1 already";
        assert_eq!(text(b"\x1b[2J\n\x1b[2J\n"), escape);
        assert_eq!(text(b"a\na\na\n"), "vocabulary: line 2: \"a\" stands on line 1 already");
        assert_eq!(text(b"a\na\n \n"), "vocabulary: line 2: \"a\" stands on line 1 already");
        assert_eq!(text(b"a\nb\n\xffc\n"), "vocabulary: line 3: not UTF-8");
        assert_eq!(text(b"\x00\xff"), "vocabulary: line 1: not UTF-8");
    }
}
