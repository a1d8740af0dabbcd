//! AdamW.

use crate::optim::AdamConfig;
use crate::optim::update::{check_gradient, check_rate, corrections, ratio, update};
use crate::{Dd, Real, Result, Tree};

/// [`Adam`](crate::optim::Adam) with a decay that is not divided by the root.
///
/// **eq-1.25-adamw**
/// ```math
/// \theta \leftarrow \theta - \alpha \Bigl( \frac{\hat m}{\sqrt{\hat v} + \epsilon} + \lambda \theta \Bigr)
/// ```
///
/// `m`, `v` and the hats as in eq-1.25-adam; `θ, g, m, v`: trees of one shape
///
/// The moments see the gradient alone, so a parameter with a large gradient decays as fast as any other, and one whose
/// root is zero, as is `ε`, does nothing else. The three arrays are updated in one pass: bound by memory, not by arithmetic.
///
/// Source: Loshchilov & Hutter 2019, *Decoupled Weight Decay Regularization*, algorithm 2; the decay is multiplied by the
/// rate, as in PyTorch.
#[derive(Clone, Debug)]
pub struct AdamW<T> {
    /// `m`, the running mean of the gradient.
    pub m: T,
    /// `v`, the running mean of its square.
    pub v: T,
    /// `t`, how many steps were taken.
    pub steps: u64,
    /// The settings.
    pub config: AdamConfig,
}

impl<T> AdamW<T> {
    /// # Errors
    /// As [`Adam::new`](crate::optim::Adam::new).
    pub fn new<R: Real>(model: &T, config: AdamConfig) -> Result<Self>
    where
        T: Tree<R>,
    {
        config.check()?;
        Ok(AdamW { m: model.zeros_like(), v: model.zeros_like(), steps: 0, config })
    }

    /// One step of rate `α`.
    ///
    /// # Errors
    /// As [`Adam::step`](crate::optim::Adam::step). Nothing is changed then.
    pub fn step<R: Real>(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()>
    where
        T: Tree<R>,
    {
        check_rate("adamw: rate", rate)?;
        let first = check_gradient("adamw: gradient", model, grad)?;
        self.steps += 1;
        update([model, &mut self.m, &mut self.v], grad, rule(self.config, self.steps, rate, first));
        Ok(())
    }
}

/// What step `t` of rate `α` does to a chunk of `θ`, `m` and `v`, given that of `g`; `like` is a number of the gradient.
fn rule<R: Real>(config: AdamConfig, steps: u64, rate: f64, like: R) -> impl Fn(&str, [&mut [R]; 3], &[R]) {
    let AdamConfig { beta_1, beta_2, eps, weight_decay, decays } = config;
    let one = Dd::of(1.0);
    let [b_1, b_2, eps] = [beta_1, beta_2, eps].map(R::of);
    let [new_1, new_2] = [beta_1, beta_2].map(|beta| (one - Dd::of(beta)).rounded::<R>());
    let shrink = (one - Dd::of(rate) * Dd::of(weight_decay)).rounded::<R>();
    let [rate, scale] = corrections(&config, steps, rate, like);
    #[inline(always)]
    move |name, [p, m, v], g| {
        let shrink = if decays(name) { shrink } else { R::of(1.0) };
        for (((p, m), v), &g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m = b_1 * *m + new_1 * g;
            *v = b_2 * *v + new_2 * (g * g);
            *p = shrink * *p - ratio(rate * *m, v.sqrt() * scale + eps);
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;
    use ndarray::array;

    use super::*;

    #[test]
    fn a_step_that_is_refused_changes_nothing() {
        let mut model = array![1.0, 2.0];
        let mut adamw = AdamW::new(&model, AdamConfig::ADAMW).unwrap();
        let nan = adamw.step(&mut model, &array![1.0, f64::NAN], 0.1).unwrap_err().to_string();
        assert_eq!(nan, "adamw: gradient: not a finite number");
        let shape = adamw.step(&mut model, &array![1.0], 0.1).unwrap_err().to_string();
        assert_eq!(shape, "adamw: gradient: expected shape [2], got [1]");
        let rate = adamw.step(&mut model, &array![1.0, 1.0], -1.0).unwrap_err().to_string();
        assert_eq!(rate, "adamw: rate: must not be negative, got -1");
        assert_eq!(
            (model, adamw.m, adamw.v, adamw.steps),
            (array![1.0, 2.0], array![0.0, 0.0], array![0.0, 0.0], 0)
        );
    }

    #[test]
    fn where_root_and_eps_are_zero_only_the_decay_moves() {
        let mut model = array![1.0, 2.0];
        let config = AdamConfig { eps: 0.0, weight_decay: 0.5, ..AdamConfig::ADAMW };
        AdamW::new(&model, config).unwrap().step(&mut model, &array![0.0, 1.0], 0.5).unwrap();
        assert_eq!(model[0], 0.75);
        assert_abs_diff_eq!(model[1], 1.0, epsilon = 1e-15);
    }

    #[test]
    fn settings_outside_their_ranges_are_refused() {
        let config = AdamConfig { beta_2: 1.0, ..AdamConfig::ADAMW };
        let error = AdamW::new(&array![1.0], config).unwrap_err().to_string();
        assert_eq!(error, "adam: beta_2: must be in [0, 1), got 1");
    }
}
