//! Where the weights of the shortcuts begin: three published recipes.

use mmt_tensor::ops::sum;
use mmt_tensor::{Error, Real, Result, check_finite, check_setting, check_shape};
use ndarray::{Array1, Array2, ArrayRef2};

use crate::{LayerNorm, Shortcut};

/// How the weight `ω` of every shortcut begins. Paper, released code and the library that followed differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminKind {
    /// [`admin_paper`]. Source: Liu et al. 2020, section 4, profiling and initialization.
    Paper,
    /// [`admin_code`]. Source: `fairseq/fairseq/modules/transformer_layer.py` of LiyuanLucasLiu/Transformer-Clinic, modes
    /// `adaptive-profiling` and `adaptive`.
    Code,
    /// [`admin_closed`]. Source: `admin_torch/admin.py` of microsoft/admin-torch.
    Closed {
        /// How the output may grow.
        scale: OutputChange,
    },
}

/// How the change of the output that a change of the weights causes may grow with `N`, the number of sub-layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputChange {
    /// `O(n)`: plain Post-LN.
    Linear,
    /// `O(logn)`: as Pre-LN, the default of admin-torch.
    Logarithmic,
    /// `O(1)`: not at all.
    Constant,
}

/// A sub-layer as a profile sees it: its branch, and the norm of its sum.
pub struct SubLayer<'a, R> {
    /// `x: [n, d]` → `f(x): [n, d]`, without dropout.
    pub branch: Box<dyn Fn(&ArrayRef2<R>) -> Result<Array2<R>> + 'a>,
    /// `LN`
    pub norm: &'a LayerNorm<R>,
}

/// What a profile finds.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminProfile<R> {
    /// `ω_1, .., ω_N` and `ω_{N+1}`, what one more sub-layer would get: `[N + 1]`
    pub omega: Array1<R>,
    /// `Var f_i`, over samples, positions and features: `[N]`
    pub variances: Array1<R>,
}

impl AdminKind {
    /// `ω_1, .., ω_N` for the sub-layers of an encoder, or of a decoder, in the order in which they run.
    ///
    /// Encoder and decoder are profiled one by one, each from 1; in a decoder layer the order is self-attention, attention
    /// over the memory, feed-forward network. The weights that the shortcuts have at the time play no role.
    ///
    /// # Errors
    /// Those of [`admin_paper`], [`admin_code`] and [`admin_closed`].
    pub fn omega<R: Real>(self, x: &ArrayRef2<R>, layers: &[SubLayer<R>]) -> Result<Vec<R>> {
        let profile = match self {
            AdminKind::Paper => admin_paper(x, layers)?,
            AdminKind::Code => admin_code(x, layers)?,
            AdminKind::Closed { scale } => return Ok(vec![admin_closed(layers.len(), scale)?; layers.len()]),
        };
        Ok(profile.omega.to_vec()[..layers.len()].to_vec())
    }
}

/// The weights of the paper: variances of a plain Post-LN network, added up.
///
/// ```math
/// \omega_1 = 1, \qquad \omega_i = \sqrt{\textstyle\sum_{j<i} v_j}, \qquad v_j = \operatorname{Var} f_j(x_{j-1}), \qquad
/// x_j = \mathrm{LN}\bigl(x_{j-1} + f_j(x_{j-1})\bigr)
/// ```
///
/// `x: [n, d]`, `N` sub-layers → `omega: [N + 1]`
///
/// The sum of the first weight is empty, and zero would delete the input: it is 1 by convention. So `ω_2 < ω_1` whenever
/// `v_1 < 1`; from the second on the weights grow.
///
/// # Errors
/// [`Error::EmptyInput`] for no sub-layer or no token; [`Error::InvalidHyperparameter`] for a branch that is constant;
/// [`Error::ShapeMismatch`] for one of another shape; [`Error::NonFinite`]; those of the sub-layers.
pub fn admin_paper<R: Real>(x: &ArrayRef2<R>, layers: &[SubLayer<R>]) -> Result<AdminProfile<R>> {
    let mut total = R::of(0.0);
    profile(x, layers, |_, v| {
        total += v;
        Ok((R::of(1.0), total.sqrt()))
    })
}

/// The weights of the released code: variances of the network that already has them.
///
/// ```math
/// \omega_1 = 1, \qquad \omega_{i+1} = \sqrt{\operatorname{Var}(\omega_i x_{i-1}) + \operatorname{Var} f_i(x_{i-1})}, \qquad
/// x_i = \mathrm{LN}\bigl(\omega_i x_{i-1} + f_i(x_{i-1})\bigr)
/// ```
///
/// `x: [n, d]`, `N` sub-layers → `omega: [N + 1]`
///
/// The output of a norm has variance 1, so `ω_i² ≈ 1 + Σ_{j<i} v_j`, and the weights grow.
///
/// # Errors
/// As [`admin_paper`].
pub fn admin_code<R: Real>(x: &ArrayRef2<R>, layers: &[SubLayer<R>]) -> Result<AdminProfile<R>> {
    let mut omega = R::of(1.0);
    profile(x, layers, |x, v| {
        let before = omega;
        omega = (variance("admin: x", &(x * before))? + v).sqrt();
        Ok((before, omega))
    })
}

