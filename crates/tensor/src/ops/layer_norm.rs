//! Layer normalization over the last axis of a matrix.

use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayView1};

use crate::ops::stored;
use crate::ops::sum::{sum, sum_of, sum_of_2};
use crate::parallel::{contiguous, elements, new_rows_and_sums, new_rows_of};
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 6;

/// What [`layer_norm_backward`] reads beside the input.
#[derive(Clone, Debug)]
pub struct Moments<R> {
    /// `μ`, the mean of every row: `[n]`
    pub mean: Array1<R>,
    /// `1 / √(σ² + ε)` of every row: `[n]`
    pub rstd: Array1<R>,
}

tree!(Moments { mean, rstd });

/// Normalizes every row to mean 0 and variance 1, then scales and shifts it.
///
/// **eq-1.12-layernorm**
/// ```math
/// y = \gamma \odot \hat x + \beta, \qquad
/// \hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad
/// \mu = \frac1d \sum_i x_i, \qquad
/// \sigma^2 = \frac1d \sum_i (x_i - \mu)^2
/// ```
///
/// `x: [n, d]`, `gamma, beta: [d]` → `y: [n, d]`
///
/// The variance is the biased one (divided by `d`), computed from the centered row (two passes, no cancellation), and
/// `ε` is inside the root.
///
/// Source: Ba, Kiros & Hinton 2016, *Layer Normalization*, eq. 3.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `gamma` or `beta` is not `[d]`; [`Error::InvalidHyperparameter`] if `eps` is not
/// positive or `d < 2`; [`Error::EmptyInput`] for no row; [`Error::NonFinite`] for NaN, infinities and outputs that
/// overflow.
pub fn layer_norm<R: Real>(
    x: &ArrayRef2<R>,
    gamma: &ArrayRef1<R>,
    beta: &ArrayRef1<R>,
    eps: f64,
) -> Result<(Array2<R>, Moments<R>)> {
    let (n, d) = x.dim();
    check_shape("layer_norm: gamma", gamma.shape(), &[d])?;
    check_shape("layer_norm: beta", beta.shape(), &[d])?;
    check_not_empty("layer_norm: x", x)?;
    check_setting("layer_norm: eps", eps > 0.0 && eps.is_finite(), || {
        format!("must be positive, got {eps}")
    })?;
    check_setting("layer_norm: x", d > 1, || "a row of one number has no variance".to_string())?;
    let (x, gamma, beta) = (contiguous(x), gamma.to_vec(), beta.to_vec());
    let rows = elements(&x);
    let [y, mean, rstd] = new_rows_of(
        n,
        [d, 1, 1],
        COST * d,
        #[inline(always)]
        |i, [y, mean, rstd]| {
            let x = &rows[i * d..][..y.len()];
            let (m, s) = moments(x, eps);
            mean.fill(m);
            rstd.fill(s);
            let (gamma, beta) = (&gamma[..y.len()], &beta[..y.len()]);
            y.write(
                #[inline(always)]
                |j| gamma[j] * ((x[j] - m) * s) + beta[j],
            );
        },
    );
    let moments = Moments { mean: mean.into(), rstd: rstd.into() };
    let y = stored(Array2::from_shape_vec((n, d), y).expect("n rows"));
    check_result(&x, &moments, &gamma, &beta, &y)?;
    Ok((y, moments))
}

/// Refuses what is not a number, and says where it came in. `x` is read only where a moment is none, `y` where it may
/// have overflowed.
fn check_result<R: Real>(
    x: &ArrayRef2<R>,
    moments: &Moments<R>,
    gamma: &[R],
    beta: &[R],
    y: &ArrayRef2<R>,
) -> Result<()> {
    if !moments.rstd.iter().all(|r| r.is_finite() && *r > R::of(0.0)) {
        check_finite("layer_norm: x", x)?;
        return Err(Error::NonFinite { at: "layer_norm: variance of x" });
    }
    check_finite("layer_norm: gamma", &ArrayView1::from(gamma))?;
    check_finite("layer_norm: beta", &ArrayView1::from(beta))?;
    if in_range(gamma, beta) { Ok(()) } else { check_finite("layer_norm: y", y) }
}

