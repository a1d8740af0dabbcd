//! Ranking losses: a pair that belongs together scores higher than one that does not, by a margin.

use ndarray::{Array2, ArrayRef2};

use crate::ops::sum::{sum, sum_of};
use crate::{Error, Real, Result, check_finite, check_setting, check_shape};

/// The hinge loss over all pairs that do not belong together.
///
/// **eq-4-hinge-sum**
/// ```math
/// \ell = \frac1b \sum_i \sum_{j \ne i} \bigl[ m + s_{ij} - s_{ii} \bigr]_+, \qquad [a]_+ = \max(a, 0)
/// ```
///
/// `s: [b, b]` → a number; `s_ij` is the score of query `i` with item `j`, and the items of the diagonal belong to the
/// queries of their rows
///
/// The sum is over the wrong items, the mean over the queries: a query feels all others of its batch. The other
/// direction is the same with `s` transposed.
///
/// Source: Kiros, Salakhutdinov & Zemel 2014, *Unifying Visual-Semantic Embeddings*, section 2.3. HERO's video-subtitle
/// matching takes the margin 0.1. Texts that print `s_ii - s_ij` have the sign the wrong way round.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `s` is not square; [`Error::InvalidHyperparameter`] for less than two queries and for a
/// margin that is not positive; [`Error::NonFinite`] for NaN and infinities: a maximum would turn a NaN into 0.
pub fn hinge<R: Real>(s: &ArrayRef2<R>, margin: f64) -> Result<R> {
    check_scores(["hinge: s", "hinge: margin"], s, margin)?;
    let losses: Vec<R> = (0..s.nrows())
        .map(|i| {
            let row = s.row(i).to_vec();
            let violation = |s_ij: R| excess(s_ij, row[i], margin);
            sum_of(&row[..i], violation) + sum_of(&row[i + 1..], violation)
        })
        .collect();
    mean("hinge: loss", &losses)
}

/// Gradient of [`hinge`].
///
/// **eq-4-hinge-sum, backward**
/// ```math
/// \bar s_{ij} = \frac{\bar\ell}{b} \bigl[ m + s_{ij} - s_{ii} > 0 \bigr] \quad (j \ne i), \qquad
/// \bar s_{ii} = -\sum_{j \ne i} \bar s_{ij}
/// ```
///
/// Derivation: every active term has the slope 1 in `s_ij` and -1 in `s_ii`; at the kink, where there is none, it is
/// fixed to 0.
pub fn hinge_backward<R: Real>(s: &ArrayRef2<R>, margin: f64, dl: R) -> Array2<R> {
    let step = dl / R::of(s.nrows() as f64);
    let mut ds = Array2::zeros(s.dim());
    for (i, (s, mut ds)) in s.rows().into_iter().zip(ds.rows_mut()).enumerate() {
        for j in (0..s.len()).filter(|&j| j != i) {
            if excess(s[j], s[i], margin) > R::of(0.0) {
                ds[j] = step;
                ds[i] -= step;
            }
        }
    }
    ds
}

/// The hinge loss over the hardest pair of every query.
///
/// **eq-4-hinge-hardest**
/// ```math
/// \ell = \frac1b \sum_i \bigl[ m + \max_{j \ne i} s_{ij} - s_{ii} \bigr]_+
/// ```
///
/// `s: [b, b]` → a number; `s_ij` is the score of query `i` with item `j`, and the items of the diagonal belong to the
/// queries of their rows
///
/// Source: Faghri, Fleet, Kiros & Fidler 2018, *VSE++: Improving Visual-Semantic Embeddings with Hard Negatives*, eq. 6.
///
/// # Errors
/// As [`hinge`].
pub fn hardest_hinge<R: Real>(s: &ArrayRef2<R>, margin: f64) -> Result<R> {
    check_scores(["hardest_hinge: s", "hardest_hinge: margin"], s, margin)?;
    let losses: Vec<R> = (0..s.nrows()).map(|i| excess(s[(i, hardest(s, i))], s[(i, i)], margin)).collect();
    mean("hardest_hinge: loss", &losses)
}

