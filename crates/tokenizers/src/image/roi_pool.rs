//! The largest feature of a box in an image, in bins with rounded edges.

use std::ops::Range;

use mmt_tensor::parallel::{contiguous, new_rows};
use mmt_tensor::{Real, Result};
use ndarray::{Array4, ArrayRef4};

use super::regions::{Names, check_regions};
use super::roi_align::ImageBox;

/// The settings of [`roi_pool`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiPool {
    /// `s`, cells of the map per pixel of the image.
    pub scale: f64,
    /// `P_h, P_w`, bins of a box.
    pub output: (usize, usize),
}

/// Region-of-interest pooling: the maximum of every bin of a box.
///
/// **eq-2.2-roi-pool**
/// ```math
/// y_{c,p,q} = \max_{a \in B_p,\; b \in B'_q} F_{c,a,b}, \qquad
/// B_p = \Bigl\{ v_1 + \lfloor p\,h / P_h \rfloor, \dots, v_1 + \lceil (p + 1)\,h / P_h \rceil - 1 \Bigr\}, \qquad
/// v_1 = \operatorname{round}(s\,y_1), \quad h = \max(\operatorname{round}(s\,y_2) - v_1 + 1,\, 1)
/// ```
///
/// `features: [batch, c, rows, columns]`, `boxes: [n]` → `y: [n, c, P_h, P_w]`
///
/// `B'_q` is the same along `x`. Cells outside the map are left out; a bin without a cell is zero. Halves are rounded away from
/// zero, and the last cell belongs to the box. Coordinates are rounded twice, to cells and to bins: what RoIAlign
/// (eq-2.2-roialign) was made to avoid. Bins are counted in whole numbers, so that `⌈3 · 5/3⌉` is 5.
///
/// Boxes are data and have no gradient.
///
/// Source: Girshick 2015, *Fast R-CNN*, section 2.1; the rounding is that of torchvision's `roi_pool`.
///
/// # Errors
/// Those of [`roi_align()`](super::roi_align::roi_align()), but for samples, which it does not take.
pub fn roi_pool<R: Real>(
    features: &ArrayRef4<R>,
    boxes: &[ImageBox],
    settings: RoiPool,
) -> Result<Array4<R>> {
    check_regions(&NAMES, features, boxes, settings.scale, settings.output)?;
    let (_, channels, rows, columns) = features.dim();
    let (high, wide) = settings.output;
    let bins: Vec<Bins> = boxes.iter().map(|b| Bins::new(b, settings, rows, columns)).collect();
    let features = contiguous(features);
    let planes = features.as_slice().expect("standard layout");
    let cost = rows * columns / (high * wide) + 1;
    Ok(new_rows((boxes.len(), channels, high, wide), high * wide, cost, |at, y| {
        let (n, c) = (at / channels, at % channels);
        let plane = &planes[(boxes[n].image * channels + c) * rows * columns..][..rows * columns];
        y.write(|bin| bins[n].first_maximum(bin, plane).map_or(R::of(0.0), |cell| plane[cell]));
    }))
}

/// Gradient of [`roi_pool`] with respect to the features, given these.
///
/// `dy: [n, c, P_h, P_w]` → the shape of `features`
///
/// **eq-2.2-roi-pool, backward**
/// ```math
/// \bar F_{c,a,b} = \sum_{n,p,q} \bar y_{n,c,p,q}\, [(a, b) = m_{n,c,p,q}], \qquad
/// m_{n,c,p,q} = \text{the first maximum of the bin}
/// ```
///
/// Derivation: near a map whose maximum in a bin is unique, `y = F_m` with a constant `m`, so that
/// ```math
/// \frac{\partial y_{n,c,p,q}}{\partial F_{c,a,b}} = [(a, b) = m_{n,c,p,q}]
/// ```
/// Where several cells are equal, the first in row-major order takes the gradient, as in eq-0.10-max-pool. Bins share
/// cells, also those of one box, and their gradients add up. The sum over `n` is about the boxes of the image, and a bin without a
/// cell has no `m`: it is zero whatever the map is, and hands nothing back.
pub fn roi_pool_backward<R: Real>(
    features: &ArrayRef4<R>,
    boxes: &[ImageBox],
    settings: RoiPool,
    dy: &ArrayRef4<R>,
) -> Array4<R> {
    let (_, channels, rows, columns) = features.dim();
    let bins: Vec<Bins> = boxes.iter().map(|b| Bins::new(b, settings, rows, columns)).collect();
    let count = settings.output.0 * settings.output.1;
    let (features, dy) = (contiguous(features), contiguous(dy));
    let planes = features.as_slice().expect("standard layout");
    let dy = dy.as_slice().expect("standard layout");
    new_rows(features.dim(), rows * columns, 4, |at, dplane| {
        let dplane = dplane.zeros();
        let (image, c) = (at / channels, at % channels);
        let plane = &planes[at * rows * columns..][..rows * columns];
        for (n, bins) in bins.iter().enumerate().filter(|(n, _)| boxes[*n].image == image) {
            for (bin, &dy) in dy[(n * channels + c) * count..][..count].iter().enumerate() {
                if let Some(cell) = bins.first_maximum(bin, plane) {
                    dplane[cell] += dy;
                }
            }
        }
    })
}