/// One pass through the sub-layers. `next` gets the input of a sub-layer and the variance of its branch, and gives the
/// weight to go on with and the `ω` of the sub-layer after it.
fn profile<R: Real>(
    x: &ArrayRef2<R>,
    layers: &[SubLayer<R>],
    mut next: impl FnMut(&Array2<R>, R) -> Result<(R, R)>,
) -> Result<AdminProfile<R>> {
    if layers.is_empty() {
        return Err(Error::EmptyInput { at: "admin: sub-layers" });
    }
    let (mut x, mut omega, mut variances) = (x.to_owned(), vec![R::of(1.0)], vec![]);
    for (i, layer) in layers.iter().enumerate() {
        let f = (layer.branch)(&x)?;
        check_shape("admin: branch", f.shape(), x.shape())?;
        let v = variance("admin: branch", &f)?;
        check_setting("admin: branch", v > R::of(0.0) && !is_constant(&f), || {
            format!("number {} is constant: its variance is zero", i + 1)
        })?;
        let (weight, omega_next) = next(&x, v)?;
        let shortcut = Shortcut { omega: Array1::from_elem(x.ncols(), weight), norm: layer.norm.clone() };
        x = shortcut.forward(&x, &f)?.0;
        omega.push(omega_next);
        variances.push(v);
    }
    Ok(AdminProfile { omega: omega.into(), variances: variances.into() })
}

/// The weight of admin-torch, from the number of sub-layers alone.
///
/// ```math
/// \omega = 1, \qquad \omega = \sqrt{\frac{N + 1}{\ln(N + 1)} - 1}, \qquad \omega = \sqrt N
/// ```
///
/// for a change of the output in proportion to `N`, to its logarithm, or not at all. The radicand of the second is at least
/// `e - 1`, because `x / ln x` has its least value, `e`, at `x = e`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if there is no sub-layer: `ln 1` is zero.
pub fn admin_closed<R: Real>(layers: usize, change: OutputChange) -> Result<R> {
    check_setting("admin: sub-layers", layers > 0, || "must be positive, got 0".to_string())?;
    let (n, one) = (R::of(layers as f64), R::of(1.0));
    Ok(match change {
        OutputChange::Linear => one,
        OutputChange::Logarithmic => ((n + one) / (n + one).ln() - one).sqrt(),
        OutputChange::Constant => n.sqrt(),
    })
}

/// The population variance of all numbers of a matrix.
fn variance<R: Real>(at: &'static str, x: &Array2<R>) -> Result<R> {
    let mean = sum::mean(at, x)?;
    let variance = sum::mean(at, &x.mapv(|x| (x - mean) * (x - mean)))?;
    if !variance.is_finite() {
        check_finite(at, x)?;
        return Err(Error::NonFinite { at: "admin: variance" });
    }
    Ok(variance)
}

/// Rounding of the mean can give a constant a variance.
fn is_constant<R: Real>(x: &Array2<R>) -> bool {
    x.iter().all(|&value| Some(&value) == x.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(norm: &LayerNorm<f64>, f: impl Fn(&ArrayRef2<f64>) -> Array2<f64> + 'static) -> SubLayer<'_, f64> {
        SubLayer { branch: Box::new(move |x| Ok(f(x))), norm }
    }

    fn refused(x: &Array2<f64>, layers: &[SubLayer<f64>]) -> String {
        let errors = [admin_paper(x, layers).unwrap_err(), admin_code(x, layers).unwrap_err()];
        assert_eq!(errors[0], errors[1]);
        errors[0].to_string()
    }

    #[test]
    fn a_constant_branch_is_refused() {
        let (norm, x) = (LayerNorm::new(2, 1e-5), ndarray::array![[1.0, 2.0], [0.0, 3.0]]);
        for constant in [0.0, 0.1, 1.0 / 3.0] {
            let layers = [of(&norm, |x| x.to_owned()), of(&norm, move |x| x.mapv(|_| constant))];
            let want = "admin: branch: number 2 is constant: its variance is zero";
            assert_eq!(refused(&x, &layers), want);
        }
    }

    #[test]
    fn nothing_to_profile_is_refused() {
        assert_eq!(refused(&Array2::ones((1, 2)), &[]), "admin: sub-layers: empty");
        let norm = LayerNorm::new(2, 1e-5);
        assert_eq!(refused(&Array2::ones((0, 2)), &[of(&norm, |x| x.to_owned())]), "admin: branch: empty");
        for change in [OutputChange::Linear, OutputChange::Logarithmic, OutputChange::Constant] {
            let error = admin_closed::<f64>(0, change).unwrap_err().to_string();
            assert_eq!(error, "admin: sub-layers: must be positive, got 0");
        }
    }

    #[test]
    fn branches_that_do_not_fit_are_refused() {
        let (norm, x) = (LayerNorm::new(2, 1e-5), ndarray::array![[1.0, 2.0], [0.0, 3.0]]);
        let wide = of(&norm, |x| Array2::zeros((x.nrows(), 3)));
        assert_eq!(refused(&x, &[wide]), "admin: branch: expected shape [2, 2], got [2, 3]");
        for (bad, text) in [
            (f64::NAN, "admin: branch: not a finite number"),
            (f64::INFINITY, "admin: branch: not a finite number"),
            (1e200, "admin: variance: not a finite number"),
        ] {
            assert_eq!(refused(&x, &[of(&norm, move |x| x * bad)]), text);
        }
    }

    #[test]
    fn a_norm_that_is_not_one_is_refused() {
        let (norm, x) = (LayerNorm::new(2, -1.0), ndarray::array![[1.0, 2.0], [0.0, 3.0]]);
        let text = refused(&x, &[of(&norm, |x| x.to_owned())]);
        assert_eq!(text, "layer_norm: eps: must be positive, got -1");
    }
}
