//! How a small change of the weights grows on its way to the output.

use mmt_tensor::ops::sum::mean;
use mmt_tensor::{Error, Ragged, Random, Real, Result, Tree, check_finite, check_setting, check_shape};
use ndarray::{Array2, ArrayRef2};

use crate::{Activation, AdminEncoder, AdminKind, AttentionKind, BlockConfig, Encoder, Mask, NormOrder};

/// The mean square of the change of an output.
///
/// **eq-1.18-amplification**
/// ```math
/// \Delta = \frac{1}{n d} \bigl\lVert F(x; W + \delta) - F(x; W) \bigr\rVert^2, \qquad
/// \mathbb E\,\Delta = O(N) \text{ (Post-LN)}, \qquad \mathbb E\,\Delta = O(\log N) \text{ (Pre-LN)}
/// ```
///
/// two outputs `[n, d]` → a number; `N` is the number of sub-layers
///
/// Why, at initialization: a sub-layer hands on `x_i = LN(ω x_{i-1} + f_i)`, and a change of its weights changes `f_i` in
/// proportion to `f_i`. Its part in the normalized output is the share of its variance, `β_i²`, and the shares add up:
/// * Post-LN, `ω = 1`: each sum has the variance `1 + Var f`, so `β_i² = Var f / (1 + Var f)` for every `i`: a sum in
///   proportion to `N`.
/// * Pre-LN: the stream has the variance `1 + i Var f` after `i` sub-layers, so `β_i² ~ 1/i`: a sum like `log N`.
/// * Admin gives a Post-LN sub-layer the share that it would have in a Pre-LN stack; `ω = √N` gives all of them together
///   a constant.
///
/// Measured with [`amplification`] at `d = 64`: the exponent of `N` from 4 to 64 is about 1.2 for Post-LN and 0.6 for
/// Pre-LN.
///
/// Source: Liu et al. 2020, *Understanding the Difficulty of Training Transformers*, theorem 2; the two orders as stated by
/// LiyuanLucasLiu/Transformer-Clinic and microsoft/admin-torch.
///
/// # Errors
/// [`Error::ShapeMismatch`] if the outputs differ in shape; [`Error::EmptyInput`]; [`Error::NonFinite`].
pub fn output_change<R: Real>(y: &ArrayRef2<R>, changed: &ArrayRef2<R>) -> Result<R> {
    check_shape("output_change: changed", changed.shape(), y.shape())?;
    let difference: Array2<R> = changed - y;
    let change = mean("output_change: y", &(&difference * &difference))?;
    if !change.is_finite() {
        check_finite("output_change: y", y)?;
        check_finite("output_change: changed", changed)?;
        return Err(Error::NonFinite { at: "output_change: change" });
    }
    Ok(change)
}

/// What stands around a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// `LN(x + f(x))`
    Post,
    /// `x + f(LN(x))`, with a final norm.
    Pre,
    /// `LN(ω ⊙ x + f(x))`, eq-1.19-admin.
    Admin(AdminKind),
}

/// The sizes of a study of amplification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmplificationConfig {
    /// `d`
    pub width: usize,
    /// Heads of attention.
    pub heads: usize,
    /// The hidden width of the feed-forward networks.
    pub hidden: usize,
    /// `n`
    pub tokens: usize,
    /// `δ` is this times a fresh draw of the weights.
    pub change: f64,
}

impl AmplificationConfig {
    /// The sizes of the measured numbers: `d = 64`, 4 heads, `f = 128`, `n = 16`, 0.05.
    pub const SMALL: Self =
        AmplificationConfig { width: 64, heads: 4, hidden: 128, tokens: 16, change: 0.05 };
}

