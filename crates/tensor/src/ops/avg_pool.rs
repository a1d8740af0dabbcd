//! The mean of every window, and of everything.

use ndarray::{Array, Array2, ArrayRef, ArrayRef2, Dimension};

use crate::ops::max_pool::{Pool, pooled};
use crate::ops::sum::sum;
use crate::ops::window::Windows;
use crate::parallel::{all_finite, contiguous, elements, for_each, new_rows, slice_of};
use crate::{Error, Real, Result, check_finite, check_not_empty, check_setting};

/// What a mean over a window divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divisor {
    /// The entries of the window that lie inside the input: padding does not count. The definition of the
    /// specification.
    Inside,
    /// The size of the window: padding counts as zeros. The default of PyTorch (`count_include_pad`).
    Window,
}

/// The mean of every window of every channel.
///
/// **eq-0.10-avg-pool**
/// ```math
/// y_{c,i,j} = \frac1{n_{ij}} \sum_{a,b} \tilde x_{c,\; i s + a,\; j s + b}
/// ```
///
/// `x: [batch, c, size..]` → `y: [batch, c, ⌊(size + 2 padding - kernel) / stride⌋ + 1..]`
///
/// `x̃` is the input with zeros around it; `n_{ij}` is the [`Divisor`]. The terms are added in row-major order of the
/// window. One, two or three axes.
///
/// Source: LeCun, Bottou, Bengio & Haffner 1998, *Gradient-based learning applied to document recognition*, section
/// II (subsampling); strides and padding as in PyTorch's `avg_pool2d`.
///
/// # Errors
/// [`Error::ShapeMismatch`] and [`Error::EmptyInput`] for `x`; [`Error::InvalidHyperparameter`] for a stride or a
/// kernel of zero, a kernel larger than the padded input, and padding that is not smaller than the kernel;
/// [`Error::NonFinite`] for NaN, infinities and sums that overflow.
pub fn avg_pool<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    pool: &Pool<N>,
    divisor: Divisor,
) -> Result<Array<R, D>> {
    let windows = pool.windows("avg_pool", x)?;
    check_finite("avg_pool: x", x)?;
    let x = contiguous(x);
    let (mut y, scale) = (pooled(&x, &windows), scales(&windows, divisor));
    let x = elements(&x);
    let channels: Vec<_> = slice_of(&mut y).chunks_exact_mut(windows.positions()).enumerate().collect();
    for_each(channels, windows.positions() * windows.entries(), |(c, y)| {
        let x = &x[c * windows.pixels()..][..windows.pixels()];
        for entry in 0..windows.entries() {
            windows.runs(entry, 0..y.len(), |run, inside, from| {
                let terms = x[from..].iter().step_by(windows.step());
                y[run][inside].iter_mut().zip(terms).for_each(|(y, &x)| *y += x);
            });
        }
        y.iter_mut().zip(&scale).for_each(|(y, &scale): (_, &R)| *y *= scale);
    });
    if all_finite(&y) { Ok(y) } else { Err(Error::NonFinite { at: "avg_pool: y" }) }
}

/// `1 / n` of every window of a channel.
fn scales<R: Real>(windows: &Windows, divisor: Divisor) -> Vec<R> {
    let mut count = vec![0; windows.positions()];
    for entry in 0..windows.entries() {
        windows.runs(entry, 0..windows.positions(), |run, inside, _| {
            let counted = if divisor == Divisor::Inside { &mut count[run][inside] } else { &mut count[run] };
            counted.iter_mut().for_each(|n| *n += 1);
        });
    }
    count.into_iter().map(|n| R::of(1.0) / R::of(f64::from(n))).collect()
}

/// Gradient of [`avg_pool`]; `dx` has the shape of `x`, which is all that is needed of it.
///
/// **eq-0.10-avg-pool, backward**
/// ```math
/// \bar x_{c,u,v} = \sum_{i,j} \frac{\bar y_{c,i,j}}{n_{ij}} \sum_{a,b} [is + a = u]\,[js + b = v]
/// ```
///
/// Derivation: `y` is linear in `x`, and `∂y_{cij} / ∂x_{cuv}` is `1/n_{ij}` for each entry `(a, b)` of the window
/// that reads `(u, v)`, and zero for all others.
pub fn avg_pool_backward<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    dy: &ArrayRef<R, D>,
    pool: &Pool<N>,
    divisor: Divisor,
) -> Array<R, D> {
    let windows = pool.windows("avg_pool", x).expect("the forward pass accepted these arguments");
    let dy = contiguous(dy);
    let (mut dx, scale) = (Array::zeros(x.raw_dim()), scales::<R>(&windows, divisor));
    let dy = elements(&dy);
    let channels: Vec<_> = slice_of(&mut dx).chunks_exact_mut(windows.pixels()).enumerate().collect();
    for_each(channels, windows.positions() * windows.entries(), |(c, dx)| {
        let n = windows.positions();
        let terms: Vec<R> = dy[c * n..][..n].iter().zip(&scale).map(|(&dy, &scale)| dy * scale).collect();
        for entry in 0..windows.entries() {
            windows.runs(entry, 0..n, |run, inside, from| {
                let dx = dx[from..].iter_mut().step_by(windows.step());
                dx.zip(&terms[run][inside]).for_each(|(dx, &term)| *dx += term);
            });
        }
    });
    dx
}

