//! Images of another size: every rule that is a fixed matrix along each axis.

use ndarray::{Array2, Array4, ArrayRef4, ArrayView2, Axis};

use crate::ops::matmul;
use crate::parallel::{all_finite, map};
use crate::{Error, Real, Result, check_not_empty, check_setting};

/// How a pixel of the result is made of pixels of the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resampling {
    /// The mean of the pixels from `⌊i g / h⌋` up to `⌈(i + 1) g / h⌉`, without the last: windows of nearly equal size that
    /// overlap where `h` does not divide `g`. PyTorch's `adaptive_avg_pool2d`.
    Mean,
    /// The pixel `⌊i g / h⌋`.
    Nearest,
    /// Between the two pixels whose centers are next to the center of the result: `Λ(t) = max(0, 1 - |t|)`.
    Linear,
    /// Between four pixels, by the cubic convolution of Keys 1981 with this slope `a`: -0.75 in PyTorch, -0.5 in Pillow.
    Cubic(f64),
}

impl Resampling {
    /// The matrix along an axis of `from` pixels, for `to` pixels: `[to, from]`. Every row sums to one.
    fn matrix<R: Real>(self, from: usize, to: usize) -> Array2<R> {
        let mut matrix = Array2::zeros((to, from));
        for i in 0..to {
            for (j, weight) in self.row(i, from, to) {
                matrix[(i, j)] += R::of(weight);
            }
        }
        matrix
    }

    /// The pixels and weights that make pixel `i`. What lies outside the image is its border.
    fn row(self, i: usize, from: usize, to: usize) -> Vec<(usize, f64)> {
        match self {
            Resampling::Mean => {
                let window = i * from / to..((i + 1) * from).div_ceil(to);
                let weight = 1.0 / window.len() as f64;
                window.map(|j| (j, weight)).collect()
            }
            Resampling::Nearest => vec![(i * from / to, 1.0)],
            Resampling::Linear => taps(center(i, from, to), from, 0..2, |t| 1.0 - t.abs()),
            Resampling::Cubic(a) => taps(center(i, from, to), from, -1..3, |t| cubic(t.abs(), a)),
        }
    }
}

/// `u_i = (i + ½) g / h - ½`: where the center of pixel `i` of `to` lies between the centers of `from`.
fn center(i: usize, from: usize, to: usize) -> f64 {
    (i as f64 + 0.5) * from as f64 / to as f64 - 0.5
}

/// The pixels `⌊u⌋ + k` for every `k`, with weights by their distance from `u`.
fn taps(u: f64, size: usize, k: std::ops::Range<i64>, weight: impl Fn(f64) -> f64) -> Vec<(usize, f64)> {
    let inside = |j: i64| j.clamp(0, size as i64 - 1) as usize;
    let first = u.floor();
    k.map(|k| (inside(first as i64 + k), weight(u - first - k as f64))).collect()
}

/// The kernel of cubic convolution: two cubics that meet with equal slopes, 1 at zero and 0 at other whole numbers.
fn cubic(t: f64, a: f64) -> f64 {
    if t <= 1.0 {
        ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
    } else {
        ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a
    }
}

