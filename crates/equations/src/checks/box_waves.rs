//! Evidence for `eq-2.15-box-waves`.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed};
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::image::ImageBox;
use mmt_tokenizers::vl_bert::{BoxNumbers, box_waves};
use ndarray::{Array2, s};

use crate::{Property, properties};

/// The box of the specification, and its image.
const BOX: ImageBox = ImageBox { image: 0, corners: [10.0, 20.0, 50.0, 80.0] };
const SIZE: [f64; 2] = [100.0, 200.0];

/// Numbers of the specification, and those of its other coordinates and of the corners, computed with 30 digits.
pub fn forward() {
    let center = "-0.988031624093 0.812648896642 0.154251449888 0.582753610702 \
                  -0.13235175009777 0.71075393734583 0.99120281186347 0.70344071573047 \
                  0.74511316047935 0.95358074048692 -0.66693806165226 0.30113746258547 \
                  -0.98803162409286 0.81264889664204 0.15425144988758 0.58275361070222";
    let corners = "-0.54402111088937 0.31098359290719 -0.83907152907645 0.95041528025518 \
                   -0.54402111088937 0.31098359290719 -0.83907152907645 0.95041528025518 \
                   -0.26237485370393 0.9999465167896 0.96496602849211 -0.010342318905209 \
                   0.74511316047935 0.95358074048692 -0.66693806165226 0.30113746258547";
    for (numbers, printed) in [(BoxNumbers::CenterSize, center), (BoxNumbers::Corners, corners)] {
        let g: Array2<f64> = box_waves(&[BOX], &[SIZE], numbers, 2).unwrap();
        assert_eq!(g.len(), printed.split_whitespace().count());
        g.iter().zip(printed.split_whitespace()).for_each(|(&got, want)| assert_printed(got, want));
    }
    assert_eq!(box_waves::<f64>(&[BOX], &[SIZE], BoxNumbers::CenterSize, 256).unwrap().ncols(), 2048);
}

/// Boxes are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    sine_and_cosine_are_of_one_angle,
    rescaling_an_image_with_its_boxes_changes_nothing,
    a_box_moved_to_the_right_changes_one_coordinate,
    every_box_is_measured_in_its_own_image,
];

/// A box with place for moving to the right, and the size of its image.
fn draw(random: &mut Random) -> (ImageBox, [f64; 2], usize) {
    let size = [1.0 + 300.0 * random.unit(), 1.0 + 300.0 * random.unit()];
    let (x, y) = (0.4 * random.unit(), 0.4 * random.unit());
    let (w, h) = (0.1 + 0.2 * random.unit(), 0.1 + 0.4 * random.unit());
    let corners = [x * size[0], y * size[1], (x + w) * size[0], (y + h) * size[1]];
    (ImageBox { image: 0, corners }, size, 1 + random.below(6))
}

fn waves(b: ImageBox, size: [f64; 2], k: usize) -> Array2<f64> {
    box_waves(&[b], &[size], BoxNumbers::CenterSize, k).unwrap()
}

fn sine_and_cosine_are_of_one_angle(random: &mut Random) {
    let (b, size, k) = draw(random);
    let g = waves(b, size, k);
    for c in 0..4 {
        for i in 0..k {
            let (sine, cosine) = (g[(0, 2 * k * c + i)], g[(0, 2 * k * c + k + i)]);
            assert!((sine * sine + cosine * cosine - 1.0).abs() < 1e-14);
        }
    }
}

fn rescaling_an_image_with_its_boxes_changes_nothing(random: &mut Random) {
    let (b, size, k) = draw(random);
    let (p, q) = (0.1 + 5.0 * random.unit(), 0.1 + 5.0 * random.unit());
    let [x1, y1, x2, y2] = b.corners;
    let scaled = ImageBox { corners: [p * x1, q * y1, p * x2, q * y2], ..b };
    assert_close(&waves(scaled, [p * size[0], q * size[1]], k), &waves(b, size, k), 1e-12);
}

/// The center in x; the three others stay.
fn a_box_moved_to_the_right_changes_one_coordinate(random: &mut Random) {
    let (b, size, k) = draw(random);
    let [x1, y1, x2, y2] = b.corners;
    let by = 0.25 * size[0];
    let moved = waves(ImageBox { corners: [x1 + by, y1, x2 + by, y2], ..b }, size, k);
    let g = waves(b, size, k);
    let rest = s![.., 2 * k..];
    assert_close(&moved.slice(rest).to_owned(), &g.slice(rest).to_owned(), 1e-11);
    let first = s![.., ..2 * k];
    assert!(moved.slice(first) != g.slice(first));
}

fn every_box_is_measured_in_its_own_image(random: &mut Random) {
    let ((a, size_a, k), (b, size_b, _)) = (draw(random), draw(random));
    let both = [a, ImageBox { image: 1, ..b }];
    let all = box_waves::<f64>(&both, &[size_a, size_b], BoxNumbers::CenterSize, k).unwrap();
    assert_eq!(all.row(0), waves(a, size_a, k).row(0));
    assert_eq!(all.row(1), waves(b, size_b, k).row(0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let corners = Array2::from_shape_fn((1, 4), |(_, j)| R::of(BOX.corners[j]));
    for (name, numbers) in [("center", BoxNumbers::CenterSize), ("corners", BoxNumbers::Corners)] {
        let g: Array2<R> = box_waves(&[BOX], &[SIZE], numbers, 4)?;
        cases.case(&format!("region.waves.{name}")).input("boxes", &corners).out("g", &g);
    }
    Ok(())
}
