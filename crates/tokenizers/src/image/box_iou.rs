//! How much two boxes have in common.

use mmt_tensor::{ANY, Error, Real, Result, check_finite, check_not_empty, check_shape};
use ndarray::{Array2, ArrayRef2, ArrayView1};

/// What the corners of a box are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// Points between pixels: a box from 0 to 2 is 2 wide.
    Between,
    /// The first and the last pixel, which both belong to the box: from 0 to 2 it is 3 wide. Source: released code of
    /// VL-BERT, `common/utils/bbox.py`.
    Pixels,
}

/// Intersection over union of every two boxes.
///
/// **eq-2.2-box-iou**
/// ```math
/// J_{ij} = \frac{|A_i \cap B_j|}{|A_i| + |B_j| - |A_i \cap B_j|}, \qquad
/// |A \cap B| = \bigl[\min(x_2, x'_2) - \max(x_1, x'_1)\bigr]_+\, \bigl[\min(y_2, y'_2) - \max(y_1, y'_1)\bigr]_+
/// ```
///
/// `a: [n, 4]`, `b: [m, 4]` with rows `x1, y1, x2, y2` → `J: [n, m]`
///
/// With [`Edges::Pixels`] every difference is one more. Boxes are data and have no gradient: overlaps say which regions count
/// as the same (ViLBERT hides those above 0.4, eq-2.3-global-region) and which are left out (eq-2.2-nms).
///
/// Source: Jaccard 1901, *Étude comparative de la distribution florale*; for boxes Everingham et al. 2010, *The PASCAL visual
/// object classes challenge*, section 4.2.
///
/// # Errors
/// [`Error::ShapeMismatch`] for rows that are not four numbers; [`Error::EmptyInput`] for no box; [`Error::InvalidBox`]
/// for a box without area; [`Error::NonFinite`] for corners that are not finite and for areas too large or too small for
/// the number type.
pub fn box_iou<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>, edges: Edges) -> Result<Array2<R>> {
    check_boxes("box_iou: a", a, edges)?;
    check_boxes("box_iou: b", b, edges)?;
    let iou = Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
        let (common, union) = common_and_union(a.row(i), b.row(j), edges);
        common / union
    });
    check_finite("box_iou: areas", &iou)?;
    Ok(iou)
}

/// `|A ∩ B|` and `|A ∪ B|`
pub(super) fn common_and_union<R: Real>(a: ArrayView1<R>, b: ArrayView1<R>, edges: Edges) -> (R, R) {
    let one = R::of(if edges == Edges::Pixels { 1.0 } else { 0.0 });
    let area = |b: &ArrayView1<R>| (b[2] - b[0] + one) * (b[3] - b[1] + one);
    let side = |low: usize| (a[low + 2].min(b[low + 2]) - a[low].max(b[low]) + one).max(R::of(0.0));
    let common = side(0) * side(1);
    (common, area(&a) + area(&b) - common)
}

/// Refuses what is no list of boxes.
pub(super) fn check_boxes<R: Real>(at: &'static str, boxes: &ArrayRef2<R>, edges: Edges) -> Result<()> {
    check_shape(at, boxes.shape(), &[ANY, 4])?;
    check_not_empty(at, boxes)?;
    check_finite(at, boxes)?;
    let empty = |low: R, high: R| if edges == Edges::Pixels { high < low } else { high <= low };
    match boxes.rows().into_iter().position(|b| empty(b[0], b[2]) || empty(b[1], b[3])) {
        Some(index) => Err(Error::InvalidBox { at, index, why: "has no area" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn text(a: Array2<f32>, b: Array2<f32>, edges: Edges) -> String {
        box_iou(&a, &b, edges).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_box_is_refused() {
        let (good, between) = (array![[0.0, 0.0, 1.0, 1.0]], Edges::Between);
        let wide = Array2::zeros((1, 5));
        assert_eq!(text(wide, good.clone(), between), "box_iou: a: expected shape [_, 4], got [1, 5]");
        assert_eq!(text(good.clone(), Array2::zeros((0, 4)), between), "box_iou: b: empty");
        let flat = array![[0.0, 0.0, 1.0, 1.0], [1.0, 2.0, 1.0, 3.0]];
        assert_eq!(text(good.clone(), flat.clone(), between), "box_iou: b: box 1 has no area");
        assert!(box_iou(&good, &flat, Edges::Pixels).is_ok());
        let turned = array![[0.0, 2.0, 1.0, 1.0]];
        assert_eq!(text(turned, good.clone(), Edges::Pixels), "box_iou: a: box 0 has no area");
        let nan = array![[0.0, f32::NAN, 1.0, 1.0]];
        assert_eq!(text(nan, good, between), "box_iou: a: not a finite number");
    }

    #[test]
    fn areas_out_of_range_are_refused() {
        for size in [1e30, 1e-30] {
            let b = array![[0.0, 0.0, size, size]];
            assert_eq!(text(b.clone(), b, Edges::Between), "box_iou: areas: not a finite number");
        }
    }

    #[test]
    fn pixels_at_the_edge_count() {
        let (a, b) = (array![[0.0, 0.0, 2.0, 2.0]], array![[2.0, 2.0, 3.0, 4.0]]);
        assert_eq!(box_iou(&a, &b, Edges::Between).unwrap(), array![[0.0]]);
        assert_eq!(box_iou(&a, &b, Edges::Pixels).unwrap(), array![[1.0 / 14.0]]);
    }
}
