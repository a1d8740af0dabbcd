//! Results that nobody measured, to see that bands go red.

use std::collections::BTreeMap;

use super::{Outcome, Series};
use crate::training::test::Test;

/// Samples of a test.
const SAMPLES: usize = 500;

/// A test in which this part of the answers is right, spread over all samples.
pub fn test(accuracy: f64) -> Test {
    let right = (0..SAMPLES).map(|i| ((i * 7919) % SAMPLES) < (accuracy * SAMPLES as f64).round() as usize);
    let pictures = (0..SAMPLES).map(|i| vec![i / 2]).collect();
    Test { right: right.collect(), kinds: vec![0; SAMPLES], pictures }
}

/// A series with these accuracies, one for each seed.
pub fn series(name: &str, accuracies: &[f64]) -> Series {
    Series {
        name: name.to_string(),
        topology: String::new(),
        parameters: 0,
        flops: 0,
        curves: vec![],
        tests: accuracies.iter().map(|&accuracy| test(accuracy)).collect(),
        without: BTreeMap::new(),
        nets: vec![],
    }
}

/// One seed of every model, as accurate as it is said to be.
pub fn outcome(models: &[(&str, f64)]) -> Outcome {
    let series = models.iter().map(|(name, accuracy)| series(name, &[*accuracy])).collect();
    Outcome { series, ..Outcome::default() }
}

/// The claims that fail.
pub fn failed(outcome: &Outcome) -> Vec<String> {
    outcome.bands.iter().filter(|band| !band.holds()).map(|band| band.claim.clone()).collect()
}
