//! Gradient descent with momentum.

use crate::error::check_setting;
use crate::optim::update::{check_beta, check_gradient, check_rate, update};
use crate::{Real, Result, Tree};

/// Steps against a decaying sum of the gradients.
///
/// ```math
/// b \leftarrow \mu b + g + \lambda \theta, \qquad \theta \leftarrow \theta - \alpha b
/// ```
///
/// `θ, g, b`: trees of one shape; `b` starts at zero
///
/// Source: PyTorch's `SGD` without dampening; Sutskever et al. 2013, *On the importance of initialization and momentum in
/// deep learning*, has the rate inside the sum.
#[derive(Clone, Debug)]
pub struct Sgd<T> {
    /// `b`
    pub sum: T,
    /// `μ`
    pub momentum: f64,
    /// `λ`, coupled: part of the gradient.
    pub weight_decay: f64,
}

impl<T> Sgd<T> {
    /// # Errors
    /// [`Error::InvalidHyperparameter`](crate::Error::InvalidHyperparameter) if the momentum is not in `[0, 1)` or the
    /// decay is negative.
    pub fn new<R: Real>(model: &T, momentum: f64, weight_decay: f64) -> Result<Self>
    where
        T: Tree<R>,
    {
        check_beta("sgd: momentum", momentum)?;
        check_setting("sgd: weight_decay", weight_decay.is_finite() && weight_decay >= 0.0, || {
            format!("must not be negative, got {weight_decay}")
        })?;
        Ok(Sgd { sum: model.zeros_like(), momentum, weight_decay })
    }

    /// One step of rate `α`.
    ///
    /// # Errors
    /// As [`Adam::step`](crate::optim::Adam::step). Nothing is changed then.
    pub fn step<R: Real>(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()>
    where
        T: Tree<R>,
    {
        check_rate("sgd: rate", rate)?;
        check_gradient("sgd: gradient", model, grad)?;
        update([model, &mut self.sum], grad, rule(self.momentum, self.weight_decay, rate));
        Ok(())
    }
}

/// What a step of rate `α` does to a chunk of `θ` and `b`, given that of `g`.
fn rule<R: Real>(momentum: f64, weight_decay: f64, rate: f64) -> impl Fn(&str, [&mut [R]; 2], &[R]) {
    let [momentum, weight_decay, rate] = [momentum, weight_decay, rate].map(R::of);
    #[inline(always)]
    move |_, [p, b], g| {
        for ((p, b), &g) in p.iter_mut().zip(b).zip(g) {
            *b = momentum * *b + (g + weight_decay * *p);
            *p -= rate * *b;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let mut model = array![1.0];
        let mut sgd = Sgd::new(&model, 0.5, 0.25).unwrap();
        sgd.step(&mut model, &array![0.75], 0.5).unwrap(); // b = 0.75 + 0.25, θ = 1 - 0.5
        assert_eq!(model, array![0.5]);
        sgd.step(&mut model, &array![0.375], 0.5).unwrap(); // b = 0.5 + 0.375 + 0.125, θ = 0.5 - 0.5
        assert_eq!(model, array![0.0]);
    }

    #[test]
    fn what_cannot_be_computed_is_refused() {
        let mut model: Array1<f64> = array![1.0];
        let error = |momentum, decay| Sgd::new(&array![1.0], momentum, decay).unwrap_err().to_string();
        assert_eq!(error(1.0, 0.0), "sgd: momentum: must be in [0, 1), got 1");
        assert_eq!(error(0.0, -1.0), "sgd: weight_decay: must not be negative, got -1");
        let mut sgd = Sgd::new(&model, 0.9, 0.0).unwrap();
        let nan = sgd.step(&mut model, &array![f64::NAN], 0.1).unwrap_err().to_string();
        assert_eq!(nan, "sgd: gradient: not a finite number");
        let rate = sgd.step(&mut model, &array![1.0], f64::INFINITY).unwrap_err().to_string();
        assert_eq!(rate, "sgd: rate: must not be negative, got inf");
        assert_eq!((model, sgd.sum), (array![1.0], array![0.0]));
    }
}
