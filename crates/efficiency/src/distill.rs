//! Learning from the soft targets of a teacher.

use mmt_tensor::ops::{
    CrossEntropyTape, OnEmpty, SoftCrossEntropyTape, cross_entropy, cross_entropy_backward, kl_divergence,
    kl_divergence_backward, softmax,
};
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// The settings of [`distill`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distill {
    /// `T`: above 1 it shows the student which wrong answers the teacher finds likely.
    pub temperature: f64,
    /// `α`, the weight of the teacher; the labels have `1 - α`.
    pub alpha: f64,
}

/// What [`distill_backward`] reads, beside the logits and the labels.
#[derive(Clone, Debug)]
pub struct DistillTape<R> {
    /// `z / T`: `[n, k]`
    pub scaled: Array2<R>,
    /// `softmax(v / T)`, the soft targets: `[n, k]`
    pub targets: Array2<R>,
    /// The tape of the divergence.
    pub soft: SoftCrossEntropyTape<R>,
    /// The tape of the cross entropy.
    pub hard: CrossEntropyTape<R>,
}

tree!(DistillTape { scaled, targets, soft, hard });

/// The loss of a student that follows a teacher and labels.
///
/// **eq-5-kd**
/// ```math
/// \ell = \alpha\, T^2\, \frac1n \sum_i \mathrm{KL}\bigl( p_i \,\|\, q_i \bigr) + (1 - \alpha)\, \mathrm{CE}(z, y), \qquad
/// p = \operatorname{softmax}(v / T), \quad q = \operatorname{softmax}(z / T)
/// ```
///
/// `z: [n, k]` of the student, `v: [n, k]` of the teacher, `labels: [n]` → a number
///
/// The mean is over rows, not over elements, and a row without a label has no hard part. The factor `T²` keeps the
/// size of the soft gradient independent of `T`.
///
/// Source: Hinton, Vinyals & Dean 2015, *Distilling the Knowledge in a Neural Network*, section 2. TinyBERT's released code
/// has no `T²` and takes the mean over classes too.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if the temperature is not positive or `alpha` is not in `[0, 1]`;
/// [`Error::ShapeMismatch`] if `v` is not of the shape of `z`; [`Error::EmptyInput`] for no element;
/// [`Error::NonFinite`] for NaN and infinities, and for a loss that overflows; as [`cross_entropy()`] for the labels.
pub fn distill<R: Real>(
    z: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    labels: &[Option<usize>],
    settings: Distill,
) -> Result<(R, DistillTape<R>)> {
    let Distill { temperature, alpha } = settings;
    check_setting("distill: temperature", temperature > 0.0 && temperature.is_finite(), || {
        format!("must be positive, got {temperature}")
    })?;
    check_setting("distill: alpha", (0.0..=1.0).contains(&alpha), || {
        format!("must be in [0, 1], got {alpha}")
    })?;
    check_shape("distill: v", v.shape(), z.shape())?;
    check_not_empty("distill: z", z)?;
    check_finite("distill: z", z)?;
    check_finite("distill: v", v)?;
    let t = R::of(temperature);
    let scaled: Array2<R> = z / t;
    let softened: Array2<R> = v / t;
    let targets = softmax(&softened)?;
    let (divergence, soft) = kl_divergence(&scaled, &targets)?;
    let (entropy, hard) =
        cross_entropy(z, labels, if alpha == 1.0 { OnEmpty::Zero } else { OnEmpty::Refuse })?;
    let (alpha, one) = (R::of(alpha), R::of(1.0));
    let loss = alpha * t * t * divergence + (one - alpha) * entropy;
    if !loss.is_finite() {
        return Err(Error::NonFinite { at: "distill: loss" });
    }
    Ok((loss, DistillTape { scaled, targets, soft, hard }))
}

/// Gradient of [`distill`] with respect to the logits of the student; the teacher is a constant.
///
/// **eq-5-kd, backward**
/// ```math
/// \bar z_i = \bar\ell \Bigl( \frac{\alpha T}{n} (q_i - p_i) + h_i \Bigr), \qquad
/// h_i = \begin{cases} \frac{1 - \alpha}{|M|} \bigl( \operatorname{softmax}(z_i) - e_{y_i} \bigr) & i \in M \\
/// 0 & \text{otherwise} \end{cases}
/// ```
///
/// `M` are the rows with a label: the soft part is a mean over all rows, the hard part over these.
///
/// Derivation: the divergence has the gradient `(q - p)/n` in its logits `z/T`, and `∂(z/T)/∂z = 1/T` leaves one of the
/// two factors `T`. For high temperatures
/// ```math
/// T\,(q - p) \;\to\; \frac1k \bigl( (z - \operatorname{mean} z) - (v - \operatorname{mean} v) \bigr)
/// ```
pub fn distill_backward<R: Real>(
    tape: &DistillTape<R>,
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    settings: Distill,
    dl: R,
) -> Array2<R> {
    let (t, alpha) = (R::of(settings.temperature), R::of(settings.alpha));
    let soft = kl_divergence_backward(&tape.soft, &tape.scaled, &tape.targets, dl * alpha * t);
    soft + cross_entropy_backward(&tape.hard, z, labels, dl * (R::of(1.0) - alpha))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(z: Array2<f64>, v: Array2<f64>, temperature: f64, alpha: f64) -> String {
        distill(&z, &v, &[Some(0)], Distill { temperature, alpha }).unwrap_err().to_string()
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let z = array![[0.0, 1.0]];
        for t in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = format!("distill: temperature: must be positive, got {t}");
            assert_eq!(text(z.clone(), z.clone(), t, 0.5), refused);
        }
        for alpha in [-0.1, 1.1, f64::NAN] {
            let refused = format!("distill: alpha: must be in [0, 1], got {alpha}");
            assert_eq!(text(z.clone(), z.clone(), 2.0, alpha), refused);
        }
        assert_eq!(text(z.clone(), array![[0.0]], 2.0, 0.5), "distill: v: expected shape [1, 2], got [1, 1]");
        assert_eq!(text(Array2::zeros((0, 2)), Array2::zeros((0, 2)), 2.0, 0.5), "distill: z: empty");
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(text(array![[0.0, bad]], z.clone(), 2.0, 0.5), "distill: z: not a finite number");
            assert_eq!(text(z.clone(), array![[0.0, bad]], 2.0, 0.5), "distill: v: not a finite number");
        }
    }

    #[test]
    fn a_loss_that_overflows_is_refused() {
        let (z, settings) = (array![[0.0_f32, 1.0]], Distill { temperature: 2e19, alpha: 1.0 });
        let error = distill(&z, &z, &[Some(0)], settings).unwrap_err();
        assert_eq!(error.to_string(), "distill: loss: not a finite number");
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let (z, settings) = (array![[0.0, 1.0]], Distill { temperature: 2.0, alpha: 0.5 });
        let text = |labels: &[Option<usize>]| distill(&z, &z, labels, settings).unwrap_err().to_string();
        assert_eq!(text(&[Some(2)]), "cross_entropy: label: index 2 is outside a table of 2");
        assert_eq!(text(&[]), "cross_entropy: labels: expected shape [1], got [0]");
        assert_eq!(text(&[None]), "cross_entropy: labels: empty");
        assert!(distill(&z, &z, &[None], Distill { alpha: 1.0, ..settings }).is_ok());
    }
}
