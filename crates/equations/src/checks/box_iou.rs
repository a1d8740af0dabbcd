//! Evidence for `eq-2.2-box-iou`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, ramp};
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::image::{Edges, box_iou};
use ndarray::{Array2, array, s};

use crate::{Property, properties};

/// Areas by hand; torchvision's own numbers are the parity record `op_roi_s/box_iou`.
pub fn forward() {
    let a = array![[0.0, 0.0, 4.0, 2.0]];
    let b = array![[0.0, 0.0, 4.0, 2.0], [2.0, 1.0, 6.0, 3.0], [1.0, 0.0, 2.0, 2.0], [4.0, 0.0, 5.0, 2.0]];
    assert_close(&box_iou(&a, &b, Edges::Between).unwrap(), &array![[1.0, 2.0 / 14.0, 0.25, 0.0]], 1e-15);
    // With pixels at both ends the sides are 5 and 3, and the last two boxes share the column at 4.
    let pixels = array![[1.0, 6.0 / 24.0, 6.0 / 15.0, 3.0 / 18.0]];
    assert_close(&box_iou(&a, &b, Edges::Pixels).unwrap(), &pixels, 1e-15);
}

/// Boxes are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    overlaps_are_shares_and_one_only_for_the_same_box,
    exchanging_the_lists_transposes,
    moving_and_rescaling_all_boxes_changes_nothing,
    a_box_inside_another_has_the_share_of_its_area,
    pixels_are_boxes_that_end_one_later,
];

/// Boxes of sides from 1 to 9 with corners between 0 and 19.
pub(super) fn draw(random: &mut Random, n: usize) -> Array2<f64> {
    let mut boxes = Array2::zeros((n, 4));
    for mut b in boxes.rows_mut() {
        let [x, y, wide, high] = [10.0, 10.0, 8.0, 8.0].map(|most| most * random.unit());
        b.assign(&array![x, y, x + 1.0 + wide, y + 1.0 + high]);
    }
    boxes
}

fn overlaps_are_shares_and_one_only_for_the_same_box(random: &mut Random) {
    let boxes = draw(random, 5);
    for ((i, j), &overlap) in box_iou(&boxes, &boxes, Edges::Between).unwrap().indexed_iter() {
        assert!((0.0..=1.0).contains(&overlap));
        assert_eq!(overlap == 1.0, i == j);
    }
}

fn exchanging_the_lists_transposes(random: &mut Random) {
    let (a, b) = (draw(random, 3), draw(random, 4));
    let there = box_iou(&a, &b, Edges::Between).unwrap();
    assert_close(&box_iou(&b, &a, Edges::Between).unwrap().t().to_owned(), &there, 1e-15);
}

fn moving_and_rescaling_all_boxes_changes_nothing(random: &mut Random) {
    let (a, b) = (draw(random, 3), draw(random, 4));
    let [x, y, wide, high] = [0; 4].map(|_| 0.5 + random.unit());
    let other = |boxes: &Array2<f64>| {
        Array2::from_shape_fn(boxes.dim(), |(i, j)| boxes[(i, j)] * [wide, high][j % 2] + [x, y][j % 2])
    };
    let want = box_iou(&a, &b, Edges::Between).unwrap();
    assert_close(&box_iou(&other(&a), &other(&b), Edges::Between).unwrap(), &want, 1e-12);
}

fn a_box_inside_another_has_the_share_of_its_area(random: &mut Random) {
    let outer = draw(random, 1);
    let [x1, y1, x2, y2] = [outer[(0, 0)], outer[(0, 1)], outer[(0, 2)], outer[(0, 3)]];
    let [u, v] = [0.1 + 0.8 * random.unit(), 0.1 + 0.8 * random.unit()];
    let inner = array![[x1, y1, x1 + u * (x2 - x1), y1 + v * (y2 - y1)]];
    assert_close(&box_iou(&inner, &outer, Edges::Between).unwrap(), &array![[u * v]], 1e-12);
}

fn pixels_are_boxes_that_end_one_later(random: &mut Random) {
    let (a, b) = (draw(random, 3), draw(random, 4));
    let later = |boxes: &Array2<f64>| {
        let mut boxes = boxes.clone();
        boxes.slice_mut(s![.., 2..]).mapv_inplace(|corner| corner + 1.0);
        boxes
    };
    let want = box_iou(&later(&a), &later(&b), Edges::Between).unwrap();
    assert_close(&box_iou(&a, &b, Edges::Pixels).unwrap(), &want, 1e-12);
}

/// Six boxes around each other, from the integer ramp.
pub(super) fn example<R: Real>() -> Array2<R> {
    let places: Array2<R> = ramp(1, (6, 4));
    Array2::from_shape_fn((6, 4), |(i, j)| places[(i, j)] + R::of(if j < 2 { 0.0 } else { 4.0 }))
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let boxes = example::<R>();
    let iou = box_iou(&boxes, &boxes, Edges::Between)?;
    cases.case("box.iou").input("boxes", &boxes).out("iou", &iou);
    Ok(())
}
