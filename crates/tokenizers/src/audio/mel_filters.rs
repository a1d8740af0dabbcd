//! Filters as wide as the ear hears them.

use mmt_tensor::{Dd, Real, Result, check_setting};
use ndarray::Array2;

/// On which axis the sides of a triangle are straight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MelTriangles {
    /// On the mel scale: Kaldi and AST.
    Mel,
    /// In hertz: librosa and torchaudio with `htk`.
    Hertz,
}

/// How strongly every frequency of a spectrum counts in every band.
///
/// **eq-2.16-mel-filters**
/// ```math
/// \operatorname{mel}(f) = 1127 \ln \Bigl( 1 + \frac{f}{700} \Bigr), \qquad
/// M_{kj} = \max \Bigl( 0,\; \min \Bigl( \frac{z_k - e_j}{e_{j+1} - e_j},\; \frac{e_{j+2} - z_k}{e_{j+2} - e_{j+1}} \Bigr) \Bigr)
/// ```
///
/// `M: [⌊n/2⌋ + 1, mels]`; `z_k` is the frequency `k · rate / n` and `e_0, .., e_{mels+1}` the edges, equally far apart on
/// the mel scale from `low` to `high`, both measured in mel or both in hertz
///
/// The filters are constants. Where bands are narrower than the distance of frequencies, a filter may be zero.
///
/// Source: Stevens, Volkmann & Newman 1937 for the scale, in the form of O'Shaughnessy 1987, *Speech Communication*,
/// page 150; Kaldi, `feat/mel-computations.cc`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no band or more than 65536, a transform
/// of fewer than two or more than 65536 samples, a rate that is not positive, and unless
/// `0 ≤ low < high ≤ rate / 2`.
pub fn mel_filters<R: Real>(
    n: usize,
    rate: f64,
    mels: usize,
    [low, high]: [f64; 2],
    triangles: MelTriangles,
) -> Result<Array2<R>> {
    let most = 1 << 16;
    check_setting("mel filters: n", (2..=most).contains(&n), || {
        format!("must be from 2 to {most}, got {n}")
    })?;
    check_setting("mel filters: mels", (1..=most).contains(&mels), || {
        format!("must be from 1 to {most}, got {mels}")
    })?;
    check_setting("mel filters: rate", rate.is_finite() && rate > 0.0, || {
        format!("must be positive, got {rate}")
    })?;
    check_setting("mel filters: range", 0.0 <= low && low < high && high <= rate / 2.0, || {
        format!("must lie within 0 to {}, got {low} to {high}", rate / 2.0)
    })?;
    let axis = |mel: Dd| match triangles {
        MelTriangles::Mel => mel,
        MelTriangles::Hertz => hertz(mel),
    };
    let (first, last) = (mel(Dd::of(low)), mel(Dd::of(high)));
    let step = (last - first) / Dd::of((mels + 1) as f64);
    let edges: Vec<Dd> = (0..mels + 2).map(|j| axis(first + step * Dd::of(j as f64))).collect();
    let place = |k: usize| {
        let f = Dd::of(k as f64) * Dd::of(rate) / Dd::of(n as f64);
        if triangles == MelTriangles::Mel { mel(f) } else { f }
    };
    let places: Vec<Dd> = (0..n / 2 + 1).map(place).collect();
    Ok(Array2::from_shape_fn((places.len(), mels), |(k, j)| {
        let up = (places[k] - edges[j]) / (edges[j + 1] - edges[j]);
        let down = (edges[j + 2] - places[k]) / (edges[j + 2] - edges[j + 1]);
        up.min(down).max(Dd::of(0.0)).rounded()
    }))
}

fn mel(hertz: Dd) -> Dd {
    Dd::of(1127.0) * (hertz / Dd::of(700.0)).ln_1p()
}

fn hertz(mel: Dd) -> Dd {
    Dd::of(700.0) * (mel / Dd::of(1127.0)).expm1()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(n: usize, rate: f64, mels: usize, range: [f64; 2]) -> String {
        mel_filters::<f64>(n, rate, mels, range, MelTriangles::Mel).unwrap_err().to_string()
    }

    #[test]
    fn wrong_settings_are_refused() {
        let range = [20.0, 4000.0];
        assert_eq!(text(1, 8000.0, 4, range), "mel filters: n: must be from 2 to 65536, got 1");
        assert_eq!(text(64, 8000.0, 0, range), "mel filters: mels: must be from 1 to 65536, got 0");
        assert_eq!(text(64, 0.0, 4, range), "mel filters: rate: must be positive, got 0");
        assert_eq!(text(64, f64::NAN, 4, range), "mel filters: rate: must be positive, got NaN");
        let outside = |low: f64, high: f64| {
            let want = format!("mel filters: range: must lie within 0 to 4000, got {low} to {high}");
            assert_eq!(text(64, 8000.0, 4, [low, high]), want);
        };
        outside(-1.0, 4000.0);
        outside(300.0, 300.0);
        outside(20.0, 4001.0);
        outside(f64::NAN, 4000.0);
    }
}
