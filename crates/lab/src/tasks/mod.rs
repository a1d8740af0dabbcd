//! What models are trained for: samples of several modalities, each with one right answer.

pub(crate) mod digits_spoken;
mod digits_three;
mod questions;
pub mod samples;
mod two_bits;

use mmt_tensor::{Random, Real};

use crate::data::digits::Part;
use crate::data::digits_qa::Example;

pub use samples::{Form, Modality, Samples, Tokens};

/// A task by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Two digits side by side and a question about them.
    DigitsQa,
    /// A digit that is seen, with a square of it hidden, and heard, by a synthetic voice in noise.
    DigitsSpoken,
    /// A digit that is seen, another one that is heard, and a question about both.
    DigitsThree,
    /// One bit in each of two modalities: whether they differ.
    TwoBits,
}

impl Task {
    /// All of them.
    pub const ALL: [Task; 4] = [Task::DigitsQa, Task::DigitsSpoken, Task::DigitsThree, Task::TwoBits];

    /// What one types.
    pub fn name(self) -> &'static str {
        match self {
            Task::DigitsQa => "digits-qa",
            Task::DigitsSpoken => "digits-spoken",
            Task::DigitsThree => "digits-three",
            Task::TwoBits => "two-bits",
        }
    }

    /// The task of a name.
    pub fn of(name: &str) -> Option<Self> {
        Task::ALL.into_iter().find(|task| task.name() == name)
    }

    /// In one line.
    pub fn about(self) -> &'static str {
        match self {
            Task::DigitsQa => "a question about two handwritten digits",
            Task::DigitsSpoken => "a digit seen in part and said by a synthetic voice in noise",
            Task::DigitsThree => "a question about a digit that is seen and one that a synthetic voice says",
            Task::TwoBits => "whether two hidden bits, one in each modality, differ",
        }
    }

    /// What a model gets to see.
    pub fn modalities(self) -> Vec<Modality> {
        match self {
            Task::DigitsQa => questions::modalities(),
            Task::DigitsSpoken => digits_spoken::modalities(),
            Task::DigitsThree => digits_three::modalities(),
            Task::TwoBits => two_bits::modalities(),
        }
    }

    /// The modality whose first token stands for the whole sample, if there is one.
    pub fn class_token(self) -> Option<&'static str> {
        let words = |m: &Modality| matches!(m.form, Form::Words { .. });
        self.modalities().iter().find(|m| words(m)).map(|m| m.name)
    }

    /// How many answers there are.
    pub fn answers(self) -> usize {
        match self {
            Task::TwoBits => 2,
            _ => 10,
        }
    }

    /// The kinds of samples that a test counts separately, by name.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Task::DigitsQa => &questions::KINDS,
            Task::DigitsThree => &digits_three::KINDS,
            Task::DigitsSpoken | Task::TwoBits => &[],
        }
    }

    /// Fresh samples of one part of the data.
    pub fn draw<R: Real>(self, count: usize, part: Part, random: &mut Random) -> Samples<R> {
        match self {
            Task::DigitsQa => questions::draw(count, part, random),
            Task::DigitsSpoken => digits_spoken::draw(count, part, random),
            Task::DigitsThree => digits_three::draw(count, part, random),
            Task::TwoBits => two_bits::draw(count, random),
        }
    }

    /// Given questions of `digits-qa`.
    pub fn of_questions<R: Real>(examples: &[Example]) -> Samples<R> {
        questions::of_questions(examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_draws_what_it_says() {
        for task in Task::ALL {
            assert_eq!(Task::of(task.name()), Some(task));
            let draw = |seed| task.draw::<f32>(40, Part::Train, &mut Random::seed(seed));
            let (samples, again) = (draw(1), draw(1));
            assert_eq!(samples, again);
            assert_ne!(samples, draw(2));
            let names: Vec<&str> = task.modalities().iter().map(|m| m.name).collect();
            assert_eq!(samples.inputs.len(), names.len());
            assert!(samples.answers.iter().all(|&answer| answer < task.answers()));
            assert!(samples.kinds.iter().all(|&kind| kind < task.kinds().len().max(1)));
            for modality in task.modalities() {
                let rows = samples.inputs[modality.name].rows(&modality.form);
                assert_eq!(rows.samples(), 40);
                assert!(rows.lengths().all(|n| (1..=modality.form.longest()).contains(&n)));
            }
        }
        assert_eq!(Task::of("digits"), None);
    }
}
