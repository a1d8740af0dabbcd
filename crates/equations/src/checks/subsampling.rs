//! Evidence for `eq-2.4-subsampling`.

use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::text::word2vec::{Subsampling, keep_probability, sample_kept};
use ndarray::{arr0, array};

use crate::{Property, properties};

const T: f64 = 1e-3;

/// Numbers of the specification, section 8, which prints three digits.
pub fn forward() {
    let keep = |count, kind| keep_probability::<f64>(count, 100, T, kind).unwrap();
    for (count, paper, code) in [(1, 0.316, 0.416), (5, 0.141, 0.161)] {
        assert!((keep(count, Subsampling::Paper) - paper).abs() < 5e-4);
        assert!((keep(count, Subsampling::Code) - code).abs() < 5e-4);
    }
}

/// Nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    rare_words_are_always_kept,
    the_code_keeps_a_share_more,
    a_more_frequent_word_is_kept_less_often,
    words_are_kept_as_often_as_it_says,
];

fn rare_words_are_always_kept(random: &mut Random) {
    let count = 1 + random.below(100) as u64;
    for kind in [Subsampling::Paper, Subsampling::Code] {
        assert_eq!(keep_probability::<f64>(count, 100_000, T, kind).unwrap(), 1.0);
    }
}

/// By `t / f`, unless both keep every word.
fn the_code_keeps_a_share_more(random: &mut Random) {
    let count = 1 + random.below(100_000) as u64;
    let keep = |kind| keep_probability::<f64>(count, 100_000, T, kind).unwrap();
    let more = T * 100_000.0 / count as f64;
    let expected = (keep(Subsampling::Paper) + more).min(1.0);
    assert!((keep(Subsampling::Code) - expected).abs() < 1e-14);
}

fn a_more_frequent_word_is_kept_less_often(random: &mut Random) {
    let count = 300 + random.below(10_000) as u64;
    for kind in [Subsampling::Paper, Subsampling::Code] {
        let keep = |count| keep_probability::<f64>(count, 100_000, T, kind).unwrap();
        assert!(keep(count + 1) < keep(count));
    }
}

/// Within six standard deviations of the share of 2000 words.
fn words_are_kept_as_often_as_it_says(random: &mut Random) {
    let kept = sample_kept(&[0; 2000], &[1, 99], T, Subsampling::Paper, random).unwrap();
    let p = keep_probability::<f64>(1, 100, T, Subsampling::Paper).unwrap();
    let share = kept.len() as f64 / 2000.0;
    assert!((share - p).abs() < 6.0 * (p * (1.0 - p) / 2000.0).sqrt(), "{share} for {p}");
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let keep = |kind| keep_probability::<R>(5, 100, T, kind).map(arr0);
    (cases.case("subsampling.five-of-hundred.threshold-1e-3").ids("counts", &array![5, 100]))
        .out("paper", &keep(Subsampling::Paper)?)
        .out("code", &keep(Subsampling::Code)?);
    Ok(())
}
