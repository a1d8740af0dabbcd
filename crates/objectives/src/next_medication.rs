//! The medications of a visit, said from what came before and its diagnoses.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::ops::{Reduction, binary_cross_entropy, binary_cross_entropy_backward};
use mmt_tensor::{Error, Ragged, Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2, Axis, concatenate, s};

use crate::dense::{DenseTape, dense, dense_backward};

/// Scores of the medications of every visit but a patient's first.
///
/// **eq-2.13-next-medication**
/// ```math
/// \tilde v = \mathrm{ReLU}(v W + b), \qquad
/// u_t = \Bigl[ \frac{1}{t - 1} \sum_{\tau < t} \tilde v_d^\tau \;\Big\|\; \frac{1}{t - 1} \sum_{\tau < t} \tilde v_r^\tau \;\Big\|\;
/// \tilde v_d^t \Bigr], \qquad
/// z_t = h(u_t)\, W_o + b_o, \qquad
/// \ell = \mathrm{BCE}(z, y_r)
/// ```
///
/// `v_d, v_r: [visits, d]`, the visits of a patient below each other, `y: [steps, n_r]` → `z: [steps, n_r]` and a number; a step
/// is a visit `t > 1`, and BCE is the mean over all steps and codes
///
/// `v_d` and `v_r` have a `W` of their own. `h` is the identity in the paper, and in the released code one more linear map to
/// twice the width with a rectifier: `hidden`. What visit `t` prescribed is not read for `z_t`.
///
/// Source: Shang, Ma, Xiao & Sun 2019, *Pre-training of Graph Augmented Transformers for Medication Recommendation*, eqs. 6
/// and 7; released code, `predictive_models.py`.
#[derive(Clone, Debug)]
pub struct NextMedication<R> {
    /// `W, b` of diagnoses.
    pub diagnoses: Linear<R>,
    /// `W, b` of medications.
    pub medications: Linear<R>,
    /// `h`
    pub hidden: Option<Linear<R>>,
    /// `W_o, b_o`
    pub out: Linear<R>,
}

tree!(NextMedication { diagnoses, medications, hidden, out });

/// What [`NextMedication::backward`] reads.
#[derive(Clone, Debug)]
pub struct NextMedicationTape<R> {
    /// Of `ṽ_d`.
    pub diagnoses: DenseTape<R>,
    /// Of `ṽ_r`.
    pub medications: DenseTape<R>,
    /// Of `h`.
    pub hidden: Option<DenseTape<R>>,
    /// Of the scores.
    pub out: LinearTape<R>,
    /// `z: [steps, n_r]`
    pub z: Array2<R>,
    /// The visits of each patient.
    pub visits: Ragged,
}

tree!(NextMedicationTape { diagnoses, medications, hidden, out, z; visits });

impl<R: Real> NextMedication<R> {
    /// For vectors of width `d` and `codes` medications, with the hidden layer of the released code.
    pub fn new(d: usize, codes: usize, random: &mut Random) -> Self {
        NextMedication {
            diagnoses: Linear::new(d, d, random),
            medications: Linear::new(d, d, random),
            hidden: Some(Linear::new(3 * d, 2 * d, random)),
            out: Linear::new(2 * d, codes, random),
        }
    }

    /// `v_d, v_r: [visits, d]` → the scores `[steps, n_r]`
    ///
    /// # Errors
    /// [`Error::EmptyInput`] if no patient has a second visit; [`Error::ShapeMismatch`] if the halves differ in shape or the
    /// visits in number; those of the layers.
    pub fn forward(
        &self,
        v_d: &ArrayRef2<R>,
        v_r: &ArrayRef2<R>,
        visits: &Ragged,
    ) -> Result<(Array2<R>, NextMedicationTape<R>)> {
        check_shape("next_medication: v_r", v_r.shape(), v_d.shape())?;
        visits.check("next_medication: visits", v_d)?;
        if visits.lengths().all(|n| n < 2) {
            return Err(Error::EmptyInput { at: "next_medication: steps" });
        }
        let (d, diagnoses) = dense(&self.diagnoses, v_d)?;
        let (r, medications) = dense(&self.medications, v_r)?;
        let now = d.select(Axis(0), &steps(visits));
        check_shape("next_medication: width", &[r.ncols()], &[d.ncols()])?;
        let u = concatenate![Axis(1), means_before(&d, visits), means_before(&r, visits), now];
        let (h, hidden) = match &self.hidden {
            None => (u, None),
            Some(layer) => {
                let (h, tape) = dense(layer, &u)?;
                (h, Some(tape))
            }
        };
        let (z, out) = self.out.forward_owned(h)?;
        let visits = visits.clone();
        Ok((z.clone(), NextMedicationTape { diagnoses, medications, hidden, out, z, visits }))
    }

    /// The loss of the scores: `y: [steps, n_r]` → a number
    ///
    /// # Errors
    /// Those of [`binary_cross_entropy()`].
    pub fn loss(&self, tape: &NextMedicationTape<R>, y: &ArrayRef2<R>) -> Result<R> {
        binary_cross_entropy(&tape.z, y, Reduction::Mean)
    }

    /// The gradient of the scores from that of the loss.
    pub fn loss_backward(&self, tape: &NextMedicationTape<R>, y: &ArrayRef2<R>, dl: R) -> Array2<R> {
        binary_cross_entropy_backward(&tape.z, y, Reduction::Mean, dl)
    }