/// Whether `|γ| d + |β|` is a number: then so is every `|y| ≤ |γ| √d + |β|`, whatever `x` is, and nobody has to look.
fn in_range<R: Real>(gamma: &[R], beta: &[R]) -> bool {
    let largest = |list: &[R]| list.iter().fold(R::of(0.0), |m, x| m.max(x.abs()));
    (largest(gamma) * R::of(gamma.len() as f64) + largest(beta)).is_finite()
}

/// `μ` and `1 / √(σ² + ε)` of a row.
#[inline(always)]
fn moments<R: Real>(x: &[R], eps: f64) -> (R, R) {
    let d = R::of(x.len() as f64);
    let mean = sum(x) / d;
    let variance = sum_of(
        x,
        #[inline(always)]
        |x| (x - mean) * (x - mean),
    ) / d;
    (mean, R::of(1.0) / (variance + R::of(eps)).sqrt())
}

/// Gradients of [`layer_norm`], given its input: returns `x̄`, adds to `γ̄` and `β̄`.
///
/// **eq-1.12-layernorm, backward**, with `g = γ ⊙ ȳ` and `mean` the mean of a row:
/// ```math
/// \bar x = \frac{g - \operatorname{mean}(g) - \hat x\,\operatorname{mean}(g \odot \hat x)}
///               {\sqrt{\sigma^2+\epsilon}}, \qquad
/// \bar\gamma = \sum_\text{rows} \bar y \odot \hat x, \qquad
/// \bar\beta = \sum_\text{rows} \bar y
/// ```
///
/// Derivation, with `s = 1/√(σ²+ε)` and `c = x - μ`, so that `x̂ = s c`:
/// ```math
/// \frac{\partial s}{\partial c_i} = -\frac{s^3 c_i}{d}
/// \quad\Rightarrow\quad
/// \bar c = s\,g - s\,\hat x \operatorname{mean}(g \odot \hat x), \qquad
/// \bar x = \bar c - \operatorname{mean}(\bar c)
/// ```
/// and the second term of `c̄` has mean zero because `x̂` has.
pub fn layer_norm_backward<R: Real>(
    moments: &Moments<R>,
    x: &ArrayRef2<R>,
    gamma: &ArrayRef1<R>,
    dy: &ArrayRef2<R>,
    dgamma: &mut Array1<R>,
    dbeta: &mut Array1<R>,
) -> Array2<R> {
    let (n, d) = dy.dim();
    let (x, dy, gamma) = (contiguous(x), contiguous(dy), gamma.to_vec());
    let (x, dy) = (elements(&x), elements(&dy));

    let mut sums = vec![R::of(0.0); 2 * d];
    let dx = new_rows_and_sums(
        (n, d),
        &mut sums,
        2 * COST * d,
        #[inline(always)]
        |i, dx, sums| {
            let (x, dy) = (&x[i * d..][..dx.len()], &dy[i * d..][..dx.len()]);
            let (mean, rstd) = (moments.mean[i], moments.rstd[i]);
            add_parameters(sums, x, dy, mean, rstd);
            let gamma = &gamma[..dx.len()];
            let g = dx.write(
                #[inline(always)]
                |j| gamma[j] * dy[j],
            );
            project(g, x, mean, rstd);
        },
    );
    dgamma.iter_mut().zip(&sums[..d]).for_each(|(a, &b)| *a += b);
    dbeta.iter_mut().zip(&sums[d..]).for_each(|(a, &b)| *a += b);
    stored(Array2::from_shape_vec((n, d), dx).expect("n rows"))
}

