//! The passes of something that is trained: `fwd`, `fwdbwd` and `step`.

use mmt_tensor::optim::{AdamConfig, AdamW};
use mmt_tensor::{Result, Tree};

use super::{Case, case, job};

/// How a model is run. `T` is whatever a forward pass returns.
pub struct Passes<M, I, T> {
    /// Of a model on its input.
    pub forward: fn(&M, &I) -> Result<T>,
    /// Forward and backward: adds the gradients of all parameters to the last argument.
    pub both: fn(&M, &I, &mut M) -> Result<()>,
}

impl<M: Tree<f32> + 'static, I: 'static, T: 'static> Passes<M, I, T> {
    /// Three cases: forward, forward and backward, and a training step with AdamW. The gradients are kept from call to
    /// call and set to zero, as a training loop does.
    pub fn cases(self, list: &mut Vec<Case>, name: &str, flops: f64, make: fn() -> (M, I)) {
        let Passes { forward, both } = self;
        list.push(case(name, "fwd", flops, move || {
            let (model, input) = make();
            job(move || forward(&model, &input).expect("a valid input"))
        }));
        let both = move |model: &M, input: &I, grad: &mut M| {
            grad.set_to_zero();
            both(model, input, grad).expect("a valid input");
        };
        list.push(case(name, "fwdbwd", 3.0 * flops, move || {
            let (model, input) = make();
            let mut grad = model.zeros_like();
            job(move || both(&model, &input, &mut grad))
        }));
        list.push(case(name, "step", 3.0 * flops, move || {
            let (mut model, input) = make();
            let mut grad = model.zeros_like();
            let mut adamw = AdamW::new(&model, AdamConfig::ADAMW).expect("valid settings");
            job(move || {
                both(&model, &input, &mut grad);
                adamw.step(&mut model, &grad, 1e-5).expect("finite gradients");
            })
        }));
    }
}
