//! The codes of a visit, said by the vectors of its two halves.

use mmt_blocks::{Activation, Ffn, FfnTape, Linear};
use mmt_tensor::ops::{Reduction, binary_cross_entropy, binary_cross_entropy_backward};
use mmt_tensor::{Random, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

/// Four heads: each half of a visit says its own codes and those of the other half.
///
/// **eq-2.13-self-and-dual**
/// ```math
/// z_{st} = \mathrm{ReLU}(v_s W_{st} + b_{st})\, W'_{st} + b'_{st}, \qquad
/// \ell = \mathrm{BCE}(z_{dd}, y_d) + \mathrm{BCE}(z_{rd}, y_d) + \mathrm{BCE}(z_{dr}, y_r) + \mathrm{BCE}(z_{rr}, y_r)
/// ```
///
/// `v_d, v_r: [B, d]`, `y_d: [B, n_d]`, `y_r: [B, n_r]` → a number; BCE is the mean of eq-0.6-bce-with-logits over visits and
/// codes
///
/// `d` are diagnoses and `r` medications; `z_rd` says the diagnoses from the medications. The targets are sets, 1 for every
/// code that is there, without corruption; the vectors come from corrupted sets (eq-1.29-mlm-corruption-iid). Exchanging the
/// halves together with the heads changes nothing.
///
/// In the released code a hidden diagnosis that is replaced by a random code becomes a medication, and the other way round: the
/// vocabularies are exchanged. Both sets get row 0 of the table of kinds there. Here replacements are of the set's own kind, and
/// a set has its own row.
///
/// Source: Shang, Ma, Xiao & Sun 2019, *Pre-training of Graph Augmented Transformers for Medication Recommendation*, eqs. 4
/// and 5; released code, `predictive_models.py`. The exchange: `run_pretraining.py`.
#[derive(Clone, Debug)]
pub struct SelfAndDual<R> {
    /// Diagnoses from diagnoses.
    pub dd: Ffn<R>,
    /// Diagnoses from medications.
    pub rd: Ffn<R>,
    /// Medications from diagnoses.
    pub dr: Ffn<R>,
    /// Medications from medications.
    pub rr: Ffn<R>,
}

tree!(SelfAndDual { dd, rd, dr, rr });

/// What [`SelfAndDual::backward`] reads.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct SelfAndDualTape<R> {
    pub dd: GuessTape<R>,
    pub rd: GuessTape<R>,
    pub dr: GuessTape<R>,
    pub rr: GuessTape<R>,
}

tree!(SelfAndDualTape { dd, rd, dr, rr });

/// What the backward of one head reads.
#[derive(Clone, Debug)]
pub struct GuessTape<R> {
    /// Of the head.
    pub head: FfnTape<R>,
    /// `z: [B, codes]`
    pub z: Array2<R>,
}

tree!(GuessTape { head, z });

impl<R: Real> SelfAndDual<R> {
    /// For vectors of width `d`, `n_d` diagnoses and `n_r` medications; the hidden width is `d`.
    pub fn new(d: usize, n_d: usize, n_r: usize, random: &mut Random) -> Self {
        let mut head = |codes| Ffn {
            w_1: Linear::new(d, d, random),
            w_2: Linear::new(d, codes, random),
            activation: Activation::Relu,
        };
        SelfAndDual { dd: head(n_d), rd: head(n_d), dr: head(n_r), rr: head(n_r) }
    }

    /// `v_d, v_r: [B, d]`, `y_d: [B, n_d]`, `y_r: [B, n_r]` → the loss
    ///
    /// # Errors
    /// [`ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) if the halves differ in number; those of [`Ffn::forward`] and
    /// [`binary_cross_entropy()`].
    pub fn forward(
        &self,
        (v_d, v_r): (&ArrayRef2<R>, &ArrayRef2<R>),
        (y_d, y_r): (&ArrayRef2<R>, &ArrayRef2<R>),
    ) -> Result<(R, SelfAndDualTape<R>)> {
        check_shape("self_and_dual: v_r", v_r.shape(), v_d.shape())?;
        let (l_dd, dd) = guess(&self.dd, v_d, y_d)?;
        let (l_rd, rd) = guess(&self.rd, v_r, y_d)?;
        let (l_dr, dr) = guess(&self.dr, v_d, y_r)?;
        let (l_rr, rr) = guess(&self.rr, v_r, y_r)?;
        Ok((l_dd + l_rd + l_dr + l_rr, SelfAndDualTape { dd, rd, dr, rr }))
    }

