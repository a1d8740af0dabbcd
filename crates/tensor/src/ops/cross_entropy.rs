//! Cross entropy with hard labels.

use ndarray::{Array1, Array2, ArrayRef2};

use crate::ops::log_softmax::log_sum_exp_row;
use crate::ops::sum::sum;
use crate::parallel::{contiguous, elements, new_rows};
use crate::{Error, Real, Result, check_finite, check_index, check_shape, tree};

/// Rough operations per element, for the decision to use threads.
const COST: usize = 10;

/// What a mean over nothing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnEmpty {
    /// An error.
    Refuse,
    /// Zero, with zero gradients: for batches in which chance chose no position.
    Zero,
}

/// What [`cross_entropy_backward`] reads, beside the logits and the labels.
#[derive(Clone, Debug)]
pub struct CrossEntropyTape<R> {
    /// `lse(z_i)` of every row: `[n]`; zero where there is no label.
    pub log_sums: Array1<R>,
    /// `|M|`, rows with a label.
    pub counted: usize,
}

tree!(CrossEntropyTape { log_sums; counted });

/// The mean cross entropy of the rows that have a label.
///
/// **eq-0.4-cross-entropy**
/// ```math
/// \ell = \frac1{|M|} \sum_{i \in M} \bigl( \operatorname{lse}(z_i) - z_{i, y_i} \bigr)
/// ```
///
/// `z: [n, k]`, `labels: [n]` → a number; `M` is the set of rows whose label is not `None`
///
/// The mean is over the rows with a label, not over all rows. Computed in one pass that keeps one number per row.
///
/// Source: Goodfellow, Bengio & Courville 2016, *Deep Learning*, section 6.2.2.3. BERT's released code divides by
/// `|M| + 1e-5`, PyTorch gives NaN for an empty `M`.
///
/// # Errors
/// [`Error::ShapeMismatch`] if there is not one label per row; [`Error::IndexOutOfRange`] for a label that is not a
/// column; [`Error::EmptyInput`] for no column, and if no row has a label, unless `on_empty` says zero;
/// [`Error::NonFinite`] for NaN and infinities in `z`, also in a row without a label.
pub fn cross_entropy<R: Real>(
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    on_empty: OnEmpty,
) -> Result<(R, CrossEntropyTape<R>)> {
    let (n, k) = z.dim();
    check_shape("cross_entropy: labels", &[labels.len()], &[n])?;
    if k == 0 {
        return Err(Error::EmptyInput { at: "cross_entropy: z" });
    }
    labels.iter().flatten().try_for_each(|&y| check_index("cross_entropy: label", y, k))?;
    let counted = labels.iter().flatten().count();
    if counted == 0 && on_empty == OnEmpty::Refuse {
        return Err(Error::EmptyInput { at: "cross_entropy: labels" });
    }
    let z_all = contiguous(z);
    let rows = elements(&z_all);
    let log_sums = new_rows(
        n,
        1,
        COST * k,
        #[inline(always)]
        |i, sum| {
            let z = &rows[i * k..(i + 1) * k];
            // A single -∞ would not show in the sum, nor anything in a row that is not read.
            let finite = z.iter().fold(true, |finite, z| finite & z.is_finite());
            sum.fill(match (finite, labels[i]) {
                (false, _) => R::of(f64::NAN),
                (true, Some(_)) => log_sum_exp_row(z),
                (true, None) => R::of(0.0),
            });
        },
    );
    let losses: Vec<R> = (labels.iter().enumerate())
        .map(|(i, y)| y.map_or(R::of(0.0), |y| log_sums[i] - rows[i * k + y]))
        .collect();
    let loss = sum(&losses) / R::of(counted.max(1) as f64);
    if !loss.is_finite() || check_finite("cross_entropy: z", &log_sums).is_err() {
        check_finite("cross_entropy: z", z)?;
        return Err(Error::NonFinite { at: "cross_entropy: loss" });
    }
    Ok((loss, CrossEntropyTape { log_sums, counted }))
}

/// Gradient of [`cross_entropy`] with respect to the logits.
///
/// **eq-0.4-cross-entropy, backward**
/// ```math
/// \bar z_i = \frac{\bar\ell}{|M|} \bigl( \operatorname{softmax}(z_i) - e_{y_i} \bigr) \quad (i \in M), \qquad
/// \bar z_i = 0 \quad (i \notin M)
/// ```
///
/// Derivation: the gradient of `lse` is the softmax, and `-z_{i,y}` adds -1 in the column of the label. The softmax is
/// recomputed as `exp(z - lse)`: one pass, and no second matrix is kept.
pub fn cross_entropy_backward<R: Real>(
    tape: &CrossEntropyTape<R>,
    z: &ArrayRef2<R>,
    labels: &[Option<usize>],
    dl: R,
) -> Array2<R> {
    let (n, k) = z.dim();
    if tape.counted == 0 {
        return Array2::zeros((n, k));
    }
    let z = contiguous(z);
    let z = elements(&z);
    let scale = dl / R::of(tape.counted as f64);
    new_rows(
        (n, k),
        k,
        COST,
        #[inline(always)]
        move |i, dz| {
            let Some(y) = labels[i] else {
                dz.zeros();
                return;
            };
            let (z, log_sum) = (&z[i * k..][..dz.len()], tape.log_sums[i]);
            let dz = dz.write(
                #[inline(always)]
                |j| scale * (z[j] - log_sum).exp(),
            );
            dz[y] -= scale;
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(z: &Array2<f64>, labels: &[Option<usize>]) -> String {
        cross_entropy(z, labels, OnEmpty::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn labels_that_do_not_fit_are_refused() {
        let z = Array2::zeros((2, 3));
        assert_eq!(text(&z, &[Some(0)]), "cross_entropy: labels: expected shape [2], got [1]");
        assert_eq!(text(&z, &[Some(0), Some(3)]), "cross_entropy: label: index 3 is outside a table of 3");
        assert_eq!(text(&Array2::zeros((0, 3)), &[]), "cross_entropy: labels: empty");
        assert_eq!(text(&Array2::zeros((2, 0)), &[None, None]), "cross_entropy: z: empty");
    }

    #[test]
    fn no_label_is_refused_or_gives_zero() {
        let z = Array2::ones((2, 3));
        assert_eq!(text(&z, &[None, None]), "cross_entropy: labels: empty");
        let (loss, tape) = cross_entropy(&z, &[None, None], OnEmpty::Zero).unwrap();
        assert_eq!(loss, 0.0);
        assert_eq!(cross_entropy_backward(&tape, &z, &[None, None], 1.0), Array2::zeros((2, 3)));
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for at in [(0, 0), (0, 2), (1, 1)] {
                let mut z = Array2::zeros((2, 3));
                z[at] = bad;
                assert_eq!(text(&z, &[Some(0), Some(1)]), "cross_entropy: z: not a finite number");
                assert_eq!(text(&z, &[Some(0), None]), "cross_entropy: z: not a finite number");
            }
        }
    }

    #[test]
    fn a_loss_that_overflows_is_refused() {
        let z = ndarray::array![[-1e308, 1e308]];
        assert_eq!(text(&z, &[Some(0)]), "cross_entropy: loss: not a finite number");
    }
}