/// `γ̄ += ȳ ⊙ x̂` and `β̄ += ȳ` for a row; `γ̄` is the first half of `sums`.
#[inline(always)]
fn add_parameters<R: Real>(sums: &mut [R], x: &[R], dy: &[R], mean: R, rstd: R) {
    let (dgamma, dbeta) = sums.split_at_mut(x.len());
    for ((dgamma, dbeta), (&x, &dy)) in dgamma.iter_mut().zip(dbeta).zip(x.iter().zip(dy)) {
        *dgamma += dy * ((x - mean) * rstd);
        *dbeta += dy;
    }
}

/// A row of `x̄`, in place of `g`.
#[inline(always)]
fn project<R: Real>(g: &mut [R], x: &[R], mean: R, rstd: R) {
    let d = R::of(x.len() as f64);
    let mean_g = sum(g) / d;
    let along = sum_of_2(
        g,
        x,
        #[inline(always)]
        |g, x| g * ((x - mean) * rstd),
    ) / d;
    for (g, &x) in g.iter_mut().zip(x) {
        *g = (*g - mean_g - (x - mean) * rstd * along) * rstd;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, array};

    use super::*;

    fn run(x: Array2<f64>, eps: f64) -> Result<Array2<f64>> {
        let d = x.ncols();
        Ok(layer_norm(&x, &Array1::ones(d), &Array1::zeros(d), eps)?.0)
    }

    #[test]
    fn a_constant_row_gives_beta() {
        assert_eq!(run(array![[3.0, 3.0]], 1e-12).unwrap(), array![[0.0, 0.0]]);
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let text = |r: Result<Array2<f64>>| r.unwrap_err().to_string();
        assert_eq!(text(run(array![[1.0, 2.0]], 0.0)), "layer_norm: eps: must be positive, got 0");
        assert_eq!(text(run(array![[1.0]], 1e-5)), "layer_norm: x: a row of one number has no variance");
        assert_eq!(text(run(Array2::zeros((0, 3)), 1e-5)), "layer_norm: x: empty");
        assert_eq!(text(run(array![[1.0, f64::NAN]], 1e-5)), "layer_norm: x: not a finite number");
        assert_eq!(text(run(array![[1.0, f64::INFINITY]], 1e-5)), "layer_norm: x: not a finite number");
        assert_eq!(text(run(array![[1.0, 2.0]], -1.0)), "layer_norm: eps: must be positive, got -1");
        assert_eq!(text(run(array![[1.0, 2.0]], f64::NAN)), "layer_norm: eps: must be positive, got NaN");
        let big = text(run(array![[1e200, -1e200]], 1e-5));
        assert_eq!(big, "layer_norm: variance of x: not a finite number");
    }

    #[test]
    fn gains_and_shifts_that_do_not_fit_are_refused_by_name() {
        let text = |gamma: Array1<f64>, beta: Array1<f64>| {
            let x = array![[1.0, 2.0, 3.0], [1.0, 1.0, 1.0]];
            layer_norm(&x, &gamma, &beta, 1e-5).unwrap_err().to_string()
        };
        let (ones, zeros) = (Array1::ones, Array1::zeros);
        assert_eq!(text(ones(2), zeros(3)), "layer_norm: gamma: expected shape [3], got [2]");
        assert_eq!(text(ones(3), zeros(4)), "layer_norm: beta: expected shape [3], got [4]");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(text(ones(3) * bad, zeros(3)), "layer_norm: gamma: not a finite number");
            assert_eq!(text(ones(3), zeros(3) + bad), "layer_norm: beta: not a finite number");
        }
        assert_eq!(text(ones(3) * 1.7e308, zeros(3)), "layer_norm: y: not a finite number");
    }

    #[test]
    fn large_gains_whose_products_are_numbers_are_fine() {
        let y = layer_norm(&array![[1.0, -1.0]], &array![1.7e308, 1.0], &array![0.0, 1e308], 1e-5).unwrap().0;
        assert!(y.iter().all(|y| y.is_finite()), "{y}");
    }
}
