//! A video model that starts from the weights of an image model.

use mmt_blocks::Linear;
use mmt_tensor::{Real, Result, check_finite, check_not_empty, check_setting};
use ndarray::{Array2, ArrayRef2, Axis};

use super::tubelet::{Tubelet, TubeletEmbedding};
use crate::image::{Order, PatchEmbedding};

/// Inflation: every frame of a tubelet gets the weights of the image, divided by their number.
///
/// ```math
/// E_\tau = \frac 1t E_{\text{image}} \qquad \text{for all } \tau < t
/// ```
///
/// On a video that stands still the tokens are those of one frame.
///
/// Source: Arnab et al. 2021, *ViViT: A Video Vision Transformer*, section 3.4, eq. 8; Carreira & Zisserman 2017.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) if `frames` is zero.
pub fn inflate<R: Real>(image: &PatchEmbedding<R>, frames: usize) -> Result<TubeletEmbedding<R>> {
    let share = R::of(frames as f64);
    spread(image, frames, |_| R::of(1.0) / share)
}

/// Central frame: the frame in the middle gets the weights of the image, all others zero.
///
/// ```math
/// E_\tau = [\tau = \lfloor t/2 \rfloor]\, E_{\text{image}}
/// ```
///
/// In the beginning the tokens are those of frame `⌊t/2⌋` of every tubelet. (The initializer of the released code for
/// training from scratch sets zeros along the third axis of its kernel, which is the width, and not along time; the one
/// that restores a checkpoint computes the formula above.)
///
/// Source: Arnab et al. 2021, *ViViT: A Video Vision Transformer*, section 3.4, eq. 9.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) if `frames` is zero.
pub fn central_frame<R: Real>(image: &PatchEmbedding<R>, frames: usize) -> Result<TubeletEmbedding<R>> {
    spread(image, frames, |frame| R::of(if frame == frames / 2 { 1.0 } else { 0.0 }))
}

/// The weights of an image, times a factor for every frame.
fn spread<R: Real>(
    image: &PatchEmbedding<R>,
    frames: usize,
    factor: impl Fn(usize) -> R,
) -> Result<TubeletEmbedding<R>> {
    check_setting("tubelet: frames", frames > 0, || "must be positive, got 0".to_string())?;
    let (rows, d) = image.project.weight.dim();
    let area = image.patch * image.patch;
    let mut weight = Array2::zeros((frames * rows, d));
    for frame in 0..frames {
        for (row, values) in image.project.weight.outer_iter().enumerate() {
            let at = match image.order {
                Order::Hwc => frame * rows + row,
                Order::Chw => (row / area * frames + frame) * area + row % area,
            };
            weight.row_mut(at).assign(&(&values * factor(frame)));
        }
    }
    Ok(TubeletEmbedding {
        project: Linear { weight, bias: image.project.bias.clone() },
        tubelet: Tubelet { frames, patch: image.patch },
        order: image.order,
    })
}

/// The table of positions of an image, once for every step in time.
///
/// `table: [n, d]` → `[steps · n, d]`
///
/// Source: Arnab et al. 2021, *ViViT: A Video Vision Transformer*, section 3.4, positional embeddings.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no step; `EmptyInput` for a table
/// without numbers; `NonFinite` for NaN and infinities.
pub fn tile_positions<R: Real>(table: &ArrayRef2<R>, steps: usize) -> Result<Array2<R>> {
    check_not_empty("tile_positions: table", table)?;
    check_finite("tile_positions: table", table)?;
    check_setting("tile_positions: steps", steps > 0, || "must be positive, got 0".to_string())?;
    let (n, d) = table.dim();
    Ok(Array2::from_shape_fn((steps * n, d), |(i, j)| table[(i % n, j)]))
}

/// Gradient of [`tile_positions`] with respect to a table of `n` rows: the sum over the steps.
///
/// `dy: [steps · n, d]` → `[n, d]`
pub fn tile_positions_backward<R: Real>(dy: &ArrayRef2<R>, n: usize) -> Array2<R> {
    let mut dtable = Array2::zeros((n, dy.ncols()));
    dy.axis_chunks_iter(Axis(0), n).for_each(|step| dtable += &step);
    dtable
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;

    #[test]
    fn no_frame_and_no_step_are_refused() {
        let image = PatchEmbedding::<f64>::new(2, 1, 3, Order::Hwc, &mut Random::seed(0));
        let why = "tubelet: frames: must be positive, got 0";
        assert_eq!(inflate(&image, 0).unwrap_err().to_string(), why);
        assert_eq!(central_frame(&image, 0).unwrap_err().to_string(), why);
        let table = Array2::<f64>::zeros((2, 3));
        let why = "tile_positions: steps: must be positive, got 0";
        assert_eq!(tile_positions(&table, 0).unwrap_err().to_string(), why);
        let none = Array2::<f64>::zeros((0, 3));
        assert_eq!(tile_positions(&none, 2).unwrap_err().to_string(), "tile_positions: table: empty");
        let nan = Array2::from_elem((2, 3), f64::NAN);
        let why = "tile_positions: table: not a finite number";
        assert_eq!(tile_positions(&nan, 2).unwrap_err().to_string(), why);
    }
}
