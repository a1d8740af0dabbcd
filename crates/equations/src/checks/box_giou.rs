//! Evidence for `eq-2.2-box-giou`.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_close;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::image::{Edges, box_giou, box_iou};
use ndarray::array;

use super::box_iou::{draw, example};
use crate::{Property, properties};

/// Areas by hand; torchvision's own numbers are the parity record `op_roi_s/box_iou`.
pub fn forward() {
    let a = array![[0.0, 0.0, 4.0, 2.0]];
    let b = array![[0.0, 0.0, 4.0, 2.0], [2.0, 1.0, 6.0, 3.0], [6.0, 0.0, 8.0, 2.0]];
    // The union of 14 in a hull of 18; 4 of 16 between two boxes side by side.
    let want = array![[1.0, 2.0 / 14.0 - 4.0 / 18.0, -4.0 / 16.0]];
    assert_close(&box_giou(&a, &b).unwrap(), &want, 1e-15);
}

/// Boxes are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_lies_between_minus_one_and_the_overlap,
    exchanging_the_lists_transposes,
    it_falls_as_boxes_move_apart,
    boxes_that_make_up_their_hull_lose_nothing,
];

fn it_lies_between_minus_one_and_the_overlap(random: &mut Random) {
    let (a, mut b) = (draw(random, 3), draw(random, 4));
    b.row_mut(0).mapv_inplace(|corner| corner + 100.0);
    let (iou, giou) = (box_iou(&a, &b, Edges::Between).unwrap(), box_giou(&a, &b).unwrap());
    assert!(iou.iter().zip(&giou).all(|(iou, giou)| -1.0 < *giou && *giou <= *iou + 1e-15));
    assert!(giou.column(0).iter().all(|giou| *giou < -0.5));
}

fn exchanging_the_lists_transposes(random: &mut Random) {
    let (a, b) = (draw(random, 3), draw(random, 4));
    assert_close(&box_giou(&b, &a).unwrap().t().to_owned(), &box_giou(&a, &b).unwrap(), 1e-15);
}

fn it_falls_as_boxes_move_apart(random: &mut Random) {
    let a = draw(random, 1);
    let far = |by: f64| {
        let mut b = a.clone();
        b.row_mut(0).mapv_inplace(|corner| corner + by);
        box_giou(&a, &b).unwrap()[(0, 0)]
    };
    let (near, gap) = (20.0 * random.unit(), 1.0 + random.unit());
    assert!(far(near) > far(near + gap));
}

fn boxes_that_make_up_their_hull_lose_nothing(random: &mut Random) {
    let (cut, high) = (1.0 + random.unit(), 1.0 + random.unit());
    let (a, b) = (array![[0.0, 0.0, cut, high]], array![[cut, 0.0, 3.0, high]]);
    assert_close(&box_giou(&a, &b).unwrap(), &array![[0.0]], 1e-15);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let boxes = example::<R>();
    cases.case("box.giou").input("boxes", &boxes).out("giou", &box_giou(&boxes, &boxes)?);
    Ok(())
}
