//! What is said about numbers from several depths and seeds.

use mmt_tensor::{Error, Real, Result, check_setting, check_shape};

/// The exponent `a` of `y ≈ c x^a`: the slope of the least-squares line through the logarithms.
///
/// ```math
/// a = \frac{\sum_i (u_i - \bar u)(w_i - \bar w)}{\sum_i (u_i - \bar u)^2}, \qquad u_i = \ln x_i, \quad w_i = \ln y_i
/// ```
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for fewer than three different `x`, and for a number that is not positive;
/// [`Error::NonFinite`]; [`Error::ShapeMismatch`] for lists of different lengths.
pub fn log_slope(x: &[f64], y: &[f64]) -> Result<f64> {
    check_shape("log_slope: y", &[y.len()], &[x.len()])?;
    for (at, list) in [("log_slope: x", x), ("log_slope: y", y)] {
        for &value in list {
            check_number(at, value)?;
            check_setting(at, value > 0.0, || format!("must be positive, got {value}"))?;
        }
    }
    let mut different = x.to_vec();
    different.sort_by(f64::total_cmp);
    different.dedup();
    check_setting("log_slope: x", different.len() >= 3, || {
        format!("a slope needs three different numbers, got {}", different.len())
    })?;
    let logs = |list: &[f64]| -> Vec<f64> { list.iter().map(|&x| Real::ln(x)).collect() };
    let (u, w) = (logs(x), logs(y));
    let (u_mean, w_mean) = (mean(&u), mean(&w));
    let (mut above, mut below) = (0.0, 0.0);
    for (u, w) in u.iter().zip(&w) {
        above += (u - u_mean) * (w - w_mean);
        below += (u - u_mean) * (u - u_mean);
    }
    Ok(above / below)
}

/// The middle and the range of what several seeds gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median; the mean of the two in the middle of an even number.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// `Σ x / n`: for squared norms, the estimate of their expectation.
    pub mean: f64,
    /// How many seeds.
    pub seeds: usize,
}

impl Spread {
    /// # Errors
    /// [`Error::EmptyInput`] for no number; [`Error::NonFinite`]: a run that diverged is a failure, not a number.
    pub fn of(values: &[f64]) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::EmptyInput { at: "spread: values" });
        }
        values.iter().try_for_each(|&value| check_number("spread: values", value))?;
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        Ok(Spread {
            median: 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]),
            least: sorted[0],
            most: sorted[n - 1],
            mean: mean(values),
            seeds: n,
        })
    }
}

/// The `δ` for which numbers `z ≥ 0` are `(ε, δ)`-bounded: the share of them that exceeds the mean by more than `ε` of it.
///
/// ```math
/// P\Bigl( \frac{Z - \mathbb E Z}{\mathbb E Z} \le \epsilon \Bigr) \ge 1 - \delta
/// ```
///
/// Source: Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, definition 1.
///
/// # Errors
/// [`Error::EmptyInput`] and [`Error::NonFinite`] as [`Spread::of`]; [`Error::InvalidHyperparameter`] if a number is
/// negative, the mean is zero, or `ε` is not positive.
pub fn excess_share(z: &[f64], eps: f64) -> Result<f64> {
    let Spread { mean, least, .. } = Spread::of(z)?;
    check_setting("excess_share: eps", eps > 0.0 && eps.is_finite(), || {
        format!("must be positive, got {eps}")
    })?;
    check_setting("excess_share: z", least >= 0.0 && mean > 0.0, || {
        "must not be negative, and not all zero".to_string()
    })?;
    Ok(z.iter().filter(|&&z| (z - mean) / mean > eps).count() as f64 / z.len() as f64)
}

/// With which probability, at least, the bounds of eq-1.16-gradient-scale hold for `(ε, δ)`-bounded states.
///
/// ```math
/// 0.99 - \delta - \frac{\epsilon}{0.9 + \epsilon}
/// ```
///
/// Below zero the theorem says nothing.
///
/// Source: Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*, theorem 1.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `ε` is not positive or `δ` not in `[0, 1]`.
pub fn theorem_probability(eps: f64, delta: f64) -> Result<f64> {
    check_setting("theorem_probability: eps", eps > 0.0 && eps.is_finite(), || {
        format!("must be positive, got {eps}")
    })?;
    check_setting("theorem_probability: delta", (0.0..=1.0).contains(&delta), || {
        format!("must be in [0, 1], got {delta}")
    })?;
    Ok(0.99 - delta - eps / (0.9 + eps))
}

