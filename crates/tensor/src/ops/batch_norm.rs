//! Batch normalization with the statistics of the batch.

use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};

use crate::ops::Statistics;
use crate::ops::sum::column_sums;
use crate::parallel::all_finite;
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree};

/// What [`batch_norm_backward`] reads, and what [`Statistics::follow`] learns from.
#[derive(Clone, Debug)]
pub struct BatchNormTape<R> {
    /// `μ`, the mean of every feature: `[d]`
    pub mean: Array1<R>,
    /// `v`, the variance of every feature, divided by `n`: `[d]`
    pub variance: Array1<R>,
    /// `r = 1 / √(v + ε)` of every feature: `[d]`
    pub rstd: Array1<R>,
    /// `x̂`: `[n, d]`
    pub hat: Array2<R>,
}

tree!(BatchNormTape { mean, variance, rstd, hat });

/// Batch normalization in training: normalizes every feature over the batch, then scales and shifts it.
///
/// **eq-0.10-batch-norm**
/// ```math
/// y_{nj} = \gamma_j\, \hat x_{nj} + \beta_j, \qquad
/// \hat x_{nj} = \frac{x_{nj} - \mu_j}{\sqrt{v_j + \epsilon}}, \qquad
/// \mu_j = \frac1n \sum_n x_{nj}, \qquad
/// v_j = \frac1n \sum_n (x_{nj} - \mu_j)^2
/// ```
///
/// `x: [n, d]`, `gamma, beta: [d]` → `y: [n, d]`
///
/// [`layer_norm`](crate::ops::layer_norm()) along the other axis, so a sample does feel its neighbors. The variance is
/// that of the centered numbers (two passes, no cancellation). Images `[batch, c, h, w]` are rows, one for every pixel
/// of every image, of `c` features.
///
/// Source: Ioffe & Szegedy 2015, *Batch normalization*, algorithm 1. The heads of SimSiam and of DeCLIP use it.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `gamma` or `beta` is not `[d]`; [`Error::InvalidHyperparameter`] for fewer than two rows
/// and if `eps` is not positive; [`Error::EmptyInput`] for no feature; [`Error::NonFinite`] for NaN, infinities and
/// outputs that overflow.
pub fn batch_norm<R: Real>(
    x: &ArrayRef2<R>,
    gamma: &ArrayRef1<R>,
    beta: &ArrayRef1<R>,
    eps: f64,
) -> Result<(Array2<R>, BatchNormTape<R>)> {
    let (n, d) = x.dim();
    check_shape("batch_norm: gamma", gamma.shape(), &[d])?;
    check_shape("batch_norm: beta", beta.shape(), &[d])?;
    check_setting("batch_norm: eps", eps > 0.0 && eps.is_finite(), || {
        format!("must be positive, got {eps}")
    })?;
    check_setting("batch_norm: x", n > 1, || format!("needs two rows for a variance, got {n}"))?;
    check_not_empty("batch_norm: x", x)?;
    check_finite("batch_norm: x", x)?;
    check_finite("batch_norm: gamma", gamma)?;
    check_finite("batch_norm: beta", beta)?;

    let mean = mean_row(x);
    let centered = &x.view() - &mean;
    let variance = mean_row(&centered.mapv(|c| c * c));
    if !all_finite(&variance) {
        return Err(Error::NonFinite { at: "batch_norm: variance of x" });
    }
    let rstd = variance.mapv(|v| R::of(1.0) / (v + R::of(eps)).sqrt());
    let hat = centered * &rstd;
    let y = &hat * &gamma.view() + beta.view();
    check_finite("batch_norm: y", &y)?;
    Ok((y, BatchNormTape { mean, variance, rstd, hat }))
}

/// `mean_n`, the mean of every column.
fn mean_row<R: Real>(x: &ArrayRef2<R>) -> Array1<R> {
    column_sums(x) / R::of(x.nrows() as f64)
}

/// Gradients of [`batch_norm`]: returns `x̄`, adds to `γ̄` and `β̄`.
///
/// **eq-0.10-batch-norm, backward**, with `g = γ ⊙ ȳ`, `r = 1/√(v+ε)` and `mean_n` the mean over the batch:
/// ```math
/// \bar x = r \odot \bigl( g - \operatorname{mean}_n(g) - \hat x \odot \operatorname{mean}_n(g \odot \hat x) \bigr),
/// \qquad \bar\gamma = \sum_n \bar y \odot \hat x, \qquad
/// \bar\beta = \sum_n \bar y
/// ```
///
/// Derivation: as for [`layer_norm_backward`](crate::ops::layer_norm_backward), for every feature instead of every row.
/// With `c = x - μ` and `x̂ = r c`,
/// ```math
/// \frac{\partial r}{\partial c_n} = -\frac{r^3 c_n}{N}
/// \quad\Rightarrow\quad
/// \bar c = r\,g - r\,\hat x \operatorname{mean}_n(g \odot \hat x), \qquad
/// \bar x = \bar c - \operatorname{mean}_n(\bar c)
/// ```
/// and the second term of `c̄` has mean zero because `x̂` has. The factor `γ` is the same for all rows, so the means of
/// `g` and of `g ⊙ x̂` are `γ` times the sums that are the gradients of `β` and `γ`, over `N`.
pub fn batch_norm_backward<R: Real>(
    tape: &BatchNormTape<R>,
    gamma: &ArrayRef1<R>,
    dy: &ArrayRef2<R>,
    dgamma: &mut Array1<R>,
    dbeta: &mut Array1<R>,
) -> Array2<R> {
    let BatchNormTape { rstd, hat, .. } = tape;
    *dgamma += &column_sums(&(&dy.view() * hat));
    *dbeta += &column_sums(dy);
    let g = &dy.view() * &gamma.view();
    let along = mean_row(&(&g * hat));
    (&g - &mean_row(&g) - hat * &along) * rstd
}

