//! Pairs of digits with a caption: `captions`.
//!
//! What a caption says and how it says it are held out apart from each other: a fifth of the ordered pairs of digits and a quarter
//! of the wordings are for tests alone, so a model can be asked for pairs it never saw, in words it never read in that order.

use mmt_tensor::Random;

use super::digit_pairs::Pair;
use super::digits::{self, Part};

/// The words for the digits.
pub const NUMBERS: [&str; 10] =
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// Wordings for training; `<` is the left number and `>` is the right one.
pub const TRAINING: [&str; 12] = [
    "left is < and right is >",
    "right is > and left is <",
    "a < left of a >",
    "a > right of a <",
    "on the left < and on the right >",
    "on the right > and on the left <",
    "the left digit is < and the right digit is >",
    "the right digit is > and the left digit is <",
    "a picture of < and then >",
    "first < and then >",
    "< is left of >",
    "> is right of <",
];

/// Wordings for tests: other sentences of the same words.
pub const HELD_OUT: [&str; 4] = [
    "a picture of < left of >",
    "the digit on the right is > and the digit on the left is <",
    "first a < and then a >",
    "left < and right >",
];

/// Words that say nothing about the picture.
pub const FILLERS: [&str; 6] = ["here", "now", "clearly", "again", "well", "look"];

/// The part of the places of a caption that get a filler.
const FILLED: f64 = 0.25;

/// The words of a wording about two digits.
///
/// # Panics
/// If a digit is not below 10.
pub fn caption(wording: &'static str, left: usize, right: usize) -> Vec<&'static str> {
    let word = |word| match word {
        "<" => NUMBERS[left],
        ">" => NUMBERS[right],
        other => other,
    };
    wording.split(' ').map(word).collect()
}

/// The same words with fillers between them, before the first and after the last: a quarter of all places get one.
///
/// Without them a wording has its words at fixed positions, and a model learns positions instead of words.
pub fn with_fillers(words: &[&'static str], random: &mut Random) -> Vec<&'static str> {
    let mut filled = Vec::with_capacity(2 * words.len() + 1);
    for place in 0..=words.len() {
        if random.unit() < FILLED {
            filled.push(FILLERS[random.below(FILLERS.len())]);
        }
        filled.extend(words.get(place));
    }
    filled
}

/// Which of the hundred ordered pairs of digits training shows: 80, in which every digit stands eight times on each side.
///
/// # Panics
/// If a digit is not below 10.
pub fn part_of(left: usize, right: usize) -> Part {
    assert!(left < 10 && right < 10, "digits");
    if matches!((10 + right - left) % 10, 3 | 7) { Part::Test } else { Part::Train }
}

/// A picture and what is said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The picture; its digits may be the same.
    pub pair: Pair,
    /// The caption.
    pub words: Vec<&'static str>,
}

impl Example {
    /// A pair of digits of a part, in a wording of the same part; captions for training have fillers.
    pub fn draw(part: Part, random: &mut Random) -> Self {
        let (left, right) = loop {
            let (left, right) = (random.below(10), random.below(10));
            if part_of(left, right) == part {
                break (left, right);
            }
        };
        let mut image = |digit| digits::draw(digit, part, random);
        let pair = Pair { left: image(left), right: image(right) };
        let words = match part {
            Part::Train => {
                let words = caption(TRAINING[random.below(TRAINING.len())], left, right);
                with_fillers(&words, random)
            }
            Part::Test => caption(HELD_OUT[random.below(HELD_OUT.len())], left, right),
        };
        Example { pair, words }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn wordings() -> impl Iterator<Item = &'static str> + Clone {
        TRAINING.into_iter().chain(HELD_OUT)
    }

    #[test]
    fn every_wording_names_both_digits_once_and_no_two_are_the_same() {
        for wording in wordings() {
            let count = |slot| wording.split(' ').filter(|word| *word == slot).count();
            assert_eq!((count("<"), count(">")), (1, 1), "{wording}");
        }
        assert_eq!(wordings().collect::<BTreeSet<_>>().len(), 16);
    }

    #[test]
    fn tests_ask_in_words_that_training_knows() {
        let words =
            |list: &[&'static str]| -> BTreeSet<&str> { list.iter().flat_map(|w| w.split(' ')).collect() };
        let known = words(&TRAINING);
        assert!(words(&HELD_OUT).is_subset(&known));
        assert!(NUMBERS.iter().chain(&FILLERS).all(|word| !known.contains(word)));
        assert!(NUMBERS.iter().all(|word| !FILLERS.contains(word)));
    }

    /// No caption describes two pairs, in whichever of the sixteen wordings.
    #[test]
    fn a_caption_tells_its_pair() {
        let mut captions = std::collections::BTreeMap::new();
        for wording in wordings() {
            for (left, right) in (0..100).map(|i| (i / 10, i % 10)) {
                let before = captions.insert(caption(wording, left, right), (left, right));
                assert_eq!(before, None, "{wording} {left} {right}");
            }
        }
        assert_eq!(captions.len(), 1600);
        let words = ["a", "five", "right", "of", "a", "two"];
        assert_eq!(captions.get(&words[..]), Some(&(2, 5)));
    }

    #[test]
    fn a_fifth_of_the_pairs_is_held_out_and_every_digit_equally_often() {
        let held: Vec<_> =
            (0..100).map(|i| (i / 10, i % 10)).filter(|&(l, r)| part_of(l, r) == Part::Test).collect();
        assert_eq!(held.len(), 20);
        for digit in 0..10 {
            let on = |side: fn(&(usize, usize)) -> usize| held.iter().filter(|p| side(p) == digit).count();
            assert_eq!((on(|p| p.0), on(|p| p.1)), (2, 2), "{digit}");
        }
    }

    #[test]
    fn fillers_change_nothing_but_the_places() {
        let random = &mut Random::seed(1);
        let (mut fillers, mut places) = (0, 0);
        for wording in wordings().cycle().take(800) {
            let words = caption(wording, 3, 8);
            let filled = with_fillers(&words, random);
            fillers += filled.len() - words.len();
            places += words.len() + 1;
            let kept: Vec<_> = filled.into_iter().filter(|word| !FILLERS.contains(word)).collect();
            assert_eq!(kept, words);
        }
        let share = fillers as f64 / places as f64;
        assert!((0.22..0.28).contains(&share), "{share}");
    }

    #[test]
    fn examples_keep_to_their_part_and_say_what_they_show() {
        for part in [Part::Train, Part::Test] {
            let draw = |seed| {
                let random = &mut Random::seed(seed);
                (0..300).map(|_| Example::draw(part, random)).collect::<Vec<_>>()
            };
            assert_eq!(draw(1), draw(1));
            assert_ne!(draw(1), draw(2));
            for Example { pair, words } in draw(3) {
                let (left, right) = pair.labels();
                assert!(part.rows().contains(&pair.left) && part.rows().contains(&pair.right));
                assert_eq!(part_of(left, right), part);
                let said: Vec<_> = words.iter().copied().filter(|word| !FILLERS.contains(word)).collect();
                let list: &[_] = if part == Part::Train { &TRAINING } else { &HELD_OUT };
                assert!(list.iter().any(|wording| caption(wording, left, right) == said), "{words:?}");
                assert!(part == Part::Train || said == words);
            }
        }
    }
}
