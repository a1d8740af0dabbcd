//! Questions about two digits: `digits-qa`.
//!
//! None of the four questions can be answered from one modality alone. Without the picture the best guess is 9 for
//! the larger and 0 for the smaller digit and right for one question in five, and any digit for the other two
//! questions: 15 %. Without the question there are two candidates: 50 %.

use mmt_tensor::Random;

use super::digit_pairs::Pair;
use super::digits::Part;

/// What is asked about a pair of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which digit is on the left?
    Left,
    /// Which digit is on the right?
    Right,
    /// Which digit is larger?
    Larger,
    /// Which digit is smaller?
    Smaller,
}

impl Question {
    /// All four.
    pub const ALL: [Question; 4] = [Question::Left, Question::Right, Question::Larger, Question::Smaller];

    /// The word that makes the difference.
    pub fn word(self) -> &'static str {
        match self {
            Question::Left => "left",
            Question::Right => "right",
            Question::Larger => "larger",
            Question::Smaller => "smaller",
        }
    }

    /// The question in words, separated by spaces.
    pub fn text(self) -> &'static str {
        match self {
            Question::Left => "which digit is on the left",
            Question::Right => "which digit is on the right",
            Question::Larger => "which digit is larger",
            Question::Smaller => "which digit is smaller",
        }
    }

    /// The digit that answers the question about a pair.
    pub fn answer(self, pair: Pair) -> usize {
        let (left, right) = pair.labels();
        match self {
            Question::Left => left,
            Question::Right => right,
            Question::Larger => left.max(right),
            Question::Smaller => left.min(right),
        }
    }
}

/// A pair of digits and a question about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// The picture.
    pub pair: Pair,
    /// The question.
    pub question: Question,
}

impl Example {
    /// A pair from one part of the data and one of the four questions.
    pub fn draw(part: Part, random: &mut Random) -> Self {
        Example { pair: Pair::draw(part, random), question: Question::ALL[random.below(4)] }
    }

    /// The answer, a digit.
    pub fn answer(self) -> usize {
        self.question.answer(self.pair)
    }
}

/// `count` examples from one part of the data.
pub fn draw(count: usize, part: Part, random: &mut Random) -> Vec<Example> {
    (0..count).map(|_| Example::draw(part, random)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::digits;

    #[test]
    fn the_four_answers_belong_to_their_questions() {
        let find = |digit| (0..digits::COUNT).find(|&i| digits::label(i) == digit).expect("all digits occur");
        let pair = Pair { left: find(7), right: find(2) };
        assert_eq!(Question::ALL.map(|q| q.answer(pair)), [7, 2, 7, 2]);
        let pair = Pair { left: find(0), right: find(9) };
        assert_eq!(Question::ALL.map(|q| q.answer(pair)), [0, 9, 9, 0]);
    }

    #[test]
    fn a_seed_gives_the_same_examples() {
        let draw = |seed| draw(50, Part::Train, &mut Random::seed(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn every_question_is_asked_equally_often() {
        let examples = draw(4000, Part::Test, &mut Random::seed(3));
        for question in Question::ALL {
            let count = examples.iter().filter(|e| e.question == question).count();
            assert!((850..1150).contains(&count), "{question:?}: {count}");
        }
    }
}
