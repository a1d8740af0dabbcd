//! Bands: where a measured number has to lie for a claim to hold.

use super::Series;
use crate::stats::{Estimate, bootstrap};

/// A band with what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// What is claimed, in words.
    pub claim: String,
    /// The mean over seeds, with a 95 % interval where there is one.
    pub measured: Estimate,
    /// The lower end of the band.
    pub low: Option<f64>,
    /// The upper end of the band.
    pub high: Option<f64>,
    /// What is compared: the mean, or for an order the whole interval.
    pub whole_interval: bool,
    /// Whether the numbers are parts of one, to be shown in percent.
    pub percent: bool,
}

impl Band {
    /// Whether the claim holds.
    pub fn holds(&self) -> bool {
        let (least, most) = match self.whole_interval {
            true => (self.measured.low, self.measured.high),
            false => (self.measured.mean, self.measured.mean),
        };
        self.low.is_none_or(|low| least >= low) && self.high.is_none_or(|high| most <= high)
    }

    /// The accuracy of a series lies in a band.
    pub fn accuracy(series: &Series, low: Option<f64>, high: Option<f64>) -> Self {
        let measured = bootstrap(&series.right());
        Band {
            claim: format!("accuracy of {}", series.name),
            measured,
            low,
            high,
            whole_interval: false,
            percent: true,
        }
    }

    /// One series is better than another by at least `margin`, sample by sample: the paired interval of the difference lies above
    /// zero, its mean above the margin.
    pub fn better(series: &Series, other: &Series, margin: f64) -> Self {
        let differences: Vec<f64> = series.right().iter().zip(other.right()).map(|(a, b)| a - b).collect();
        let claim = format!("{} above {}", series.name, other.name);
        let measured = bootstrap(&differences);
        let whole_interval = margin == 0.0;
        Band { claim, measured, low: Some(margin), high: None, whole_interval, percent: true }
    }

    /// A number without an interval lies in a band.
    pub fn number(claim: &str, value: f64, low: Option<f64>, high: Option<f64>) -> Self {
        let measured = Estimate { mean: value, low: value, high: value };
        Band { claim: claim.to_string(), measured, low, high, whole_interval: false, percent: false }
    }

    /// A part of one without an interval lies in a band.
    pub fn part(claim: &str, value: f64, low: Option<f64>, high: Option<f64>) -> Self {
        Band { percent: true, ..Band::number(claim, value, low, high) }
    }

    /// Something that is exact holds without exception: `right` of `all`.
    pub fn exact(claim: &str, right: usize, all: usize) -> Self {
        Band::number(&format!("{claim} ({all} cases)"), right as f64 / all.max(1) as f64, Some(1.0), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_belong_to_a_band() {
        let band = |value, low, high| Band::number("x", value, low, high).holds();
        assert!(band(0.5, Some(0.5), Some(0.5)) && band(7.0, None, None));
        assert!(!band(0.49, Some(0.5), None) && !band(0.51, None, Some(0.5)));
        assert!(!band(f64::NAN, Some(0.5), None));
    }

    #[test]
    fn an_order_needs_the_whole_interval() {
        let measured = Estimate { mean: 0.1, low: -0.01, high: 0.2 };
        let band = Band { measured, low: Some(0.0), ..Band::number("x", 0.0, None, None) };
        assert!(band.holds());
        assert!(!Band { whole_interval: true, ..band }.holds());
    }
}
