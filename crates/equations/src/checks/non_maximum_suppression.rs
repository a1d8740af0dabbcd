//! Evidence for `eq-2.2-nms`.

use mmt_golden::Cases;
use mmt_tensor::testing::ramp;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::image::{Edges, box_iou, non_maximum_suppression};
use ndarray::{Array1, Array2, Axis, arr1, array};

use super::box_iou::{draw, example};
use crate::{Property, properties};

fn kept(boxes: &Array2<f64>, scores: &Array1<f64>, threshold: f64) -> Vec<usize> {
    non_maximum_suppression(boxes, scores, threshold, Edges::Between).unwrap()
}

/// Overlaps by hand; torchvision's own choice is the parity record `op_roi_s/nms`.
pub fn forward() {
    // Neighbors overlap by 1/3, and the first and the last not at all.
    let boxes = array![[0.0, 0.0, 2.0, 1.0], [1.0, 0.0, 3.0, 1.0], [2.0, 0.0, 4.0, 1.0]];
    assert_eq!(kept(&boxes, &arr1(&[0.9, 0.8, 0.7]), 0.3), [0, 2]);
    assert_eq!(kept(&boxes, &arr1(&[0.7, 0.9, 0.8]), 0.3), [1]);
    // What was left out leaves nothing out: the greedy choice keeps the last, which overlaps only a box that went.
    assert_eq!(kept(&boxes, &arr1(&[0.8, 0.7, 0.9]), 0.3), [2, 0]);
    assert_eq!(kept(&boxes, &arr1(&[0.5, 0.5, 0.5]), 0.4), [0, 1, 2]);
    // Exactly at the threshold a box stays.
    let half = array![[0.0, 0.0, 2.0, 1.0], [0.0, 0.0, 1.0, 1.0]];
    assert_eq!(kept(&half, &arr1(&[0.1, 0.2]), 0.5), [1, 0]);
    assert_eq!(kept(&half, &arr1(&[0.1, 0.2]), 0.4999), [1]);
}

/// A choice has no gradient.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    kept_boxes_do_not_overlap_and_what_goes_overlaps_a_better_one,
    scores_fall,
    choosing_twice_changes_nothing,
    another_order_of_the_boxes_keeps_the_same,
];

fn scores(random: &mut Random, n: usize) -> Array1<f64> {
    Array1::from_shape_fn(n, |_| random.unit())
}

fn kept_boxes_do_not_overlap_and_what_goes_overlaps_a_better_one(random: &mut Random) {
    let (boxes, scores, threshold) = (draw(random, 8), scores(random, 8), random.unit());
    let kept = kept(&boxes, &scores, threshold);
    let overlap = box_iou(&boxes, &boxes, Edges::Between).unwrap();
    for i in 0..8 {
        let better = kept.iter().filter(|&&j| scores[j] > scores[i]);
        let hidden = better.clone().any(|&j| overlap[(i, j)] > threshold);
        assert_eq!(hidden, !kept.contains(&i));
    }
}

fn scores_fall(random: &mut Random) {
    let (boxes, mut scores) = (draw(random, 8), scores(random, 8));
    scores[3] = scores[6];
    let kept = kept(&boxes, &scores, 0.9);
    assert!(kept.windows(2).all(|pair| (-scores[pair[0]], pair[0]) < (-scores[pair[1]], pair[1])));
}

fn choosing_twice_changes_nothing(random: &mut Random) {
    let (boxes, scores, threshold) = (draw(random, 8), scores(random, 8), random.unit());
    let first = kept(&boxes, &scores, threshold);
    let again = kept(&boxes.select(Axis(0), &first), &scores.select(Axis(0), &first), threshold);
    assert_eq!(again, (0..first.len()).collect::<Vec<_>>());
}

fn another_order_of_the_boxes_keeps_the_same(random: &mut Random) {
    let (boxes, scores, threshold) = (draw(random, 8), scores(random, 8), random.unit());
    let order = random.permutation(8);
    let other = kept(&boxes.select(Axis(0), &order), &scores.select(Axis(0), &order), threshold);
    let other: Vec<usize> = other.into_iter().map(|i| order[i]).collect();
    assert_eq!(other, kept(&boxes, &scores, threshold));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (boxes, scores): (Array2<R>, Array1<R>) = (example(), ramp(2, 6));
    let kept = non_maximum_suppression(&boxes, &scores, 0.3, Edges::Between)?;
    let kept = Array1::from(kept).mapv(|i| R::of(i as f64));
    cases.case("box.nms").input("boxes", &boxes).input("scores", &scores).out("kept", &kept);
    Ok(())
}
