//! A convolution over space and time in two steps.

use mmt_tensor::ops::Conv;
use mmt_tensor::{Random, Real, Result, tree};
use ndarray::{Array5, ArrayRef5, Dim, Ix5};

use super::conv_unit::{ConvUnit, ConvUnitTape};

/// A convolution within every frame, and then one along time.
#[derive(Clone, Debug)]
pub struct Separable<R> {
    /// `1 x k x k`, norm, ReLU.
    pub spatial: ConvUnit<R, Ix5, 3>,
    /// `k x 1 x 1`, norm, ReLU.
    pub temporal: ConvUnit<R, Ix5, 3>,
}

tree!(Separable { spatial, temporal });

/// What [`Separable::backward`] reads.
#[derive(Clone, Debug)]
pub struct SeparableTape<R> {
    /// Of the frames.
    pub spatial: ConvUnitTape<R, Ix5>,
    /// Of time.
    pub temporal: ConvUnitTape<R, Ix5>,
}

tree!(SeparableTape { spatial, temporal });

impl<R: Real> Separable<R> {
    /// From `c` to `out` channels with windows of `k` and a stride along all axes; norms with `eps`, as many zeros around
    /// the input as keep its size at stride one.
    pub fn new(c: usize, out: usize, k: usize, stride: usize, eps: f64, random: &mut Random) -> Self {
        let (s, p) = (stride, k / 2);
        let frames = Conv { stride: [1, s, s], padding: [0, p, p], ..Conv::default() };
        let time = Conv { stride: [s, 1, 1], padding: [p, 0, 0], ..Conv::default() };
        let spatial = ConvUnit::new(Dim([out, c, 1, k, k]), frames, random).with_norm(eps);
        Separable { spatial, temporal: ConvUnit::new(Dim([out, out, k, 1, 1]), time, random).with_norm(eps) }
    }

    /// What a clip shows in space, and then in time.
    ///
    /// **eq-2.8-separable**
    /// ```math
    /// h = \operatorname{ReLU}(\operatorname{BN}(W_{1 \times k \times k} * x)), \qquad
    /// y = \operatorname{ReLU}(\operatorname{BN}(W_{k \times 1 \times 1} * h))
    /// ```
    ///
    /// `x: [batch, c, T, H, W]` → `y: [batch, out, T', H', W']`
    ///
    /// `k² + k` weights per pair of channels instead of `k³`; `BN` is eq-0.10-frozen-norm.
    ///
    /// Source: Xie et al. 2018, *Rethinking Spatiotemporal Feature Learning*, section 4 (S3D).
    ///
    /// # Errors
    /// As [`ConvUnit::forward`].
    pub fn forward(&self, x: &ArrayRef5<R>) -> Result<(Array5<R>, SeparableTape<R>)> {
        let (h, spatial) = self.spatial.forward(x)?;
        let (y, temporal) = self.temporal.forward(&h)?;
        Ok((y, SeparableTape { spatial, temporal }))
    }

    /// Gradient of [`forward`](Self::forward): returns `x̄`, adds to those of the parameters.
    ///
    /// **eq-2.8-separable, backward**
    /// ```math
    /// \bar h = W_{k \times 1 \times 1}^\top \bigl( \sigma_t \odot \bar y \odot [y > 0] \bigr), \qquad
    /// \bar x = W_{1 \times k \times k}^\top \bigl( \sigma_s \odot \bar h \odot [h > 0] \bigr), \qquad
    /// \sigma = \frac{\gamma}{\sqrt{v + \epsilon}}
    /// ```
    ///
    /// Derivation: the chain rule, from the last map to the first. ReLU passes what it let through, the norm with stored
    /// statistics multiplies every channel by `σ`, and `W⊤` is the adjoint of the convolution (eq-0.10-convolution):
    /// ```math
    /// \dot y = [y > 0] \odot \sigma_t \odot (W_t * \dot h), \qquad
    /// \dot h = [h > 0] \odot \sigma_s \odot (W_s * \dot x)
    /// ```
    pub fn backward(&self, tape: &SeparableTape<R>, dy: &ArrayRef5<R>, grad: &mut Self) -> Array5<R> {
        let dh = self.temporal.backward(&tape.temporal, dy, &mut grad.temporal);
        self.spatial.backward(&tape.spatial, &dh, &mut grad.spatial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_clips_are_refused() {
        let module = Separable::<f64>::new(3, 4, 3, 1, 1e-3, &mut Random::seed(0));
        let text = |x: &Array5<f64>| module.forward(x).unwrap_err().to_string();
        let channels = "conv: w: expected shape [4, 2, 1, 3, 3], got [4, 3, 1, 3, 3]";
        assert_eq!(text(&Array5::zeros((1, 2, 4, 4, 4))), channels);
        assert_eq!(text(&Array5::zeros((1, 3, 0, 4, 4))), "conv: x: empty");
        let nan = Array5::from_elem((1, 3, 4, 4, 4), f64::NAN);
        assert_eq!(text(&nan), "conv: x: not a finite number");
    }
}
