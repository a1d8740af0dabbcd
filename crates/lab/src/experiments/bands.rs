//! Bands: where a measured number has to lie for a claim to hold.

use super::Series;
use crate::stats::{Estimate, accuracy, bootstrap, mean};

/// A band with what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// What is claimed, in words.
    pub claim: String,
    /// The mean over seeds, with a 95 % interval where there is one.
    pub measured: Estimate,
    /// What was measured from each seed, where it was.
    pub each: Vec<f64>,
    /// The lower end of the band.
    pub low: Option<f64>,
    /// The upper end of the band.
    pub high: Option<f64>,
    /// Whether an order is claimed: then the whole interval has to lie above zero, too.
    pub order: bool,
    /// Whether the numbers are parts of one, to be shown in percent.
    pub percent: bool,
}

impl Band {
    /// Whether the claim holds: the mean lies in the band, whose ends belong to it. An order needs an interval above zero as well,
    /// and zero does not belong to it: what is always equal is not better.
    pub fn holds(&self) -> bool {
        let Estimate { mean, low, .. } = self.measured;
        let within = self.low.is_none_or(|low| mean >= low) && self.high.is_none_or(|high| mean <= high);
        mean.is_finite() && within && (!self.order || low > 0.0)
    }

    /// The accuracy of a series lies in a band.
    pub fn accuracy(series: &Series, low: Option<f64>, high: Option<f64>) -> Self {
        let claim = format!("accuracy of {}", series.name);
        let measured = accuracy(&series.values(), series.pictures());
        Band { measured, each: series.accuracies(), percent: true, ..Band::number(&claim, 0.0, low, high) }
    }

    /// One series is better than another, sample by sample and seed by seed: the paired interval of the difference lies above zero,
    /// and its mean is at least `margin`.
    pub fn better(series: &Series, other: &Series, margin: f64) -> Self {
        let claim = format!("{} above {}", series.name, other.name);
        let band = Band::gain(&claim, (&series.values(), &other.values()), series.pictures());
        Band { low: Some(margin), order: true, ..band }
    }

    /// The difference of two lists of answers of the same seeds to the same samples, in no band yet.
    pub fn gain(claim: &str, (values, others): (&[Vec<f64>], &[Vec<f64>]), pictures: &[Vec<usize>]) -> Self {
        let of_seed = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let differences: Vec<Vec<f64>> = values.iter().zip(others).map(of_seed).collect();
        let each = differences.iter().map(|list| mean(list)).collect();
        let measured = bootstrap(&differences, pictures);
        Band { measured, each, percent: true, ..Band::number(claim, 0.0, None, None) }
    }

    /// A number without an interval lies in a band.
    pub fn number(claim: &str, value: f64, low: Option<f64>, high: Option<f64>) -> Self {
        let measured = Estimate { mean: value, low: value, high: value };
        Band { claim: claim.to_string(), measured, each: vec![], low, high, order: false, percent: false }
    }

    /// The mean over seeds lies in a band, of numbers that have no interval.
    pub fn of_seeds(claim: &str, each: Vec<f64>, low: Option<f64>, high: Option<f64>) -> Self {
        Band { each: each.clone(), ..Band::number(claim, mean(&each), low, high) }
    }

    /// Something that is exact holds without exception: `right` of `all`.
    pub fn exact(claim: &str, right: usize, all: usize) -> Self {
        Band::number(&format!("{claim} ({all} cases)"), right as f64 / all.max(1) as f64, Some(1.0), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::made_up::series;

    #[test]
    fn the_ends_belong_to_a_band() {
        let band = |value, low, high| Band::number("x", value, low, high).holds();
        assert!(band(0.5, Some(0.5), Some(0.5)) && band(7.0, None, None));
        assert!(!band(0.49, Some(0.5), None) && !band(0.51, None, Some(0.5)));
        assert!(!band(f64::NAN, Some(0.5), None) && !band(f64::NAN, None, None));
        assert!(Band::exact("x", 3, 3).holds() && !Band::exact("x", 2, 3).holds());
        assert!(!Band::exact("x", 0, 0).holds());
    }

    #[test]
    fn an_order_needs_the_whole_interval_above_zero_and_its_margin() {
        let order = |low: f64, mean: f64, margin: f64| {
            let measured = Estimate { mean, low, high: 0.2 };
            Band { measured, order: true, low: Some(margin), ..Band::number("x", 0.0, None, None) }.holds()
        };
        assert!(order(0.01, 0.1, 0.0) && !order(-0.01, 0.1, 0.0));
        // What is always equal is not better.
        assert!(!order(0.0, 0.0, 0.0));
        // A margin is one of the mean, and the interval has to be above zero whatever it is.
        assert!(order(0.01, 0.05, 0.05) && !order(0.01, 0.049, 0.05) && !order(-0.01, 0.06, 0.05));
        assert!(!order(f64::NAN, f64::NAN, 0.0));
    }

    #[test]
    fn differences_are_taken_seed_by_seed_and_sample_by_sample() {
        let [better, worse] = [series("a", &[0.9, 0.8]), series("b", &[0.6, 0.7])];
        let band = Band::better(&better, &worse, 0.05);
        assert!((band.measured.mean - 0.2).abs() < 1e-12 && band.holds(), "{band:?}");
        assert!((band.each[0] - 0.3).abs() < 1e-12 && (band.each[1] - 0.1).abs() < 1e-12);
        assert!(!Band::better(&worse, &better, 0.0).holds());
        assert!(!Band::better(&worse, &worse, 0.0).holds());
        assert!(!Band::better(&better, &worse, 0.25).holds());
    }

    #[test]
    fn an_accuracy_is_held_to_its_mean() {
        let band = Band::accuracy(&series("a", &[0.9, 0.8]), Some(0.85), None);
        assert!(band.holds() && band.measured.low < 0.85, "{band:?}");
        assert!(!Band::accuracy(&series("a", &[0.9, 0.79]), Some(0.85), None).holds());
        assert_eq!(band.each, [0.9, 0.8]);
    }
}
