//! Cross entropy with smoothed labels, in the three forms that are in use.

use mmt_tensor::ops::sum::sum;
use mmt_tensor::ops::{OnEmpty, log_sum_exp};
use mmt_tensor::parallel::{contiguous, new_rows};
use mmt_tensor::{Error, Real, Result, check_finite, check_index, check_setting, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 10;

/// Who gets the share `ε` that is taken from the label. The three are different functions under one name: their losses
/// differ by about `ε / K`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smoothing {
    /// All classes alike, the label among them: Szegedy et al. 2016, PyTorch, DeCLIP.
    Uniform,
    /// All classes but the label: tensor2tensor's `smoothing_cross_entropy`, HERO.
    OffTarget,
    /// All classes but the label and the padding id: VLP, `pytorch_pretrained_bert/loss.py`.
    OffTargetNoPad {
        /// The class that is never right.
        pad: usize,
    },
}

/// What is measured between the smoothed label `q` and the prediction `p`. The gradients are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// `-Σ_k q_k log p_k`, at least the entropy `H(q)`.
    CrossEntropy,
    /// The cross entropy minus `H(q)`, at least zero: tensor2tensor.
    KullbackLeibler,
}

/// The settings of [`label_smoothing`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelSmoothing {
    /// `ε`, in `[0, 1)`: 0.1 in the original Transformer.
    pub eps: f64,
    /// Who gets it.
    pub form: Smoothing,
    /// What is measured.
    pub distance: Distance,
    /// What a mean over nothing is.
    pub on_empty: OnEmpty,
}

/// What [`label_smoothing_backward`] reads, beside the logits and the labels.
#[derive(Clone, Debug)]
pub struct LabelSmoothingTape<R> {
    /// `lse(z_i)` of every row: `[n]`
    pub log_sums: Array1<R>,
    /// Rows with a label.
    pub counted: usize,
    /// The shares of the classes.
    pub shares: Shares<R>,
}

tree!(LabelSmoothingTape { log_sums; counted, shares });

/// The smoothed label: how much the label, every other class and the padding id have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares<R> {
    /// `q_y`
    pub label: R,
    /// `q_k` of the others.
    pub other: R,
    /// The class that has nothing, if there is one.
    pub pad: Option<usize>,
}

/// The mean cross entropy between smoothed labels and the softmax of the logits.
///
/// **eq-1.23-label-smoothing**
/// ```math
/// \ell = -\frac{1}{|M|} \sum_{i \in M} \sum_k q_{ik} \log p_{ik}, \qquad
/// q_{ik} = \begin{cases} \varepsilon / K + (1 - \varepsilon)\,[k = y_i] & \text{uniform} \\
/// 1 - \varepsilon \text{ at } y_i, \quad \varepsilon / (K - 1) \text{ elsewhere} & \text{off target} \\
/// 1 - \varepsilon \text{ at } y_i, \quad 0 \text{ at the padding id}, \quad \varepsilon / (K - 2) \text{ elsewhere} &
/// \text{off target, no padding} \end{cases}
/// ```
///
/// `z: [n, K]`, `labels: [n]` → a number, the mean over the rows `M` that have a label
///
/// Computed as `lse(z_i) - Σ_k q_ik z_ik` from the sum of the row and the logit of the label: no second matrix. The first
/// two forms are one family: off target with `ε` is uniform with `ε K / (K - 1)`. [`Distance::KullbackLeibler`]
/// subtracts the entropy `H(q) = -Σ_k q_k log q_k`, the least that the cross entropy can be.
///
/// Source: Szegedy et al. 2016, *Rethinking the Inception Architecture*, section 7; Vaswani et al. 2017, *Attention Is
/// All You Need*, section 5.4; the three forms from the released codes named at [`Smoothing`].
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `ε` is not in `[0, 1)`, for fewer than 2 classes (3 with a padding id), and for a
/// label that is the padding id; [`Error::IndexOutOfRange`] for a label or a padding id that is not a class;
/// [`Error::ShapeMismatch`] if there is not one label per row; [`Error::EmptyInput`] if no row has a label, unless
/// `on_empty` says zero; [`Error::NonFinite`] for NaN and infinities.
pub fn label_smoothing<R: Real>(
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    settings: &LabelSmoothing,
) -> Result<(R, LabelSmoothingTape<R>)> {
    let (n, k) = z.dim();
    settings.check(labels, n, k)?;
    check_finite("label_smoothing: z", z)?;
    let (shares, counted) = (settings.shares(k), labels.iter().flatten().count());
    if counted == 0 {
        let log_sums = Array1::zeros(n);
        return Ok((R::of(0.0), LabelSmoothingTape { log_sums, counted, shares }));
    }
    let log_sums = log_sum_exp(z)?;
    let z = contiguous(z);
    let losses = new_rows(n, 1, k, |i, loss| {
        let loss = loss.zeros();
        if let Some(y) = labels[i] {
            let z = z.row(i);
            let others =
                sum(z.as_slice().expect("a row")) - z[y] - shares.pad.map_or(R::of(0.0), |pad| z[pad]);
            loss[0] = log_sums[i] - shares.label * z[y] - shares.other * others;
        }
    });
    let mut loss = sum(losses.as_slice().expect("standard layout")) / R::of(counted as f64);
    if settings.distance == Distance::KullbackLeibler {
        loss -= shares.entropy(k);
    }
    if !loss.is_finite() {
        return Err(Error::NonFinite { at: "label_smoothing: loss" });
    }
    Ok((loss, LabelSmoothingTape { log_sums, counted, shares }))
}

