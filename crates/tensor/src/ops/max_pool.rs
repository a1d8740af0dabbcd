//! The maximum of every window.

use ndarray::{Array, ArrayRef, Dimension};

use crate::ops::window::{Windows, check_image};
use crate::parallel::{all_finite, contiguous, elements, for_each, slice_of};
use crate::{Error, Real, Result, check_setting};

/// How the window of a pooling operation moves along its `N` axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<const N: usize> {
    /// Size of the window.
    pub kernel: [usize; N],
    /// Steps of the window.
    pub stride: [usize; N],
    /// Padding in front of and behind the input; smaller than the window, so that every window holds a number.
    pub padding: [usize; N],
}

impl<const N: usize> Pool<N> {
    /// Windows side by side.
    pub fn tiles(kernel: [usize; N]) -> Self {
        Pool { kernel, stride: kernel, padding: [0; N] }
    }

    /// The windows over `x: [batch, c, size..]`.
    pub(crate) fn windows<R: Real, D: Dimension>(
        &self,
        at: &'static str,
        x: &ArrayRef<R, D>,
    ) -> Result<Windows> {
        const { assert!(N > 0 && N < 4, "one, two or three axes") };
        check_image(at, x.shape(), N)?;
        let windows =
            Windows::new(at, &x.shape()[2..], &self.kernel, [&self.stride, &self.padding, &[1; N]])?;
        let fits = self.padding.iter().zip(&self.kernel).all(|(p, k)| p < k);
        check_setting(at, fits, || {
            format!("padding {:?} must be smaller than the kernel {:?}", self.padding, self.kernel)
        })?;
        Ok(windows)
    }
}

/// Zeros in the shape of a pooled `x`.
pub(crate) fn pooled<R: Real, D: Dimension>(x: &ArrayRef<R, D>, windows: &Windows) -> Array<R, D> {
    let mut shape = x.raw_dim();
    let axes = shape.ndim() - 2;
    shape.slice_mut()[2..].copy_from_slice(&windows.out[3 - axes..]);
    Array::zeros(shape)
}

/// The maximum of every window of every channel.
///
/// **eq-0.10-max-pool**
/// ```math
/// y_{c,i,j} = \max_{a,b}\; \tilde x_{c,\; i s + a,\; j s + b}
/// ```
///
/// `x: [batch, c, size..]` → `y: [batch, c, ⌊(size + 2 padding - kernel) / stride⌋ + 1..]`
///
/// `x̃` is the input with `-∞` around it, so padding never wins. One, two or three axes.
///
/// Source: Ranzato, Boureau & LeCun 2007, *Sparse feature learning for deep belief networks*; the form with strides
/// and padding is that of PyTorch's `max_pool2d`.
///
/// # Errors
/// [`Error::ShapeMismatch`] and [`Error::EmptyInput`] for `x`; [`Error::InvalidHyperparameter`] for a stride or a
/// kernel of zero, a kernel larger than the padded input, and padding that is not smaller than the kernel;
/// [`Error::NonFinite`] for NaN and infinities.
pub fn max_pool<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    pool: &Pool<N>,
) -> Result<Array<R, D>> {
    let windows = pool.windows("max_pool", x)?;
    if !all_finite(x) {
        return Err(Error::NonFinite { at: "max_pool: x" });
    }
    let x = contiguous(x);
    let mut y = pooled(&x, &windows);
    let x = elements(&x);
    let channels: Vec<_> = slice_of(&mut y).chunks_exact_mut(windows.positions()).enumerate().collect();
    for_each(channels, windows.positions() * windows.entries(), |(c, y)| {
        let x = &x[c * windows.pixels()..][..windows.pixels()];
        y.iter_mut().zip(first_maxima(&windows, x)).for_each(|(y, i)| *y = x[i]);
    });
    Ok(y)
}

/// Where the first maximum of every window of a channel is, in row-major order.
fn first_maxima<R: Real>(windows: &Windows, x: &[R]) -> Vec<usize> {
    let n = windows.positions();
    let mut best = vec![(R::of(f64::NEG_INFINITY), 0); n];
    for entry in 0..windows.entries() {
        windows.runs(entry, 0..n, |run, inside, from| {
            for (i, best) in best[run][inside].iter_mut().enumerate() {
                let at = from + i * windows.step();
                if x[at] > best.0 {
                    *best = (x[at], at);
                }
            }
        });
    }
    best.into_iter().map(|(_, at)| at).collect()
}

/// Gradient of [`max_pool`], given its input.
///
/// **eq-0.10-max-pool, backward**
/// ```math
/// \bar x_{c,u,v} = \sum_{i,j} \bar y_{c,i,j}\, [(u, v) = m_{c,i,j}], \qquad
/// m_{c,i,j} = \text{the first maximum of the window } (i, j)
/// ```
///
/// Derivation: near a point where the maximum is unique, `y = x_m` with a constant `m`. Where several entries are
/// equal, the first in row-major order takes the gradient: one of the subgradients, and the same one everywhere.
pub fn max_pool_backward<R: Real, D: Dimension, const N: usize>(
    x: &ArrayRef<R, D>,
    dy: &ArrayRef<R, D>,
    pool: &Pool<N>,
) -> Array<R, D> {
    let windows = pool.windows("max_pool", x).expect("the forward pass accepted these arguments");
    let (x, dy) = (contiguous(x), contiguous(dy));
    let mut dx = Array::zeros(x.raw_dim());
    let (x, dy) = (elements(&x), elements(&dy));
    let channels: Vec<_> = slice_of(&mut dx).chunks_exact_mut(windows.pixels()).enumerate().collect();
    for_each(channels, windows.positions() * windows.entries(), |(c, dx)| {
        let (x, dy) = (&x[c * windows.pixels()..][..windows.pixels()], &dy[c * windows.positions()..]);
        first_maxima(&windows, x).into_iter().zip(dy).for_each(|(i, &dy)| dx[i] += dy);
    });
    dx
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let text =
            |shape, pool: Pool<2>| max_pool(&Array4::<f64>::zeros(shape), &pool).unwrap_err().to_string();
        let pool = Pool::tiles([2, 2]);
        assert_eq!(text((1, 0, 4, 4), pool), "max_pool: empty");
        assert_eq!(
            text((1, 1, 4, 1), pool),
            "max_pool: a kernel that spans 2 is larger than the padded input of 1"
        );
        assert_eq!(
            text((1, 1, 4, 4), Pool { stride: [0, 1], ..pool }),
            "max_pool: stride must be at least 1, got [0, 1]"
        );
        assert_eq!(
            text((1, 1, 4, 4), Pool { kernel: [0, 1], ..pool }),
            "max_pool: kernel must be at least 1, got [0, 1]"
        );
        assert_eq!(
            text((1, 1, 4, 4), Pool { padding: [0, 2], ..pool }),
            "max_pool: padding [0, 2] must be smaller than the kernel [2, 2]"
        );
    }

    #[test]
    fn nan_and_infinity_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = Array4::zeros((1, 1, 3, 3));
            x[(0, 0, 2, 2)] = bad; // not even a window reads it
            let error = max_pool(&x, &Pool::tiles([2, 2])).unwrap_err();
            assert_eq!(error.to_string(), "max_pool: x: not a finite number");
        }
    }
}
