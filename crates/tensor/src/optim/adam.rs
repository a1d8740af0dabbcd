//! Adam.

use crate::error::check_setting;
use crate::optim::update::{check_beta, check_gradient, check_rate, corrections, ratio, update};
use crate::{Dd, Real, Result, Tree};

/// The settings of [`Adam`], [`AdamW`](crate::optim::AdamW) and [`BertAdam`](crate::optim::BertAdam).
#[derive(Clone, Copy, Debug)]
pub struct AdamConfig {
    /// `β_1`, how slowly the mean of the gradients moves: 0.9.
    pub beta_1: f64,
    /// `β_2`, how slowly the mean of their squares moves: 0.999; 0.98 in the original Transformer.
    pub beta_2: f64,
    /// `ε`, added to the root: 1e-8 in PyTorch, 1e-9 in the original Transformer, 1e-6 in BERT.
    pub eps: f64,
    /// `λ`: the share of the gradient that pulls towards zero.
    pub weight_decay: f64,
    /// Which parameters decay, by name.
    pub decays: fn(&str) -> bool,
}

/// Every parameter decays, as PyTorch does without groups.
pub fn decay_all(_: &str) -> bool {
    true
}

/// Weights and tables decay; biases, scales (of norms and shortcuts) and shifts do not: what the released training codes of BERT and ViT do.
pub fn decay_weights(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    !last.ends_with("bias") && !["gamma", "beta", "omega"].contains(&last)
}

impl AdamConfig {
    /// What PyTorch takes for Adam when nothing is said: (0.9, 0.999), 1e-8, no decay.
    pub const ADAM: Self =
        AdamConfig { beta_1: 0.9, beta_2: 0.999, eps: 1e-8, weight_decay: 0.0, decays: decay_all };
    /// What PyTorch takes for AdamW when nothing is said: as Adam, with a decay of 0.01.
    pub const ADAMW: Self = AdamConfig { weight_decay: 0.01, ..Self::ADAM };
    /// What BERT was trained with: (0.9, 0.999), 1e-6, decay 0.01 of weights and tables.
    pub const BERT: Self = AdamConfig { eps: 1e-6, weight_decay: 0.01, decays: decay_weights, ..Self::ADAM };
    /// What the original Transformer was trained with: (0.9, 0.98), 1e-9, no decay.
    pub const TRANSFORMER: Self = AdamConfig { beta_2: 0.98, eps: 1e-9, ..Self::ADAM };

    /// Refuses settings outside their ranges.
    pub(super) fn check(&self) -> Result<()> {
        check_beta("adam: beta_1", self.beta_1)?;
        check_beta("adam: beta_2", self.beta_2)?;
        let not_negative = |x: f64| x.is_finite() && x >= 0.0;
        check_setting("adam: eps", not_negative(self.eps), || {
            format!("must not be negative, got {}", self.eps)
        })?;
        check_setting("adam: weight_decay", not_negative(self.weight_decay), || {
            format!("must not be negative, got {}", self.weight_decay)
        })
    }
}

/// Steps of equal size whatever the size of the gradient: its running mean divided by the root of that of its square.
///
/// **eq-1.25-adam**
/// ```math
/// m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2, \qquad
/// \theta \leftarrow \theta - \alpha\, \frac{\hat m}{\sqrt{\hat v} + \epsilon}, \qquad
/// \hat m = \frac{m}{1 - \beta_1^t}, \quad \hat v = \frac{v}{1 - \beta_2^t}
/// ```
///
/// `θ, g, m, v`: trees of one shape; `t = 1, 2, ..`
///
/// Both means start at zero and are too small at first by the factors `1 - β^t`, which the hats take out. Where root and
/// `ε` are both zero, nothing moves. A weight decay is coupled, as in PyTorch's Adam: `g + λθ` takes the place of `g`, so it is divided by the root like any gradient;
/// [`AdamW`](crate::optim::AdamW) has the decay that is not.
///
/// Source: Kingma & Ba 2015, *Adam: A Method for Stochastic Optimization*, algorithm 1.
#[derive(Clone, Debug)]
pub struct Adam<T> {
    /// `m`, the running mean of the gradient.
    pub m: T,
    /// `v`, the running mean of its square.
    pub v: T,
    /// `t`, how many steps were taken.
    pub steps: u64,
    /// The settings.
    pub config: AdamConfig,
}

impl<T> Adam<T> {
    /// # Errors
    /// [`Error::InvalidHyperparameter`](crate::Error::InvalidHyperparameter) if `β` is not in `[0, 1)`, or `ε` or `λ` is
    /// negative.
    pub fn new<R: Real>(model: &T, config: AdamConfig) -> Result<Self>
    where
        T: Tree<R>,
    {
        config.check()?;
        Ok(Adam { m: model.zeros_like(), v: model.zeros_like(), steps: 0, config })
    }

