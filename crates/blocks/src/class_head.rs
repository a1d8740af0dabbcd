//! From the class token to the scores of the classes.

use mmt_tensor::parallel::{map_elements, zip_elements};
use mmt_tensor::{Random, Real, Result, Tree, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Linear, LinearTape};

/// Rough operations of one `tanh`, for the decision to use threads.
const COST: usize = 20;

/// The classifier of eq-1.26-vit: one linear layer for fine-tuning, and a hidden layer with `tanh` before it for
/// pre-training.
///
/// ```math
/// h = \tanh(y W_h + b_h), \qquad \text{scores} = h W + b
/// ```
///
/// `y: [B, d]` → `[B, classes]`
#[derive(Clone, Debug)]
pub struct ClassHead<R> {
    /// `W_h, b_h`, or none: then `h = y`.
    pub hidden: Option<Linear<R>>,
    /// `W, b`
    pub out: Linear<R>,
}

tree!(ClassHead { hidden, out });

/// What [`ClassHead::backward`] reads.
#[derive(Clone, Debug)]
pub struct ClassHeadTape<R> {
    /// Of the hidden layer.
    pub hidden: Option<LinearTape<R>>,
    /// Of the last layer; its input is `h`.
    pub out: LinearTape<R>,
}

tree!(ClassHeadTape { hidden, out });

impl<R: Real> ClassHead<R> {
    /// A hidden layer of width `hidden` if there is one; the last layer is zero, so the first scores are too.
    ///
    /// Source: google-research/vision_transformer, `vit_jax/models_vit.py`.
    pub fn new(d: usize, hidden: Option<usize>, classes: usize, random: &mut Random) -> Self {
        let out = Linear::new(hidden.unwrap_or(d), classes, random).zeros_like();
        ClassHead { hidden: hidden.map(|width| Linear::new(d, width, random)), out }
    }

    /// `y: [B, d]` → `[B, classes]`
    ///
    /// # Errors
    /// As [`linear`](mmt_tensor::ops::linear()).
    pub fn forward(&self, y: &ArrayRef2<R>) -> Result<(Array2<R>, ClassHeadTape<R>)> {
        let (h, hidden) = match &self.hidden {
            None => (y.to_owned(), None),
            Some(layer) => {
                let (z, tape) = layer.forward(y)?;
                (map_elements(&z, COST, R::tanh), Some(tape))
            }
        };
        let (scores, out) = self.out.forward(&h)?;
        Ok((scores, ClassHeadTape { hidden, out }))
    }

    /// `dscores: [B, classes]` → `[B, d]`
    ///
    /// ```math
    /// \bar h = \overline{\text{scores}}\, W^\top, \qquad \bar z = \bar h \odot (1 - h^2), \qquad \bar y = \bar z W_h^\top
    /// ```
    ///
    /// Derivation: two linear maps, and `tanh' z = 1 - \tanh^2 z`, which is on the tape as `h`.
    pub fn backward(&self, tape: &ClassHeadTape<R>, dscores: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let dh = self.out.backward(&tape.out, dscores, &mut grad.out);
        match (&self.hidden, &tape.hidden, &mut grad.hidden) {
            (Some(layer), Some(hidden), Some(grad)) => {
                let dz = zip_elements(&tape.out.x, &dh, 1, |h, dh| dh * (R::of(1.0) - h * h));
                layer.backward(hidden, &dz, grad)
            }
            _ => dh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_another_width_are_refused() {
        let text = |hidden| {
            let head = ClassHead::<f64>::new(4, hidden, 3, &mut Random::seed(0));
            head.forward(&Array2::ones((2, 5))).unwrap_err().to_string()
        };
        assert_eq!(text(None), "linear: w: expected shape [5, 3], got [4, 3]");
        assert_eq!(text(Some(6)), "linear: w: expected shape [5, 6], got [4, 6]");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        let head = ClassHead::<f64>::new(2, Some(2), 3, &mut Random::seed(0));
        for bad in [f64::NAN, f64::INFINITY] {
            let error = head.forward(&Array2::from_elem((1, 2), bad)).unwrap_err();
            assert_eq!(error.to_string(), "linear: x: not a finite number");
        }
    }
}
