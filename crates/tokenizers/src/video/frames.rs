//! A video as the patches of some of its frames.

use mmt_tensor::{Real, Result, check_not_empty, check_setting, tree};
use ndarray::{Array2, Array4, Array5, ArrayRef2, ArrayRef5, Axis, s};

use crate::image::{PatchEmbedding, PatchEmbeddingTape};

/// How many frames of a video are read, and how their patches become tokens.
#[derive(Clone, Debug)]
pub struct FramePatches<R> {
    /// The same for every frame.
    pub patch: PatchEmbedding<R>,
    /// `n`, frames that are read.
    pub frames: usize,
}

tree!(FramePatches { patch; frames });

/// What [`FramePatches::backward`] reads.
#[derive(Clone, Debug)]
pub struct FramePatchesTape<R> {
    /// Of the frames that are read.
    pub patch: PatchEmbeddingTape<R>,
    /// `[B, T, H, W, C]`
    pub shape: [usize; 5],
}

tree!(FramePatchesTape { patch; shape });

impl<R: Real> FramePatches<R> {
    /// The patches of frames at equal distances (uniform frame sampling).
    ///
    /// **eq-2.10-frame-patch**
    /// ```math
    /// Y = \begin{bmatrix} Y_0 \\ \vdots \\ Y_{n-1} \end{bmatrix}, \qquad
    /// Y_u = \operatorname{patchify}(V_{f(u)})\, E + \mathbf 1 b^\top, \qquad
    /// f(u) = \Bigl\lfloor \frac{uT}{n} \Bigr\rfloor
    /// ```
    ///
    /// `videos: [B, T, H, W, C]` → `y: [B · n (H/P)(W/P), d]`
    ///
    /// Frames that are not read do not reach any token. With `n = T` it is eq-2.1-patch of every frame.
    ///
    /// Source: Arnab et al. 2021, *ViViT: A Video Vision Transformer*, section 3.2, uniform frame sampling.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no frame or more frames than a
    /// video has; `EmptyInput` for no pixel; otherwise as [`PatchEmbedding::forward`].
    pub fn forward(&self, videos: &ArrayRef5<R>) -> Result<(Array2<R>, FramePatchesTape<R>)> {
        let (n, t, h, w, c) = videos.dim();
        check_not_empty("frame patches: videos", videos)?;
        check_setting("frame patches: frames", (1..=t).contains(&self.frames), || {
            format!("must be from 1 to the {t} frames of a video, got {}", self.frames)
        })?;
        let mut images = Array4::zeros((n * self.frames, h, w, c));
        for (image, (video, frame)) in self.read(n, t).enumerate() {
            images.index_axis_mut(Axis(0), image).assign(&videos.slice(s![video, frame, .., .., ..]));
        }
        let (y, patch) = self.patch.forward(&images)?;
        Ok((y, FramePatchesTape { patch, shape: [n, t, h, w, c] }))
    }

    /// Gradient of [`forward`](Self::forward): returns `V̄`, adds to `Ē` and `b̄`.
    ///
    /// **eq-2.10-frame-patch, backward**
    /// ```math
    /// \bar V_\tau = \sum_{u \,:\, f(u) = \tau} \operatorname{unpatchify}(\bar Y_u E^\top), \qquad
    /// \bar E = \sum_u \operatorname{patchify}(V_{f(u)})^\top \bar Y_u, \qquad
    /// \bar b = \sum_u \bar Y_u^\top \mathbf 1
    /// ```
    ///
    /// Derivation: reading frames is `S V` with one 1 in every row of `S`, so that the gradient is
    /// ```math
    /// \langle \bar I,\, S \dot V \rangle = \langle S^\top \bar I,\, \dot V \rangle, \qquad
    /// (S^\top \bar I)_\tau = \sum_{u \,:\, f(u) = \tau} \bar I_u :
    /// ```
    /// `f` grows by at least one from frame to frame because `T ≥ n`, so each sum has at most one term, and frames that
    /// were not read get zero. `Ē` and `b̄` are those of eq-2.1-patch.
    pub fn backward(&self, tape: &FramePatchesTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array5<R> {
        let dimages = self.patch.backward(&tape.patch, dy, &mut grad.patch);
        let mut dvideos = Array5::zeros(tape.shape);
        for (image, (video, frame)) in self.read(tape.shape[0], tape.shape[1]).enumerate() {
            dvideos.slice_mut(s![video, frame, .., .., ..]).assign(&dimages.index_axis(Axis(0), image));
        }
        dvideos
    }

    /// Video and frame of every image that is read, in the order of the tokens.
    fn read(&self, videos: usize, t: usize) -> impl Iterator<Item = (usize, usize)> {
        let n = self.frames;
        (0..videos).flat_map(move |video| (0..n).map(move |u| (video, u * t / n)))
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;
    use crate::image::Order;

    fn text(shape: [usize; 5], frames: usize) -> String {
        let patch = PatchEmbedding::<f64>::new(2, 1, 3, Order::Hwc, &mut Random::seed(0));
        FramePatches { patch, frames }.forward(&Array5::zeros(shape)).unwrap_err().to_string()
    }

    #[test]
    fn no_frame_and_too_many_are_refused() {
        let why = "frame patches: frames: must be from 1 to the 4 frames of a video, got ";
        assert_eq!(text([1, 4, 2, 2, 1], 0), format!("{why}0"));
        assert_eq!(text([1, 4, 2, 2, 1], 5), format!("{why}5"));
    }

    #[test]
    fn wrong_videos_are_refused() {
        assert_eq!(text([1, 0, 2, 2, 1], 1), "frame patches: videos: empty");
        assert_eq!(text([1, 2, 3, 2, 1], 1), "patch: size: patches of 2x2 do not tile an image of 3x2");
        assert_eq!(text([1, 2, 2, 2, 2], 1), "patch: images: expected shape [1, 2, 2, 1], got [1, 2, 2, 2]");
    }
}
