//! The optimizer of BERT's released code.

use crate::error::check_setting;
use crate::optim::update::{check_gradient, check_rate, ratio, update};
use crate::optim::{AdamConfig, Norm, global_norm};
use crate::{Dd, Real, Result, Tree};

/// [`AdamW`](crate::optim::AdamW) without the correction of the first steps, and with a bound on the gradient.
///
/// **eq-1.25-bert-adam**
/// ```math
/// g \leftarrow g \cdot \min\Bigl(1, \frac{c}{\lVert g \rVert}\Bigr), \qquad
/// \theta \leftarrow \theta - \alpha \Bigl( \frac{m}{\sqrt v + \epsilon} + \lambda \theta \Bigr)
/// ```
///
/// `m` and `v` as in eq-1.25-adam; `θ, g, m, v`: trees of one shape; `‖g‖` is the norm of the whole gradient
///
/// Without the hats the first step is `(1 - β_1) / √(1 - β_2)` times that of Adam, about 3.16 for (0.9, 0.999): one
/// reason why BERT needs a warm-up. Where root and `ε` are both zero, only the decay moves.
///
/// Source: google-research/bert, `optimization.py`: decay 0.01 of everything but layer norms and biases, `c = 1`.
#[derive(Clone, Debug)]
pub struct BertAdam<T> {
    /// `m`, the running mean of the gradient.
    pub m: T,
    /// `v`, the running mean of its square.
    pub v: T,
    /// How many steps were taken.
    pub steps: u64,
    /// The settings.
    pub config: AdamConfig,
    /// `c`, the largest norm of a gradient: 1.
    pub max_norm: f64,
}

impl<T> BertAdam<T> {
    /// # Errors
    /// As [`Adam::new`](crate::optim::Adam::new), and for a bound that is not positive.
    pub fn new<R: Real>(model: &T, config: AdamConfig, max_norm: f64) -> Result<Self>
    where
        T: Tree<R>,
    {
        config.check()?;
        check_setting("bert_adam: max_norm", max_norm > 0.0, || format!("must be positive, got {max_norm}"))?;
        Ok(BertAdam { m: model.zeros_like(), v: model.zeros_like(), steps: 0, config, max_norm })
    }

    /// One step of rate `α`.
    ///
    /// # Errors
    /// As [`Adam::step`](crate::optim::Adam::step). Nothing is changed then.
    pub fn step<R: Real>(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()>
    where
        T: Tree<R>,
    {
        check_rate("bert_adam: rate", rate)?;
        check_gradient("bert_adam: gradient", model, grad)?;
        let norm: R = global_norm(grad, Norm::Two)?;
        self.steps += 1;
        update([model, &mut self.m, &mut self.v], grad, rule(self.config, self.max_norm, norm, rate));
        Ok(())
    }
}

/// What a step of rate `α` does to a chunk of `θ`, `m` and `v`, given that of `g` and the norm of the whole gradient.
fn rule<R: Real>(
    config: AdamConfig,
    max_norm: f64,
    norm: R,
    rate: f64,
) -> impl Fn(&str, [&mut [R]; 3], &[R]) {
    let AdamConfig { beta_1, beta_2, eps, weight_decay, decays } = config;
    let one = Dd::of(1.0);
    let [b_1, b_2, eps, max_norm] = [beta_1, beta_2, eps, max_norm].map(R::of);
    let [new_1, new_2] = [beta_1, beta_2].map(|beta| (one - Dd::of(beta)).rounded::<R>());
    let shrink = (one - Dd::of(rate) * Dd::of(weight_decay)).rounded::<R>();
    let rate = R::of(rate);
    let clip = if norm > max_norm { max_norm / norm } else { R::of(1.0) };
    #[inline(always)]
    move |name, [p, m, v], g| {
        let shrink = if decays(name) { shrink } else { R::of(1.0) };
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = clip * g;
            *m = b_1 * *m + new_1 * g;
            *v = b_2 * *v + new_2 * (g * g);
            *p = shrink * *p - ratio(rate * *m, v.sqrt() + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_step_that_is_refused_changes_nothing() {
        let mut model = array![1.0, 2.0];
        let mut adam = BertAdam::new(&model, AdamConfig::BERT, 1.0).unwrap();
        let nan = adam.step(&mut model, &array![1.0, f64::NAN], 0.1).unwrap_err().to_string();
        assert_eq!(nan, "bert_adam: gradient: not a finite number");
        let shape = adam.step(&mut model, &array![1.0], 0.1).unwrap_err().to_string();
        assert_eq!(shape, "bert_adam: gradient: expected shape [2], got [1]");
        let rate = adam.step(&mut model, &array![1.0, 1.0], -1.0).unwrap_err().to_string();
        assert_eq!(rate, "bert_adam: rate: must not be negative, got -1");
        assert_eq!(
            (model, adam.m, adam.v, adam.steps),
            (array![1.0, 2.0], array![0.0, 0.0], array![0.0, 0.0], 0)
        );
    }

    #[test]
    fn where_root_and_eps_are_zero_only_the_decay_moves() {
        let mut model = array![1.0, 2.0];
        let config = AdamConfig { eps: 0.0, weight_decay: 0.5, ..AdamConfig::BERT };
        BertAdam::new(&model, config, 1.0).unwrap().step(&mut model, &array![0.0, 1.0], 0.5).unwrap();
        assert_eq!(model[0], 0.75);
        assert!(model[1].is_finite() && model[1] < 1.5, "{model}");
    }

    #[test]
    fn a_bound_that_is_not_positive_is_refused() {
        let error = BertAdam::new(&array![1.0], AdamConfig::BERT, 0.0).unwrap_err().to_string();
        assert_eq!(error, "bert_adam: max_norm: must be positive, got 0");
        let error =
            BertAdam::new(&array![1.0], AdamConfig { eps: -1.0, ..AdamConfig::BERT }, 1.0).unwrap_err();
        assert_eq!(error.to_string(), "adam: eps: must not be negative, got -1");
    }
}
