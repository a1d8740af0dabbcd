//! The linear map.

use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};

use crate::ops::sum::add_column_sums;
use crate::ops::{add_matmul, matmul};
use crate::{Error, Real, Result, check_shape};

/// A linear map of every row.
///
/// **eq-0.1-linear**
/// ```math
/// Y = X W + \mathbf 1 b^\top
/// ```
///
/// `x: [n, d_in]`, `w: [d_in, d_out]`, `b: [d_out]` → `y: [n, d_out]`
///
/// Computed by adding the product to rows that already hold `b`.
///
/// Source: the weight is stored as the formula writes it, `[d_in, d_out]`; PyTorch stores the transpose.
///
/// # Errors
/// [`Error::ShapeMismatch`] if `w` or `b` does not fit; [`Error::NonFinite`] if an argument holds a NaN or an
/// infinity.
pub fn linear<R: Real>(x: &ArrayRef2<R>, w: &ArrayRef2<R>, b: &ArrayRef1<R>) -> Result<Array2<R>> {
    check_shape("linear: w", w.shape(), &[x.ncols(), b.len()])?;
    let mut y = Array2::zeros((x.nrows(), b.len()));
    y.assign(b);
    add_matmul(&mut y, x, w);
    refuse_non_finite(&y, x, w, b)?;
    Ok(y)
}

/// NaN and infinities of any argument reach `y`: which argument it was is asked only then.
fn refuse_non_finite<R: Real>(
    y: &ArrayRef2<R>,
    x: &ArrayRef2<R>,
    w: &ArrayRef2<R>,
    b: &ArrayRef1<R>,
) -> Result<()> {
    if y.iter().all(|y| y.is_finite()) {
        return Ok(());
    }
    crate::check_finite("linear: x", x)?;
    crate::check_finite("linear: w", w)?;
    crate::check_finite("linear: b", b)?;
    Err(Error::NonFinite { at: "linear: y" })
}

/// Gradients of [`linear`]: returns `x̄`, adds to `w̄` and `b̄`.
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
    db: &mut Array1<R>,
) -> Array2<R> {
    add_matmul(dw, &x.t(), dy);
    add_column_sums(db, dy);
    matmul(dy, &w.t())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2};

    use super::*;

    #[test]
    fn weights_of_another_width_are_refused() {
        let (x, w, b) = (Array2::<f64>::zeros((3, 4)), Array2::zeros((5, 2)), Array1::zeros(2));
        let error = linear(&x, &w, &b).unwrap_err();
        assert_eq!(error.to_string(), "linear: w: expected shape [4, 2], got [5, 2]");
    }

    #[test]
    fn a_nan_is_refused_by_name() {
        let (x, mut w, b) = (Array2::<f64>::zeros((3, 4)), Array2::zeros((4, 2)), Array1::zeros(2));
        w[(1, 1)] = f64::NAN;
        assert_eq!(linear(&x, &w, &b).unwrap_err().to_string(), "linear: w: not a finite number");
    }
}
