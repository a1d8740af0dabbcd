//! The place of a region as sines and cosines.

use mmt_blocks::position::frequency;
use mmt_tensor::{Dd, Real, Result, check_setting};
use ndarray::Array2;

use crate::image::{BoxNames, ImageBox, box_shares};

/// Which four numbers say where a region lies, in hundredths of the sides of its image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BoxNumbers {
    /// Center, width and height: the released code, `common/utils/bbox.py`.
    #[default]
    CenterSize,
    /// The upper left and the lower right corner: the paper.
    Corners,
}

impl BoxNumbers {
    fn of(self, [x1, y1, x2, y2]: [Dd; 4]) -> [Dd; 4] {
        let (half, hundred) = (Dd::of(0.5), Dd::of(100.0));
        let numbers = match self {
            BoxNumbers::CenterSize => [(x1 + x2) * half, (y1 + y2) * half, x2 - x1, y2 - y1],
            BoxNumbers::Corners => [x1, y1, x2, y2],
        };
        numbers.map(|share| share * hundred)
    }
}

/// Sines and cosines of four numbers per box, with `k` wavelengths from 1 on, below 1000.
///
/// **eq-2.15-box-waves**
/// ```math
/// g = \Bigl[ \sin\frac{z_c}{\lambda_0}, .., \sin\frac{z_c}{\lambda_{k-1}},\; \cos\frac{z_c}{\lambda_0}, ..,
///   \cos\frac{z_c}{\lambda_{k-1}} \Bigr]_{c = 1, .., 4}, \qquad
/// \lambda_i = 1000^{i/k}, \qquad
/// z = 100 \Bigl( \frac{x_1 + x_2}{2W},\; \frac{y_1 + y_2}{2H},\; \frac{x_2 - x_1}{W},\; \frac{y_2 - y_1}{H} \Bigr)
/// ```
///
/// `boxes: [n]`, `sizes`: `W, H` of every image → `g: [n, 8k]`; `k = 256` in VL-BERT
///
/// Those `z` are [`BoxNumbers::CenterSize`], which the released code takes; the paper names the corners. Boxes are data
/// and have no gradient. Angles are computed in [`Dd`] and rounded at the end. Corners that stick out of the image by at
/// most 1e-6 of its size are moved to its edge.
///
/// Source: Su et al. 2020, *VL-BERT*, section 3.2, and released code, `coordinate_embeddings`.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no wavelength; otherwise as
/// [`region_geometry`](crate::image::region_geometry()).
pub fn box_waves<R: Real>(
    boxes: &[ImageBox],
    sizes: &[[f64; 2]],
    numbers: BoxNumbers,
    k: usize,
) -> Result<Array2<R>> {
    check_setting("box waves: k", k > 0, || "needs at least one wavelength".to_string())?;
    let names =
        BoxNames { boxes: "box waves: boxes", sizes: "box waves: sizes", image: "box waves: image of a box" };
    let frequencies: Vec<Dd> = (0..k).map(|i| frequency(1000.0, i, k)).collect();
    let mut g = Array2::zeros((boxes.len(), 8 * k));
    for (shares, mut g) in box_shares(&names, boxes, sizes)?.into_iter().zip(g.rows_mut()) {
        for (c, z) in numbers.of(shares).into_iter().enumerate() {
            for (i, &frequency) in frequencies.iter().enumerate() {
                g[2 * k * c + i] = (z * frequency).sin().rounded();
                g[2 * k * c + k + i] = (z * frequency).cos().rounded();
            }
        }
    }
    Ok(g)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(corners: [f64; 4], image: usize, size: [f64; 2], k: usize) -> String {
        let boxes = [ImageBox { image, corners }];
        box_waves::<f64>(&boxes, &[size], BoxNumbers::CenterSize, k).unwrap_err().to_string()
    }

    #[test]
    fn wrong_boxes_and_sizes_are_refused() {
        let (whole, size) = ([0.0, 0.0, 10.0, 10.0], [10.0, 10.0]);
        assert_eq!(text([5.0, 1.0, 5.0, 2.0], 0, size, 2), "box waves: boxes: box 0 has no area");
        let corner = "box waves: boxes: box 0 has a corner that is not finite";
        assert_eq!(text([f64::NAN, 1.0, 5.0, 2.0], 0, size, 2), corner);
        let out = "box waves: boxes: box 0 sticks out of its image";
        assert_eq!(text([1.0, 1.0, 11.0, 2.0], 0, size, 2), out);
        let image = "box waves: image of a box: index 1 is outside a table of 1";
        assert_eq!(text(whole, 1, size, 2), image);
        assert_eq!(text(whole, 0, [0.0, 1.0], 2), "box waves: sizes: must be positive, got 0 x 1");
    }

    #[test]
    fn no_wavelength_and_no_box_are_refused() {
        let whole = [0.0, 0.0, 10.0, 10.0];
        assert_eq!(text(whole, 0, [10.0, 10.0], 0), "box waves: k: needs at least one wavelength");
        let none = box_waves::<f64>(&[], &[[1.0, 1.0]], BoxNumbers::CenterSize, 2).unwrap_err();
        assert_eq!(none.to_string(), "box waves: boxes: empty");
    }
}