    /// One step of rate `α`.
    ///
    /// # Errors
    /// [`Error::NonFinite`](crate::Error::NonFinite) for NaN, infinities and numbers whose square overflows in the
    /// gradient, [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) for a gradient of another shape,
    /// [`Error::InvalidHyperparameter`](crate::Error::InvalidHyperparameter) for a negative rate. Nothing is changed then.
    pub fn step<R: Real>(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()>
    where
        T: Tree<R>,
    {
        check_rate("adam: rate", rate)?;
        let first = check_gradient("adam: gradient", model, grad)?;
        self.steps += 1;
        update([model, &mut self.m, &mut self.v], grad, rule(self.config, self.steps, rate, first));
        Ok(())
    }
}

/// What step `t` of rate `α` does to a chunk of `θ`, `m` and `v`, given that of `g`; `like` is a number of the gradient.
fn rule<R: Real>(config: AdamConfig, steps: u64, rate: f64, like: R) -> impl Fn(&str, [&mut [R]; 3], &[R]) {
    let AdamConfig { beta_1, beta_2, eps, weight_decay, decays } = config;
    let one = Dd::of(1.0);
    let [b_1, b_2, eps, zero] = [beta_1, beta_2, eps, 0.0].map(R::of);
    let [new_1, new_2] = [beta_1, beta_2].map(|beta| (one - Dd::of(beta)).rounded::<R>());
    let [rate, scale] = corrections(&config, steps, rate, like);
    #[inline(always)]
    move |name, [p, m, v], g| {
        let pull = if decays(name) { R::of(weight_decay) } else { zero };
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g + pull * *p;
            *m = b_1 * *m + new_1 * g;
            *v = b_2 * *v + new_2 * (g * g);
            *p -= ratio(rate * *m, v.sqrt() * scale + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::{Array1, array};

    use super::*;

    fn refused(config: AdamConfig) -> String {
        Adam::new(&array![1.0], config).unwrap_err().to_string()
    }

    #[test]
    fn settings_outside_their_ranges_are_refused() {
        let adam = AdamConfig::ADAM;
        assert_eq!(refused(AdamConfig { beta_1: 1.0, ..adam }), "adam: beta_1: must be in [0, 1), got 1");
        assert_eq!(refused(AdamConfig { beta_2: -0.5, ..adam }), "adam: beta_2: must be in [0, 1), got -0.5");
        assert_eq!(
            refused(AdamConfig { beta_1: f64::NAN, ..adam }),
            "adam: beta_1: must be in [0, 1), got NaN"
        );
        assert_eq!(
            refused(AdamConfig { eps: -1e-8, ..adam }),
            "adam: eps: must not be negative, got -0.00000001"
        );
        assert_eq!(
            refused(AdamConfig { weight_decay: f64::INFINITY, ..adam }),
            "adam: weight_decay: must not be negative, got inf"
        );
    }

    #[test]
    fn a_step_that_is_refused_changes_nothing() {
        let mut model = array![1.0, 2.0];
        let mut adam = Adam::new(&model, AdamConfig::ADAM).unwrap();
        let mut run = |grad: Array1<f64>, rate| {
            let error = adam.step(&mut model, &grad, rate).unwrap_err().to_string();
            assert_eq!((&model, adam.steps), (&array![1.0, 2.0], 0));
            assert_eq!((&adam.m, &adam.v), (&array![0.0, 0.0], &array![0.0, 0.0]));
            error
        };
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e200] {
            assert_eq!(run(array![1.0, bad], 0.1), "adam: gradient: not a finite number");
        }
        assert_eq!(run(array![1.0], 0.1), "adam: gradient: expected shape [2], got [1]");
        assert_eq!(run(array![1.0, 1.0], -0.1), "adam: rate: must not be negative, got -0.1");
        assert_eq!(run(array![1.0, 1.0], f64::NAN), "adam: rate: must not be negative, got NaN");
    }

    #[test]
    fn where_root_and_eps_are_zero_nothing_moves() {
        let config = AdamConfig { eps: 0.0, ..AdamConfig::ADAM };
        let mut model = array![1.0, 2.0];
        Adam::new(&model, config).unwrap().step(&mut model, &array![0.0, 1.0], 0.5).unwrap();
        assert_eq!(model[0], 1.0);
        assert_abs_diff_eq!(model[1], 1.5, epsilon = 1e-15);
        let mut model = array![1.0_f32];
        Adam::new(&model, config).unwrap().step(&mut model, &array![1e-25], 0.5).unwrap();
        assert_eq!(model, array![1.0]);
    }

    #[test]
    fn names_say_what_decays() {
        assert!(decay_weights("blocks.0.attn.w_q.weight") && decay_weights("embed.table"));
        assert!(!decay_weights("blocks.0.attn.w_q.bias") && !decay_weights("norm.gamma"));
        assert!(!decay_weights("norm.beta") && !decay_weights("bias"));
        assert!(!decay_weights("output_bias") && !decay_weights("blocks.0.shortcut_1.omega"));
    }

    #[test]
    fn an_array_in_another_order_is_updated_like_any_other() {
        let grad = array![[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]];
        let run = |mut model: ndarray::Array2<f64>| {
            let mut adam = Adam::new(&model, AdamConfig { weight_decay: 0.1, ..AdamConfig::ADAM }).unwrap();
            for _ in 0..3 {
                adam.step(&mut model, &grad, 0.1).unwrap();
            }
            model
        };
        let by_columns = array![[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]].reversed_axes();
        assert_eq!(run(by_columns), run(array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    }
}
