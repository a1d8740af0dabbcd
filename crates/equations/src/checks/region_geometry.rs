//! Evidence for `eq-2.3-geometry`.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_close;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::image::{ImageBox, region_geometry};
use ndarray::{Array2, array};

use crate::{Property, properties};

/// The boxes of the specification, section 8A, in an image of 100 x 200.
pub(super) fn example() -> [ImageBox; 3] {
    [[0.0, 0.0, 100.0, 200.0], [10.0, 20.0, 50.0, 80.0], [30.0, 100.0, 90.0, 190.0]]
        .map(|corners| ImageBox { image: 0, corners })
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let g: Array2<f64> = region_geometry(&example(), &[[100.0, 200.0]]).unwrap();
    let want = array![[0.0, 0.0, 1.0, 1.0, 1.0], [0.1, 0.1, 0.5, 0.4, 0.12], [0.3, 0.5, 0.9, 0.95, 0.27]];
    assert_close(&g, &want, 1e-15);
}

/// Boxes are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_area_is_that_of_the_sides,
    rescaling_an_image_with_its_boxes_changes_nothing,
    all_numbers_are_shares,
    every_box_is_measured_in_its_own_image,
    the_whole_image_has_a_geometry_of_its_own,
];

/// Boxes in two images, and the sizes of these.
fn draw(random: &mut Random) -> (Vec<ImageBox>, [[f64; 2]; 2]) {
    let mut size = || [1.0 + 300.0 * random.unit(), 1.0 + 300.0 * random.unit()];
    let sizes = [size(), size()];
    let mut one = || {
        let image = random.below(2);
        let mut side = |size: f64| {
            let (a, b) = (random.unit(), random.unit());
            (size * a.min(b) * 0.999, size * a.max(b))
        };
        let ((x1, x2), (y1, y2)) = (side(sizes[image][0]), side(sizes[image][1]));
        ImageBox { image, corners: [x1, y1, x2, y2] }
    };
    ((0..4).map(|_| one()).collect(), sizes)
}

fn geometry(boxes: &[ImageBox], sizes: &[[f64; 2]]) -> Array2<f64> {
    region_geometry(boxes, sizes).unwrap()
}

fn the_area_is_that_of_the_sides(random: &mut Random) {
    let (boxes, sizes) = draw(random);
    for g in geometry(&boxes, &sizes).rows() {
        assert_eq!(g[4], (g[2] - g[0]) * (g[3] - g[1]));
    }
}

fn rescaling_an_image_with_its_boxes_changes_nothing(random: &mut Random) {
    let (boxes, sizes) = draw(random);
    let (a, b) = (0.1 + 5.0 * random.unit(), 0.1 + 5.0 * random.unit());
    let scaled = |b_: &ImageBox| {
        let [x1, y1, x2, y2] = b_.corners;
        ImageBox { image: b_.image, corners: [a * x1, b * y1, a * x2, b * y2] }
    };
    let other: Vec<ImageBox> = boxes.iter().map(scaled).collect();
    let want = geometry(&boxes, &sizes);
    assert_close(&geometry(&other, &sizes.map(|[w, h]| [a * w, b * h])), &want, 1e-14);
}

fn all_numbers_are_shares(random: &mut Random) {
    let (boxes, sizes) = draw(random);
    for g in geometry(&boxes, &sizes).rows() {
        assert!(g.iter().all(|g| (0.0..=1.0).contains(g)) && g[0] < g[2] && g[1] < g[3]);
    }
}

fn every_box_is_measured_in_its_own_image(random: &mut Random) {
    let (boxes, sizes) = draw(random);
    let all = geometry(&boxes, &sizes);
    for (b, g) in boxes.iter().zip(all.rows()) {
        let alone = geometry(&[ImageBox { image: 0, ..*b }], &[sizes[b.image]]);
        assert_eq!(alone.row(0), g);
    }
}

fn the_whole_image_has_a_geometry_of_its_own(random: &mut Random) {
    let size = [1.0 + 300.0 * random.unit(), 1.0 + 300.0 * random.unit()];
    let whole = ImageBox { image: 0, corners: [0.0, 0.0, size[0], size[1]] };
    assert_eq!(geometry(&[whole], &[size]), array![[0.0, 0.0, 1.0, 1.0, 1.0]]);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let boxes = example();
    let corners = Array2::from_shape_fn((3, 4), |(i, j)| R::of(boxes[i].corners[j]));
    let g: Array2<R> = region_geometry(&boxes, &[[100.0, 200.0]])?;
    cases.case("region.geometry").input("boxes", &corners).out("g", &g);
    Ok(())
}