/// Resamples every channel of every image.
///
/// **eq-0.10-resample**
/// ```math
/// Y_c = A\, X_c\, B^\top, \qquad
/// A_{ij} = \Lambda(u_i - j), \qquad
/// u_i = \bigl(i + \tfrac12\bigr) \frac{g}{h} - \tfrac12
/// ```
///
/// `x: [batch, c, g, g']`, size `(h, w)` → `y: [batch, c, h, w]`
///
/// `A: [h, g]` and `B: [w, g']` are the matrices of a [`Resampling`], here of one with a kernel `Λ`; two matrix products a channel.
/// The border is repeated outside of the image. Pixels are squares whose centers are aligned, not their corners:
/// for corners see eq-1.27-position-interpolation.
///
/// Source: Keys 1981, *Cubic convolution interpolation for digital image processing*, eq. 15; which pixels are meant is that
/// of PyTorch's `interpolate` with `align_corners = False`.
///
/// # Errors
/// [`Error::EmptyInput`] for no pixel; [`Error::InvalidHyperparameter`] for a size of zero or a slope that is no number;
/// [`Error::NonFinite`] for NaN, infinities and results that overflow.
pub fn resample<R: Real>(x: &ArrayRef4<R>, size: (usize, usize), rule: Resampling) -> Result<Array4<R>> {
    check_not_empty("resample: x", x)?;
    check_setting("resample: size", size.0 > 0 && size.1 > 0, || format!("must be positive, got {size:?}"))?;
    if let Resampling::Cubic(a) = rule {
        check_setting("resample: slope", a.is_finite(), || format!("must be a number, got {a}"))?;
    }
    if !all_finite(x) {
        return Err(Error::NonFinite { at: "resample: x" });
    }
    let (_, _, g, g_w) = x.dim();
    let (a, b) = (rule.matrix(g, size.0), rule.matrix(g_w, size.1));
    let y = every_channel(x, |x| matmul(&matmul(&a, x), &b.t()));
    if all_finite(&y) { Ok(y) } else { Err(Error::NonFinite { at: "resample: y" }) }
}

/// Gradient of [`resample`] for images of `(g, g')` pixels.
///
/// **eq-0.10-resample, backward**
/// ```math
/// \bar X_c = A^\top\, \bar Y_c\, B
/// ```
///
/// Derivation: `Y` is linear in `X` with constant matrices on both sides, so
/// ```math
/// \langle \bar Y, A\, dX\, B^\top \rangle = \langle A^\top \bar Y B, dX \rangle
/// ```
/// every pixel of the result hands its gradient back to the pixels it was made of, with the same weights.
pub fn resample_backward<R: Real>(
    (g, g_w): (usize, usize),
    rule: Resampling,
    dy: &ArrayRef4<R>,
) -> Array4<R> {
    let (_, _, h, w) = dy.dim();
    let (a, b) = (rule.matrix(g, h), rule.matrix(g_w, w));
    every_channel(dy, |dy| matmul(&matmul(&a.t(), dy), &b))
}

/// `f` of every channel of every image, as new images.
fn every_channel<R: Real>(
    x: &ArrayRef4<R>,
    f: impl Fn(&ArrayView2<R>) -> Array2<R> + Send + Sync,
) -> Array4<R> {
    let (batch, c, h, w) = x.dim();
    let channels = map(batch * c, 8 * h * w, |i| {
        let image = x.index_axis(Axis(0), i / c);
        f(&image.index_axis(Axis(0), i % c))
    });
    let (h, w) = channels.first().map_or((0, 0), Array2::dim);
    let pixels = channels.into_iter().flatten().collect();
    Array4::from_shape_vec((batch, c, h, w), pixels).expect("channels of one size")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(x: &Array4<f64>, size: (usize, usize), rule: Resampling) -> String {
        resample(x, size, rule).unwrap_err().to_string()
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let x = Array4::ones((1, 1, 2, 3));
        assert_eq!(text(&x, (0, 3), Resampling::Linear), "resample: size: must be positive, got (0, 3)");
        assert_eq!(
            text(&x, (1, 1), Resampling::Cubic(f64::NAN)),
            "resample: slope: must be a number, got NaN"
        );
        let empty = Array4::zeros((1, 1, 0, 3));
        assert_eq!(text(&empty, (1, 1), Resampling::Mean), "resample: x: empty");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut x = Array4::ones((1, 1, 2, 3));
            x[(0, 0, 1, 1)] = bad;
            assert_eq!(text(&x, (1, 1), Resampling::Nearest), "resample: x: not a finite number");
        }
        let x = Array4::from_shape_fn((1, 1, 1, 4), |(_, _, _, j)| [1.7e308, -1.7e308][j % 2]);
        assert_eq!(text(&x, (1, 8), Resampling::Cubic(-50.0)), "resample: y: not a finite number");
    }
}
