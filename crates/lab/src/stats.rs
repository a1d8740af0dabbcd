//! How sure a measured accuracy is.

use mmt_tensor::Random;

/// A 95 % interval for the part of right answers, of which `p` of `n` were seen: all parts for which that is no surprise.
///
/// Source: Wilson 1927, *Probable Inference, the Law of Succession, and Statistical Inference*. Unlike `p` give or take
/// 1.96 standard errors it has a width at 0 and at 1, and stays between them.
pub fn interval(p: f64, n: usize) -> (f64, f64) {
    let (n, z2) = (n.max(1) as f64, 1.96 * 1.96);
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt() / (1.0 + z2 / n);
    ((middle - half).max(0.0), (middle + half).min(1.0))
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
    fn both_intervals_are_that_of_the_normal_approximation_where_it_holds() {
        let values: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 10 != 0))).collect();
        let Estimate { mean, low, high } = bootstrap(&values);
        let half = 1.96 * (0.09f64 / 1000.0).sqrt();
        let (least, most) = interval(0.9, 1000);
        assert!((0.9 - least - half).abs() < 0.002 && (most - 0.9 - half).abs() < 0.002, "{least} {most}");
        assert!((mean - 0.9).abs() < 1e-12);
        assert!((mean - low - half).abs() < 0.002 && (high - mean - half).abs() < 0.002, "{low} {high}");
    }

    #[test]
    fn equal_values_are_sure() {
        assert_eq!(bootstrap(&[0.5; 7]), Estimate { mean: 0.5, low: 0.5, high: 0.5 });
        // Ten of ten: 10 / (10 + 1.96²).
        let (low, high) = interval(1.0, 10);
        assert!((low - 0.722).abs() < 0.001 && high == 1.0, "{low} {high}");
        assert!((interval(0.0, 10).1 - 0.278).abs() < 0.001);
    }
}
