//! How far two boxes are from being the same, also if they have nothing in common.

use mmt_tensor::{Real, Result, check_finite};
use ndarray::{Array2, ArrayRef2};

use super::box_iou::{Edges, check_boxes, common_and_union};

/// Generalized intersection over union of every two boxes.
///
/// **eq-2.2-box-giou**
/// ```math
/// G_{ij} = J_{ij} - \frac{|C_{ij}| - |A_i \cup B_j|}{|C_{ij}|}, \qquad
/// C_{ij} = \text{the smallest box that holds } A_i \text{ and } B_j
/// ```
///
/// `a: [n, 4]`, `b: [m, 4]` with rows `x1, y1, x2, y2` → `G: [n, m]`
///
/// `J` is eq-2.2-box-iou with edges between pixels. `-1 < G ≤ J ≤ 1`, and `G` still tells near boxes from far ones where `J` is
/// zero. Boxes are data and have no gradient.
///
/// Source: Rezatofighi et al. 2019, *Generalized intersection over union*, algorithm 1.
///
/// # Errors
/// Those of [`box_iou`](super::box_iou()).
pub fn box_giou<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>) -> Result<Array2<R>> {
    check_boxes("box_giou: a", a, Edges::Between)?;
    check_boxes("box_giou: b", b, Edges::Between)?;
    let giou = Array2::from_shape_fn((a.nrows(), b.nrows()), |(i, j)| {
        let (a, b) = (a.row(i), b.row(j));
        let (common, union) = common_and_union(a, b, Edges::Between);
        let side = |low: usize| a[low + 2].max(b[low + 2]) - a[low].min(b[low]);
        let hull = side(0) * side(1);
        common / union - (hull - union) / hull
    });
    check_finite("box_giou: areas", &giou)?;
    Ok(giou)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn what_is_no_box_is_refused() {
        let text = |a: &Array2<f64>, b: &Array2<f64>| box_giou(a, b).unwrap_err().to_string();
        let good = array![[0.0, 0.0, 1.0, 1.0]];
        assert_eq!(text(&Array2::zeros((1, 3)), &good), "box_giou: a: expected shape [_, 4], got [1, 3]");
        assert_eq!(text(&good, &Array2::zeros((0, 4))), "box_giou: b: empty");
        assert_eq!(text(&good, &array![[0.0, 0.0, 0.0, 1.0]]), "box_giou: b: box 0 has no area");
        let far = array![[0.0, 0.0, f64::INFINITY, 1.0]];
        assert_eq!(text(&far, &good), "box_giou: a: not a finite number");
        let large = array![[0.0, 0.0, 1e200, 1e200]];
        assert_eq!(text(&large, &good), "box_giou: areas: not a finite number");
    }
}
