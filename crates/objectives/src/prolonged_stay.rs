//! Whether a patient ever stayed in hospital for long.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::ops::{CrossEntropyTape, OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::{Error, Ragged, Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// Days above which a stay is long.
const LONG: f64 = 7.0;

/// Whether any of a patient's stays was longer than seven days.
///
/// # Errors
/// [`Error::EmptyInput`] for no stay; [`Error::InvalidHyperparameter`] for one that is negative or not a number.
pub fn is_prolonged(days: &[f64]) -> Result<bool> {
    if days.is_empty() {
        return Err(Error::EmptyInput { at: "prolonged_stay: days" });
    }
    match days.iter().find(|days| days.is_nan() || **days < 0.0) {
        None => Ok(days.iter().any(|&days| days > LONG)),
        Some(days) => {
            let why = format!("must not be negative, got {days}");
            Err(Error::InvalidHyperparameter { at: "prolonged_stay: days", why })
        }
    }
}

/// What stands for a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatientPool {
    /// The mean over the codes: the paper.
    Mean,
    /// The first code, where BERT has `[CLS]`: the released code, `run_EHRpretraining.py`, without its `tanh` layer.
    First,
    /// The sum over the codes: the released code, `run_EHRpretraining_QA2Seq.py`, which also adds up padding; here is none.
    Sum,
}

/// Scores of two classes from the outputs of an encoder, and their cross entropy.
///
/// **eq-2.14-prolonged-stay**
/// ```math
/// p_b = \frac{1}{n_b} \sum_{i=1}^{n_b} x_{b,i}, \qquad
/// z = p\, W + b, \qquad
/// \ell = \frac1B \sum_{b=1}^B \bigl( \operatorname{lse}(z_b) - z_{b, y_b} \bigr), \qquad
/// y_b = [\text{any stay of } b > 7 \text{ days}]
/// ```
///
/// `x: [tokens, d]`, `w: [d, 2]`, one label per patient → a number
///
/// The first code and the sum in place of the mean: [`PatientPool`].
///
/// Source: Rasmy, Xiang, Xie, Tao & Zhi 2021, *Med-BERT*, methods.
#[derive(Clone, Debug)]
pub struct ProlongedStay<R> {
    /// `W, b`
    pub classifier: Linear<R>,
    /// What stands for a patient.
    pub pool: PatientPool,
}

tree!(ProlongedStay { classifier; pool });

/// What [`ProlongedStay::backward`] reads.
#[derive(Clone, Debug)]
pub struct ProlongedStayTape<R> {
    /// Of the scores.
    pub classifier: LinearTape<R>,
    /// `z: [B, 2]`
    pub z: Array2<R>,
    /// Of the loss.
    pub loss: CrossEntropyTape<R>,
    /// `y: [B]`
    pub labels: Vec<Option<usize>>,
    /// The codes of each patient.
    pub rows: Ragged,
}

tree!(ProlongedStayTape { classifier, z, loss; labels, rows });

impl<R: Real> ProlongedStay<R> {
    /// For tokens of width `d`, with the mean.
    pub fn new(d: usize, random: &mut Random) -> Self {
        ProlongedStay { classifier: Linear::new(d, 2, random), pool: PatientPool::Mean }
    }

