//! An image as a sequence of patches.

use mmt_blocks::{Linear, LinearTape};
use mmt_tensor::parallel::{contiguous, new_rows};
use mmt_tensor::{
    Error, Random, Real, Result, check_finite, check_not_empty, check_setting, check_shape, tree,
};
use ndarray::{Array2, Array4, ArrayRef2, ArrayRef4};

/// In which order the numbers of a patch stand in its row.
///
/// The note only says that they are pulled into a vector. The two orders give the same function with permuted rows of
/// `E`, so a checkpoint must be read with the order it was trained with. Of a patch with the values `0..8` in
/// (row, column, channel) order, [`Order::Hwc`] makes `0 1 2 3 4 5 6 7` and [`Order::Chw`] makes `0 2 4 6 1 3 5 7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row, column, channel: the JAX code of ViT.
    Hwc,
    /// Channel, row, column: a strided convolution of PyTorch.
    Chw,
}

/// The matrix and the bias that map a patch to a token.
#[derive(Clone, Debug)]
pub struct PatchEmbedding<R> {
    /// `E` and `b`: `[P²C, d]`, `[d]`
    pub project: Linear<R>,
    /// `P`, rows and columns of a patch.
    pub patch: usize,
    /// The order of the numbers of a patch.
    pub order: Order,
}

tree!(PatchEmbedding { project; patch, order });

/// What [`PatchEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct PatchEmbeddingTape<R> {
    /// The patches as rows.
    pub project: LinearTape<R>,
    /// `[B, H, W, C]`
    pub shape: [usize; 4],
}

tree!(PatchEmbeddingTape { project; shape });

impl<R: Real> PatchEmbedding<R> {
    /// For images with `channels` channels and tokens of width `d`.
    pub fn new(patch: usize, channels: usize, d: usize, order: Order, random: &mut Random) -> Self {
        PatchEmbedding { project: Linear::new(patch * patch * channels, d, random), patch, order }
    }

    /// A token for every patch of every image.
    ///
    /// **eq-2.1-patch**
    /// ```math
    /// Y = \operatorname{patchify}(I)\, E + \mathbf 1 b^\top, \qquad
    /// \operatorname{patchify}(I)_{i,\,(aP+b)C+k} = I_{rP+a,\; sP+b,\; k}, \qquad
    /// i = r \frac WP + s
    /// ```
    ///
    /// `images: [B, H, W, C]` → `y: [B · (H/P)(W/P), d]`
    ///
    /// The rows of an image are its patches from left to right and from top to bottom, and the images follow each
    /// other. The same function is a convolution with stride `P`. The column above is that of [`Order::Hwc`]; in
    /// [`Order::Chw`] it is `(kP + a)P + b`.
    ///
    /// Source: Dosovitskiy et al. 2021, *An Image is Worth 16x16 Words*, eq. 1.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`] if `P` is zero or divides `H` or `W` not; `ShapeMismatch` for another
    /// number of channels; `EmptyInput` for no pixel; `NonFinite` for NaN and infinities.
    pub fn forward(&self, images: &ArrayRef4<R>) -> Result<(Array2<R>, PatchEmbeddingTape<R>)> {
        let (n, h, w, c) = images.dim();
        let rows = patchify(images, self.patch, self.order)?;
        let channels = self.project.weight.nrows() / (self.patch * self.patch);
        check_shape("patch: images", &[n, h, w, c], &[n, h, w, channels])?;
        let (y, project) = self.project.forward(&rows)?;
        Ok((y, PatchEmbeddingTape { project, shape: [n, h, w, c] }))
    }

    /// Gradient of [`forward`](Self::forward): returns `Ī`, adds to `Ē` and `b̄`.
    ///
    /// **eq-2.1-patch, backward**
    /// ```math
    /// \bar I = \operatorname{unpatchify}(\bar Y E^\top), \qquad
    /// \bar E = \operatorname{patchify}(I)^\top \bar Y, \qquad
    /// \bar b = \bar Y^\top \mathbf 1
    /// ```
    ///
    /// Derivation: `patchify` permutes the numbers of an image, and the adjoint of a permutation `Π` is its inverse:
    /// ```math
    /// \langle \bar X, \Pi \dot I \rangle = \langle \Pi^\top \bar X, \dot I \rangle, \qquad
    /// \Pi^\top = \Pi^{-1} = \operatorname{unpatchify}
    /// ```
    /// The rest is the linear map.
    pub fn backward(&self, tape: &PatchEmbeddingTape<R>, dy: &ArrayRef2<R>, grad: &mut Self) -> Array4<R> {
        let drows = self.project.backward(&tape.project, dy, &mut grad.project);
        unpatchify(&drows, tape.shape, self.patch, self.order).expect("the shapes of the forward pass")
    }
}

/// The patches of every image as rows.
///
/// `images: [B, H, W, C]` → `[B · (H/P)(W/P), P²C]`
///
/// # Errors
/// As [`PatchEmbedding::forward`].
pub fn patchify<R: Real>(images: &ArrayRef4<R>, patch: usize, order: Order) -> Result<Array2<R>> {
    let (n, h, w, c) = images.dim();
    check_tiles(patch, h, w)?;
    check_not_empty("patch: images", images)?;
    check_finite("patch: images", images)?;
    let (grid_h, grid_w, line) = (h / patch, w / patch, patch * c);
    let images = contiguous(images);
    let pixels = images.as_slice().expect("standard layout");
    Ok(new_rows(
        (n * grid_h * grid_w, patch * line),
        patch * line,
        1,
        #[inline(always)]
        |i, row| {
            let row = row.zeros();
            let (r, s) = (i / grid_w, i % grid_w);
            for a in 0..patch {
                let line = &pixels[(r * patch + a) * w * c + s * line..][..line];
                let (start, [right, deeper]) = place(patch, c, order, a);
                for (b, pixel) in line.chunks_exact(c).enumerate() {
                    pixel.iter().enumerate().for_each(|(k, &x)| row[start + b * right + k * deeper] = x);
                }
            }
        },
    ))
}

