//! Features of a box in an image, by bilinear sampling.

use mmt_tensor::parallel::{contiguous, new_rows};
use mmt_tensor::{Real, Result, check_setting};
use ndarray::{Array4, ArrayRef4};

use super::regions::{Names, check_regions};

/// A rectangle in the pixels of an image of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageBox {
    /// Which image of the batch.
    pub image: usize,
    /// `x1, y1, x2, y2`: left, top, right and bottom edge.
    pub corners: [f64; 4],
}

/// Most samples of a bin along an axis: released code takes up to 4.
const MOST_SAMPLES: usize = 64;

/// How many samples a bin takes along each axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// `ρ`, the same for all boxes, from 1 to 64.
    Fixed(usize),
    /// `⌈h / P_h⌉` and `⌈w / P_w⌉`: about one sample per cell of the map.
    Adaptive,
}

/// The settings of [`roi_align`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoiAlign {
    /// `s`, cells of the map per pixel of the image: `1/16` for a backbone of stride 16.
    pub scale: f64,
    /// `P_h, P_w`, bins of a box.
    pub output: (usize, usize),
    /// Samples per bin and axis.
    pub sampling: Sampling,
    /// Whether pixel centers lie at half coordinates. `false` is the first published form, which also widens boxes
    /// of less than one cell to one cell.
    pub aligned: bool,
}

/// Region-of-interest alignment: the mean of bilinear samples in every bin of a box.
///
/// **eq-2.2-roialign**
/// ```math
/// y_{c,p,q} = \frac{1}{g_h g_w} \sum_{i < g_h} \sum_{j < g_w} \sum_{a,b}
///     \Lambda_a(v_{p,i})\, \Lambda_b(u_{q,j})\, F_{c,a,b}, \qquad
/// v_{p,i} = s\,y_1 - o + \frac hP_h \Bigl( p + \frac{i + \frac12}{g_h} \Bigr), \qquad
/// h = s\,(y_2 - y_1)
/// ```
///
/// `features: [batch, c, rows, columns]`, `boxes: [n]` → `y: [n, c, P_h, P_w]`
///
/// `u`, `w` are the same along `x`; `o` is ½ if aligned and 0 if not. `Λ_a(v) = max(0, 1 - |v - a|)` is the bilinear
/// weight of cell `a`; coordinates in `[-1, 0]` and beyond the last cell are moved to the border, and samples outside
/// `[-1, rows]` count as zero. No coordinate is rounded: that is what sets it apart from RoI pooling.
///
/// Boxes are data and have no gradient. A sum over samples runs row by row.
///
/// Source: He et al. 2017, *Mask R-CNN*, section 3.
///
/// # Errors
/// `InvalidBox` for a box without area, with a corner that is not finite, outside its image, or over 16 times as large as it;
/// `IndexOutOfRange` for an image that is not in the batch; `InvalidHyperparameter` for a scale, an output or a sampling that is not
/// positive, for more than 1024 bins along a side or 64 samples of a bin, and for a result of more than 2³² numbers; `EmptyInput` for no box or an empty map; `NonFinite` for features that are not finite.
pub fn roi_align<R: Real>(
    features: &ArrayRef4<R>,
    boxes: &[ImageBox],
    settings: RoiAlign,
) -> Result<Array4<R>> {
    check(features, boxes, settings)?;
    let (_, channels, rows, columns) = features.dim();
    let (high, wide) = settings.output;
    let grids: Vec<Grid<R>> = boxes.iter().map(|b| Grid::new(b, settings, rows, columns)).collect();
    let features = contiguous(features);
    let planes = features.as_slice().expect("standard layout");
    let cost = 4 * grids.iter().map(Grid::samples).max().unwrap_or(1);
    Ok(new_rows((boxes.len(), channels, high, wide), high * wide, cost, |at, y| {
        let (n, c) = (at / channels, at % channels);
        let plane = &planes[(boxes[n].image * channels + c) * rows * columns..][..rows * columns];
        for (bin, y) in y.zeros().iter_mut().enumerate() {
            grids[n].each(bin / wide, bin % wide, |cell, weight| *y += weight * plane[cell]);
            *y *= grids[n].scale;
        }
    }))
}