    /// Gradients: returns `(v̄_d, v̄_r)`, adds to those of the layers.
    ///
    /// **eq-2.13-next-medication, backward**
    /// ```math
    /// \bar{\tilde v}{}_d^\tau = \sum_{t > \tau} \frac{\bar u_t^{(1)}}{t - 1} + \bar u_\tau^{(3)}, \qquad
    /// \bar{\tilde v}{}_r^\tau = \sum_{t > \tau} \frac{\bar u_t^{(2)}}{t - 1}, \qquad
    /// \bar v = \bigl( \bar{\tilde v} \odot [\tilde v > 0] \bigr)\, W^\top
    /// ```
    ///
    /// Derivation: `u_t` is linear in the `ṽ`; a visit stands with weight `1 / (t - 1)` in the means of every later step, and its
    /// diagnoses stand in its own. `ṽ_r` of visit `t` is in no `u_t`, so the answer cannot be read. A first visit has no step.
    pub fn backward(
        &self,
        tape: &NextMedicationTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let dh = self.out.backward(&tape.out, dz, &mut grad.out);
        let du = match (&self.hidden, &tape.hidden, &mut grad.hidden) {
            (Some(layer), Some(tape), Some(grad)) => dense_backward(layer, tape, &dh, grad),
            _ => dh,
        };
        let width = tape.diagnoses.z.ncols();
        let part = |i: usize| du.slice(s![.., i * width..(i + 1) * width]);
        let mut dd = means_before_backward(&part(0), &tape.visits);
        let dr = means_before_backward(&part(1), &tape.visits);
        for (step, du) in steps(&tape.visits).into_iter().zip(part(2).rows()) {
            let mut row = dd.row_mut(step);
            row += &du;
        }
        (
            dense_backward(&self.diagnoses, &tape.diagnoses, &dd, &mut grad.diagnoses),
            dense_backward(&self.medications, &tape.medications, &dr, &mut grad.medications),
        )
    }
}

/// The rows of all visits but a patient's first.
fn steps(visits: &Ragged) -> Vec<usize> {
    visits.ranges().flat_map(|range| range.skip(1)).collect()
}

/// For every step the mean over the visits before it.
fn means_before<R: Real>(v: &Array2<R>, visits: &Ragged) -> Array2<R> {
    let mut means = Array2::zeros((steps(visits).len(), v.ncols()));
    let mut rows = means.rows_mut().into_iter();
    for range in visits.ranges() {
        for step in range.clone().skip(1) {
            let mut mean = rows.next().expect("one row per step");
            (range.start..step).for_each(|before| mean += &v.row(before));
            mean /= R::of((step - range.start) as f64);
        }
    }
    means
}

fn means_before_backward<R: Real>(dmeans: &ArrayRef2<R>, visits: &Ragged) -> Array2<R> {
    let mut dv = Array2::zeros((visits.tokens(), dmeans.ncols()));
    let mut rows = dmeans.rows().into_iter();
    for range in visits.ranges() {
        for step in range.clone().skip(1) {
            let dmean = rows.next().expect("one row per step");
            let share = R::of(1.0) / R::of((step - range.start) as f64);
            (range.start..step).for_each(|before| dv.row_mut(before).scaled_add(share, &dmean));
        }
    }
    dv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v_d: usize, v_r: usize, visits: &Ragged) -> String {
        let module = NextMedication::<f64>::new(3, 2, &mut Random::seed(0));
        let (v_d, v_r) = (Array2::ones((v_d, 3)), Array2::ones((v_r, 3)));
        module.forward(&v_d, &v_r, visits).unwrap_err().to_string()
    }

    #[test]
    fn patients_with_one_visit_only_are_refused() {
        assert_eq!(text(1, 1, &Ragged::one(1)), "next_medication: steps: empty");
        assert_eq!(text(2, 2, &Ragged::even(2, 1)), "next_medication: steps: empty");
    }

    #[test]
    fn visits_that_do_not_fit_are_refused() {
        assert_eq!(text(2, 3, &Ragged::one(2)), "next_medication: v_r: expected shape [2, 3], got [3, 3]");
        assert_eq!(text(2, 2, &Ragged::one(3)), "next_medication: visits: expected shape [3, 3], got [2, 3]");
    }

    #[test]
    fn layers_of_different_widths_are_refused() {
        let mut module = NextMedication::<f64>::new(3, 2, &mut Random::seed(0));
        module.medications = Linear::new(3, 4, &mut Random::seed(0));
        let v = Array2::ones((2, 3));
        let error = module.forward(&v, &v, &Ragged::one(2)).unwrap_err();
        assert_eq!(error.to_string(), "next_medication: width: expected shape [3], got [4]");
    }

    #[test]
    fn targets_that_do_not_fit_are_refused() {
        let module = NextMedication::<f64>::new(3, 2, &mut Random::seed(0));
        let v = Array2::ones((2, 3));
        let (_, tape) = module.forward(&v, &v, &Ragged::one(2)).unwrap();
        let error = module.loss(&tape, &Array2::zeros((2, 2))).unwrap_err();
        assert_eq!(error.to_string(), "binary_cross_entropy: t: expected shape [1, 2], got [2, 2]");
    }
}
