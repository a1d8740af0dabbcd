//! Tables of the discrete Fourier transform.

use mmt_tensor::{Dd, Real, Result, check_setting};
use ndarray::{Array1, Array2};

/// Rows of a table at most.
const LONGEST: usize = 1 << 16;

/// How a frame fades in and out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Hann, zero at both ends: that of Kaldi and AST.
    Hann,
    /// Hann, zero at the first sample and where the next frame would begin: that of PyTorch and librosa.
    PeriodicHann,
    /// All ones.
    Rectangle,
}

/// The weights of a window.
///
/// ```math
/// w_i = \frac12 - \frac12 \cos \frac{2 \pi i}{n - 1} \quad \text{(Hann)}, \qquad
/// w_i = \frac12 - \frac12 \cos \frac{2 \pi i}{n} \quad \text{(periodic)}
/// ```
///
/// `n` → `w: [n]`
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for fewer than two samples and more than
/// 65536.
pub fn window<R: Real>(n: usize, kind: Window) -> Result<Array1<R>> {
    check_length("window: n", n)?;
    let period = match kind {
        Window::Hann => n - 1,
        Window::PeriodicHann => n,
        Window::Rectangle => return Ok(Array1::ones(n)),
    };
    let half = Dd::of(0.5);
    Ok((0..n).map(|i| (half - half * angle(i, period).cos()).rounded()).collect())
}

/// Real and imaginary part of the transform of `frame` samples among `n`, as matrices.
///
/// ```math
/// C_{ik} = \cos \frac{2 \pi i k}{n}, \qquad S_{ik} = -\sin \frac{2 \pi i k}{n}, \qquad 0 \le k \le \frac n2
/// ```
///
/// `frame`, `n` → `C, S: [frame, ⌊n/2⌋ + 1]`
///
/// Frames shorter than `n` are filled up with zeros behind, which need no rows. The transform of a real frame is
/// symmetric, so that half of its columns say everything. Tables are computed in [`Dd`] and rounded.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for fewer than two or more than 65536
/// samples, and if `n` is shorter than a frame.
pub fn fourier_tables<R: Real>(frame: usize, n: usize) -> Result<[Array2<R>; 2]> {
    check_length("fourier: frame", frame)?;
    check_length("fourier: n", n)?;
    check_setting("fourier: n", frame <= n, || format!("{n} samples are fewer than a frame of {frame}"))?;
    let turn: Vec<[R; 2]> = (0..n)
        .map(|i| {
            let angle = angle(i, n);
            [angle.cos().rounded(), (-angle.sin()).rounded()]
        })
        .collect();
    let table = |part: usize| Array2::from_shape_fn((frame, n / 2 + 1), |(i, k)| turn[i * k % n][part]);
    Ok([table(0), table(1)])
}

/// `2 π i / n`
fn angle(i: usize, n: usize) -> Dd {
    Dd::of(2.0) * Dd::pi() * Dd::of(i as f64) / Dd::of(n as f64)
}

fn check_length(at: &'static str, n: usize) -> Result<()> {
    check_setting(at, (2..=LONGEST).contains(&n), || format!("must be from 2 to {LONGEST}, got {n}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_lengths_are_refused() {
        let text = |frame, n| fourier_tables::<f64>(frame, n).unwrap_err().to_string();
        assert_eq!(text(1, 8), "fourier: frame: must be from 2 to 65536, got 1");
        assert_eq!(text(8, 70000), "fourier: n: must be from 2 to 65536, got 70000");
        assert_eq!(text(9, 8), "fourier: n: 8 samples are fewer than a frame of 9");
        let error = window::<f64>(0, Window::Rectangle).unwrap_err();
        assert_eq!(error.to_string(), "window: n: must be from 2 to 65536, got 0");
    }

    #[test]
    fn windows_are_those_of_the_documentation() {
        let close = |kind, want: [f64; 4]| {
            let got = window::<f64>(4, kind).unwrap();
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-15), "{got}");
        };
        close(Window::Hann, [0.0, 0.75, 0.75, 0.0]);
        close(Window::PeriodicHann, [0.0, 0.5, 1.0, 0.5]);
        close(Window::Rectangle, [1.0; 4]);
    }
}
