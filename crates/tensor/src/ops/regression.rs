//! Losses of numbers against numbers.

use ndarray::{Array, ArrayRef, Dimension};

use crate::ops::sum::total_of_2;
use crate::parallel::zip_elements;
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape};

/// The mean of the squared differences.
///
/// **eq-4-reg-mse**
/// ```math
/// \ell = \frac1N \sum_i (y_i - t_i)^2
/// ```
///
/// `y: [..]`, `t: [..]` → a number; `N` is the number of elements, not of rows
///
/// Source: Gauss 1809, *Theoria motus corporum coelestium*, section 179. He et al. 2022, *Masked Autoencoders*, section 3,
/// take the mean over the pixels of the masked patches.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `t` is not of the shape of `y`; [`Error::EmptyInput`] for no element;
/// [`Error::NonFinite`] for NaN and infinities.
pub fn mse<R: Real, D: Dimension>(y: &ArrayRef<R, D>, t: &ArrayRef<R, D>) -> Result<R> {
    mean_of(
        ["mse: y", "mse: t", "mse: loss"],
        y,
        t,
        #[inline(always)]
        |d| d * d,
    )
}

/// Gradient of [`mse`] with respect to `y`; the targets are constants.
///
/// **eq-4-reg-mse, backward**
/// ```math
/// \bar y_i = \frac{2 \bar\ell}{N} (y_i - t_i)
/// ```
///
/// Derivation: the power rule, one term per element.
pub fn mse_backward<R: Real, D: Dimension>(y: &ArrayRef<R, D>, t: &ArrayRef<R, D>, dl: R) -> Array<R, D> {
    let scale = R::of(2.0) * dl / R::of(y.len() as f64);
    zip_elements(
        y,
        t,
        1,
        #[inline(always)]
        move |y, t| scale * (y - t),
    )
}

/// The mean of the absolute differences.
///
/// **eq-4-reg-l1**
/// ```math
/// \ell = \frac1N \sum_i |y_i - t_i|
/// ```
///
/// `y: [..]`, `t: [..]` → a number; `N` is the number of elements, not of rows
///
/// Source: Laplace 1793; Liu et al. 2020, *Mockingjay*, section 2.1, for masked frames of speech.
///
/// # Errors
/// As [`mse`].
pub fn l1<R: Real, D: Dimension>(y: &ArrayRef<R, D>, t: &ArrayRef<R, D>) -> Result<R> {
    mean_of(
        ["l1: y", "l1: t", "l1: loss"],
        y,
        t,
        #[inline(always)]
        |d| d.abs(),
    )
}

/// Gradient of [`l1`] with respect to `y`; the targets are constants.
///
/// **eq-4-reg-l1, backward**
/// ```math
/// \bar y_i = \frac{\bar\ell}{N} \operatorname{sign}(y_i - t_i), \qquad \operatorname{sign}(0) = 0
/// ```
///
/// Derivation: the slope of `|d|` is the sign of `d`; at zero, where there is none, it is fixed to 0.
pub fn l1_backward<R: Real, D: Dimension>(y: &ArrayRef<R, D>, t: &ArrayRef<R, D>, dl: R) -> Array<R, D> {
    let scale = dl / R::of(y.len() as f64);
    zip_elements(
        y,
        t,
        1,
        #[inline(always)]
        move |y, t| scale * sign(y - t),
    )
}

/// The mean of the differences, squared where they are small and absolute where they are large.
///
/// **eq-4-reg-smooth-l1**
/// ```math
/// \ell = \frac1N \sum_i \begin{cases} d_i^2 / (2 \beta) & |d_i| < \beta \\ |d_i| - \beta/2 & \text{otherwise}
/// \end{cases}, \qquad d = y - t
/// ```
///
/// `y: [..]`, `t: [..]` → a number; `N` is the number of elements, not of rows
///
/// With `β = 1` it is the loss of Huber, which is `β` times this one in general.
///
/// Source: Girshick 2015, *Fast R-CNN*, eq. 3, with `β = 1`.
///
/// # Errors
/// As [`mse`]; [`Error::InvalidHyperparameter`] if `beta` is not positive.
pub fn smooth_l1<R: Real, D: Dimension>(y: &ArrayRef<R, D>, t: &ArrayRef<R, D>, beta: f64) -> Result<R> {
    check_setting("smooth_l1: beta", beta > 0.0 && beta.is_finite(), || {
        format!("must be positive, got {beta}")
    })?;
    let (beta, half) = (R::of(beta), R::of(0.5));
    mean_of(
        ["smooth_l1: y", "smooth_l1: t", "smooth_l1: loss"],
        y,
        t,
        #[inline(always)]
        move |d| if d.abs() < beta { half * d * (d / beta) } else { d.abs() - half * beta },
    )
}

