//! The vectors of visits, taken apart by kind.

use mmt_tensor::{Real, Result, check_setting};
use ndarray::{Array2, ArrayRef2, s};

/// How rows `d_1, r_1, d_2, r_2, ..` are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regrouping {
    /// Every second row.
    Stride,
    /// The first and the last half of the rows, as if all diagnoses stood first: a defect of G-BERT's released code,
    /// `GBERT_Predict.forward`. For `T = 3` the halves are `(d_1, r_1, d_2)` and `(r_2, d_3, r_3)`, so `r_2` is an input of its own
    /// prediction.
    Halves,
}

/// The vectors of diagnoses and of medications of `T` visits, from rows `d_1, r_1, .., d_T, r_T`.
///
/// **eq-2.13-visit-rows**
/// ```math
/// v_d^t = p_{2t-1}, \qquad v_r^t = p_{2t}
/// ```
///
/// `p: [2 T, d]` → `v_d, v_r: [T, d]`
///
/// Source: Shang, Ma, Xiao & Sun 2019, *Pre-training of Graph Augmented Transformers for Medication Recommendation*, section
/// 4.4. The defect: released code, `predictive_models.py`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for an odd number of rows.
pub fn visit_rows<R: Real>(p: &ArrayRef2<R>, kind: Regrouping) -> Result<(Array2<R>, Array2<R>)> {
    let n = p.nrows();
    check_setting("visit_rows: p", n.is_multiple_of(2), || format!("{n} rows are not two for each visit"))?;
    let (d, r) = match kind {
        Regrouping::Stride => (p.slice(s![..;2, ..]), p.slice(s![1..;2, ..])),
        Regrouping::Halves => (p.slice(s![..n / 2, ..]), p.slice(s![n / 2.., ..])),
    };
    Ok((d.to_owned(), r.to_owned()))
}

/// Gradient of [`visit_rows`]: `p̄`.
///
/// **eq-2.13-visit-rows, backward**
/// ```math
/// \bar p_{2t-1} = \bar v_d^t, \qquad \bar p_{2t} = \bar v_r^t
/// ```
///
/// Derivation: every row of `p` is one row of the result, so its gradient is that row's: the transpose of a permutation is its
/// inverse.
pub fn visit_rows_backward<R: Real>(dd: &ArrayRef2<R>, dr: &ArrayRef2<R>, kind: Regrouping) -> Array2<R> {
    let n = dd.nrows() + dr.nrows();
    let mut dp = Array2::zeros((n, dd.ncols()));
    match kind {
        Regrouping::Stride => {
            dp.slice_mut(s![..;2, ..]).assign(dd);
            dp.slice_mut(s![1..;2, ..]).assign(dr);
        }
        Regrouping::Halves => {
            dp.slice_mut(s![..n / 2, ..]).assign(dd);
            dp.slice_mut(s![n / 2.., ..]).assign(dr);
        }
    }
    dp
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_number_of_rows_is_refused() {
        let error = visit_rows(&Array2::<f64>::zeros((3, 2)), Regrouping::Stride).unwrap_err();
        assert_eq!(error.to_string(), "visit_rows: p: 3 rows are not two for each visit");
    }
}
