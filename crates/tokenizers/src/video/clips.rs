//! A video cut into clips, and a word for each.

use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting};
use ndarray::{Array5, ArrayRef4, Axis, s};

use super::clip_features::ClipFeatures;
use super::visual_words::VisualWords;

/// What becomes of frames at the end that do not fill a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastClip {
    /// They are left out.
    Drop,
    /// The last frame is repeated until the clip is full.
    Pad,
}

/// How a video is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipConfig {
    /// Frames of a clip: 30 in VideoBERT, at 20 per second.
    pub frames: usize,
    /// The end of the video.
    pub last: LastClip,
}

/// The visual word of every clip of a video.
///
/// **eq-2.8-clip-token**
/// ```math
/// \mathrm{id}_i = \operatorname{word}\bigl( f(V_{in}, \dots, V_{in + n - 1}) \bigr), \qquad
/// i < \Bigl\lfloor \frac Tn \Bigr\rfloor
/// ```
///
/// `video: [T, H, W, C]` → `[clips]`
///
/// `f` is eq-2.8-clip-features, `word` is eq-2.9-tree-search. The token is the id, and its embedding is learned like that
/// of a word; the feature itself goes nowhere. Ids are data, so nothing is differentiated.
///
/// Source: Sun et al. 2019, *VideoBERT*, section 4.2 and 4.3: clips of 30 frames at 20 frames per second, 12 clusters on
/// each of 4 levels.
///
/// # Errors
/// As [`cut_clips`], [`ClipFeatures::forward`] and [`VisualWords::tree_search`].
pub fn clip_tokens<R: Real>(
    video: &ArrayRef4<R>,
    config: ClipConfig,
    network: &ClipFeatures<R>,
    words: &VisualWords<R>,
) -> Result<Vec<usize>> {
    let (features, _) = network.forward(&cut_clips(video, config)?)?;
    words.tree_search(&features)
}

/// Clips of a video that follow each other without overlap, with channels in front of frames.
///
/// `video: [T, H, W, C]` → `[clips, C, frames, H, W]`
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for clips without frames, and for fewer frames than one clip if these are dropped;
/// [`Error::EmptyInput`] for no pixel; [`Error::NonFinite`] for NaN and infinities.
pub fn cut_clips<R: Real>(video: &ArrayRef4<R>, config: ClipConfig) -> Result<Array5<R>> {
    let (t, h, w, c) = video.dim();
    let n = config.frames;
    check_setting("clips: frames", n > 0, || "must be positive, got 0".to_string())?;
    check_not_empty("clips: video", video)?;
    check_finite("clips: video", video)?;
    let clips = match config.last {
        LastClip::Drop => t / n,
        LastClip::Pad => t.div_ceil(n),
    };
    check_setting("clips: video", clips > 0, || format!("{t} frames do not fill a clip of {n}"))?;
    let size = [clips, c, n, h, w].iter().try_fold(1_usize, |size, axis| size.checked_mul(*axis));
    // Padding may fill one clip, and no memory beyond that.
    let most = video.len().saturating_mul(2).max(MOST_PADDED);
    check_setting("clips: frames", size.is_some_and(|size| size <= most), || {
        format!("a clip of {n} frames is too long")
    })?;
    let mut cut = Array5::zeros((clips, c, n, h, w));
    for frame in 0..clips * n {
        let from = video.index_axis(Axis(0), frame.min(t - 1));
        let mut to = cut.slice_mut(s![frame / n, .., frame % n, .., ..]);
        to.assign(&from.permuted_axes([2, 0, 1]));
    }
    Ok(cut)
}

/// Most numbers of clips that are padded to more than twice their video.
const MOST_PADDED: usize = 1 << 28;

/// Most frames after a change of rate: six days at 30 a second.
const MOST_FRAMES: usize = 1 << 24;

