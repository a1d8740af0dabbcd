//! The weights of a backward that computes them again, and forgets the mask.

use super::probabilities::{center, softmax_backward};
use crate::{Array, Tape, Var};

impl Tape {
    /// `exp(s - Λ)` of every score, hidden or not, with `Λ` the logarithms of the sums of `p`.
    ///
    /// Backward: `ds = exp(s - Λ) (dp - Σ p dp)`, with the sum of the right probabilities, which is `Σ dy y`.
    pub fn weights_again(&mut self, s: Var, p: Var) -> Var {
        let a = self.how.arithmetic;
        let (scores, right) = (self.value(s), self.value(p).clone());
        let mut again = Array::zeros(&scores.shape);
        let width = scores.width();
        for (i, row) in right.data.chunks(width).enumerate() {
            let largest = (0..width).fold(0, |m, j| if row[j] > row[m] { j } else { m });
            let z = &scores.data[i * width..(i + 1) * width];
            // A row without keys has no logarithm, and no gradient.
            if row[largest] > 0.0 {
                let sum = a.r(z[largest] - a.ln(row[largest]));
                (0..width).for_each(|j| again.data[i * width + j] = a.exp(a.r(z[j] - sum)));
            }
        }
        let weights = again.clone();
        let back = move |t: &Tape, dp: &Array| {
            let mut ds = Vec::new();
            for (i, dp) in dp.data.chunks(width).enumerate() {
                let center = center(t, right.row(i), dp);
                ds.extend(softmax_backward(t, weights.row(i), dp, center));
            }
            vec![Array::new(&dp.shape, ds)]
        };
        self.keep(again, vec![s], Box::new(back))
    }
}
