//! One or two texts as one sequence of ids.

use mmt_tensor::{Error, Ragged, Result, check_setting};

use super::Vocabulary;

/// The ids that stand for no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialIds {
    /// `[PAD]`, which fills a sequence up to a length.
    pub pad: usize,
    /// `[CLS]`, the first token, from whose output the sequence is judged.
    pub cls: usize,
    /// `[SEP]`, the end of a text.
    pub sep: usize,
    /// `[MASK]`, in place of a word that is to be guessed.
    pub mask: usize,
}

impl SpecialIds {
    /// The ids of `[PAD]`, `[CLS]`, `[SEP]` and `[MASK]` in a vocabulary.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for a vocabulary that lacks one of them.
    pub fn of(vocabulary: &Vocabulary) -> Result<Self> {
        let id = |word| vocabulary.id(word);
        Ok(SpecialIds { pad: id("[PAD]")?, cls: id("[CLS]")?, sep: id("[SEP]")?, mask: id("[MASK]")? })
    }
}

/// The sequence of one sample, as BERT reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextInput {
    /// `t_i`, what each token is.
    pub ids: Vec<usize>,
    /// `s_i`, which text it belongs to: 0 or 1.
    pub segments: Vec<usize>,
    /// `false` for padding.
    pub keep: Vec<bool>,
}

impl TextInput {
    /// Joins one or two texts with the tokens that mark their ends.
    ///
    /// **eq-1.28-bert-input**
    /// ```math
    /// t = (\mathtt{[CLS]},\, a_1, \dots, a_p,\, \mathtt{[SEP]},\, b_1, \dots, b_q,\, \mathtt{[SEP]}), \qquad
    /// s = (\underbrace{0, \dots, 0}_{p+2},\, \underbrace{1, \dots, 1}_{q+1}), \qquad
    /// p + q + 3 \le N
    /// ```
    ///
    /// `a`, `b`: lists of ids; `longest` is `N`. Without `b` the sequence ends after the first `[SEP]`. The position of a
    /// token is its index.
    ///
    /// Texts that are too long are cut before the marks are added, so that no mark is lost: one token at a time from the
    /// end of the longer text, and from `b` if both are equally long.
    ///
    /// Source: Devlin et al. 2019, *BERT*, figure 2; the cut is in the released code, `run_classifier.py`. The code that
    /// prepares pretraining cuts at either end by chance.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for a text without tokens; [`Error::InvalidHyperparameter`] if `longest` leaves no place for
    /// a token of each text.
    pub fn new(a: &[usize], b: Option<&[usize]>, special: &SpecialIds, longest: usize) -> Result<Self> {
        for (at, text) in [("text_input: a", Some(a)), ("text_input: b", b)] {
            if text.is_some_and(<[usize]>::is_empty) {
                return Err(Error::EmptyInput { at });
            }
        }
        let least = if b.is_some() { 5 } else { 3 };
        check_setting("text_input: longest", longest >= least, || {
            format!("must be at least {least}, got {longest}")
        })?;
        let (p, q) = cut(a.len(), b.map_or(0, <[usize]>::len), longest - if b.is_some() { 3 } else { 2 });
        let mut ids = vec![special.cls];
        ids.extend_from_slice(&a[..p]);
        ids.push(special.sep);
        let mut segments = vec![0; ids.len()];
        if let Some(b) = b {
            ids.extend_from_slice(&b[..q]);
            ids.push(special.sep);
            segments.resize(ids.len(), 1);
        }
        let keep = vec![true; ids.len()];
        Ok(TextInput { ids, segments, keep })
    }

    /// The same sequence with `[PAD]` behind it, up to `length` tokens; padding has segment 0.
    ///
    /// Nothing in this project needs padding. It is here for those who compare with codes that do.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] if the sequence is longer already.
    pub fn padded(mut self, length: usize, special: &SpecialIds) -> Result<Self> {
        let n = self.ids.len();
        check_setting("text_input: length", n <= length, || {
            format!("a sequence of {n} is longer than {length}")
        })?;
        self.ids.resize(length, special.pad);
        self.segments.resize(length, 0);
        self.keep.resize(length, false);
        Ok(self)
    }

    /// Which positions may be hidden from a model that guesses: all but the marks and the padding.
    pub fn maskable(&self, special: &SpecialIds) -> Vec<bool> {
        let is_word = |&id| ![special.pad, special.cls, special.sep].contains(&id);
        self.ids.iter().zip(&self.keep).map(|(id, &keep)| keep && is_word(id)).collect()
    }

    /// Where each of several sequences begins in the tall matrix of their tokens.
    pub fn rows(texts: &[TextInput]) -> Ragged {
        Ragged::of_lengths(texts.iter().map(|text| text.ids.len()))
    }
}

/// How many tokens of two texts of `p` and `q` tokens remain when both together may have `room`.
fn cut(mut p: usize, mut q: usize, room: usize) -> (usize, usize) {
    while p + q > room {
        if p > q { p -= 1 } else { q -= 1 }
    }
    (p, q)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECIAL: SpecialIds = SpecialIds { pad: 0, cls: 1, sep: 2, mask: 3 };

    fn text(a: &[usize], b: Option<&[usize]>, longest: usize) -> String {
        TextInput::new(a, b, &SPECIAL, longest).unwrap_err().to_string()
    }

    #[test]
    fn texts_without_tokens_are_refused() {
        assert_eq!(text(&[], None, 8), "text_input: a: empty");
        assert_eq!(text(&[5], Some(&[]), 8), "text_input: b: empty");
    }

    #[test]
    fn a_length_without_room_is_refused() {
        assert_eq!(text(&[5], None, 2), "text_input: longest: must be at least 3, got 2");
        assert_eq!(text(&[5], Some(&[6]), 4), "text_input: longest: must be at least 5, got 4");
        assert!(TextInput::new(&[5, 5], Some(&[6, 6]), &SPECIAL, 5).is_ok());
    }

    #[test]
    fn a_padded_length_below_the_length_is_refused() {
        let input = TextInput::new(&[5, 6], None, &SPECIAL, 8).unwrap();
        let error = input.padded(3, &SPECIAL).unwrap_err();
        assert_eq!(error.to_string(), "text_input: length: a sequence of 4 is longer than 3");
    }

    #[test]
    fn a_vocabulary_without_a_mask_is_refused() {
        let words = Vocabulary::new(["[PAD]", "[CLS]", "[SEP]", "red"]).unwrap();
        let error = SpecialIds::of(&words).unwrap_err();
        assert_eq!(error.to_string(), "vocabulary: word: unknown: `[MASK]`");
    }
}
