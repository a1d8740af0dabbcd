//! The schedule of the original Transformer.

use crate::{Real, Result, check_setting};

/// The rate of step `s`: up in a line for `w` steps, then down with the root of the step.
///
/// **eq-1.24-noam**
/// ```math
/// \alpha(s) = \kappa\, D^{-1/2} \min\bigl(s^{-1/2},\; s \cdot w^{-3/2}\bigr)
/// ```
///
/// `step`: 1, 2, .. → the rate
///
/// The peak is `κ (D w)^{-1/2}`, at `s = w`. The legacy form of tensor2tensor multiplies by a base rate and counts
/// from `s + 1`: another function.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, eq. 3 (`κ = 1`, `w = 4000`).
///
/// # Errors
/// [`Error::InvalidHyperparameter`](crate::Error::InvalidHyperparameter) if the step, the width or the warm-up is zero, or
/// the scale is not a positive number.
pub fn noam<R: Real>(step: usize, width: usize, warmup: usize, scale: f64) -> Result<R> {
    check_setting("noam: step", step > 0, || "steps count from 1, got 0".to_string())?;
    check_setting("noam: width", width > 0, || "must be positive, got 0".to_string())?;
    check_setting("noam: warmup", warmup > 0, || "must be positive, got 0".to_string())?;
    check_setting("noam: scale", scale > 0.0 && scale.is_finite(), || {
        format!("must be positive, got {scale}")
    })?;
    let [s, d, w] = [step, width, warmup].map(|n| R::of(n as f64));
    let (up, down) = (s / (w * w.sqrt()), R::of(1.0) / s.sqrt());
    Ok(R::of(scale) / d.sqrt() * up.min(down))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_refused() {
        let error =
            |step, width, warmup, scale| noam::<f64>(step, width, warmup, scale).unwrap_err().to_string();
        assert_eq!(error(0, 512, 4000, 1.0), "noam: step: steps count from 1, got 0");
        assert_eq!(error(1, 0, 4000, 1.0), "noam: width: must be positive, got 0");
        assert_eq!(error(1, 512, 0, 1.0), "noam: warmup: must be positive, got 0");
        assert_eq!(error(1, 512, 4000, f64::NAN), "noam: scale: must be positive, got NaN");
    }
}
