//! Examples as the arrays that a model reads.

use mmt_tensor::{Ragged, Real, Result};
use mmt_tokenizers::text::Vocabulary;
use ndarray::{Array4, Axis, stack};

use crate::data::digits_qa::{Example, Question};

/// What a model gets to see of an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modalities {
    /// The question.
    Text,
    /// The picture.
    Image,
    /// Both.
    Both,
}

impl Modalities {
    /// `text only`, `image only`, `both`
    pub fn name(self) -> &'static str {
        match self {
            Modalities::Text => "text only",
            Modalities::Image => "image only",
            Modalities::Both => "both",
        }
    }
}

/// The word every text begins with; the answer is read from its token.
pub const CLS: &str = "[CLS]";

/// Words and pictures of some examples.
#[derive(Clone, Debug)]
pub struct Batch<R> {
    /// The ids of all words, sample after sample.
    pub words: Vec<usize>,
    /// How many words each sample has.
    pub text: Ragged,
    /// `[B, H, W, 1]`, unless the pictures are hidden.
    pub images: Option<Array4<R>>,
    /// The right answers.
    pub answers: Vec<usize>,
}

/// `[CLS]` and the words of all questions.
pub fn vocabulary() -> Vocabulary {
    vocabulary_of(&Question::ALL.map(Question::text))
}

/// `[CLS]` and the words of all texts, in the order in which they come.
pub(crate) fn vocabulary_of(texts: &[&str]) -> Vocabulary {
    let mut words = vec![CLS];
    for word in texts.iter().flat_map(|text| text.split_whitespace()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Vocabulary::new(words).expect("different words")
}

impl<R: Real> Batch<R> {
    /// Without the picture there are only the words, without the question there is only `[CLS]`.
    ///
    /// # Errors
    /// A word that is not in the vocabulary.
    pub fn new(examples: &[Example], modalities: Modalities, vocabulary: &Vocabulary) -> Result<Self> {
        let (mut words, mut lengths) = (vec![], vec![]);
        for example in examples {
            let ids = match modalities {
                Modalities::Image => vocabulary.encode(CLS)?,
                Modalities::Text | Modalities::Both => {
                    vocabulary.encode(&format!("{CLS} {}", example.question.text()))?
                }
            };
            lengths.push(ids.len());
            words.extend(ids);
        }
        let images = (modalities != Modalities::Text).then(|| {
            let images: Vec<_> = examples.iter().map(|e| e.pair.image::<R>()).collect();
            let views: Vec<_> = images.iter().map(|image| image.view()).collect();
            stack(Axis(0), &views).expect("pictures of one size")
        });
        let answers = examples.iter().map(|e| e.answer()).collect();
        Ok(Batch { words, text: Ragged::of_lengths(lengths), images, answers })
    }

    /// The place of every word in its text.
    pub fn places(&self) -> Vec<usize> {
        self.text.lengths().flat_map(|n| 0..n).collect()
    }

    /// The place of every patch in its picture.
    pub fn patch_places(&self, patches: usize) -> Vec<usize> {
        (0..self.text.samples()).flat_map(|_| 0..patches).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digit_pairs::Pair;

    fn examples() -> [Example; 2] {
        let pair = Pair { left: 3, right: 5 };
        [Example { pair, question: Question::Right }, Example { pair, question: Question::Larger }]
    }

    #[test]
    fn questions_become_ids_and_pairs_become_pictures() {
        let words = vocabulary();
        assert_eq!(words.size(), 10);
        let batch = Batch::<f32>::new(&examples(), Modalities::Both, &words).unwrap();
        assert_eq!(words.decode(&batch.words[..7]).unwrap(), "[CLS] which digit is on the right");
        assert_eq!(batch.text, Ragged::of_lengths([7, 5]));
        assert_eq!(batch.places(), [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]);
        assert_eq!(batch.answers, [5, 5]);
        assert_eq!(batch.images.unwrap().dim(), (2, 8, 16, 1));
    }

    #[test]
    fn a_hidden_modality_leaves_no_trace() {
        let words = vocabulary();
        let text = Batch::<f32>::new(&examples(), Modalities::Text, &words).unwrap();
        assert!(text.images.is_none());
        let image = Batch::<f32>::new(&examples(), Modalities::Image, &words).unwrap();
        assert_eq!((image.words, image.text), (vec![0, 0], Ragged::even(2, 1)));
    }
}
