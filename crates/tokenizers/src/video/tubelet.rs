//! A video as a sequence of boxes in space and time.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::{Random, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree};
use ndarray::{Array2, Array5, ArrayRef2, ArrayRef5, ArrayViewD, IxDyn};

use crate::image::Order;

/// A box of a video: `t` frames of `p x p` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tubelet {
    /// `t`, frames.
    pub frames: usize,
    /// `p`, rows and columns.
    pub patch: usize,
}

/// The matrix and the bias that map a tubelet to a token.
#[derive(Clone, Debug)]
pub struct TubeletEmbedding<R> {
    /// `E` and `b`: `[t p² C, d]`, `[d]`
    pub project: Linear<R>,
    /// `t` and `p`.
    pub tubelet: Tubelet,
    /// The order of the numbers of a tubelet: time, row, column, channel, or channel, time, row, column.
    pub order: Order,
}

tree!(TubeletEmbedding { project; tubelet, order });

/// What [`TubeletEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct TubeletEmbeddingTape<R> {
    /// The tubelets as rows.
    pub project: LinearTape<R>,
    /// `[B, T, H, W, C]`
    pub shape: [usize; 5],
}

tree!(TubeletEmbeddingTape { project; shape });

impl<R: Real> TubeletEmbedding<R> {
    /// For videos with `channels` channels and tokens of width `d`.
    pub fn new(tubelet: Tubelet, channels: usize, d: usize, order: Order, random: &mut Random) -> Self {
        TubeletEmbedding { project: Linear::new(tubelet.pixels() * channels, d, random), tubelet, order }
    }

    /// A token for every tubelet of every video.
    ///
    /// **eq-2.10-tubelet**
    /// ```math
    /// Y = \operatorname{tubelets}(V)\, E + \mathbf 1 b^\top, \qquad
    /// \operatorname{tubelets}(V)_{i,\,((\tau p+a)p+b)C+k} = V_{ut+\tau,\; rp+a,\; sp+b,\; k}, \qquad
    /// i = \Bigl( u \frac Hp + r \Bigr) \frac Wp + s
    /// ```
    ///
    /// `videos: [B, T, H, W, C]` → `y: [B · (T/t)(H/p)(W/p), d]`
    ///
    /// Tokens run through time first, then from top to bottom and from left to right; the videos follow each other.
    /// The same function is a convolution over three axes with stride `(t, p, p)`. The column above is that of
    /// [`Order::Hwc`]; in [`Order::Chw`] it is `((kt + τ)p + a)p + b`, as a kernel of PyTorch has it. With `t = 1` it is
    /// eq-2.1-patch of every frame.
    ///
    /// Source: Arnab et al. 2021, *ViViT: A Video Vision Transformer*, section 3.2.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) if `t` or `p` is zero or tubelets do
    /// not tile the video; `ShapeMismatch` for another number of channels; `EmptyInput` for no pixel; `NonFinite` for
    /// NaN and infinities.
    pub fn forward(&self, videos: &ArrayRef5<R>) -> Result<(Array2<R>, TubeletEmbeddingTape<R>)> {
        let (n, t, h, w, c) = videos.dim();
        let rows = tubelets(videos, self.tubelet, self.order)?;
        let channels = self.project.weight.nrows() / self.tubelet.pixels();
        check_shape("tubelet: videos", &[n, t, h, w, c], &[n, t, h, w, channels])?;
        let (y, project) = self.project.forward_owned(rows)?;
        Ok((y, TubeletEmbeddingTape { project, shape: [n, t, h, w, c] }))
    }

