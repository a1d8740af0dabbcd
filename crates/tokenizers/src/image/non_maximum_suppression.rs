//! Of boxes that show the same, only the one with the highest score.

use mmt_tensor::{Real, Result, check_finite, check_setting, check_shape};
use ndarray::{ArrayRef1, ArrayRef2};

use super::box_iou::{Edges, box_iou, check_boxes};

/// The boxes that are kept, from the highest score to the lowest: a box goes if it overlaps a kept one of a higher score by more
/// than a threshold.
///
/// **eq-2.2-nms**
/// ```math
/// K = \bigl\{\, i : J_{ij} \le \theta \text{ for all } j \in K \text{ with } j \prec i \,\bigr\}, \qquad
/// j \prec i \iff s_j > s_i \text{ or } (s_j = s_i \text{ and } j < i)
/// ```
///
/// `boxes: [n, 4]`, `scores: [n]` → `K`, in the order `≺`
///
/// `J` is eq-2.2-box-iou. A detector proposes a box many times; ViLBERT and its successors keep 10 to 100 of them. The result is
/// a choice and has no gradient.
///
/// Source: Girshick et al. 2014, *Rich feature hierarchies*, section 2.2; ties and the strict comparison are those of torchvision's
/// `nms`.
///
/// # Errors
/// Those of [`box_iou`]; [`ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for scores that are not one per box;
/// [`NonFinite`](mmt_tensor::Error::NonFinite) for scores that are not finite;
/// [`InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for a threshold outside `[0, 1]`.
pub fn non_maximum_suppression<R: Real>(
    boxes: &ArrayRef2<R>,
    scores: &ArrayRef1<R>,
    threshold: f64,
    edges: Edges,
) -> Result<Vec<usize>> {
    check_boxes("nms: boxes", boxes, edges)?;
    check_shape("nms: scores", scores.shape(), &[boxes.nrows()])?;
    check_finite("nms: scores", scores)?;
    check_setting("nms: threshold", (0.0..=1.0).contains(&threshold), || {
        format!("must be between 0 and 1, got {threshold}")
    })?;
    let mut order: Vec<usize> = (0..boxes.nrows()).collect();
    order.sort_by(|&i, &j| scores[j].partial_cmp(&scores[i]).expect("finite scores"));
    let mut kept: Vec<usize> = vec![];
    for i in order {
        let one = boxes.row(i).insert_axis(ndarray::Axis(0));
        let others = boxes.select(ndarray::Axis(0), &kept);
        let overlaps = if kept.is_empty() { None } else { Some(box_iou(&one, &others, edges)?) };
        if overlaps.iter().flatten().all(|&overlap| overlap <= R::of(threshold)) {
            kept.push(i);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, arr1, array};

    fn text(boxes: &Array2<f64>, scores: &Array1<f64>, threshold: f64) -> String {
        non_maximum_suppression(boxes, scores, threshold, Edges::Between).unwrap_err().to_string()
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let boxes = array![[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 2.0, 1.0]];
        let scores = arr1(&[1.0, 2.0]);
        assert_eq!(text(&boxes, &arr1(&[1.0]), 0.5), "nms: scores: expected shape [2], got [1]");
        assert_eq!(text(&boxes, &arr1(&[1.0, f64::NAN]), 0.5), "nms: scores: not a finite number");
        for threshold in [-0.1, 1.1, f64::NAN] {
            let expected = format!("nms: threshold: must be between 0 and 1, got {threshold}");
            assert_eq!(text(&boxes, &scores, threshold), expected);
        }
        assert_eq!(text(&Array2::zeros((0, 4)), &arr1(&[]), 0.5), "nms: boxes: empty");
        assert_eq!(
            text(&array![[0.0, 0.0, 1.0]], &arr1(&[1.0]), 0.5),
            "nms: boxes: expected shape [_, 4], got [1, 3]"
        );
        let flat = array![[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 2.0, 1.0]];
        assert_eq!(text(&flat, &scores, 0.5), "nms: boxes: box 1 has no area");
    }
}
