//! Verse, and questions with answers from a small grammar: `text`.

use mmt_tensor::Random;

/// Five poems in the public domain.
pub const VERSE: &str = include_str!("../../data/verse.txt");
/// Questions of the grammar that make up the set.
pub const PAIRS: usize = 100;

/// Words that stand in the same places of the grammar's sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What they are called.
    pub name: &'static str,
    /// The words.
    pub words: &'static [&'static str],
}

/// The classes of the grammar.
pub const CLASSES: [Class; 4] = [
    Class { name: "animals", words: &["dog", "cat", "horse", "cow", "goat", "hen"] },
    Class { name: "fruits", words: &["apple", "pear", "plum", "cherry", "lemon", "grape"] },
    Class { name: "vehicles", words: &["car", "bus", "train", "boat", "truck", "tram"] },
    Class { name: "people", words: &["baker", "teacher", "doctor", "singer", "farmer", "painter"] },
];

/// What is said of the words of each class: the question, where `_` is the word, the words of the answer before its end, and
/// what the answer can end with.
type Frame = (&'static str, &'static str, &'static [&'static str]);

const FRAMES: [[Frame; 2]; 4] = [
    [
        ("what does the _ eat", "the _ eats", &["hay", "meat", "grain"]),
        ("where does the _ sleep", "the _ sleeps in the", &["barn", "yard", "stable"]),
    ],
    [
        ("which color has the _", "the ripe _ is", &["red", "green", "yellow"]),
        ("how does the _ taste", "the _ tastes", &["sweet", "sour", "bitter"]),
    ],
    [
        ("how fast is the _", "the _ drives", &["slowly", "quickly", "smoothly"]),
        ("who steers the _", "the _ follows its", &["driver", "captain", "pilot"]),
    ],
    [
        ("when does the _ work", "the _ works at", &["dawn", "noon", "night"]),
        ("what does the _ wear", "the _ wears a", &["hat", "scarf", "coat"]),
    ],
];

/// A question and the sentence that follows it, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `what does the dog eat`
    pub question: Vec<&'static str>,
    /// `the dog eats hay`
    pub answer: Vec<&'static str>,
}

/// [`PAIRS`] questions with their answers: 200 sentences. Which word of its class an exchange is about, which of two things it
/// asks and what the answer ends with are drawn; every word is drawn about as often.
pub fn exchanges(seed: u64) -> Vec<Exchange> {
    let random = &mut Random::seed(seed);
    (0..PAIRS)
        .map(|i| {
            let class = i % CLASSES.len();
            let words = CLASSES[class].words;
            let word = words[(i / CLASSES.len()) % words.len()];
            let (question, start, ends) = FRAMES[class][random.below(2)];
            let end = ends[random.below(ends.len())];
            let fill = |text: &'static str| {
                text.split(' ').map(|part| if part == "_" { word } else { part }).collect::<Vec<_>>()
            };
            let mut answer = fill(start);
            answer.push(end);
            Exchange { question: fill(question), answer }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_two_hundred_sentences_with_every_word() {
        let list = exchanges(1);
        assert_eq!(2 * list.len(), 200);
        assert_eq!(list, exchanges(1));
        assert_ne!(list, exchanges(2));
        let said: BTreeSet<&str> =
            list.iter().flat_map(|e| e.question.iter().chain(&e.answer)).copied().collect();
        assert!(CLASSES.iter().flat_map(|class| class.words).all(|word| said.contains(word)));
    }

    #[test]
    fn question_and_answer_speak_of_the_same_word() {
        for Exchange { question, answer } in exchanges(3) {
            let subjects: Vec<&str> = CLASSES.iter().flat_map(|class| class.words).copied().collect();
            let of = |sentence: &[&str]| -> Vec<String> {
                sentence.iter().filter(|w| subjects.contains(w)).map(ToString::to_string).collect()
            };
            assert_eq!(of(&question), of(&answer));
            assert_eq!(of(&question).len(), 1);
        }
    }

    #[test]
    fn the_verse_is_about_four_kilobytes_of_ascii() {
        assert!(VERSE.is_ascii() && (3500..5000).contains(&VERSE.len()), "{}", VERSE.len());
    }
}