/// Gradient of [`smooth_l1`] with respect to `y`; the targets are constants.
///
/// **eq-4-reg-smooth-l1, backward**
/// ```math
/// \bar y_i = \frac{\bar\ell}{N} \begin{cases} d_i / \beta & |d_i| < \beta \\ \operatorname{sign}(d_i) & \text{otherwise}
/// \end{cases}
/// ```
///
/// Derivation: the slopes of the two branches. They meet at `|d| = β`, where both are ±1.
pub fn smooth_l1_backward<R: Real, D: Dimension>(
    y: &ArrayRef<R, D>,
    t: &ArrayRef<R, D>,
    beta: f64,
    dl: R,
) -> Array<R, D> {
    let (scale, beta) = (dl / R::of(y.len() as f64), R::of(beta));
    zip_elements(
        y,
        t,
        1,
        #[inline(always)]
        move |y, t| {
            let d = y - t;
            scale * if d.abs() < beta { d / beta } else { sign(d) }
        },
    )
}

#[inline(always)]
fn sign<R: Real>(d: R) -> R {
    let (zero, one) = (R::of(0.0), R::of(1.0));
    if d > zero {
        one
    } else if d < zero {
        -one
    } else {
        zero
    }
}

/// The mean of `f(y - t)`. A NaN and an infinity of either argument reach the sum: which it was is asked only then.
fn mean_of<R: Real, D: Dimension>(
    [at_y, at_t, at_loss]: [&'static str; 3],
    y: &ArrayRef<R, D>,
    t: &ArrayRef<R, D>,
    f: impl Fn(R) -> R + Send + Sync,
) -> Result<R> {
    check_shape(at_t, t.shape(), y.shape())?;
    check_not_empty(at_y, y)?;
    let sum = total_of_2(
        y,
        t,
        2,
        #[inline(always)]
        |y, t| f(y - t),
    );
    if !sum.is_finite() {
        check_finite(at_y, y)?;
        check_finite(at_t, t)?;
        return Err(Error::NonFinite { at: at_loss });
    }
    Ok(sum / R::of(y.len() as f64))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    type Loss = fn(&Array1<f64>, &Array1<f64>) -> Result<f64>;

    const LOSSES: [(&str, Loss); 3] =
        [("mse", |y, t| mse(y, t)), ("l1", |y, t| l1(y, t)), ("smooth_l1", |y, t| smooth_l1(y, t, 0.5))];

    #[test]
    fn wrong_arguments_are_refused_by_name() {
        for (name, loss) in LOSSES {
            let text = |y: &Array1<f64>, t: &Array1<f64>| loss(y, t).unwrap_err().to_string();
            let (two, three) = (Array1::zeros(2), Array1::zeros(3));
            assert_eq!(text(&two, &three), format!("{name}: t: expected shape [2], got [3]"));
            assert_eq!(text(&Array1::zeros(0), &Array1::zeros(0)), format!("{name}: y: empty"));
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert_eq!(text(&array![0.0, bad], &two), format!("{name}: y: not a finite number"));
                assert_eq!(text(&two, &array![bad, 0.0]), format!("{name}: t: not a finite number"));
                assert_eq!(
                    text(&array![bad, 0.0], &array![bad, 0.0]),
                    format!("{name}: y: not a finite number")
                );
            }
            let far = text(&array![1.7e308], &array![-1.7e308]);
            assert_eq!(far, format!("{name}: loss: not a finite number"));
        }
    }

    #[test]
    fn a_width_that_is_not_positive_is_refused() {
        for beta in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = smooth_l1(&array![1.0], &array![0.0], beta).unwrap_err();
            assert_eq!(error.to_string(), format!("smooth_l1: beta: must be positive, got {beta}"));
        }
    }

    #[test]
    fn the_slope_at_zero_is_zero() {
        let (y, t) = (array![1.0, 2.0], array![1.0, 1.0]);
        assert_eq!(l1_backward(&y, &t, 1.0), array![0.0, 0.5]);
        assert_eq!(smooth_l1_backward(&y, &t, 0.5, 1.0), array![0.0, 0.5]);
    }
}
