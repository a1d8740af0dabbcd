//! Evidence for `eq-2.4-noise`.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_printed;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::text::word2vec::{Noise, OnHit, noise_distribution};
use ndarray::array;

use crate::{Property, properties};

const COUNTS: [u64; 4] = [100, 50, 10, 1];

/// Numbers of the specification, section 8.
pub fn forward() {
    let q = noise_distribution::<f64>(&COUNTS).unwrap();
    for (&q, printed) in q.iter().zip(["0.554307048", "0.329592943", "0.098571281", "0.017528728"]) {
        assert_printed(q, printed);
    }
}

/// Nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    they_are_probabilities_between_those_of_counts_and_equal_ones,
    words_that_were_never_counted_are_never_drawn,
    words_are_drawn_as_often_as_the_distribution_says,
    a_right_answer_is_drawn_again_or_left_out,
    a_seed_draws_the_same_words,
];

fn counts(random: &mut Random) -> Vec<u64> {
    let n = 3 + random.below(20);
    let mut counts: Vec<u64> = (0..n).map(|_| random.below(1000) as u64).collect();
    (counts[0], counts[1], counts[2]) = (0, 5, 1000);
    counts
}

fn they_are_probabilities_between_those_of_counts_and_equal_ones(random: &mut Random) {
    let counts = counts(random);
    let q = noise_distribution::<f64>(&counts).unwrap();
    assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-14);
    for (i, j) in ndarray::indices((counts.len(), counts.len())) {
        let ratio = counts[i] as f64 / counts[j] as f64;
        if counts[j] > 0 && ratio > 1.0 {
            assert!(q[i] / q[j] > 1.0 && q[i] / q[j] < ratio);
        }
    }
}

fn words_that_were_never_counted_are_never_drawn(random: &mut Random) {
    let counts = counts(random);
    let noise = Noise::new(&counts, OnHit::Skip).unwrap();
    assert!((0..500).all(|_| counts[noise.draw(random)] > 0));
}

/// Within six standard deviations of the share of 2000 draws.
fn words_are_drawn_as_often_as_the_distribution_says(random: &mut Random) {
    let (noise, q) = (Noise::new(&COUNTS, OnHit::Skip).unwrap(), noise_distribution::<f64>(&COUNTS).unwrap());
    let mut drawn = [0.0; 4];
    (0..2000).for_each(|_| drawn[noise.draw(random)] += 1.0 / 2000.0);
    for (q, drawn) in q.iter().zip(drawn) {
        assert!((drawn - q).abs() < 6.0 * (q * (1.0 - q) / 2000.0).sqrt(), "{drawn} for {q}");
    }
}

fn a_right_answer_is_drawn_again_or_left_out(random: &mut Random) {
    let counts = counts(random);
    for (on_hit, fewest) in [(OnHit::Redraw, 10), (OnHit::Skip, 0)] {
        let guess = Noise::new(&counts, on_hit).unwrap().guess(2, 10, random).unwrap();
        assert!(!guess.negatives.contains(&2));
        assert!((fewest..=10).contains(&guess.negatives.len()));
    }
}

fn a_seed_draws_the_same_words(random: &mut Random) {
    let noise = Noise::new(&counts(random), OnHit::Redraw).unwrap();
    let copy = &mut random.clone();
    assert_eq!(noise.guess(1, 8, random).unwrap(), noise.guess(1, 8, copy).unwrap());
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let counts = array![100, 50, 10, 1];
    cases.case("noise.counts.four").ids("counts", &counts).out("q", &noise_distribution::<R>(&COUNTS)?);
    Ok(())
}