/// Gradient of [`roi_align`] with respect to the features, of shape `features`.
///
/// **eq-2.2-roialign, backward**
/// ```math
/// \bar F_{c,a,b} = \sum_{n,p,q} \frac{\bar y_{n,c,p,q}}{g_h g_w} \sum_{i,j} \Lambda_a(v_{p,i})\, \Lambda_b(u_{q,j})
/// ```
///
/// Derivation: `y` is linear in `F` with the weights above, so the gradient applies the transposed weights: every
/// sample hands its share of `ȳ` to its four cells.
pub fn roi_align_backward<R: Real>(
    features: (usize, usize, usize, usize),
    boxes: &[ImageBox],
    settings: RoiAlign,
    dy: &ArrayRef4<R>,
) -> Array4<R> {
    let (_, channels, rows, columns) = features;
    let (high, wide) = settings.output;
    let grids: Vec<Grid<R>> = boxes.iter().map(|b| Grid::new(b, settings, rows, columns)).collect();
    let dy = contiguous(dy);
    let dy = dy.as_slice().expect("standard layout");
    new_rows(features, rows * columns, 4, |at, plane| {
        let plane = plane.zeros();
        let (image, c) = (at / channels, at % channels);
        for (n, grid) in grids.iter().enumerate().filter(|(n, _)| boxes[*n].image == image) {
            for bin in 0..high * wide {
                let dy = grid.scale * dy[(n * channels + c) * high * wide + bin];
                grid.each(bin / wide, bin % wide, |cell, weight| plane[cell] += weight * dy);
            }
        }
    })
}

/// The samples of one box.
struct Grid<R> {
    vertical: Vec<Vec<Tap<R>>>,
    horizontal: Vec<Vec<Tap<R>>>,
    columns: usize,
    /// `1 / (g_h g_w)`
    scale: R,
}

/// One coordinate of a sample: two neighboring cells and the weight of each; none outside the map.
type Tap<R> = Option<[(usize, R); 2]>;

impl<R: Real> Grid<R> {
    fn new(b: &ImageBox, settings: RoiAlign, rows: usize, columns: usize) -> Self {
        let [x1, y1, x2, y2] = b.corners;
        let vertical = axis(y1, y2, settings, settings.output.0, rows);
        let horizontal = axis(x1, x2, settings, settings.output.1, columns);
        let samples = vertical[0].len() * horizontal[0].len();
        Grid { vertical, horizontal, columns, scale: R::of(1.0) / R::of(samples as f64) }
    }

    fn samples(&self) -> usize {
        self.vertical[0].len() * self.horizontal[0].len()
    }

    /// Calls `f(cell, weight)` for the four cells of every sample of bin `(p, q)`.
    fn each(&self, p: usize, q: usize, mut f: impl FnMut(usize, R)) {
        for vertical in self.vertical[p].iter().flatten() {
            for horizontal in self.horizontal[q].iter().flatten() {
                for (row, weight_of_row) in vertical {
                    for (column, weight_of_column) in horizontal {
                        f(row * self.columns + column, *weight_of_row * *weight_of_column);
                    }
                }
            }
        }
    }
}

/// The taps of every bin along one axis: from edge `low` to edge `high` of a box, on a map of `size` cells.
fn axis<R: Real>(low: f64, high: f64, settings: RoiAlign, bins: usize, size: usize) -> Vec<Vec<Tap<R>>> {
    let offset = R::of(if settings.aligned { 0.5 } else { 0.0 });
    let start = R::of(settings.scale) * R::of(low) - offset;
    let length = R::of(settings.scale) * R::of(high) - offset - start;
    let length = if settings.aligned { length } else { length.max(R::of(1.0)) };
    let samples = match settings.sampling {
        Sampling::Fixed(samples) => samples,
        Sampling::Adaptive => (length / R::of(bins as f64)).to_f64().ceil().max(1.0) as usize,
    };
    let bin = length / R::of(bins as f64);
    let at = |p: usize, i: usize| {
        start + bin * R::of(p as f64) + bin * (R::of(i as f64 + 0.5) / R::of(samples as f64))
    };
    (0..bins).map(|p| (0..samples).map(|i| tap(at(p, i), size)).collect()).collect()
}

/// The two cells next to coordinate `v`.
fn tap<R: Real>(v: R, size: usize) -> Tap<R> {
    let (zero, one) = (R::of(0.0), R::of(1.0));
    if v < -one || v > R::of(size as f64) {
        return None;
    }
    let v = v.max(zero);
    let low = v.to_f64().floor() as usize;
    if low >= size - 1 {
        return Some([(size - 1, one), (size - 1, zero)]);
    }
    let rest = v - R::of(low as f64);
    Some([(low, one - rest), (low + 1, rest)])
}