/// Gradient of [`label_smoothing`] with respect to the logits.
///
/// **eq-1.23-label-smoothing, backward**
/// ```math
/// \bar z_{ik} = \frac{\bar\ell}{|M|} \bigl( p_{ik} - q_{ik} \bigr) \quad (i \in M), \qquad
/// \bar z_i = 0 \quad (i \notin M)
/// ```
///
/// Derivation: `ℓ_i = lse(z_i) - Σ_k q_ik z_ik` because the shares of a row sum to one, and the gradient of `lse` is the
/// softmax `p`. The entropy of `q` does not depend on `z`. Both `p` and `q` sum to one, so a row of the gradient sums to
/// zero.
pub fn label_smoothing_backward<R: Real>(
    tape: &LabelSmoothingTape<R>,
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    dl: R,
) -> Array2<R> {
    let k = z.ncols();
    if tape.counted == 0 {
        return Array2::zeros(z.raw_dim());
    }
    let z = contiguous(z);
    let (scale, shares) = (dl / R::of(tape.counted as f64), tape.shares);
    new_rows(z.raw_dim(), k, COST, |i, dz| {
        let Some(y) = labels[i] else {
            dz.zeros();
            return;
        };
        let z = z.row(i);
        let dz = dz.write(|j| scale * ((z[j] - tape.log_sums[i]).exp() - shares.other));
        dz[y] -= scale * (shares.label - shares.other);
        if let Some(pad) = shares.pad {
            dz[pad] += scale * shares.other;
        }
    })
}

impl LabelSmoothing {
    /// The smoothed label among `k` classes.
    pub fn shares<R: Real>(&self, k: usize) -> Shares<R> {
        let (one, eps) = (R::of(1.0), R::of(self.eps));
        let of = |others: usize| eps / R::of(others as f64);
        match self.form {
            Smoothing::Uniform => Shares { label: of(k) + (one - eps), other: of(k), pad: None },
            Smoothing::OffTarget => Shares { label: one - eps, other: of(k - 1), pad: None },
            Smoothing::OffTargetNoPad { pad } => {
                Shares { label: one - eps, other: of(k - 2), pad: Some(pad) }
            }
        }
    }

    fn check(&self, labels: &[Option<usize>], n: usize, k: usize) -> Result<()> {
        check_setting("label_smoothing: eps", (0.0..1.0).contains(&self.eps), || {
            format!("must be in [0, 1), got {}", self.eps)
        })?;
        let least = if matches!(self.form, Smoothing::OffTargetNoPad { .. }) { 3 } else { 2 };
        check_setting("label_smoothing: z", k >= least, || {
            format!("there must be at least {least} classes, got {k}")
        })?;
        check_shape("label_smoothing: labels", &[labels.len()], &[n])?;
        labels.iter().flatten().try_for_each(|&y| check_index("label_smoothing: label", y, k))?;
        if let Smoothing::OffTargetNoPad { pad } = self.form {
            check_index("label_smoothing: pad", pad, k)?;
            let wrong = labels.iter().position(|&y| y == Some(pad));
            check_setting("label_smoothing: label", wrong.is_none(), || {
                format!("row {} is labeled with the padding id {pad}", wrong.unwrap_or(0))
            })?;
        }
        if self.on_empty == OnEmpty::Refuse && labels.iter().flatten().count() == 0 {
            return Err(Error::EmptyInput { at: "label_smoothing: labels" });
        }
        Ok(())
    }
}

