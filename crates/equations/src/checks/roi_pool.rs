//! Evidence for `eq-2.2-roi-pool`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use mmt_tokenizers::image::{ImageBox, RoiPool, roi_pool, roi_pool_backward};
use ndarray::{Array4, Axis, arr1};

use crate::{Property, properties};

const HALF: RoiPool = RoiPool { scale: 0.5, output: (2, 2) };

fn in_first_image(corners: [f64; 4]) -> Vec<ImageBox> {
    vec![ImageBox { image: 0, corners }]
}

/// Bins by hand on a map whose cells are numbered row by row; torchvision's own numbers are the parity record
/// `op_roi_s/roi_pool`.
pub fn forward() {
    let x: Array4<f64> = Array4::from_shape_fn((1, 1, 5, 6), |(_, _, y, x)| 6.0 * y as f64 + x as f64);
    let values = |corners, settings| {
        let y = roi_pool(&x, &in_first_image(corners), settings).unwrap();
        arr1(&y.iter().copied().collect::<Vec<f64>>())
    };
    // Corners 0.5, 0.5, 4.5, 3.5 become cells 1, 1, 5, 4: columns 1 to 5 in bins of 2.5, rows 1 to 4 in bins of 2.
    assert_close(&values([1.0, 1.0, 9.0, 7.0], HALF), &arr1(&[15.0, 17.0, 27.0, 29.0]), 0.0);
    // Half of the box lies left of the map; a bin without a cell is zero.
    let three = RoiPool { output: (1, 3), ..HALF };
    assert_close(&values([-6.0, 0.0, 4.0, 3.0], three), &arr1(&[0.0, 12.0, 14.0]), 0.0);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let corners = [[1.3, 0.7, 9.1, 7.9], [-3.0, 2.0, 5.0, 20.0], [3.0, 3.0, 3.4, 3.4], [1.0, 1.0, 8.0, 8.0]];
    let boxes: Vec<ImageBox> =
        corners.iter().enumerate().map(|(i, &corners)| ImageBox { image: i % 2, corners }).collect();
    for output in [(2, 3), (1, 1), (4, 2)] {
        let settings = RoiPool { output, ..HALF };
        let x: Array4<Dual> = Random::seed(5).uniform((2, 3, 5, 6), 1.0);
        check_backward(
            &x,
            |x| roi_pool(x, &boxes, settings),
            |x, dy| roi_pool_backward(x, &boxes, settings, dy),
        );
    }
    let flat = Array4::from_elem((1, 1, 3, 3), 2.0);
    let one = RoiPool { scale: 1.0, output: (1, 1) };
    let dx = roi_pool_backward(
        &flat,
        &in_first_image([0.0, 0.0, 2.0, 2.0]),
        one,
        &Array4::from_elem((1, 1, 1, 1), 3.0),
    );
    assert_eq!(
        (dx[(0, 0, 0, 0)], dx.iter().filter(|dx| **dx != 0.0).count()),
        (3.0, 1),
        "the first of equals"
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    values_are_those_of_cells_or_zero,
    one_bin_for_the_whole_map_is_its_maximum,
    one_bin_per_cell_is_the_map,
    moving_map_and_box_by_whole_cells_changes_nothing,
    a_larger_map_has_no_smaller_values,
    boxes_do_not_feel_each_other,
];

/// Settings, a map of 10 x 12 cells of two images, and boxes inside these, in pixels.
fn draw(random: &mut Random) -> (RoiPool, Array4<f64>, Vec<ImageBox>) {
    let settings = RoiPool { scale: 0.5, output: (1 + random.below(3), 1 + random.below(3)) };
    let mut one = || {
        let (x, y) = (16.0 * random.unit(), 12.0 * random.unit());
        let corners = [x, y, x + 0.5 + 7.0 * random.unit(), y + 0.5 + 7.0 * random.unit()];
        ImageBox { image: random.below(2), corners }
    };
    let boxes = vec![one(), one(), one()];
    (settings, random.uniform((2, 2, 10, 12), 1.0), boxes)
}

fn values_are_those_of_cells_or_zero(random: &mut Random) {
    let (settings, x, boxes) = draw(random);
    let y = roi_pool(&x, &boxes, settings).unwrap();
    for ((n, c, _, _), y) in y.indexed_iter() {
        let plane = x.index_axis(Axis(0), boxes[n].image);
        assert!(*y == 0.0 || plane.index_axis(Axis(0), c).iter().any(|x| x == y));
    }
}

fn one_bin_for_the_whole_map_is_its_maximum(random: &mut Random) {
    let (_, x, _) = draw(random);
    let whole = in_first_image([0.0, 0.0, 24.0, 20.0]);
    let y = roi_pool(&x, &whole, RoiPool { scale: 0.5, output: (1, 1) }).unwrap();
    for c in 0..2 {
        let plane = x.index_axis(Axis(0), 0);
        let largest = plane.index_axis(Axis(0), c).iter().fold(-2.0_f64, |m, &x| m.max(x));
        assert_eq!(y[(0, c, 0, 0)], largest);
    }
}

fn one_bin_per_cell_is_the_map(random: &mut Random) {
    let (_, x, _) = draw(random);
    let whole = in_first_image([0.0, 0.0, 11.0, 9.0]);
    let y = roi_pool(&x, &whole, RoiPool { scale: 1.0, output: (10, 12) }).unwrap();
    assert_eq!(y.index_axis(Axis(0), 0), x.index_axis(Axis(0), 0));
}

fn moving_map_and_box_by_whole_cells_changes_nothing(random: &mut Random) {
    let (settings, x, boxes) = draw(random);
    let mut moved = Array4::zeros((2, 2, 13, 16));
    moved.slice_mut(ndarray::s![.., .., 3.., 4..]).assign(&x);
    // Boxes that end inside the map: beyond its edge, the moved map has other cells.
    let inside: Vec<ImageBox> = (boxes.iter())
        .map(|b| {
            let [x1, y1, x2, y2] = b.corners;
            ImageBox { image: b.image, corners: [x1, y1, x2.min(22.0), y2.min(18.0)] }
        })
        .collect();
    let shifted: Vec<ImageBox> = (inside.iter())
        .map(|b| {
            let [x1, y1, x2, y2] = b.corners;
            ImageBox { image: b.image, corners: [x1 + 8.0, y1 + 6.0, x2 + 8.0, y2 + 6.0] }
        })
        .collect();
    assert_eq!(roi_pool(&moved, &shifted, settings).unwrap(), roi_pool(&x, &inside, settings).unwrap());
}

fn a_larger_map_has_no_smaller_values(random: &mut Random) {
    let (settings, x, boxes) = draw(random);
    let more: Array4<f64> = random.uniform(x.dim(), 1.0);
    let larger = &x + &more.mapv(f64::abs);
    let (low, high) = (roi_pool(&x, &boxes, settings).unwrap(), roi_pool(&larger, &boxes, settings).unwrap());
    assert!(low.iter().zip(&high).all(|(low, high)| low <= high));
}

fn boxes_do_not_feel_each_other(random: &mut Random) {
    let (settings, x, boxes) = draw(random);
    let all = roi_pool(&x, &boxes, settings).unwrap();
    for (b, y) in boxes.iter().zip(all.outer_iter()) {
        assert_eq!(roi_pool(&x, &[*b], settings).unwrap().index_axis(Axis(0), 0), y);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let boxes = in_first_image([1.3, 0.7, 9.1, 7.9]);
    let settings = RoiPool { output: (2, 3), ..HALF };
    let x: Array4<R> = ramp(1, (1, 2, 5, 6));
    let (y, dy) = (roi_pool(&x, &boxes, settings)?, ramp(2, (1, 2, 2, 3)));
    let dx = roi_pool_backward(&x, &boxes, settings, &dy);
    cases.case("roi.pool").input("features", &x).out("y", &y).cot("y", &dy).grad_in("features", &dx);
    Ok(())
}