    /// Gradient of [`forward`](Self::forward): returns `V̄`, adds to `Ē` and `b̄`.
    ///
    /// **eq-2.10-tubelet, backward**
    /// ```math
    /// \bar V = \operatorname{tubelets}^{-1}(\bar Y E^\top), \qquad
    /// \bar E = \operatorname{tubelets}(V)^\top \bar Y, \qquad
    /// \bar b = \bar Y^\top \mathbf 1
    /// ```
    ///
    /// Derivation: every number of `V` stands in exactly one place of the rows, so `tubelets` is a permutation `Π`, and
    /// with `X = ΠV`
    /// ```math
    /// \langle \bar Y,\, \dot X E + X \dot E + \mathbf 1 \dot b^\top \rangle
    ///   = \langle \bar Y E^\top,\, \Pi \dot V \rangle + \langle X^\top \bar Y,\, \dot E \rangle
    ///   + \langle \bar Y^\top \mathbf 1,\, \dot b \rangle, \qquad
    /// \langle \bar X,\, \Pi \dot V \rangle = \langle \Pi^{-1} \bar X,\, \dot V \rangle .
    /// ```
    pub fn backward(&self, tape: &TubeletEmbeddingTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array5<R> {
        let drows = self.project.backward(&tape.project, dy, &mut grad.project);
        untubelets(&drows, tape.shape, self.tubelet, self.order)
    }
}

impl Tubelet {
    /// `t p²`
    fn pixels(self) -> usize {
        self.frames * self.patch * self.patch
    }
}

/// The tubelets of every video as rows.
///
/// `videos: [B, T, H, W, C]` → `[B · (T/t)(H/p)(W/p), t p² C]`
///
/// # Errors
/// As [`TubeletEmbedding::forward`].
pub fn tubelets<R: Real>(videos: &ArrayRef5<R>, tubelet: Tubelet, order: Order) -> Result<Array2<R>> {
    let (n, t, h, w, c) = videos.dim();
    let Tubelet { frames, patch } = tubelet;
    check_setting("tubelet: size", frames > 0 && patch > 0, || {
        format!("must be positive, got {frames} frames of {patch}x{patch}")
    })?;
    let tiles = t.is_multiple_of(frames) && h.is_multiple_of(patch) && w.is_multiple_of(patch);
    check_setting("tubelet: size", tiles, || {
        format!("tubelets of {frames}x{patch}x{patch} do not tile a video of {t}x{h}x{w}")
    })?;
    check_not_empty("tubelet: videos", videos)?;
    check_finite("tubelet: videos", videos)?;
    let split = videos.to_shape(split([n, t, h, w, c], tubelet)).expect("as many numbers");
    let rows = n * (t / frames) * (h / patch) * (w / patch);
    let width = tubelet.pixels() * c;
    Ok(regular(split.view().permuted_axes(&axes(order)[..]), [rows, width]))
}

/// The videos whose tubelets these rows are: the inverse and the adjoint of [`tubelets`].
///
/// `rows: [B · (T/t)(H/p)(W/p), t p² C]` → `[B, T, H, W, C]`, for the shape `[B, T, H, W, C]`
pub fn untubelets<R: Real>(
    rows: &ArrayRef2<R>,
    shape: [usize; 5],
    tubelet: Tubelet,
    order: Order,
) -> Array5<R> {
    let (axes, split) = (axes(order), split(shape, tubelet));
    let rows = rows.to_shape(IxDyn(&axes.map(|axis| split[axis]))).expect("as many numbers");
    let mut back = [0; 8];
    axes.iter().enumerate().for_each(|(i, &axis)| back[axis] = i);
    regular(rows.view().permuted_axes(&back[..]), shape)
}

/// Every axis of a video cut in two: `[B, T/t, t, H/p, p, W/p, p, C]`
fn split([n, t, h, w, c]: [usize; 5], Tubelet { frames, patch }: Tubelet) -> IxDyn {
    IxDyn(&[n, t / frames, frames, h / patch, patch, w / patch, patch, c])
}

/// The cut axes in the order of the rows: first those that count tubelets, then those inside one.
fn axes(order: Order) -> [usize; 8] {
    match order {
        Order::Hwc => [0, 1, 3, 5, 2, 4, 6, 7],
        Order::Chw => [0, 1, 3, 5, 7, 2, 4, 6],
    }
}

/// The numbers of a view in row-major order under another shape.
fn regular<R: Real, S: ndarray::ShapeArg>(view: ArrayViewD<R>, shape: S) -> ndarray::Array<R, S::Dim> {
    view.as_standard_layout().into_owned().into_shape_with_order(shape).expect("as many numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(shape: [usize; 5], frames: usize, patch: usize) -> String {
        let tubelet = Tubelet { frames, patch };
        let module = TubeletEmbedding::<f64>::new(tubelet, 2, 3, Order::Hwc, &mut Random::seed(0));
        module.forward(&Array5::zeros(shape)).unwrap_err().to_string()
    }

    #[test]
    fn videos_that_tubelets_do_not_tile_are_refused() {
        for (shape, text) in
            [([1, 3, 4, 4, 2], "3x4x4"), ([1, 4, 5, 4, 2], "4x5x4"), ([1, 4, 4, 6, 2], "4x4x6")]
        {
            let patch = if shape[3] == 6 { 4 } else { 2 };
            let want = format!("tubelet: size: tubelets of 2x{patch}x{patch} do not tile a video of {text}");
            assert_eq!(embed(shape, 2, patch), want);
        }
        assert_eq!(embed([1, 4, 4, 4, 2], 0, 2), "tubelet: size: must be positive, got 0 frames of 2x2");
        assert_eq!(embed([1, 4, 4, 4, 2], 2, 0), "tubelet: size: must be positive, got 2 frames of 0x0");
    }

    #[test]
    fn other_channels_and_no_pixels_are_refused() {
        let text = "tubelet: videos: expected shape [1, 2, 2, 2, 2], got [1, 2, 2, 2, 3]";
        assert_eq!(embed([1, 2, 2, 2, 3], 2, 2), text);
        assert_eq!(embed([0, 2, 2, 2, 2], 2, 2), "tubelet: videos: empty");
        assert_eq!(embed([1, 0, 2, 2, 2], 2, 2), "tubelet: videos: empty");
    }

    #[test]
    fn a_nan_is_refused() {
        let mut videos = Array5::<f64>::zeros((1, 2, 2, 2, 1));
        videos[(0, 1, 0, 1, 0)] = f64::NAN;
        let error = tubelets(&videos, Tubelet { frames: 2, patch: 2 }, Order::Chw).unwrap_err();
        assert_eq!(error.to_string(), "tubelet: videos: not a finite number");
    }

    #[test]
    fn the_two_orders_are_those_of_the_documentation() {
        let video = Array5::from_shape_fn((1, 2, 1, 1, 2), |(_, t, _, _, k)| (2 * t + k) as f64);
        let tubelet = Tubelet { frames: 2, patch: 1 };
        let row = |order| tubelets(&video, tubelet, order).unwrap().into_raw_vec_and_offset().0;
        assert_eq!(row(Order::Hwc), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(row(Order::Chw), [0.0, 2.0, 1.0, 3.0]);
    }
}