/// The change of the output of a drawn stack of `depth` blocks, `N = 2 depth` sub-layers.
///
/// Weights are normal with variance `2 / (d_in + d_out)`, biases zero, inputs normal; the change is that of all weight
/// matrices. Norms and `ω` stay as they are.
///
/// # Errors
/// Those of the layers; [`Error::InvalidHyperparameter`] for no block, and a change that is negative or not finite.
pub fn amplification<R: Real>(
    residual: Residual,
    depth: usize,
    config: &AmplificationConfig,
    seed: u64,
) -> Result<R> {
    let AmplificationConfig { width, heads, hidden, tokens, change } = *config;
    check_setting("amplification: change", change >= 0.0 && change.is_finite(), || {
        format!("must not be negative, got {change}")
    })?;
    let block = BlockConfig {
        width,
        heads,
        hidden,
        activation: Activation::Relu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let random = &mut Random::seed(seed);
    let x: Array2<R> = random.normal((tokens, width), 1.0);
    let rows = Ragged::one(tokens);
    let plain = |order, random: &mut Random| {
        let encoder = redrawn(Encoder::new(order, depth, &block, random)?, random);
        compare(&encoder, change, random, |encoder| Ok(encoder.forward(&x, &rows, &Mask::None)?.0))
    };
    match residual {
        Residual::Post => plain(NormOrder::Post, random),
        Residual::Pre => plain(NormOrder::Pre, random),
        Residual::Admin(kind) => {
            let mut encoder = redrawn(AdminEncoder::new(depth, &block, random)?, random);
            encoder.initialize(kind, &x, &rows, &Mask::None)?;
            compare(&encoder, change, random, |encoder| Ok(encoder.forward(&x, &rows, &Mask::None)?.0))
        }
    }
}

/// The output of `model` against that of `model + change · fresh weights`.
fn compare<R: Real, M: Tree<R>>(
    model: &M,
    change: f64,
    random: &mut Random,
    run: impl Fn(&M) -> Result<Array2<R>>,
) -> Result<R> {
    let mut changed = model.clone();
    changed.add_scaled(R::of(change), &redrawn(model.zeros_like(), random));
    output_change(&run(model)?, &run(&changed)?)
}

/// Every matrix drawn from normal numbers of variance `2 / (d_in + d_out)`; vectors stay as they are.
fn redrawn<R: Real, T: Tree<R>>(mut tree: T, random: &mut Random) -> T {
    for (_, mut a) in tree.arrays_mut() {
        if let [rows, columns] = *a.shape() {
            let std = (2.0 / (rows + columns) as f64).sqrt();
            let fresh = random.normal(a.raw_dim(), std);
            a.assign(&fresh);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::OutputChange;

    const TINY: AmplificationConfig =
        AmplificationConfig { width: 4, heads: 2, hidden: 6, tokens: 3, change: 0.05 };

    const ALL: [Residual; 5] = [
        Residual::Post,
        Residual::Pre,
        Residual::Admin(AdminKind::Paper),
        Residual::Admin(AdminKind::Code),
        Residual::Admin(AdminKind::Closed { scale: OutputChange::Logarithmic }),
    ];

    #[test]
    fn no_change_changes_nothing() {
        for residual in ALL {
            let still = AmplificationConfig { change: 0.0, ..TINY };
            assert_eq!(amplification::<f64>(residual, 2, &still, 1).unwrap(), 0.0);
            assert!(amplification::<f64>(residual, 2, &TINY, 1).unwrap() > 0.0);
        }
    }

    #[test]
    fn outputs_that_do_not_fit_are_refused() {
        let text =
            |y: &Array2<f64>, changed: &Array2<f64>| output_change(y, changed).unwrap_err().to_string();
        let y = array![[1.0, 2.0]];
        assert_eq!(text(&y, &array![[1.0]]), "output_change: changed: expected shape [1, 2], got [1, 1]");
        assert_eq!(text(&y, &array![[1.0, f64::NAN]]), "output_change: changed: not a finite number");
        assert_eq!(text(&array![[f64::INFINITY, 0.0]], &y), "output_change: y: not a finite number");
        assert_eq!(text(&y, &array![[1e200, 2.0]]), "output_change: change: not a finite number");
        let empty = Array2::zeros((0, 2));
        assert_eq!(text(&empty, &empty), "output_change: y: empty");
    }

    #[test]
    fn sizes_without_sense_are_refused() {
        let text = |residual, depth, config| {
            amplification::<f64>(residual, depth, &config, 1).unwrap_err().to_string()
        };
        assert_eq!(text(Residual::Post, 0, TINY), "encoder: depth: must be positive, got 0");
        assert_eq!(text(ALL[2], 0, TINY), "admin: depth: must be positive, got 0");
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            let text = text(Residual::Pre, 1, AmplificationConfig { change: bad, ..TINY });
            assert_eq!(text, format!("amplification: change: must not be negative, got {bad}"));
        }
        let odd = AmplificationConfig { heads: 3, ..TINY };
        assert_eq!(text(Residual::Pre, 1, odd), "3 heads do not divide a width of 4");
    }
}