impl<R: Real> Shares<R> {
    /// `q` of the label `y` among `k` classes: `[k]`
    pub fn row(&self, y: usize, k: usize) -> Array1<R> {
        let share = |class: usize| match class {
            _ if class == y => self.label,
            _ if self.pad == Some(class) => R::of(0.0),
            _ => self.other,
        };
        (0..k).map(share).collect()
    }

    /// `H(q)`, with `0 log 0 = 0`; the same for every label.
    pub fn entropy(&self, k: usize) -> R {
        let others = k - 1 - usize::from(self.pad.is_some());
        let term = |q: R| if q > R::of(0.0) { -q * q.ln() } else { R::of(0.0) };
        term(self.label) + R::of(others as f64) * term(self.other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIFORM: LabelSmoothing = LabelSmoothing {
        eps: 0.1,
        form: Smoothing::Uniform,
        distance: Distance::CrossEntropy,
        on_empty: OnEmpty::Refuse,
    };
    const NO_PAD: LabelSmoothing = LabelSmoothing { form: Smoothing::OffTargetNoPad { pad: 2 }, ..UNIFORM };

    fn text(z: (usize, usize), labels: &[Option<usize>], settings: LabelSmoothing) -> String {
        label_smoothing(&Array2::<f64>::zeros(z), labels, &settings).unwrap_err().to_string()
    }

    #[test]
    fn a_share_outside_its_range_is_refused() {
        for eps in [-0.1, 1.0, f64::NAN] {
            let refused = text((1, 3), &[Some(0)], LabelSmoothing { eps, ..UNIFORM });
            assert_eq!(refused, format!("label_smoothing: eps: must be in [0, 1), got {eps}"));
        }
    }

    #[test]
    fn too_few_classes_are_refused() {
        let off = LabelSmoothing { form: Smoothing::OffTarget, ..UNIFORM };
        for settings in [UNIFORM, off] {
            let refused = text((1, 1), &[Some(0)], settings);
            assert_eq!(refused, "label_smoothing: z: there must be at least 2 classes, got 1");
        }
        let refused = text((1, 2), &[Some(0)], NO_PAD);
        assert_eq!(refused, "label_smoothing: z: there must be at least 3 classes, got 2");
    }

    #[test]
    fn padding_as_a_label_or_outside_the_classes_is_refused() {
        let refused = text((2, 3), &[Some(0), Some(2)], NO_PAD);
        assert_eq!(refused, "label_smoothing: label: row 1 is labeled with the padding id 2");
        let outside = LabelSmoothing { form: Smoothing::OffTargetNoPad { pad: 3 }, ..UNIFORM };
        let refused = text((1, 3), &[Some(0)], outside);
        assert_eq!(refused, "label_smoothing: pad: index 3 is outside a table of 3");
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let refused = text((2, 3), &[Some(0)], UNIFORM);
        assert_eq!(refused, "label_smoothing: labels: expected shape [2], got [1]");
        let refused = text((1, 3), &[Some(3)], UNIFORM);
        assert_eq!(refused, "label_smoothing: label: index 3 is outside a table of 3");
    }

    #[test]
    fn no_label_is_refused_or_gives_zero() {
        assert_eq!(text((2, 3), &[None, None], UNIFORM), "label_smoothing: labels: empty");
        assert_eq!(text((0, 3), &[], UNIFORM), "label_smoothing: labels: empty");
        let zero = LabelSmoothing { on_empty: OnEmpty::Zero, ..UNIFORM };
        let z = Array2::ones((2, 3));
        let (loss, tape) = label_smoothing(&z, &[None, None], &zero).unwrap();
        assert_eq!(loss, 0.0);
        assert_eq!(label_smoothing_backward(&tape, &z, &[None, None], 1.0), Array2::zeros((2, 3)));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for labels in [[Some(0), Some(1)], [Some(0), None]] {
                let mut z = Array2::zeros((2, 3));
                z[(1, 2)] = bad;
                let error = label_smoothing(&z, &labels, &UNIFORM).unwrap_err();
                assert_eq!(error.to_string(), "label_smoothing: z: not a finite number");
            }
        }
    }
}