impl<R: Real> Statistics<R> {
    /// Follows the statistics of a batch of `N` rows, as training does: a running mean with the share `momentum` of the
    /// newest batch.
    ///
    /// ```math
    /// \mu \leftarrow (1 - m)\, \mu + m\, \mu_B, \qquad
    /// v \leftarrow (1 - m)\, v + m\, \frac{N}{N - 1}\, v_B
    /// ```
    ///
    /// The variance that is kept is the unbiased one, though the batch itself is normalized by the biased one.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] for a momentum outside `[0, 1]`; [`Error::ShapeMismatch`] for other features.
    pub fn follow(&mut self, batch: &BatchNormTape<R>, momentum: f64) -> Result<()> {
        check_setting("batch_norm: momentum", (0.0..=1.0).contains(&momentum), || {
            format!("must be in [0, 1], got {momentum}")
        })?;
        check_shape("batch_norm: features", self.mean.shape(), batch.mean.shape())?;
        check_shape("batch_norm: features", self.variance.shape(), batch.mean.shape())?;
        let rows = batch.hat.nrows() as f64;
        let unbiased = batch.variance.mapv(|v| v * R::of(rows) / R::of(rows - 1.0));
        let mixed = |old: &Array1<R>, new: &Array1<R>| {
            old.mapv(|old| R::of(1.0 - momentum) * old) + new.mapv(|new| R::of(momentum) * new)
        };
        self.mean = mixed(&self.mean, &batch.mean);
        self.variance = mixed(&self.variance, &unbiased);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    fn text(x: &Array2<f64>, gamma: Array1<f64>, beta: Array1<f64>, eps: f64) -> String {
        batch_norm(x, &gamma, &beta, eps).unwrap_err().to_string()
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let (ones, zeros) = (Array1::ones, Array1::zeros);
        let x = array![[1.0, 2.0], [3.0, 5.0]];
        assert_eq!(text(&x, ones(3), zeros(2), 1e-5), "batch_norm: gamma: expected shape [2], got [3]");
        assert_eq!(text(&x, ones(2), zeros(1), 1e-5), "batch_norm: beta: expected shape [2], got [1]");
        for (eps, got) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN")] {
            let want = format!("batch_norm: eps: must be positive, got {got}");
            assert_eq!(text(&x, ones(2), zeros(2), eps), want);
        }
        let one = array![[1.0, 2.0]];
        let want = "batch_norm: x: needs two rows for a variance, got 1";
        assert_eq!(text(&one, ones(2), zeros(2), 1e-5), want);
        assert_eq!(text(&Array2::zeros((3, 0)), ones(0), zeros(0), 1e-5), "batch_norm: x: empty");
    }

    #[test]
    fn what_is_no_number_is_refused_by_name() {
        let (ones, zeros) = (Array1::ones, Array1::zeros);
        let x = array![[1.0, 2.0], [3.0, 5.0]];
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let hurt = array![[1.0, 2.0], [bad, 5.0]];
            assert_eq!(text(&hurt, ones(2), zeros(2), 1e-5), "batch_norm: x: not a finite number");
            assert_eq!(text(&x, ones(2) * bad, zeros(2), 1e-5), "batch_norm: gamma: not a finite number");
            assert_eq!(text(&x, ones(2), zeros(2) + bad, 1e-5), "batch_norm: beta: not a finite number");
        }
        let big = array![[1e200, 1.0], [-1e200, 2.0]];
        assert_eq!(text(&big, ones(2), zeros(2), 1e-5), "batch_norm: variance of x: not a finite number");
        let gamma = ones(2) * 1.7e308;
        assert_eq!(text(&x, gamma, ones(2) * 1.7e308, 1e-5), "batch_norm: y: not a finite number");
    }

    #[test]
    fn a_running_mean_with_wrong_settings_is_refused() {
        let x = array![[1.0, 2.0], [3.0, 5.0]];
        let tape = batch_norm(&x, &Array1::ones(2), &Array1::zeros(2), 1e-5).unwrap().1;
        let statistics =
            |d| Statistics { mean: Array1::<f64>::zeros(d), variance: Array1::ones(d), eps: 1e-5 };
        let error = statistics(2).follow(&tape, 1.5).unwrap_err().to_string();
        assert_eq!(error, "batch_norm: momentum: must be in [0, 1], got 1.5");
        let error = statistics(3).follow(&tape, 0.5).unwrap_err().to_string();
        assert_eq!(error, "batch_norm: features: expected shape [2], got [3]");
    }
}