    /// `x: [tokens, d]`, one label per patient → the mean loss
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no patient and for one without a code; [`Error::ShapeMismatch`] for other numbers of rows or
    /// labels, and for a layer with other than two classes; those of the layer.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        prolonged: &[bool],
    ) -> Result<(R, ProlongedStayTape<R>)> {
        rows.check("prolonged_stay: x", x)?;
        check_shape("prolonged_stay: labels", &[prolonged.len()], &[rows.samples()])?;
        check_shape("prolonged_stay: w", self.classifier.weight.shape(), &[x.ncols(), 2])?;
        if rows.samples() == 0 || rows.lengths().any(|n| n == 0) {
            return Err(Error::EmptyInput { at: "prolonged_stay: codes" });
        }
        let mut p = Array2::zeros((rows.samples(), x.ncols()));
        for (range, mut p) in rows.ranges().zip(p.rows_mut()) {
            for (i, weight) in self.weights(range.len()) {
                p.scaled_add(weight, &x.row(range.start + i));
            }
        }
        let (z, classifier) = self.classifier.forward_owned(p)?;
        let labels: Vec<Option<usize>> = prolonged.iter().map(|&long| Some(usize::from(long))).collect();
        let (l, loss) = cross_entropy(&z, &labels, OnEmpty::Refuse)?;
        Ok((l, ProlongedStayTape { classifier, z, loss, labels, rows: rows.clone() }))
    }

    /// With which weight which of `n` codes stands for the patient.
    fn weights(&self, n: usize) -> impl Iterator<Item = (usize, R)> + use<R> {
        let (count, weight) = match self.pool {
            PatientPool::Mean => (n, R::of(1.0) / R::of(n as f64)),
            PatientPool::First => (1, R::of(1.0)),
            PatientPool::Sum => (n, R::of(1.0)),
        };
        (0..count).map(move |i| (i, weight))
    }

    /// Gradients: returns `x̄: [tokens, d]`, adds to those of the layer.
    ///
    /// **eq-2.14-prolonged-stay, backward**
    /// ```math
    /// \bar z_b = \frac{\bar\ell}{B} \bigl( \operatorname{softmax}(z_b) - e_{y_b} \bigr), \qquad
    /// \bar p = \bar z\, W^\top, \qquad
    /// \bar x_{b,i} = \frac{\bar p_b}{n_b}
    /// ```
    ///
    /// Derivation: the gradient of the cross entropy, the transpose of the linear map, and the transpose of a mean, which gives
    /// every summand the same share. A sum gives each the whole, and the first code alone takes all.
    pub fn backward(&self, tape: &ProlongedStayTape<R>, dl: R, grad: &mut Self) -> Array2<R> {
        let dz = cross_entropy_backward(&tape.loss, &tape.z, &tape.labels, dl);
        let dp = self.classifier.backward(&tape.classifier, &dz, &mut grad.classifier);
        let mut dx = Array2::zeros((tape.rows.tokens(), dp.ncols()));
        for (range, dp) in tape.rows.ranges().zip(dp.rows()) {
            for (i, weight) in self.weights(range.len()) {
                dx.row_mut(range.start + i).scaled_add(weight, &dp);
            }
        }
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_that_are_none_are_refused() {
        assert_eq!(is_prolonged(&[]).unwrap_err().to_string(), "prolonged_stay: days: empty");
        for bad in [-1.0, f64::NAN] {
            let error = is_prolonged(&[3.0, bad]).unwrap_err().to_string();
            assert_eq!(error, format!("prolonged_stay: days: must not be negative, got {bad}"));
        }
    }

    #[test]
    fn seven_days_are_not_long() {
        assert!(!is_prolonged(&[1.0, 7.0]).unwrap());
        assert!(is_prolonged(&[1.0, 7.5, 2.0]).unwrap());
    }

    fn text(rows: &Ragged, labels: &[bool]) -> String {
        let module = ProlongedStay::<f64>::new(3, &mut Random::seed(0));
        module.forward(&Array2::ones((3, 3)), rows, labels).unwrap_err().to_string()
    }

    #[test]
    fn a_patient_without_a_code_is_refused() {
        assert_eq!(text(&Ragged::of_lengths([3, 0]), &[true, false]), "prolonged_stay: codes: empty");
    }

    #[test]
    fn rows_and_labels_that_do_not_fit_are_refused() {
        assert_eq!(text(&Ragged::one(4), &[true]), "prolonged_stay: x: expected shape [4, 3], got [3, 3]");
        assert_eq!(text(&Ragged::one(3), &[]), "prolonged_stay: labels: expected shape [1], got [0]");
        let mut module = ProlongedStay::<f64>::new(3, &mut Random::seed(0));
        module.classifier = Linear::new(3, 3, &mut Random::seed(0));
        let error = module.forward(&Array2::ones((3, 3)), &Ragged::one(3), &[true]).unwrap_err();
        assert_eq!(error.to_string(), "prolonged_stay: w: expected shape [3, 2], got [3, 3]");
    }
}
