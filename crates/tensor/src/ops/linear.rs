//! The linear map.

use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};

use crate::ops::sum::add_column_sums;
use crate::ops::{add_matmul, matmul, matmul_plus_row, stored};
use crate::{Real, Result, check_finite, check_shape};

/// A linear map of every row.
///
/// **eq-0.1-linear**
/// ```math
/// Y = X W + \mathbf 1 b^\top
/// ```
///
/// `x: [n, d_in]`, `w: [d_in, d_out]`, `b: [d_out]` or none → `y: [n, d_out]`
///
/// Computed by adding the product to rows that already hold `b`, or to nothing.
///
/// Source: the weight is stored as the formula writes it, `[d_in, d_out]`; PyTorch stores the transpose.
///
/// # Errors
/// [`ShapeMismatch`](crate::Error::ShapeMismatch) if `w` or `b` does not fit; [`NonFinite`](crate::Error::NonFinite) if an argument holds a NaN or an
/// infinity.
pub fn linear<R: Real>(x: &ArrayRef2<R>, w: &ArrayRef2<R>, b: Option<&ArrayRef1<R>>) -> Result<Array2<R>> {
    check_shape("linear: w", w.shape(), &[x.ncols(), w.ncols()])?;
    let y = match b {
        None => matmul(x, w),
        Some(b) => {
            check_shape("linear: b", b.shape(), &[w.ncols()])?;
            matmul_plus_row(x, w, b)
        }
    };
    let y = stored(y);
    // NaN and infinities of any argument reach `y`, if there is a row: which argument it was is asked only then.
    if y.is_empty() || check_finite("linear: y", &y).is_err() {
        check_finite("linear: x", x)?;
        check_finite("linear: w", w)?;
        b.map_or(Ok(()), |b| check_finite("linear: b", b))?;
        check_finite("linear: y", &y)?;
    }
    Ok(y)
}

/// Gradients of [`linear`]: returns `x̄`, adds to `w̄` and, if there is one, to `b̄`.
///
/// **eq-0.1-linear, backward**
/// ```math
/// \bar X = \bar Y W^\top, \qquad \bar W = X^\top \bar Y, \qquad \bar b = \bar Y^\top \mathbf 1
/// ```
///
/// Derivation, from `y_{ij} = Σ_k x_{ik} w_{kj} + b_j`:
/// ```math
/// \bar x_{ik} = \sum_j \bar y_{ij}\, w_{kj}, \qquad
/// \bar w_{kj} = \sum_i x_{ik}\, \bar y_{ij}, \qquad
/// \bar b_j = \sum_i \bar y_{ij}
/// ```
pub fn linear_backward<R: Real>(
    x: &ArrayRef2<R>,
    w: &ArrayRef2<R>,
    dy: &ArrayRef2<R>,
    dw: &mut Array2<R>,
    db: Option<&mut Array1<R>>,
) -> Array2<R> {
    add_matmul(dw, &x.t(), dy);
    if let Some(db) = db {
        add_column_sums(db, dy);
    }
    stored(matmul(dy, &w.t()))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    #[test]
    fn gradients_of_parameters_are_added() {
        let (x, w, dy) = (Array2::<f64>::ones((3, 4)), Array2::ones((4, 2)), Array2::ones((3, 2)));
        let (mut dw, mut db) = (Array2::zeros((4, 2)), Array1::zeros(2));
        for times in [3.0, 6.0] {
            linear_backward(&x, &w, &dy, &mut dw, Some(&mut db));
            assert!(dw.iter().chain(&db).all(|&g| g == times), "{dw} {db}");
        }
    }

    #[test]
    fn weights_of_another_width_are_refused() {
        let (x, w, b) = (Array2::<f64>::zeros((3, 4)), Array2::zeros((5, 2)), Array1::zeros(2));
        let error = linear(&x, &w, Some(&b)).unwrap_err();
        assert_eq!(error.to_string(), "linear: w: expected shape [4, 2], got [5, 2]");
    }

    #[test]
    fn a_bias_of_another_width_is_refused() {
        let (x, w, b) = (Array2::<f64>::zeros((3, 4)), Array2::zeros((4, 2)), Array1::zeros(3));
        let error = linear(&x, &w, Some(&b)).unwrap_err();
        assert_eq!(error.to_string(), "linear: b: expected shape [2], got [3]");
    }

    #[test]
    fn a_nan_is_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for rows in [0, 3] {
                let (x, w, b) = (Array2::<f64>::zeros((rows, 4)), Array2::zeros((4, 2)), Array1::zeros(2));
                let text = |x: &Array2<f64>, w: &Array2<f64>, b: &Array1<f64>| {
                    linear(x, w, Some(b)).unwrap_err().to_string()
                };
                let mut wrong = x.clone();
                if let Some(x) = wrong.first_mut() {
                    *x = bad;
                    assert_eq!(text(&wrong, &w, &b), "linear: x: not a finite number");
                }
                let mut wrong = w.clone();
                wrong[(1, 1)] = bad;
                assert_eq!(text(&x, &wrong, &b), "linear: w: not a finite number");
                let mut wrong = b.clone();
                wrong[1] = bad;
                assert_eq!(text(&x, &w, &wrong), "linear: b: not a finite number");
            }
        }
    }

    #[test]
    fn a_result_that_overflows_is_refused() {
        let big = Array2::from_elem((1, 1), 1e300);
        assert_eq!(linear(&big, &big, None).unwrap_err().to_string(), "linear: y: not a finite number");
    }
}