fn check<R: Real>(features: &ArrayRef4<R>, boxes: &[ImageBox], settings: RoiAlign) -> Result<()> {
    let RoiAlign { scale, output, sampling, .. } = settings;
    check_setting("roi_align: sampling", sampling != Sampling::Fixed(0), || {
        "needs at least one sample".to_string()
    })?;
    if let Sampling::Fixed(samples) = sampling {
        check_setting("roi_align: sampling", samples <= MOST_SAMPLES, || {
            format!("at most {MOST_SAMPLES} samples, got {samples}")
        })?;
    }
    let names = Names {
        features: "roi_align: features",
        boxes: "roi_align: boxes",
        scale: "roi_align: scale",
        output: "roi_align: output",
        image: "roi_align: image of a box",
    };
    check_regions(&names, features, boxes, scale, output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    fn run(corners: [f64; 4], settings: RoiAlign) -> String {
        let boxes = [ImageBox { image: 0, corners }];
        roi_align(&Array4::<f64>::zeros((1, 1, 4, 4)), &boxes, settings).unwrap_err().to_string()
    }

    const SETTINGS: RoiAlign =
        RoiAlign { scale: 0.5, output: (2, 2), sampling: Sampling::Fixed(2), aligned: true };

    #[test]
    fn wrong_boxes_are_refused() {
        let no_area = "roi_align: boxes: box 0 has no area";
        assert_eq!(run([2.0, 1.0, 2.0, 3.0], SETTINGS), no_area);
        assert_eq!(run([2.0, 3.0, 4.0, 1.0], SETTINGS), no_area);
        let infinite = [0.0, 0.0, f64::INFINITY, 1.0];
        assert_eq!(run(infinite, SETTINGS), "roi_align: boxes: box 0 has a corner that is not finite");
        let nan = [0.0, f64::NAN, 1.0, 1.0];
        assert_eq!(run(nan, SETTINGS), "roi_align: boxes: box 0 has a corner that is not finite");
        let outside = "roi_align: boxes: box 0 lies outside the image";
        assert_eq!(run([8.0, 0.0, 9.0, 1.0], SETTINGS), outside);
        assert_eq!(run([-3.0, 0.0, -1.0, 1.0], SETTINGS), outside);
        let far = RoiAlign { sampling: Sampling::Adaptive, ..SETTINGS };
        let large = "roi_align: boxes: box 0 is over 16 times as large as its image";
        assert_eq!(run([-1e300, 0.0, 1e300, 1.0], far), large);
    }

    #[test]
    fn wrong_settings_are_refused() {
        let whole = [0.0, 0.0, 8.0, 8.0];
        let scale = RoiAlign { scale: 0.0, ..SETTINGS };
        assert_eq!(run(whole, scale), "roi_align: scale: must be positive, got 0");
        let output = RoiAlign { output: (0, 2), ..SETTINGS };
        assert_eq!(run(whole, output), "roi_align: output: needs at least one bin, got 0 x 2");
        let sampling = RoiAlign { sampling: Sampling::Fixed(0), ..SETTINGS };
        assert_eq!(run(whole, sampling), "roi_align: sampling: needs at least one sample");
    }

    #[test]
    fn samples_and_bins_that_no_memory_holds_are_refused() {
        let whole = [0.0, 0.0, 8.0, 8.0];
        for samples in [65, usize::MAX] {
            let sampling = RoiAlign { sampling: Sampling::Fixed(samples), ..SETTINGS };
            let text = format!("roi_align: sampling: at most 64 samples, got {samples}");
            assert_eq!(run(whole, sampling), text);
        }
        for output in [(1025, 1), (1, usize::MAX), (usize::MAX, usize::MAX)] {
            let settings = RoiAlign { output, ..SETTINGS };
            let (high, wide) = output;
            let text =
                format!("roi_align: output: {high} x {wide} bins of 1 channels in 1 boxes are too many");
            assert_eq!(run(whole, settings), text);
        }
        let boxes = vec![ImageBox { image: 0, corners: whole }; 4097];
        let most = RoiAlign { output: (1024, 1024), ..SETTINGS };
        let error = roi_align(&Array4::<f64>::zeros((1, 1, 4, 4)), &boxes, most).unwrap_err();
        let text = "roi_align: output: 1024 x 1024 bins of 1 channels in 4097 boxes are too many";
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn wrong_features_are_refused() {
        let boxes = [ImageBox { image: 1, corners: [0.0, 0.0, 8.0, 8.0] }];
        let text = |x: &Array4<f64>, b: &[ImageBox]| roi_align(x, b, SETTINGS).unwrap_err().to_string();
        let x = Array4::zeros((1, 1, 4, 4));
        assert_eq!(text(&x, &boxes), "roi_align: image of a box: index 1 is outside a table of 1");
        assert_eq!(text(&x, &[]), "roi_align: boxes: empty");
        assert_eq!(text(&Array4::zeros((2, 0, 4, 4)), &boxes), "roi_align: features: empty");
        let nan = Array4::from_elem((2, 1, 4, 4), f64::NAN);
        assert_eq!(text(&nan, &boxes), "roi_align: features: not a finite number");
    }

    #[test]
    fn a_box_of_less_than_a_cell_is_widened_in_the_first_published_form_only() {
        let x = Array4::from_shape_fn((1, 1, 6, 6), |(_, _, y, x)| (y * 6 + x) as f64);
        let boxes = [ImageBox { image: 0, corners: [4.0, 4.0, 4.2, 4.2] }];
        let one = RoiAlign { output: (1, 1), ..SETTINGS };
        assert!(
            (roi_align(&x, &boxes, RoiAlign { aligned: false, ..one }).unwrap()[(0, 0, 0, 0)] - 17.5).abs()
                < 1e-12
        );
        assert_abs_diff_eq!(roi_align(&x, &boxes, one).unwrap()[(0, 0, 0, 0)], 1.55 * 7.0, epsilon = 1e-12);
    }
}
