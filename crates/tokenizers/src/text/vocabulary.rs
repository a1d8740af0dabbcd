//! Words and their ids.

use mmt_tensor::{Error, Result, check_index};

/// A list of words; the id of a word is its place in the list.
///
/// ```math
/// \text{id} : \{\text{words}\} \to \{0, \dots, V - 1\}
/// ```
///
/// Words are what stands between white space, compared as they are: no lower case, no parts of words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vocabulary {
    words: Vec<String>,
}

impl Vocabulary {
    /// The words in the order of their ids.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no word; [`Error::InvalidHyperparameter`] for a word that stands twice, that is empty
    /// or that contains white space.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let mut list: Vec<String> = Vec::new();
        for word in words {
            let refuse = |why| Err(Error::InvalidHyperparameter { at: "vocabulary: words", why });
            if word.is_empty() || word.contains(char::is_whitespace) {
                return refuse(format!("`{word}` is not one word"));
            }
            if list.iter().any(|w| w == word) {
                return refuse(format!("`{word}` stands twice"));
            }
            list.push(word.to_string());
        }
        if list.is_empty() {
            return Err(Error::EmptyInput { at: "vocabulary: words" });
        }
        Ok(Vocabulary { words: list })
    }

    /// `V`, how many words there are.
    pub fn size(&self) -> usize {
        self.words.len()
    }

    /// The id of a word.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for a word that is not in the list.
    pub fn id(&self, word: &str) -> Result<usize> {
        let unknown = || Error::UnknownId { at: "vocabulary: word", id: word.to_string() };
        self.words.iter().position(|w| w == word).ok_or_else(unknown)
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
        assert_eq!(text(&["a", "b", "a"]), "vocabulary: words: `a` stands twice");
        assert_eq!(text(&["a", ""]), "vocabulary: words: `` is not one word");
        assert_eq!(text(&["a b"]), "vocabulary: words: `a b` is not one word");
    }
}
