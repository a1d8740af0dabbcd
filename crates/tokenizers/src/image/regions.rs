//! What all operations on regions of an image ask for.

use mmt_tensor::{Error, Real, Result, check_finite, check_index, check_not_empty, check_setting};
use ndarray::ArrayRef4;

use super::roi_align::ImageBox;

/// Most bins along a side: 7 to 14 are usual.
const MOST_BINS: usize = 1024;
/// Most numbers of a result.
const MOST: usize = 1 << 32;

/// What the arguments of an operation on regions are called in its errors.
pub(super) struct Names {
    pub(super) features: &'static str,
    pub(super) boxes: &'static str,
    pub(super) scale: &'static str,
    pub(super) output: &'static str,
    pub(super) image: &'static str,
}

/// What all operations on regions ask for.
pub(super) fn check_regions<R: Real>(
    names: &Names,
    features: &ArrayRef4<R>,
    boxes: &[ImageBox],
    scale: f64,
    (high, wide): (usize, usize),
) -> Result<()> {
    check_not_empty(names.features, features)?;
    let (batch, channels, rows, columns) = features.dim();
    if boxes.is_empty() {
        return Err(Error::EmptyInput { at: names.boxes });
    }
    check_setting(names.scale, scale > 0.0 && scale.is_finite(), || {
        format!("must be positive, got {scale}")
    })?;
    check_setting(names.output, high > 0 && wide > 0, || {
        format!("needs at least one bin, got {high} x {wide}")
    })?;
    let size = [boxes.len(), channels, high, wide].into_iter().try_fold(1, usize::checked_mul);
    let fits = high <= MOST_BINS && wide <= MOST_BINS && size.is_some_and(|size| size <= MOST);
    check_setting(names.output, fits, || {
        format!("{high} x {wide} bins of {channels} channels in {} boxes are too many", boxes.len())
    })?;
    for (index, b) in boxes.iter().enumerate() {
        check_index(names.image, b.image, batch)?;
        if let Some(why) = fault(b, columns as f64 / scale, rows as f64 / scale) {
            return Err(Error::InvalidBox { at: names.boxes, index, why });
        }
    }
    check_finite(names.features, features)
}

/// What is wrong with a box in an image of this size.
fn fault(b: &ImageBox, width: f64, height: f64) -> Option<&'static str> {
    let [x1, y1, x2, y2] = b.corners;
    if b.corners.iter().any(|x| !x.is_finite()) {
        return Some("has a corner that is not finite");
    }
    if x2 <= x1 || y2 <= y1 {
        return Some("has no area");
    }
    if x2 <= 0.0 || y2 <= 0.0 || x1 >= width || y1 >= height {
        return Some("lies outside the image");
    }
    let far = x2 - x1 > 16.0 * width || y2 - y1 > 16.0 * height;
    far.then_some("is over 16 times as large as its image")
}