/// The mean of every channel.
///
/// **eq-0.10-global-avg-pool**
/// ```math
/// y_c = \frac1n \sum_{u,v} x_{c,u,v}
/// ```
///
/// `x: [batch, c, size..]` → `y: [batch, c]`
///
/// `n` is the number of pixels of a channel.
///
/// Source: Lin, Chen & Yan 2014, *Network in network*, section 3.2.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `x` has no axis after the channels; [`Error::EmptyInput`] for an empty axis;
/// [`Error::NonFinite`] for NaN, infinities and sums that overflow.
pub fn global_avg_pool<R: Real, D: Dimension>(x: &ArrayRef<R, D>) -> Result<Array2<R>> {
    let at = "global_avg_pool: x";
    check_setting(at, x.ndim() > 2, || format!("expected [batch, c, size..], got {:?}", x.shape()))?;
    check_not_empty(at, x)?;
    let (shape, x) = ((x.shape()[0], x.shape()[1]), contiguous(x));
    let pixels = x.len() / (shape.0 * shape.1);
    let numbers = elements(&x);
    let y = new_rows(
        shape,
        1,
        pixels,
        #[inline(always)]
        |i, y| {
            let mean = sum(&numbers[i * pixels..][..pixels]) / R::of(pixels as f64);
            y.fill(mean);
        },
    );
    if all_finite(&y) {
        return Ok(y);
    }
    check_finite(at, &x)?;
    Err(Error::NonFinite { at: "global_avg_pool: y" })
}

/// Gradient of [`global_avg_pool`]; `dx` has the shape of `x`, which is all that is needed of it.
///
/// **eq-0.10-global-avg-pool, backward**
/// ```math
/// \bar x_{c,u,v} = \frac{\bar y_c}{n}
/// ```
///
/// Derivation: `∂y_c / ∂x_{cuv} = 1/n`.
pub fn global_avg_pool_backward<R: Real, D: Dimension>(x: &ArrayRef<R, D>, dy: &ArrayRef2<R>) -> Array<R, D> {
    let pixels = x.len() / dy.len();
    let dy = contiguous(dy);
    let dy = elements(&dy);
    new_rows(
        x.raw_dim(),
        pixels,
        1,
        #[inline(always)]
        |i, dx| {
            let share = dy[i] / R::of(pixels as f64);
            dx.fill(share);
        },
    )
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4};

    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let text = |shape, pool: Pool<2>| {
            avg_pool(&Array4::<f64>::zeros(shape), &pool, Divisor::Inside).unwrap_err().to_string()
        };
        let pool = Pool::tiles([2, 2]);
        assert_eq!(text((0, 1, 4, 4), pool), "avg_pool: empty");
        assert_eq!(
            text((1, 1, 1, 4), pool),
            "avg_pool: a kernel that spans 2 is larger than the padded input of 1"
        );
        assert_eq!(
            text((1, 1, 4, 4), Pool { stride: [0, 0], ..pool }),
            "avg_pool: stride must be at least 1, got [0, 0]"
        );
        assert_eq!(
            text((1, 1, 4, 4), Pool { padding: [2, 0], ..pool }),
            "avg_pool: padding [2, 0] must be smaller than the kernel [2, 2]"
        );
    }

    #[test]
    fn the_mean_of_nothing_is_refused() {
        let text = |r: Result<Array2<f64>>| r.unwrap_err().to_string();
        assert_eq!(text(global_avg_pool(&Array4::zeros((2, 3, 0, 2)))), "global_avg_pool: x: empty");
        assert_eq!(
            text(global_avg_pool(&Array2::zeros((2, 3)))),
            "global_avg_pool: x: expected [batch, c, size..], got [2, 3]"
        );
    }

    #[test]
    fn nan_and_infinity_are_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let x = Array4::from_elem((1, 1, 2, 2), bad);
            let error = avg_pool(&x, &Pool::tiles([2, 2]), Divisor::Window).unwrap_err();
            assert_eq!(error.to_string(), "avg_pool: x: not a finite number");
            assert_eq!(
                global_avg_pool(&x).unwrap_err().to_string(),
                "global_avg_pool: x: not a finite number"
            );
        }
        let x = Array4::from_elem((1, 1, 2, 2), 1e308);
        let error = avg_pool(&x, &Pool::tiles([2, 2]), Divisor::Inside).unwrap_err();
        assert_eq!(error.to_string(), "avg_pool: y: not a finite number");
        assert_eq!(global_avg_pool(&x).unwrap_err().to_string(), "global_avg_pool: y: not a finite number");
    }
}