    /// Gradients: returns `(v̄_d, v̄_r)`, adds to those of the heads.
    ///
    /// **eq-2.13-self-and-dual, backward**
    /// ```math
    /// \bar v_d = \mathrm{head}_{dd}^\top(\bar z_{dd}) + \mathrm{head}_{dr}^\top(\bar z_{dr}), \qquad
    /// \bar v_r = \mathrm{head}_{rd}^\top(\bar z_{rd}) + \mathrm{head}_{rr}^\top(\bar z_{rr}), \qquad
    /// \bar z_{st} = \frac{\bar\ell}{B\, n_t} \bigl( \sigma(z_{st}) - y_t \bigr)
    /// ```
    ///
    /// Derivation: a sum of four losses hands `ℓ̄` to each; each half feeds two heads, and gradients of a vector that is used
    /// twice add up. Targets are constants.
    pub fn backward(
        &self,
        tape: &SelfAndDualTape<R>,
        (y_d, y_r): (&ArrayRef2<R>, &ArrayRef2<R>),
        dl: R,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let dd = guess_backward(&self.dd, &tape.dd, y_d, dl, &mut grad.dd);
        let rd = guess_backward(&self.rd, &tape.rd, y_d, dl, &mut grad.rd);
        let dr = guess_backward(&self.dr, &tape.dr, y_r, dl, &mut grad.dr);
        let rr = guess_backward(&self.rr, &tape.rr, y_r, dl, &mut grad.rr);
        (dd + dr, rd + rr)
    }
}

fn guess<R: Real>(head: &Ffn<R>, v: &ArrayRef2<R>, y: &ArrayRef2<R>) -> Result<(R, GuessTape<R>)> {
    let (z, head) = head.forward(v)?;
    Ok((binary_cross_entropy(&z, y, Reduction::Mean)?, GuessTape { head, z }))
}

fn guess_backward<R: Real>(
    head: &Ffn<R>,
    tape: &GuessTape<R>,
    y: &ArrayRef2<R>,
    dl: R,
    grad: &mut Ffn<R>,
) -> Array2<R> {
    let dz = binary_cross_entropy_backward(&tape.z, y, Reduction::Mean, dl);
    head.backward(&tape.head, &dz, grad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(b: usize, y_d: Array2<f64>, y_r: Array2<f64>) -> String {
        let module = SelfAndDual::<f64>::new(3, 2, 4, &mut Random::seed(0));
        let (v_d, v_r) = (Array2::ones((2, 3)), Array2::ones((b, 3)));
        module.forward((&v_d, &v_r), (&y_d, &y_r)).unwrap_err().to_string()
    }

    #[test]
    fn halves_and_targets_that_do_not_fit_are_refused() {
        let (y_d, y_r) = (Array2::zeros((2, 2)), Array2::zeros((2, 4)));
        let error = text(3, y_d.clone(), y_r.clone());
        assert_eq!(error, "self_and_dual: v_r: expected shape [2, 3], got [3, 3]");
        let error = text(2, y_r, y_d);
        assert_eq!(error, "binary_cross_entropy: t: expected shape [2, 2], got [2, 4]");
    }

    #[test]
    fn targets_that_are_no_sets_are_refused() {
        let error = text(2, Array2::from_elem((2, 2), 2.0), Array2::zeros((2, 4)));
        assert_eq!(error, "binary_cross_entropy: t: element 0 is not a probability");
    }

    #[test]
    fn a_vector_with_a_nan_is_refused() {
        let module = SelfAndDual::<f64>::new(3, 2, 4, &mut Random::seed(0));
        let (v, nan) = (Array2::ones((2, 3)), Array2::from_elem((2, 3), f64::NAN));
        let (y_d, y_r) = (Array2::zeros((2, 2)), Array2::zeros((2, 4)));
        for halves in [(&v, &nan), (&nan, &v)] {
            let halves = (&**halves.0, &**halves.1);
            let error = module.forward(halves, (&y_d, &y_r)).unwrap_err();
            assert_eq!(error.to_string(), "linear: x: not a finite number");
        }
    }
}
