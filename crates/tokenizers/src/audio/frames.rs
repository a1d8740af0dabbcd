//! A sound cut into frames that overlap.

use mmt_tensor::ops::sum::sum;
use mmt_tensor::parallel::new_rows;
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2};

/// How a sound is cut, and what is done to every frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameConfig {
    /// Samples of a frame: 400, or 25 ms, in AST.
    pub frame: usize,
    /// Samples from the beginning of a frame to that of the next: 160, or 10 ms.
    pub hop: usize,
    /// Whether its mean is taken from every frame.
    pub remove_mean: bool,
    /// `α` of the pre-emphasis, 0 for none: 0.97 in Kaldi.
    pub emphasis: f64,
}

/// Frames with their mean removed, high frequencies raised and both ends faded.
///
/// ```math
/// s_{m,i} = w_i\, (u_{m,i} - \alpha\, u_{m,\max(i-1, 0)}), \qquad u_{m,i} = x_{mH+i} - \frac1n \sum_j x_{mH+j}
/// ```
///
/// `x: [samples]`, `w: [n]` → `s: [frames, n]` with `frames = ⌊(samples - n) / H⌋ + 1`
///
/// What does not fill a frame at the end is left out. Source: Povey et al. 2011, *The Kaldi Speech Recognition Toolkit*,
/// released code, `feat/feature-window.cc`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for a hop of zero, an emphasis outside `[0, 1]`, and a sound shorter than a frame;
/// [`Error::ShapeMismatch`] for another window; [`Error::EmptyInput`] for no sample; [`Error::NonFinite`] for NaN and
/// infinities.
pub fn cut_frames<R: Real>(x: &ArrayRef1<R>, w: &ArrayRef1<R>, config: &FrameConfig) -> Result<Array2<R>> {
    let FrameConfig { frame, hop, remove_mean, emphasis } = *config;
    check_not_empty("frames: samples", x)?;
    check_finite("frames: samples", x)?;
    check_setting("frames: frame", frame > 0, || "must be positive, got 0".to_string())?;
    check_setting("frames: hop", hop > 0, || "must be positive, got 0".to_string())?;
    check_setting("frames: emphasis", (0.0..=1.0).contains(&emphasis), || {
        format!("must be from 0 to 1, got {emphasis}")
    })?;
    check_shape("frames: window", w.shape(), &[frame])?;
    let rest = x.len().checked_sub(frame).ok_or_else(|| Error::InvalidHyperparameter {
        at: "frames: samples",
        why: format!("{} samples do not fill a frame of {frame}", x.len()),
    })?;
    let alpha = R::of(emphasis);
    let (x, w) = (x.to_vec(), w.to_vec());
    let frames = new_rows(
        (rest / hop + 1, frame),
        frame,
        4,
        #[inline(always)]
        |m, s| {
            let u = &x[m * hop..m * hop + frame];
            let mean = if remove_mean { sum(u) / R::of(frame as f64) } else { R::of(0.0) };
            s.write(
                #[inline(always)]
                |n| w[n] * (u[n] - mean - alpha * (u[n.saturating_sub(1)] - mean)),
            );
        },
    );
    check_finite("frames: frames", &frames)?;
    Ok(frames)
}

/// Gradient of [`cut_frames`] with respect to `samples` samples.
///
/// ```math
/// \bar v_{m,i} = w_i\, \bar s_{m,i}, \qquad
/// \bar u_{m,i} = \bar v_{m,i} - \alpha\, \bar v_{m,i+1} - [i = 0]\, \alpha\, \bar v_{m,0}, \qquad
/// \bar x_j = \sum_{mH + i = j} \Bigl( \bar u_{m,i} - \frac1n \sum_k \bar u_{m,k} \Bigr)
/// ```
///
/// Derivation: every step is linear. Emphasis reads `u_i` in the places `i` and `i + 1`, and `u_0` twice in place 0; the
/// removal of a mean is the symmetric projection `I - 11'/n`; and a sample collects from all frames that it is in.
pub fn cut_frames_backward<R: Real>(
    samples: usize,
    w: &ArrayRef1<R>,
    ds: &ArrayRef2<R>,
    config: &FrameConfig,
) -> Array1<R> {
    let (alpha, n) = (R::of(config.emphasis), config.frame);
    let mut dx = Array1::zeros(samples);
    for (m, ds) in ds.rows().into_iter().enumerate() {
        let dv: Vec<R> = ds.iter().zip(w).map(|(&ds, &w)| w * ds).collect();
        let mut du = dv.clone();
        for i in 0..n {
            du[i.saturating_sub(1)] -= alpha * dv[i];
        }
        if config.remove_mean {
            let mean = sum(&du) / R::of(n as f64);
            du.iter_mut().for_each(|du| *du -= mean);
        }
        let start = m * config.hop;
        dx.iter_mut().skip(start).zip(du).for_each(|(dx, du)| *dx += du);
    }
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: FrameConfig = FrameConfig { frame: 4, hop: 2, remove_mean: true, emphasis: 0.5 };

    fn text(samples: &Array1<f64>, config: FrameConfig) -> String {
        cut_frames(samples, &Array1::ones(4), &config).unwrap_err().to_string()
    }

    #[test]
    fn wrong_settings_and_short_sounds_are_refused() {
        let x = Array1::zeros(8);
        assert_eq!(text(&x, FrameConfig { hop: 0, ..CONFIG }), "frames: hop: must be positive, got 0");
        assert_eq!(text(&x, FrameConfig { frame: 0, ..CONFIG }), "frames: frame: must be positive, got 0");
        let emphasis = FrameConfig { emphasis: 1.5, ..CONFIG };
        assert_eq!(text(&x, emphasis), "frames: emphasis: must be from 0 to 1, got 1.5");
        let window = FrameConfig { frame: 5, ..CONFIG };
        assert_eq!(text(&x, window), "frames: window: expected shape [5], got [4]");
        let short = "frames: samples: 3 samples do not fill a frame of 4";
        assert_eq!(text(&Array1::zeros(3), CONFIG), short);
        assert_eq!(text(&Array1::zeros(0), CONFIG), "frames: samples: empty");
        let nan = Array1::from_elem(8, f64::NAN);
        assert_eq!(text(&nan, CONFIG), "frames: samples: not a finite number");
    }
}
