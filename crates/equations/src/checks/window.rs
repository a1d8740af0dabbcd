//! Evidence for `eq-2.4-window`.

use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::text::word2vec::{Pair, Speaker, sample_contexts, sample_pairs};
use ndarray::Array1;

use crate::{Property, properties};

/// The specification prints no pairs; its rule by hand: with `R = 2`, a word at distance 2 is a neighbor half of the time.
/// Of 6000 windows in the middle of five words.
pub fn forward() {
    let (random, text) = (&mut Random::seed(1), [0, 1, 2, 3, 4]);
    let (mut near, mut far) = (0, 0);
    for _ in 0..6000 {
        let pairs = sample_pairs(&text, 2, Speaker::Center, random).unwrap();
        let heard = |target| pairs.contains(&Pair { word: 2, target });
        near += usize::from(heard(1) && heard(3));
        assert_eq!(heard(0), heard(4), "a window reaches as far to the left as to the right");
        far += usize::from(heard(0));
    }
    assert_eq!(near, 6000);
    assert!((far as f64 / 6000.0 - 0.5).abs() < 6.0 * (0.25f64 / 6000.0).sqrt(), "{far}");
}

/// Nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    no_word_is_its_own_neighbor_and_none_is_too_far,
    the_words_beside_a_word_are_always_its_neighbors,
    both_speakers_see_the_same_windows,
];

fn draw(random: &mut Random) -> (Vec<usize>, usize) {
    ((0..1 + random.below(12)).collect(), 1 + random.below(4))
}

fn no_word_is_its_own_neighbor_and_none_is_too_far(random: &mut Random) {
    let (text, radius) = draw(random);
    for Pair { word, target } in sample_pairs(&text, radius, Speaker::Center, random).unwrap() {
        assert!((1..=radius).contains(&word.abs_diff(target)));
    }
}

fn the_words_beside_a_word_are_always_its_neighbors(random: &mut Random) {
    let (text, radius) = draw(random);
    let pairs = sample_pairs(&text, radius, Speaker::Center, random).unwrap();
    for i in 1..text.len() {
        assert!(pairs.contains(&Pair { word: i, target: i - 1 }));
        assert!(pairs.contains(&Pair { word: i - 1, target: i }));
    }
}

fn both_speakers_see_the_same_windows(random: &mut Random) {
    let (text, radius) = draw(random);
    let copies = [random.clone(), random.clone()];
    let [mut first, mut second] = copies;
    let centers = sample_pairs(&text, radius, Speaker::Center, random).unwrap();
    let neighbors = sample_pairs(&text, radius, Speaker::Neighbor, &mut first).unwrap();
    let turned: Vec<Pair> =
        neighbors.iter().map(|pair| Pair { word: pair.target, target: pair.word }).collect();
    assert_eq!(turned, centers);
    let contexts = sample_contexts(&text, radius, &mut second).unwrap();
    assert_eq!(contexts.iter().map(|(_, context)| context.len()).sum::<usize>(), centers.len());
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let text = [3, 1, 4, 1, 5, 9, 2, 6];
    let pairs = sample_pairs(&text, 3, Speaker::Center, &mut Random::seed(1))?;
    (cases.case("window.eight-words.seed-1").ids("text", &Array1::from(text.to_vec())))
        .ids("word", &pairs.iter().map(|pair| pair.word).collect::<Array1<_>>())
        .ids("target", &pairs.iter().map(|pair| pair.target).collect::<Array1<_>>());
    Ok(())
}
