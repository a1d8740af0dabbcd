//! How sure a measured accuracy is.

use mmt_tensor::Random;

/// Half the width of a 95 % interval around a part `p` of `n` answers, from the normal approximation.
pub fn half_width(p: f64, n: usize) -> f64 {
    1.96 * (p * (1.0 - p) / n.max(1) as f64).sqrt()
}

/// The mean.
pub fn mean(list: &[f64]) -> f64 {
    list.iter().fold(0.0, |sum, x| sum + x) / list.len().max(1) as f64
}

/// A mean with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How often the samples are drawn again.
const DRAWS: usize = 2000;

/// The mean of `values`, one per sample of a test, and the interval that holds it in 95 % of all draws of as many samples with
/// replacement (a bootstrap). Of paired differences it is an interval of the difference.
///
/// The values are the means over seeds: the interval is about other samples, and the spread over seeds is reported beside it.
pub fn bootstrap(values: &[f64]) -> Estimate {
    let n = values.len().max(1);
    let mean_of = |sum: f64| sum / n as f64;
    let random = &mut Random::seed(1);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| mean_of((0..values.len()).fold(0.0, |sum, _| sum + values[random.below(values.len())])))
        .collect();
    means.sort_by(f64::total_cmp);
    let mean = mean_of(values.iter().fold(0.0, |sum, x| sum + x));
    Estimate { mean, low: means[DRAWS / 40], high: means[DRAWS - 1 - DRAWS / 40] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_normal_approximation() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 != 0))).collect();
        let Estimate { mean, low, high } = bootstrap(&values);
        let half = half_width(0.9, 1000);
        assert!((mean - 0.9).abs() < 1e-12);
        assert!((mean - low - half).abs() < 0.002 && (high - mean - half).abs() < 0.002, "{low} {high}");
    }

    #[test]
    fn equal_values_are_sure() {
        assert_eq!(bootstrap(&[0.5; 7]), Estimate { mean: 0.5, low: 0.5, high: 0.5 });
        assert_eq!(half_width(1.0, 10), 0.0);
    }
}