/// The cells of every bin of one box.
struct Bins {
    vertical: Vec<Range<usize>>,
    horizontal: Vec<Range<usize>>,
    columns: usize,
}

impl Bins {
    fn new(b: &ImageBox, settings: RoiPool, rows: usize, columns: usize) -> Self {
        let [x1, y1, x2, y2] = b.corners.map(|corner| (settings.scale * corner).round() as i64);
        let (high, wide) = settings.output;
        Bins { vertical: axis(y1, y2, high, rows), horizontal: axis(x1, x2, wide, columns), columns }
    }

    /// The first largest cell of a bin in row-major order; none if the bin has no cell.
    fn first_maximum<R: Real>(&self, bin: usize, plane: &[R]) -> Option<usize> {
        let (p, q) = (bin / self.horizontal.len(), bin % self.horizontal.len());
        let columns = &self.horizontal[q];
        let cells = self.vertical[p].clone().flat_map(|row| columns.clone().map(move |column| (row, column)));
        cells.map(|(row, column)| row * self.columns + column).fold(None, |best, cell| match best {
            Some(best) if plane[cell] <= plane[best] => Some(best),
            _ => Some(cell),
        })
    }
}

/// The bins along one axis, from cell `low` to cell `high`, on a map of `size` cells.
fn axis(low: i64, high: i64, bins: usize, size: usize) -> Vec<Range<usize>> {
    let (length, count) = ((high - low + 1).max(1), bins as i64);
    let cell = |at: i64| (low + at).clamp(0, size as i64) as usize;
    let edges = |p: i64| cell(p * length / count)..cell(((p + 1) * length + count - 1) / count);
    (0..count).map(edges).collect()
}

const NAMES: Names = Names {
    features: "roi_pool: features",
    boxes: "roi_pool: boxes",
    scale: "roi_pool: scale",
    output: "roi_pool: output",
    image: "roi_pool: image of a box",
};

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: RoiPool = RoiPool { scale: 0.5, output: (2, 2) };

    fn run(corners: [f64; 4], settings: RoiPool) -> String {
        let boxes = [ImageBox { image: 0, corners }];
        roi_pool(&Array4::<f64>::zeros((1, 1, 4, 4)), &boxes, settings).unwrap_err().to_string()
    }

    #[test]
    fn wrong_boxes_are_refused() {
        assert_eq!(run([2.0, 1.0, 2.0, 3.0], SETTINGS), "roi_pool: boxes: box 0 has no area");
        let nan = [0.0, f64::NAN, 1.0, 1.0];
        assert_eq!(run(nan, SETTINGS), "roi_pool: boxes: box 0 has a corner that is not finite");
        assert_eq!(run([8.0, 0.0, 9.0, 1.0], SETTINGS), "roi_pool: boxes: box 0 lies outside the image");
        let far = [-1e300, 0.0, 4.0, 4.0];
        assert_eq!(run(far, SETTINGS), "roi_pool: boxes: box 0 is over 16 times as large as its image");
    }

    #[test]
    fn wrong_settings_and_features_are_refused() {
        let whole = [0.0, 0.0, 8.0, 8.0];
        let scale = RoiPool { scale: f64::INFINITY, ..SETTINGS };
        assert_eq!(run(whole, scale), "roi_pool: scale: must be positive, got inf");
        let output = RoiPool { output: (2, 0), ..SETTINGS };
        assert_eq!(run(whole, output), "roi_pool: output: needs at least one bin, got 2 x 0");
        let boxes = [ImageBox { image: 1, corners: whole }];
        let text = |x: &Array4<f64>, b: &[ImageBox]| roi_pool(x, b, SETTINGS).unwrap_err().to_string();
        let x = Array4::zeros((1, 1, 4, 4));
        assert_eq!(text(&x, &boxes), "roi_pool: image of a box: index 1 is outside a table of 1");
        assert_eq!(text(&x, &[]), "roi_pool: boxes: empty");
        assert_eq!(text(&Array4::zeros((2, 0, 4, 4)), &boxes), "roi_pool: features: empty");
        let nan = Array4::from_elem((2, 1, 4, 4), f64::NAN);
        assert_eq!(text(&nan, &boxes), "roi_pool: features: not a finite number");
    }

    #[test]
    fn bins_of_five_cells_in_three_share_cells() {
        assert_eq!(axis(0, 4, 3, 9), [0..2, 1..4, 3..5]);
        assert_eq!(axis(-2, 2, 5, 9), [0..0, 0..0, 0..1, 1..2, 2..3]);
        assert_eq!(axis(3, 3, 2, 9), [3..4, 3..4]);
    }
}