/// The images whose patches these rows are: the inverse and the adjoint of [`patchify`].
///
/// `rows: [B · (H/P)(W/P), P²C]` → `[B, H, W, C]`, for the shape `[B, H, W, C]`
///
/// # Errors
/// [`Error::InvalidHyperparameter`] if `P` is zero or divides `H` or `W` not; `EmptyInput` for no pixel;
/// `ShapeMismatch` for rows that are not the patches of such images.
pub fn unpatchify<R: Real>(
    rows: &ArrayRef2<R>,
    shape: [usize; 4],
    patch: usize,
    order: Order,
) -> Result<Array4<R>> {
    let [n, h, w, c] = shape;
    check_tiles(patch, h, w)?;
    if shape.contains(&0) {
        return Err(Error::EmptyInput { at: "patch: images" });
    }
    let (grid_h, grid_w, line) = (h / patch, w / patch, patch * c);
    check_shape("patch: rows", rows.shape(), &[n * grid_h * grid_w, patch * line])?;
    let rows = contiguous(rows);
    let numbers = rows.as_slice().expect("standard layout");
    Ok(new_rows(
        (n, h, w, c),
        w * c,
        1,
        #[inline(always)]
        |y, pixels| {
            let pixels = pixels.zeros();
            for (s, pixels) in pixels.chunks_exact_mut(line).enumerate() {
                let row = &numbers[(y / patch * grid_w + s) * patch * line..][..patch * line];
                let (start, [right, deeper]) = place(patch, c, order, y % patch);
                for (b, pixel) in pixels.chunks_exact_mut(c).enumerate() {
                    pixel.iter_mut().enumerate().for_each(|(k, x)| *x = row[start + b * right + k * deeper]);
                }
            }
        },
    ))
}

fn check_tiles(patch: usize, h: usize, w: usize) -> Result<()> {
    check_setting("patch: size", patch > 0, || "must be positive, got 0".to_string())?;
    check_setting("patch: size", h.is_multiple_of(patch) && w.is_multiple_of(patch), || {
        format!("patches of {patch}x{patch} do not tile an image of {h}x{w}")
    })
}

/// Where line `a` of a patch begins in its row, and the distances to the next pixel and to the next channel.
#[inline(always)]
fn place(patch: usize, channels: usize, order: Order, a: usize) -> (usize, [usize; 2]) {
    match order {
        Order::Hwc => (a * patch * channels, [channels, 1]),
        Order::Chw => (a * patch, [1, patch * patch]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(shape: [usize; 4], patch: usize) -> String {
        let module = PatchEmbedding::<f64>::new(patch, 2, 3, Order::Hwc, &mut Random::seed(0));
        module.forward(&Array4::zeros(shape)).unwrap_err().to_string()
    }

    #[test]
    fn images_that_patches_do_not_tile_are_refused() {
        assert_eq!(embed([1, 6, 4, 2], 4), "patch: size: patches of 4x4 do not tile an image of 6x4");
        assert_eq!(embed([1, 4, 6, 2], 4), "patch: size: patches of 4x4 do not tile an image of 4x6");
        assert_eq!(embed([1, 4, 4, 2], 0), "patch: size: must be positive, got 0");
    }

    #[test]
    fn other_channels_and_no_pixels_are_refused() {
        assert_eq!(embed([1, 4, 4, 3], 2), "patch: images: expected shape [1, 4, 4, 2], got [1, 4, 4, 3]");
        assert_eq!(embed([0, 4, 4, 2], 2), "patch: images: empty");
    }

    #[test]
    fn rows_that_are_no_patches_of_the_images_are_refused() {
        let text = |rows: (usize, usize), shape, patch| {
            let made = unpatchify(&Array2::<f64>::zeros(rows), shape, patch, Order::Hwc);
            made.unwrap_err().to_string()
        };
        let tile = "patch: size: patches of 2x2 do not tile an image of 4x5";
        assert_eq!(text((4, 4), [1, 4, 5, 1], 2), tile);
        assert_eq!(text((4, 4), [1, 4, 4, 1], 0), "patch: size: must be positive, got 0");
        assert_eq!(text((0, 4), [0, 4, 4, 1], 2), "patch: images: empty");
        assert_eq!(text((3, 4), [1, 4, 4, 1], 2), "patch: rows: expected shape [4, 4], got [3, 4]");
        assert_eq!(text((4, 8), [1, 4, 4, 1], 2), "patch: rows: expected shape [4, 4], got [4, 8]");
    }

    #[test]
    fn a_nan_is_refused() {
        let mut images = Array4::<f64>::zeros((1, 2, 2, 1));
        images[(0, 1, 1, 0)] = f64::NAN;
        let error = patchify(&images, 2, Order::Hwc).unwrap_err();
        assert_eq!(error.to_string(), "patch: images: not a finite number");
    }

    #[test]
    fn the_two_orders_are_those_of_the_documentation() {
        let image = Array4::from_shape_fn((1, 2, 2, 2), |(_, y, x, k)| ((y * 2 + x) * 2 + k) as f64);
        let row = |order| patchify(&image, 2, order).unwrap().into_raw_vec_and_offset().0;
        assert_eq!(row(Order::Hwc), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(row(Order::Chw), [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
    }
}