fn mean(values: &[f64]) -> f64 {
    mmt_tensor::ops::sum::sum(values) / values.len() as f64
}

fn check_number(at: &'static str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::NonFinite { at }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn the_exponent_of_a_power_is_found() {
        let x: [f64; 4] = [2.0, 4.0, 8.0, 32.0];
        for exponent in [-2, 0, 1, 3] {
            let y = x.map(|x| 5.0 * x.powi(exponent));
            assert_abs_diff_eq!(log_slope(&x, &y).unwrap(), f64::from(exponent), epsilon = 1e-14);
        }
    }

    #[test]
    fn a_slope_through_fewer_than_three_depths_is_refused() {
        let text = |x: &[f64], y: &[f64]| log_slope(x, y).unwrap_err().to_string();
        let few = |n| format!("log_slope: x: a slope needs three different numbers, got {n}");
        assert_eq!(text(&[], &[]), few(0));
        assert_eq!(text(&[2.0, 4.0], &[1.0, 2.0]), few(2));
        assert_eq!(text(&[2.0, 4.0, 2.0], &[1.0, 2.0, 1.1]), few(2));
        assert_eq!(text(&[2.0, 4.0, 8.0], &[1.0, 2.0]), "log_slope: y: expected shape [3], got [2]");
        assert_eq!(text(&[2.0, 4.0, 8.0], &[1.0, 0.0, 1.0]), "log_slope: y: must be positive, got 0");
        assert_eq!(text(&[2.0, -4.0, 8.0], &[1.0; 3]), "log_slope: x: must be positive, got -4");
        assert_eq!(text(&[2.0, 4.0, 8.0], &[1.0, f64::NAN, 1.0]), "log_slope: y: not a finite number");
        assert_eq!(text(&[2.0, f64::INFINITY, 8.0], &[1.0; 3]), "log_slope: x: not a finite number");
    }

    #[test]
    fn a_spread_has_a_middle_and_a_range() {
        let spread = Spread::of(&[3.0, 1.0, 10.0, 2.0]).unwrap();
        let want = Spread { median: 2.5, least: 1.0, most: 10.0, mean: 4.0, seeds: 4 };
        assert_eq!(spread, want);
        assert_eq!(Spread::of(&[7.0]).unwrap().median, 7.0);
    }

    #[test]
    fn a_run_that_diverged_is_not_averaged() {
        let text = |values: &[f64]| Spread::of(values).unwrap_err().to_string();
        assert_eq!(text(&[]), "spread: values: empty");
        assert_eq!(text(&[1.0, f64::NAN]), "spread: values: not a finite number");
        assert_eq!(text(&[1.0, f64::INFINITY]), "spread: values: not a finite number");
    }

    #[test]
    fn bounded_numbers_are_counted() {
        assert_eq!(excess_share(&[1.0, 1.0, 1.0, 5.0], 0.5).unwrap(), 0.25);
        assert_eq!(excess_share(&[1.0, 1.0], 0.1).unwrap(), 0.0);
        let text = |z: &[f64], eps| excess_share(z, eps).unwrap_err().to_string();
        assert_eq!(text(&[1.0], 0.0), "excess_share: eps: must be positive, got 0");
        assert_eq!(text(&[1.0], f64::NAN), "excess_share: eps: must be positive, got NaN");
        let sign = "excess_share: z: must not be negative, and not all zero";
        assert_eq!(text(&[1.0, -1.0], 0.1), sign);
        assert_eq!(text(&[0.0, 0.0], 0.1), sign);
        assert_eq!(text(&[f64::NAN], 0.1), "spread: values: not a finite number");
    }

    #[test]
    fn the_theorem_has_a_probability() {
        assert_abs_diff_eq!(theorem_probability(0.1, 0.05).unwrap(), 0.84, epsilon = 1e-15);
        let text = |eps, delta| theorem_probability(eps, delta).unwrap_err().to_string();
        assert_eq!(text(0.0, 0.1), "theorem_probability: eps: must be positive, got 0");
        assert_eq!(text(0.1, 1.5), "theorem_probability: delta: must be in [0, 1], got 1.5");
        assert_eq!(text(0.1, f64::NAN), "theorem_probability: delta: must be in [0, 1], got NaN");
    }
}
