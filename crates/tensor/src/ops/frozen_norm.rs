//! Batch normalization with stored statistics.

use ndarray::{Array, Array1, ArrayRef, ArrayRef1, Dimension};

use crate::alloc::Part;
use crate::ops::sum::{sum, sum_of_2};
use crate::parallel::{all_finite, contiguous, elements, map, new_rows};
use crate::simd::vectorize;
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape};

/// What was measured in training and is constant since.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics<R> {
    /// `μ`, the mean of every channel: `[c]`
    pub mean: Array1<R>,
    /// `v`, the variance of every channel: `[c]`
    pub variance: Array1<R>,
    /// `ε`
    pub eps: f64,
}

impl<R: Real> Statistics<R> {
    /// `1 / √(v + ε)` of every channel.
    fn rstd(&self) -> Vec<R> {
        self.variance.iter().map(|&v| R::of(1.0) / (v + R::of(self.eps)).sqrt()).collect()
    }
}

/// Batch normalization in inference mode: every channel is shifted and scaled by stored numbers.
///
/// **eq-0.10-frozen-norm**
/// ```math
/// y_c = \gamma_c\, \hat x_c + \beta_c, \qquad \hat x_c = \frac{x_c - \mu_c}{\sqrt{v_c + \epsilon}}
/// ```
///
/// `x: [batch, c, ..]`, `gamma, beta: [c]` → `y: [batch, c, ..]`
///
/// Source: Ioffe & Szegedy 2015, *Batch normalization*, algorithm 2.
///
/// # Errors
/// [`Error::ShapeMismatch`] if an argument does not have one number per channel; [`Error::EmptyInput`] for no number;
/// [`Error::InvalidHyperparameter`] for a negative variance, a negative `eps`, or a sum of zero;
/// [`Error::NonFinite`] if an argument holds a NaN or an infinity.
pub fn frozen_norm<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    gamma: &ArrayRef1<R>,
    beta: &ArrayRef1<R>,
    statistics: &Statistics<R>,
) -> Result<Array<R, D>> {
    check_setting("frozen_norm: x", x.ndim() > 1, || {
        format!("expected [batch, c, ..], got {:?}", x.shape())
    })?;
    let c = x.shape()[1];
    check_shape("frozen_norm: gamma", gamma.shape(), &[c])?;
    check_shape("frozen_norm: beta", beta.shape(), &[c])?;
    check_shape("frozen_norm: mean", statistics.mean.shape(), &[c])?;
    check_shape("frozen_norm: variance", statistics.variance.shape(), &[c])?;
    check_not_empty("frozen_norm: x", x)?;
    check_finite("frozen_norm: variance", &statistics.variance)?;
    let (zero, eps) = (R::of(0.0), statistics.eps);
    if let Some(c) = statistics.variance.iter().position(|&v| v < zero) {
        let why = format!("channel {c} is negative");
        return Err(Error::InvalidHyperparameter { at: "frozen_norm: variance", why });
    }
    let positive =
        eps >= 0.0 && eps.is_finite() && statistics.variance.iter().all(|&v| v + R::of(eps) > zero);
    check_setting("frozen_norm: eps", positive, || {
        format!("must not be negative and positive where a variance is zero, got {eps}")
    })?;
    let x_all = contiguous(x);
    let (x_flat, rstd) = (elements(&x_all), statistics.rstd());
    let pixels = pixels(x);
    let y = new_rows(
        x.raw_dim(),
        pixels,
        3,
        #[inline(always)]
        |i, y| {
            let (k, x) = (i % c, &x_flat[i * pixels..][..y.len()]);
            normalize(x, [statistics.mean[k], rstd[k], gamma[k], beta[k]], y);
        },
    );
    if !all_finite(&y) {
        check_finite("frozen_norm: x", x)?;
        check_finite("frozen_norm: gamma", gamma)?;
        check_finite("frozen_norm: beta", beta)?;
        check_finite("frozen_norm: mean", &statistics.mean)?;
        return Err(Error::NonFinite { at: "frozen_norm: y" });
    }
    Ok(y)
}

/// The numbers of a channel of a sample, normalized, scaled and shifted.
#[inline(always)]
fn normalize<R: Real>(x: &[R], [mean, rstd, gamma, beta]: [R; 4], y: Part<R>) {
    y.write(
        #[inline(always)]
        |j| gamma * ((x[j] - mean) * rstd) + beta,
    );
}

/// Numbers of a channel of a sample.
fn pixels<R, D: Dimension>(x: &ArrayRef<R, D>) -> usize {
    x.shape()[2..].iter().product()
}