/// Which frames of a video to show at another rate: for every new frame the one nearest in time.
///
/// A new frame stands at the times `0, 1/target, 2/target, ..` that lie within the video; between two frames at the same
/// distance the later one is taken.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for rates that are not positive, and for more than 2²⁴ new frames; [`Error::EmptyInput`] for
/// no frame.
pub fn resample_frames(frames: usize, rate: f64, target: f64) -> Result<Vec<usize>> {
    for (at, rate) in [("resample_frames: rate", rate), ("resample_frames: target", target)] {
        check_setting(at, rate > 0.0 && rate.is_finite(), || format!("must be positive, got {rate}"))?;
    }
    if frames == 0 {
        return Err(Error::EmptyInput { at: "resample_frames: frames" });
    }
    let step = rate / target;
    let count = (frames as f64 / step).ceil();
    check_setting("resample_frames: target", (1.0..=MOST_FRAMES as f64).contains(&count), || {
        format!("{target} frames per second of {frames} frames at {rate} are too many")
    })?;
    Ok((0..count as usize).map(|i| ((i as f64 * step + 0.5).floor() as usize).min(frames - 1)).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::Array4;

    use super::*;

    fn cut(shape: [usize; 4], frames: usize, last: LastClip) -> Result<Array5<f64>> {
        let video = Array4::from_shape_fn(shape, |(t, _, _, c)| (10 * t + c) as f64);
        cut_clips(&video, ClipConfig { frames, last })
    }

    #[test]
    fn too_few_frames_are_refused_or_padded() {
        let text = |shape, frames, last| cut(shape, frames, last).unwrap_err().to_string();
        let short = "clips: video: 4 frames do not fill a clip of 5";
        assert_eq!(text([4, 1, 1, 1], 5, LastClip::Drop), short);
        assert_eq!(text([4, 1, 1, 1], 0, LastClip::Drop), "clips: frames: must be positive, got 0");
        assert_eq!(text([0, 1, 1, 1], 5, LastClip::Pad), "clips: video: empty");
        let long = format!("clips: frames: a clip of {} frames is too long", usize::MAX);
        assert_eq!(text([4, 1, 1, 2], usize::MAX, LastClip::Pad), long);
        let padded = cut([4, 1, 1, 2], 3, LastClip::Pad).unwrap();
        assert_eq!(padded.dim(), (2, 2, 3, 1, 1));
        assert!(padded.slice(s![1, 1, .., 0, 0]).iter().all(|&x| x == 31.0));
        assert_eq!(cut([4, 1, 1, 2], 3, LastClip::Drop).unwrap().dim(), (1, 2, 3, 1, 1));
    }

    #[test]
    fn a_nan_is_refused() {
        let video = Array4::from_elem((2, 1, 1, 1), f64::NAN);
        let error = cut_clips(&video, ClipConfig { frames: 1, last: LastClip::Drop }).unwrap_err();
        assert_eq!(error.to_string(), "clips: video: not a finite number");
    }

    #[test]
    fn frames_are_resampled_by_the_nearest_time() {
        assert_eq!(resample_frames(4, 25.0, 25.0).unwrap(), [0, 1, 2, 3]);
        assert_eq!(resample_frames(6, 30.0, 20.0).unwrap(), [0, 2, 3, 5]);
        assert_eq!(resample_frames(2, 10.0, 20.0).unwrap(), [0, 1, 1, 1]);
        let text = |frames, rate, target| resample_frames(frames, rate, target).unwrap_err().to_string();
        let many = "resample_frames: target: 16777217 frames per second of 1 frames at 1 are too many";
        assert_eq!(text(1, 1.0, 16_777_217.0), many);
        assert_eq!(resample_frames(1, 1.0, 16_777_216.0).unwrap().len(), 1 << 24);
        assert!(text(usize::MAX, 1.0, 1.0).ends_with("are too many"));
        assert_eq!(text(4, 0.0, 20.0), "resample_frames: rate: must be positive, got 0");
        assert_eq!(text(4, 20.0, f64::NAN), "resample_frames: target: must be positive, got NaN");
        assert_eq!(text(0, 20.0, 20.0), "resample_frames: frames: empty");
        let many = "resample_frames: target: 1e20 frames per second of 4 frames at 20 are too many";
        assert_eq!(text(4, 20.0, 1e20).replace("100000000000000000000", "1e20"), many);
    }
}