/// Gradient of [`hardest_hinge`].
///
/// **eq-4-hinge-hardest, backward**, with `h` the item of the maximum, the first of equal ones:
/// ```math
/// \bar s_{ih} = \frac{\bar\ell}{b} \bigl[ m + s_{ih} - s_{ii} > 0 \bigr], \qquad \bar s_{ii} = -\bar s_{ih}
/// ```
///
/// Derivation: a maximum hands its gradient to the entry that is largest; the rest is that of [`hinge`].
pub fn hardest_hinge_backward<R: Real>(s: &ArrayRef2<R>, margin: f64, dl: R) -> Array2<R> {
    let step = dl / R::of(s.nrows() as f64);
    let mut ds = Array2::zeros(s.dim());
    for i in 0..s.nrows() {
        let h = hardest(s, i);
        if excess(s[(i, h)], s[(i, i)], margin) > R::of(0.0) {
            ds[(i, h)] = step;
            ds[(i, i)] = -step;
        }
    }
    ds
}

/// `[m + s_ij - s_ii]_+`
fn excess<R: Real>(s_ij: R, s_ii: R, margin: f64) -> R {
    (R::of(margin) + s_ij - s_ii).max(R::of(0.0))
}

/// The item with the highest score that does not belong to query `i`: the first of equal ones.
fn hardest<R: Real>(s: &ArrayRef2<R>, i: usize) -> usize {
    let first = usize::from(i == 0);
    (first + 1..s.ncols()).filter(|&j| j != i).fold(first, |h, j| if s[(i, j)] > s[(i, h)] { j } else { h })
}

fn check_scores<R: Real>([at_s, at_margin]: [&'static str; 2], s: &ArrayRef2<R>, margin: f64) -> Result<()> {
    check_shape(at_s, s.shape(), &[s.nrows(), s.nrows()])?;
    check_setting(at_s, s.nrows() > 1, || "less than two queries leave no wrong item".to_string())?;
    check_setting(at_margin, margin > 0.0 && margin.is_finite(), || {
        format!("must be positive, got {margin}")
    })?;
    check_finite(at_s, s)
}

fn mean<R: Real>(at: &'static str, losses: &[R]) -> Result<R> {
    let loss = sum(losses) / R::of(losses.len() as f64);
    if loss.is_finite() { Ok(loss) } else { Err(Error::NonFinite { at }) }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    type Loss = fn(&Array2<f64>, f64) -> Result<f64>;

    const LOSSES: [(&str, Loss); 2] =
        [("hinge", |s, margin| hinge(s, margin)), ("hardest_hinge", |s, margin| hardest_hinge(s, margin))];

    #[test]
    fn wrong_arguments_are_refused() {
        for (name, loss) in LOSSES {
            let text = |s: &Array2<f64>, margin: f64| loss(s, margin).unwrap_err().to_string();
            let s = array![[1.0, 0.0], [0.0, 1.0]];
            assert_eq!(
                text(&Array2::zeros((2, 3)), 0.2),
                format!("{name}: s: expected shape [2, 2], got [2, 3]")
            );
            for b in [0, 1] {
                let alone = text(&Array2::zeros((b, b)), 0.2);
                assert_eq!(alone, format!("{name}: s: less than two queries leave no wrong item"));
            }
            for margin in [0.0, -0.2, f64::NAN] {
                assert_eq!(text(&s, margin), format!("{name}: margin: must be positive, got {margin}"));
            }
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                for at in [(0, 0), (0, 1)] {
                    let mut s = s.clone();
                    s[at] = bad;
                    assert_eq!(text(&s, 0.2), format!("{name}: s: not a finite number"));
                }
            }
            let far = array![[-1.7e308, 1.7e308], [0.0, 0.0]];
            assert_eq!(text(&far, 0.2), format!("{name}: loss: not a finite number"));
        }
    }

    #[test]
    fn at_the_kink_the_slope_is_zero_and_the_first_of_equal_items_counts() {
        let s = array![[1.0, 0.5, 0.0], [2.0, 0.0, 2.0], [0.0, 0.0, 9.0]];
        assert_eq!(hinge_backward(&s, 0.5, 3.0), array![[0.0; 3], [1.0, -2.0, 1.0], [0.0; 3]]);
        assert_eq!(hardest_hinge_backward(&s, 0.5, 3.0), array![[0.0; 3], [1.0, -1.0, 0.0], [0.0; 3]]);
    }
}
