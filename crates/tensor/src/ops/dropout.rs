//! Dropout with a given mask.

use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::{Array, ArrayRef, Dimension};

use crate::parallel::{contiguous, elements, for_chunks, slice_of};
use crate::{Error, Random, Real, Result, check_finite, check_not_empty, check_setting, check_shape};

/// Which elements stay: each with probability `1 - p`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `p` is not in `[0, 1)`.
pub fn sample_dropout<D: Dimension>(shape: D, p: f64, random: &mut Random) -> Result<Array<bool, D>> {
    check_rate(p)?;
    Ok(random.keep(shape, p))
}

fn check_rate(p: f64) -> Result<()> {
    check_setting("dropout: p", (0.0..1.0).contains(&p), || format!("must be in [0, 1), got {p}"))
}

/// Removes the elements that a mask does not keep, and enlarges the others.
///
/// **eq-0.8-dropout**
/// ```math
/// y = \frac{m \odot x}{1 - p}
/// ```
///
/// `x: [..]`, `mask: [..]` → `y: [..]`; `m` is 1 where the mask is true, and 0 elsewhere
///
/// The mask is an argument, drawn by [`sample_dropout`], so that forward and backward see the same one and a run can be
/// repeated. Enlarging by `1 / (1 - p)` keeps the expectation: `E y = x`. Without dropping (`p = 0` and a mask of ones)
/// every bit stays.
///
/// Source: Srivastava et al. 2014, *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*; the factor stands
/// at training here, as in all released code, and not at test time.
///
/// # Errors
/// [`Error::ShapeMismatch`] if the mask is not of the shape of `x`; [`Error::InvalidHyperparameter`] if `p` is not in
/// `[0, 1)`; [`Error::EmptyInput`] for no element; [`Error::NonFinite`] for NaN and infinities, also in dropped elements.
pub fn dropout<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    mask: &ArrayRef<bool, D>,
    p: f64,
) -> Result<Array<R, D>> {
    check_rate(p)?;
    check_shape("dropout: mask", mask.shape(), x.shape())?;
    check_not_empty("dropout: x", x)?;
    let (y, finite) = scaled(x, mask, p);
    if !finite {
        check_finite("dropout: x", x)?;
        return Err(Error::NonFinite { at: "dropout: y" });
    }
    Ok(y)
}

/// Gradient of [`dropout`], with the mask and the `p` of the forward.
///
/// **eq-0.8-dropout, backward**
/// ```math
/// \bar x = \frac{m \odot \bar y}{1 - p}
/// ```
///
/// Derivation: for a given mask the map is linear and acts on each element alone, so it is its own transpose.
pub fn dropout_backward<R: Real, D: Dimension>(
    mask: &ArrayRef<bool, D>,
    p: f64,
    dy: &ArrayRef<R, D>,
) -> Array<R, D> {
    scaled(dy, mask, p).0
}

/// `m ⊙ x / (1 - p)`, and whether `x` and the result are finite.
fn scaled<R: Real, D: Dimension>(
    x: &ArrayRef<R, D>,
    mask: &ArrayRef<bool, D>,
    p: f64,
) -> (Array<R, D>, bool) {
    let keep = R::of(1.0 - p);
    let (x, mask) = (contiguous(x), mask.as_standard_layout());
    let mut y = Array::zeros(x.raw_dim());
    let (x, mask) = (elements(&x), mask.as_slice().expect("standard layout"));
    let bad = AtomicBool::new(false);
    for_chunks(
        slice_of(&mut y),
        2,
        #[inline(always)]
        |at, y| {
            let mut finite = true;
            for ((y, &x), &stays) in y.iter_mut().zip(&x[at..]).zip(&mask[at..]) {
                let large = x / keep;
                finite &= x.is_finite() & (large.is_finite() | !stays);
                *y = if stays { large } else { R::of(0.0) };
            }
            if !finite {
                bad.store(true, Ordering::Relaxed);
            }
        },
    );
    (y, !bad.into_inner())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};

    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let text =
            |x: Array1<f64>, mask: Array1<bool>, p: f64| dropout(&x, &mask, p).unwrap_err().to_string();
        for p in [-0.1, 1.0, 1.5, f64::NAN] {
            let refused = format!("dropout: p: must be in [0, 1), got {p}");
            assert_eq!(text(array![1.0], array![true], p), refused);
            let mut random = Random::seed(0);
            assert_eq!(sample_dropout(ndarray::Ix1(2), p, &mut random).unwrap_err().to_string(), refused);
        }
        assert_eq!(text(array![1.0, 2.0], array![true], 0.5), "dropout: mask: expected shape [2], got [1]");
        assert_eq!(text(Array1::zeros(0), Array1::from_elem(0, true), 0.5), "dropout: x: empty");
    }

    #[test]
    fn a_dropped_nan_is_still_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for mask in [true, false] {
                let error = dropout(&array![0.0, bad], &array![true, mask], 0.5).unwrap_err();
                assert_eq!(error.to_string(), "dropout: x: not a finite number");
            }
        }
        let error = dropout(&array![1e308], &array![true], 0.99).unwrap_err();
        assert_eq!(error.to_string(), "dropout: y: not a finite number");
        assert_eq!(dropout(&array![1e308], &array![false], 0.99).unwrap(), array![0.0]);
    }

    #[test]
    fn without_dropping_every_bit_stays() {
        let x = array![0.1f32, -0.0, 1e-42, 3e38];
        let mask = sample_dropout(x.raw_dim(), 0.0, &mut Random::seed(3)).unwrap();
        let y = dropout(&x, &mask, 0.0).unwrap();
        assert!(x.iter().zip(&y).all(|(x, y)| x.to_bits() == y.to_bits()), "{y}");
        assert_eq!(dropout_backward(&mask, 0.0, &x), x);
    }
}
