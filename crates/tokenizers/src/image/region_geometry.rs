//! Where a region lies in its image.

use mmt_tensor::{Error, Real, Result, check_index, check_setting};
use ndarray::Array2;

use super::roi_align::ImageBox;

/// How far a coordinate may lie outside `[0, 1]`, for boxes that were rounded.
pub const SLACK: f64 = 1e-6;

/// Place and area of every box, as shares of its image.
///
/// **eq-2.3-geometry**
/// ```math
/// g = \Bigl( \frac{x_1}{W},\; \frac{y_1}{H},\; \frac{x_2}{W},\; \frac{y_2}{H},\;
///   \frac{(x_2 - x_1)(y_2 - y_1)}{WH} \Bigr) \in [0, 1]^5
/// ```
///
/// `boxes: [n]`, `sizes`: `W, H` of every image → `g: [n, 5]`
///
/// Boxes are data and have no gradient. Corners that stick out of the image by at most 1e-6 of its size are moved to its
/// edge.
///
/// Source: Lu et al. 2019, *ViLBERT*, section 2.2; UNITER has seven numbers, with width and height.
///
/// # Errors
/// [`Error::EmptyInput`] for no box; [`Error::IndexOutOfRange`] for a box in an image without a size;
/// [`Error::InvalidHyperparameter`] for a size that is not positive; [`Error::InvalidBox`] for a box without area, with a
/// corner that is not finite, or that sticks out of its image.
pub fn region_geometry<R: Real>(boxes: &[ImageBox], sizes: &[[f64; 2]]) -> Result<Array2<R>> {
    let names = Names {
        boxes: "region geometry: boxes",
        sizes: "region geometry: sizes",
        image: "region geometry: image of a box",
    };
    let mut g = Array2::zeros((boxes.len(), 5));
    for ([x1, y1, x2, y2], mut g) in box_shares(&names, boxes, sizes)?.into_iter().zip(g.rows_mut()) {
        g.assign(&ndarray::arr1(&[x1, y1, x2, y2, (x2 - x1) * (y2 - y1)]));
    }
    Ok(g)
}

/// What the arguments are called in errors.
pub(crate) struct Names {
    pub(crate) boxes: &'static str,
    pub(crate) sizes: &'static str,
    pub(crate) image: &'static str,
}

/// The corners of every box as shares of its image.
pub(crate) fn box_shares<R: Real>(
    names: &Names,
    boxes: &[ImageBox],
    sizes: &[[f64; 2]],
) -> Result<Vec<[R; 4]>> {
    if boxes.is_empty() {
        return Err(Error::EmptyInput { at: names.boxes });
    }
    for [width, height] in sizes {
        let positive = [width, height].iter().all(|s| s.is_finite() && **s > 0.0);
        check_setting(names.sizes, positive, || format!("must be positive, got {width} x {height}"))?;
    }
    let shares = |(index, b): (usize, &ImageBox)| {
        check_index(names.image, b.image, sizes.len())?;
        shares(b, sizes[b.image]).map_err(|why| Error::InvalidBox { at: names.boxes, index, why })
    };
    boxes.iter().enumerate().map(shares).collect()
}

/// The corners of a box as shares of its image, or what is wrong with it.
fn shares<R: Real>(b: &ImageBox, [width, height]: [f64; 2]) -> std::result::Result<[R; 4], &'static str> {
    let [x1, y1, x2, y2] = b.corners;
    if b.corners.iter().any(|x| !x.is_finite()) {
        return Err("has a corner that is not finite");
    }
    if x2 <= x1 || y2 <= y1 {
        return Err("has no area");
    }
    let outside = |corner: f64, size: f64| corner < -SLACK * size || corner > (1.0 + SLACK) * size;
    if [x1, x2].iter().any(|&x| outside(x, width)) || [y1, y2].iter().any(|&y| outside(y, height)) {
        return Err("sticks out of its image");
    }
    let share = |corner: f64, size: f64| (R::of(corner) / R::of(size)).max(R::of(0.0)).min(R::of(1.0));
    Ok([share(x1, width), share(y1, height), share(x2, width), share(y2, height)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(corners: [f64; 4], image: usize, size: [f64; 2]) -> String {
        region_geometry::<f64>(&[ImageBox { image, corners }], &[size]).unwrap_err().to_string()
    }

    #[test]
    fn wrong_boxes_are_refused() {
        let size = [100.0, 200.0];
        let no_area = "region geometry: boxes: box 0 has no area";
        assert_eq!(text([5.0, 1.0, 5.0, 2.0], 0, size), no_area);
        assert_eq!(text([5.0, 2.0, 6.0, 1.0], 0, size), no_area);
        let corner = "region geometry: boxes: box 0 has a corner that is not finite";
        assert_eq!(text([f64::NAN, 1.0, 5.0, 2.0], 0, size), corner);
        assert_eq!(text([1.0, 1.0, 5.0, f64::INFINITY], 0, size), corner);
        let out = "region geometry: boxes: box 0 sticks out of its image";
        for corners in
            [[-0.1, 1.0, 5.0, 2.0], [1.0, 1.0, 100.1, 2.0], [1.0, -0.1, 5.0, 2.0], [1.0, 1.0, 5.0, 201.0]]
        {
            assert_eq!(text(corners, 0, size), out);
        }
        assert_eq!(text([200.0, 1.0, 205.0, 2.0], 0, size), out);
    }

    #[test]
    fn no_box_and_wrong_images_are_refused() {
        let error = region_geometry::<f64>(&[], &[[1.0, 1.0]]).unwrap_err();
        assert_eq!(error.to_string(), "region geometry: boxes: empty");
        let whole = [0.0, 0.0, 1.0, 1.0];
        let text_1 = "region geometry: image of a box: index 1 is outside a table of 1";
        assert_eq!(text(whole, 1, [1.0, 1.0]), text_1);
        assert_eq!(text(whole, 0, [0.0, 1.0]), "region geometry: sizes: must be positive, got 0 x 1");
        assert_eq!(text(whole, 0, [1.0, f64::NAN]), "region geometry: sizes: must be positive, got 1 x NaN");
    }

    #[test]
    fn a_rounded_corner_is_moved_to_the_edge() {
        let b = ImageBox { image: 0, corners: [-1e-5, 0.0, 100.00001, 50.0] };
        let g = region_geometry::<f64>(&[b], &[[100.0, 100.0]]).unwrap();
        assert_eq!(g.into_raw_vec_and_offset().0, [0.0, 0.0, 1.0, 0.5, 0.5]);
    }
}