/// Gradients of [`frozen_norm`]: returns `x̄`, adds to `γ̄` and `β̄`.
///
/// **eq-0.10-frozen-norm, backward**
/// ```math
/// \bar x_c = \frac{\gamma_c}{\sqrt{v_c + \epsilon}}\, \bar y_c, \qquad
/// \bar\gamma_c = \sum \bar y_c\, \hat x_c, \qquad
/// \bar\beta_c = \sum \bar y_c
/// ```
///
/// Derivation: `μ` and `v` do not depend on `x`, so `y` is affine in each argument:
/// ```math
/// \frac{\partial y_c}{\partial x_c} = \frac{\gamma_c}{\sqrt{v_c + \epsilon}}, \qquad
/// \frac{\partial y_c}{\partial \gamma_c} = \hat x_c, \qquad
/// \frac{\partial y_c}{\partial \beta_c} = 1
/// ```
/// and the parameters of a channel collect the sum over its pixels in all samples.
pub fn frozen_norm_backward<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    gamma: &ArrayRef1<R>,
    dy: &ArrayRef<R, D>,
    statistics: &Statistics<R>,
    dgamma: &mut Array1<R>,
    dbeta: &mut Array1<R>,
) -> Array<R, D> {
    let (c, pixels) = (gamma.len(), pixels(x));
    let (x, dy) = (contiguous(x), contiguous(dy));
    let shape = x.raw_dim();
    let (x, dy, rstd) = (elements(&x), elements(&dy), statistics.rstd());
    let dx = new_rows(
        shape,
        pixels,
        2,
        #[inline(always)]
        |i, dx| {
            let scale = gamma[i % c] * rstd[i % c];
            let dy = &dy[i * pixels..][..dx.len()];
            dx.write(
                #[inline(always)]
                |j| scale * dy[j],
            );
        },
    );
    let sums = map(x.len() / pixels, 4 * pixels, |i| {
        let (x, dy) = (&x[i * pixels..][..pixels], &dy[i * pixels..][..pixels]);
        vectorize::<R, _>(
            #[inline(always)]
            || (along(dy, x, statistics.mean[i % c], rstd[i % c]), sum(dy)),
        )
    });
    for (i, (gamma, beta)) in sums.into_iter().enumerate() {
        dgamma[i % c] += gamma;
        dbeta[i % c] += beta;
    }
    dx
}

/// `Σ ȳ x̂`
#[inline(always)]
fn along<R: Real>(dy: &[R], x: &[R], mean: R, rstd: R) -> R {
    sum_of_2(
        dy,
        x,
        #[inline(always)]
        |dy, x| dy * ((x - mean) * rstd),
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array3};

    use super::*;

    fn run(x: &Array3<f64>, variance: f64, eps: f64, gamma: usize) -> Result<Array3<f64>> {
        let statistics = Statistics { mean: Array1::zeros(2), variance: Array1::from_elem(2, variance), eps };
        frozen_norm(x, &Array1::ones(gamma), &Array1::zeros(2), &statistics)
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let x = Array3::zeros((1, 2, 3));
        let text = |r: Result<Array3<f64>>| r.unwrap_err().to_string();
        assert_eq!(text(run(&x, 1.0, 1e-5, 3)), "frozen_norm: gamma: expected shape [2], got [3]");
        assert_eq!(text(run(&x, -0.5, 1e-5, 2)), "frozen_norm: variance: channel 0 is negative");
        assert_eq!(
            text(run(&x, 0.0, 0.0, 2)),
            "frozen_norm: eps: must not be negative and positive where a variance is zero, got 0"
        );
        assert_eq!(
            text(run(&x, 1.0, -1.0, 2)),
            "frozen_norm: eps: must not be negative and positive where a variance is zero, got -1"
        );
        assert_eq!(text(run(&x, f64::NAN, 1e-5, 2)), "frozen_norm: variance: not a finite number");
        assert_eq!(text(run(&(&x + f64::NAN), 1.0, 1e-5, 2)), "frozen_norm: x: not a finite number");
        assert_eq!(text(run(&Array3::zeros((0, 2, 3)), 1.0, 1e-5, 2)), "frozen_norm: x: empty");
        let flat = Array1::<f64>::zeros(2);
        let statistics = Statistics { mean: flat.clone(), variance: Array1::ones(2), eps: 1e-5 };
        let error = frozen_norm(&flat, &flat, &flat, &statistics).unwrap_err();
        assert_eq!(error.to_string(), "frozen_norm: x: expected [batch, c, ..], got [2]");
    }
}
