//! Evidence for `eq-2.2-roialign`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use mmt_tokenizers::image::{ImageBox, RoiAlign, Sampling, roi_align, roi_align_backward};
use ndarray::{Array4, Axis};

use crate::{Property, properties};

const HALF: RoiAlign = RoiAlign { scale: 0.5, output: (2, 2), sampling: Sampling::Fixed(2), aligned: true };

fn boxes(corners: [f64; 4]) -> Vec<ImageBox> {
    vec![ImageBox { image: 0, corners }]
}

/// A map whose value is `f(y, x)` in every cell.
fn field(f: impl Fn(f64, f64) -> f64) -> Array4<f64> {
    Array4::from_shape_fn((1, 1, 5, 6), |(_, _, y, x)| f(y as f64, x as f64))
}

fn values(y: &Array4<f64>) -> Vec<f64> {
    y.iter().copied().collect()
}

/// Numbers of the specification, section 8.
pub fn forward() {
    let x = field(|y, x| 6.0 * y + x);
    for sampling in [Sampling::Fixed(1), Sampling::Fixed(2), Sampling::Fixed(3), Sampling::Adaptive] {
        let settings = RoiAlign { sampling, ..HALF };
        let corners = boxes([1.0, 1.0, 9.0, 7.0]);
        let aligned = values(&roi_align(&x, &corners, settings).unwrap());
        assert_close(&ndarray::arr1(&aligned), &ndarray::arr1(&[5.5, 7.5, 14.5, 16.5]), 1e-12);
        let first = values(&roi_align(&x, &corners, RoiAlign { aligned: false, ..settings }).unwrap());
        assert_close(&ndarray::arr1(&first), &ndarray::arr1(&[9.0, 11.0, 18.0, 20.0]), 1e-12);
    }
    let linear =
        roi_align(&field(|y, x| 2.0 * x + 3.0 * y + 1.0), &boxes([2.0, 2.0, 8.0, 6.0]), HALF).unwrap();
    assert_close(&ndarray::arr1(&values(&linear)), &ndarray::arr1(&[6.5, 9.5, 9.5, 12.5]), 1e-12);

    let (x, corners): (Array4<f64>, _) = (ramp(1, (1, 2, 5, 6)), boxes([1.3, 0.7, 9.1, 7.9]));
    let settings = RoiAlign { output: (2, 3), ..HALF };
    assert_sums(&roi_align(&x, &corners, settings).unwrap(), "0.26125", "3.3490625");
    let dx = roi_align_backward(x.dim(), &corners, settings, &ramp::<f64, _>(2, (1, 2, 2, 3)));
    assert_sums(&dx, "0.25", "13.9");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let corners = [[1.3, 0.7, 9.1, 7.9], [-1.0, 2.0, 5.0, 20.0], [3.0, 3.0, 3.4, 3.4]];
    let corners: Vec<ImageBox> =
        corners.iter().enumerate().map(|(i, &corners)| ImageBox { image: i % 2, corners }).collect();
    for (aligned, sampling) in [(true, Sampling::Fixed(2)), (false, Sampling::Adaptive)] {
        let settings = RoiAlign { aligned, sampling, output: (2, 3), ..HALF };
        let x: Array4<Dual> = ramp(1, (2, 3, 5, 6));
        check_backward(
            &x,
            |x| roi_align(x, &corners, settings),
            |x, dy| roi_align_backward(x.dim(), &corners, settings, dy),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_adjoint_identity_holds,
    a_constant_map_stays_constant,
    moving_map_and_box_by_whole_cells_changes_nothing,
    values_lie_between_the_extremes_of_the_map,
];

/// Settings and boxes inside an image of 24 x 20 pixels, on a map of 12 x 10 cells.
fn draw(random: &mut Random) -> (RoiAlign, Vec<ImageBox>) {
    let settings = RoiAlign {
        scale: 0.5,
        output: (1 + random.below(3), 1 + random.below(3)),
        sampling: [Sampling::Fixed(1), Sampling::Fixed(3), Sampling::Adaptive][random.below(3)],
        aligned: random.below(2) == 0,
    };
    let mut one = || {
        let (x, y) = (1.0 + 10.0 * random.unit(), 1.0 + 8.0 * random.unit());
        let (w, h) = (2.0 + 10.0 * random.unit(), 2.0 + 8.0 * random.unit());
        ImageBox { image: random.below(2), corners: [x, y, x + w, y + h] }
    };
    (settings, vec![one(), one(), one()])
}

fn the_adjoint_identity_holds(random: &mut Random) {
    let (settings, boxes) = draw(random);
    let x: Array4<f64> = random.uniform((2, 2, 10, 12), 1.0);
    let y = roi_align(&x, &boxes, settings).unwrap();
    let dy: Array4<f64> = random.uniform(y.dim(), 1.0);
    let dx = roi_align_backward(x.dim(), &boxes, settings, &dy);
    assert_close(&(&x * &dx).iter().sum::<f64>(), &(&y * &dy).iter().sum(), 1e-12);
}

fn a_constant_map_stays_constant(random: &mut Random) {
    let (settings, boxes) = draw(random);
    let y = roi_align(&Array4::from_elem((2, 1, 10, 12), 0.75), &boxes, settings).unwrap();
    assert_close(&y, &Array4::from_elem(y.dim(), 0.75), 1e-12);
}

fn moving_map_and_box_by_whole_cells_changes_nothing(random: &mut Random) {
    let (settings, boxes) = draw(random);
    let x: Array4<f64> = random.uniform((2, 2, 10, 12), 1.0);
    let mut moved = Array4::zeros((2, 2, 13, 16));
    moved.slice_mut(ndarray::s![.., .., 3.., 4..]).assign(&x);
    let shift = |b: &ImageBox| {
        let [x1, y1, x2, y2] = b.corners;
        ImageBox { image: b.image, corners: [x1 + 8.0, y1 + 6.0, x2 + 8.0, y2 + 6.0] }
    };
    let shifted: Vec<ImageBox> = boxes.iter().map(shift).collect();
    let want = roi_align(&x, &boxes, settings).unwrap();
    assert_close(&roi_align(&moved, &shifted, settings).unwrap(), &want, 1e-12);
}

fn values_lie_between_the_extremes_of_the_map(random: &mut Random) {
    let (settings, boxes) = draw(random);
    let x: Array4<f64> = random.uniform((2, 2, 10, 12), 1.0);
    let y = roi_align(&x, &boxes, settings).unwrap();
    for (n, y) in y.axis_iter(Axis(0)).enumerate() {
        let map = x.index_axis(Axis(0), boxes[n].image);
        let (low, high) = map.iter().fold((1.0_f64, -1.0_f64), |(l, h), &x| (l.min(x), h.max(x)));
        assert!(y.iter().all(|&y| low - 1e-12 <= y && y <= high + 1e-12));
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let corners = boxes([1.3, 0.7, 9.1, 7.9]);
    let x: Array4<R> = ramp(1, (1, 2, 5, 6));
    for (name, aligned) in [("roi.align.aligned", true), ("roi.align.legacy", false)] {
        let settings = RoiAlign { output: (2, 3), aligned, ..HALF };
        let (y, dy) = (roi_align(&x, &corners, settings)?, ramp(2, (1, 2, 2, 3)));
        let dx = roi_align_backward(x.dim(), &corners, settings, &dy);
        cases.case(name).input("features", &x).out("y", &y).cot("y", &dy).grad_in("features", &dx);
    }
    Ok(())
}
