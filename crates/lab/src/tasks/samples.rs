//! Samples of several modalities.

use std::collections::BTreeMap;

use mmt_tensor::{Ragged, Random};
use ndarray::{Array2, Array4};

/// A modality of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modality {
    /// `image`
    pub name: &'static str,
    /// The letter that the named topologies use for it.
    pub letter: &'static str,
    /// What its tokens are made of.
    pub form: Form,
}

/// What the tokens of a modality are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words of a vocabulary, at most `longest` in a text; the first one stands for the whole sample.
    Words {
        /// Size of the vocabulary.
        vocabulary: usize,
        /// Words of the longest text.
        longest: usize,
    },
    /// Square patches of a gray picture.
    Picture {
        /// Rows and columns of a patch.
        patch: usize,
        /// Patches in a picture.
        patches: usize,
    },
    /// Rows of numbers.
    Frames {
        /// Numbers in a row.
        numbers: usize,
        /// Rows of the longest sample.
        longest: usize,
    },
}

impl Form {
    /// The most tokens of a sample.
    pub fn longest(&self) -> usize {
        match *self {
            Form::Words { longest, .. } | Form::Frames { longest, .. } => longest,
            Form::Picture { patches, .. } => patches,
        }
    }
}

/// One modality of some samples.
#[derive(Clone, Debug, PartialEq)]
pub enum Tokens<R> {
    /// The ids of all words, sample after sample, and how many each sample has.
    Words(Vec<usize>, Ragged),
    /// `[B, H, W, 1]`
    Images(Array4<R>),
    /// The rows of all samples, and how many each sample has: `[n, numbers]`
    Frames(Array2<R>, Ragged),
}

impl<R> Tokens<R> {
    /// How many tokens each sample has.
    pub fn rows(&self, form: &Form) -> Ragged {
        match (self, form) {
            (Tokens::Images(images), &Form::Picture { patch, .. }) => {
                let (samples, h, w, _) = images.dim();
                Ragged::even(samples, (h / patch) * (w / patch))
            }
            (Tokens::Images(images), _) => Ragged::even(images.dim().0, 1),
            (Tokens::Words(_, rows) | Tokens::Frames(_, rows), _) => rows.clone(),
        }
    }
}

/// What a model gets to see of some samples, and the right answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples<R> {
    /// By the name of the modality.
    pub inputs: BTreeMap<String, Tokens<R>>,
    /// The samples in which a modality is missing: its tokens are zero after their embedding.
    pub missing: BTreeMap<String, Vec<bool>>,
    /// The right answers.
    pub answers: Vec<usize>,
    /// The kind of each sample, as in [`Task::kinds`](super::Task::kinds).
    pub kinds: Vec<usize>,
    /// The rows of the data set that each sample shows; samples that share one are not independent.
    pub pictures: Vec<Vec<usize>>,
}

impl<R> Samples<R> {
    /// How many.
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    /// A modality is missing in every sample.
    pub fn hide(&mut self, modality: &str) {
        self.missing.insert(modality.to_string(), vec![true; self.count()]);
    }

    /// With a probability, a sample loses one of the modalities; never all of them.
    pub fn drop_at_random(&mut self, probability: f64, modalities: &[String], random: &mut Random) {
        for sample in 0..self.count() {
            // Drawn in any case: what a small probability loses, a larger one loses, too.
            let (lost, which) = (random.unit() < probability, random.below(modalities.len().max(1)));
            if lost && modalities.len() > 1 {
                let count = self.answers.len();
                let missing = self.missing.entry(modalities[which].clone());
                missing.or_insert_with(|| vec![false; count])[sample] = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits::Part;
    use crate::tasks::Task;

    #[test]
    fn a_sample_loses_one_modality_and_never_all() {
        let random = &mut Random::seed(1);
        let names = ["image", "spoken"].map(str::to_string);
        let mut samples = Task::DigitsSpoken.draw::<f32>(400, Part::Train, random);
        samples.drop_at_random(0.5, &names, random);
        let lost = |b: usize| names.iter().filter(|m| samples.missing[*m][b]).count();
        let all: Vec<usize> = (0..400).map(lost).collect();
        assert!(all.iter().all(|&n| n < 2));
        assert!((150..250).contains(&all.iter().filter(|&&n| n == 1).count()));
        let mut samples = Task::DigitsSpoken.draw::<f32>(9, Part::Train, random);
        samples.drop_at_random(1.0, &names[..1], random);
        assert!(samples.missing.is_empty());
        samples.hide("image");
        assert_eq!(samples.missing["image"], [true; 9]);
    }
}
