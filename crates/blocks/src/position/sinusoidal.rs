//! Positions as sines and cosines of many frequencies.

use mmt_tensor::{Dd, Error, Real, Result, check_setting};
use ndarray::Array2;

/// How many times longer the longest wave is than the shortest.
const LONGEST: f64 = 10_000.0;

/// In which order the sines and cosines of a position stand in its row, and which frequencies they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinusoidalKind {
    /// Sine and cosine of one frequency side by side: the paper.
    #[default]
    Interleaved,
    /// All sines, then all cosines, and slightly lower frequencies: the released code, tensor2tensor.
    T2tConcat,
}

/// A row for every position: sines and cosines whose wavelengths grow along the row.
///
/// **eq-1.21-sinusoidal**
/// ```math
/// PE_{p,2i} = \sin(p\,\omega_i), \qquad PE_{p,2i+1} = \cos(p\,\omega_i), \qquad
/// \omega_i = 10000^{-2i/d}, \qquad 0 \le i < \tfrac d2
/// ```
///
/// `n`, `d` → `PE: [n, d]`, for the positions `p = 0, .., n - 1`
///
/// That is [`SinusoidalKind::Interleaved`]. The released code makes another table, [`SinusoidalKind::T2tConcat`]:
/// ```math
/// PE_p = \bigl[ \sin(p\,\omega_0), .., \sin(p\,\omega_{d/2-1}) \,\|\, \cos(p\,\omega_0), .., \cos(p\,\omega_{d/2-1}) \bigr],
/// \qquad \omega_i = 10000^{-i / \max(d/2 - 1,\, 1)}
/// ```
///
/// The table is a constant and has no gradient; it is added to the scaled embedding, see
/// [`add_positions`](crate::add_positions). A shift by `k` positions turns the plane of frequency `ω_i` by the angle
/// `k ω_i`, whatever the position. Angles are computed in [`Dd`] and rounded at the end: in single precision the angle
/// of position 10,000 has lost its fractional digits.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.5; tensorflow/tensor2tensor,
/// `layers/common_attention.py`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `d` is odd or zero; [`Error::EmptyInput`] for no position.
pub fn sinusoidal<R: Real>(n: usize, d: usize, kind: SinusoidalKind) -> Result<Array2<R>> {
    check_setting("sinusoidal: d", d > 0 && d.is_multiple_of(2), || {
        format!("the width must be even and positive, got {d}")
    })?;
    if n == 0 {
        return Err(Error::EmptyInput { at: "sinusoidal: n" });
    }
    let pairs = d / 2;
    let mut table = Array2::zeros((n, d));
    for i in 0..pairs {
        let (frequency, sine, cosine) = match kind {
            SinusoidalKind::Interleaved => (frequency(LONGEST, 2 * i, d), 2 * i, 2 * i + 1),
            SinusoidalKind::T2tConcat => (frequency(LONGEST, i, (pairs - 1).max(1)), i, pairs + i),
        };
        for p in 0..n {
            let angle = Dd::of(p as f64) * frequency;
            table[(p, sine)] = angle.sin().rounded();
            table[(p, cosine)] = angle.cos().rounded();
        }
    }
    Ok(table)
}

/// `longest^{-a/b}`, the frequency of wave `a` where wave `b` would be `longest` times as long as the first one.
pub fn frequency(longest: f64, a: usize, b: usize) -> Dd {
    (-(Dd::of(a as f64) / Dd::of(b as f64)) * Dd::of(longest).ln()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(n: usize, d: usize) -> String {
        let [a, b] = [SinusoidalKind::Interleaved, SinusoidalKind::T2tConcat]
            .map(|kind| sinusoidal::<f64>(n, d, kind).unwrap_err().to_string());
        assert_eq!(a, b);
        a
    }

    #[test]
    fn an_odd_width_is_refused() {
        assert_eq!(refused(3, 5), "sinusoidal: d: the width must be even and positive, got 5");
        assert_eq!(refused(3, 0), "sinusoidal: d: the width must be even and positive, got 0");
    }

    #[test]
    fn no_position_is_refused() {
        assert_eq!(refused(0, 4), "sinusoidal: n: empty");
    }

    #[test]
    fn a_width_of_two_has_one_frequency_in_both_forms() {
        let [a, b] = [SinusoidalKind::Interleaved, SinusoidalKind::T2tConcat]
            .map(|kind| sinusoidal::<f64>(3, 2, kind).unwrap());
        assert_eq!(a, b);
    }
}
