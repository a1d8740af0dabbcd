//! Digits on a canvas, with their boxes: `scenes`.

use mmt_tensor::{Random, Real};
use ndarray::{Array2, Array3};

use super::digits::{self, Part, SIZE};

/// Rows and columns of the canvas.
pub const CANVAS: usize = 24;

/// Most digits of a scene. There is always room for them: of the four corners of the canvas every digit blocks one at most.
pub const MOST: usize = 4;

/// A digit on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The row of `digits`.
    pub row: usize,
    /// The row of the canvas on which its image begins.
    pub top: usize,
    /// The column of the canvas on which its image begins.
    pub left: usize,
}

impl Placed {
    /// The digit.
    pub fn label(&self) -> usize {
        digits::label(self.row)
    }

    /// The smallest box that holds all its ink: `[x0, y0, x1, y1]` in pixels, the last column and row not included.
    pub fn bounds(&self) -> [usize; 4] {
        let mut bounds = [CANVAS, CANVAS, 0, 0];
        for ((y, x), _) in digits::pixels(self.row).indexed_iter().filter(|(_, ink)| **ink > 0) {
            let (y, x) = (self.top + y, self.left + x);
            let [x0, y0, x1, y1] = bounds;
            bounds = [x0.min(x), y0.min(y), x1.max(x + 1), y1.max(y + 1)];
        }
        bounds
    }

    /// Whether the image of another digit here would share a pixel with this one.
    fn touches(&self, top: usize, left: usize) -> bool {
        self.top.abs_diff(top) < SIZE && self.left.abs_diff(left) < SIZE
    }
}

/// One to [`MOST`] digits that do not overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scene {
    /// In the order in which they were placed.
    pub digits: Vec<Placed>,
}

impl Scene {
    /// As many digits of one part as there is room for up to a number that is drawn, each at any place that is free.
    pub fn draw(part: Part, random: &mut Random) -> Self {
        let count = 1 + random.below(MOST);
        let rows = part.rows();
        let mut digits: Vec<Placed> = Vec::with_capacity(count);
        let places = CANVAS - SIZE + 1;
        for _ in 0..count {
            let free: Vec<_> = (0..places * places)
                .map(|i| (i / places, i % places))
                .filter(|&(top, left)| digits.iter().all(|other| !other.touches(top, left)))
                .collect();
            let (top, left) = free[random.below(free.len())];
            digits.push(Placed { row: rows.start + random.below(rows.len()), top, left });
        }
        Scene { digits }
    }

    /// The pixels of the canvas, 0 to 16: `[24, 24]`
    pub fn pixels(&self) -> Array2<u8> {
        let mut canvas = Array2::zeros((CANVAS, CANVAS));
        for digit in &self.digits {
            for ((y, x), &ink) in digits::pixels(digit.row).indexed_iter() {
                canvas[(digit.top + y, digit.left + x)] = ink;
            }
        }
        canvas
    }

    /// The picture, with numbers from 0 (paper) to 1 (ink): `[24, 24, 1]`
    pub fn image<R: Real>(&self) -> Array3<R> {
        let pixels = self.pixels();
        Array3::from_shape_fn((CANVAS, CANVAS, 1), |(y, x, _)| digits::shade(pixels[(y, x)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenes(part: Part, seed: u64) -> Vec<Scene> {
        let random = &mut Random::seed(seed);
        (0..400).map(|_| Scene::draw(part, random)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_scenes() {
        assert_eq!(scenes(Part::Train, 1), scenes(Part::Train, 1));
        assert_ne!(scenes(Part::Train, 1), scenes(Part::Train, 2));
    }

    #[test]
    fn digits_of_a_part_lie_on_the_canvas_and_do_not_overlap() {
        for part in [Part::Train, Part::Test] {
            let mut counts = [0; MOST];
            for Scene { digits } in scenes(part, 3) {
                counts[digits.len() - 1] += 1;
                for (i, a) in digits.iter().enumerate() {
                    assert!(part.rows().contains(&a.row));
                    assert!(a.top + SIZE <= CANVAS && a.left + SIZE <= CANVAS);
                    assert!(digits[..i].iter().all(|b| !b.touches(a.top, a.left)));
                }
            }
            assert!(counts.iter().all(|&count| count > 60), "{counts:?}");
        }
    }

    /// Boxes hold all ink and nothing but the ink of their digit, and no smaller box does.
    #[test]
    fn boxes_fit_the_ink() {
        for scene in scenes(Part::Test, 4) {
            let pixels = scene.pixels();
            let total = |x0: usize, y0: usize, x1: usize, y1: usize| -> usize {
                pixels.slice(ndarray::s![y0..y1, x0..x1]).iter().map(|&ink| usize::from(ink)).sum()
            };
            let mut inside = 0;
            for digit in &scene.digits {
                let [x0, y0, x1, y1] = digit.bounds();
                let own: usize = digits::pixels(digit.row).iter().map(|&ink| usize::from(ink)).sum();
                assert_eq!(total(x0, y0, x1, y1), own);
                for smaller in
                    [[x0 + 1, y0, x1, y1], [x0, y0 + 1, x1, y1], [x0, y0, x1 - 1, y1], [x0, y0, x1, y1 - 1]]
                {
                    let [x0, y0, x1, y1] = smaller;
                    assert!(total(x0, y0, x1, y1) < own);
                }
                inside += own;
            }
            assert_eq!(inside, total(0, 0, CANVAS, CANVAS));
        }
    }

    /// Digits whose images block most: one in the middle, the others in corners.
    #[test]
    fn there_is_room_for_four() {
        let corners = [(0, 0), (0, 16), (16, 0), (16, 16)];
        for (top, left) in (0..17 * 17).map(|i| (i / 17, i % 17)) {
            let digit = Placed { row: 0, top, left };
            assert!(corners.iter().filter(|&&(top, left)| digit.touches(top, left)).count() <= 1);
        }
    }

    #[test]
    fn the_image_is_that_of_the_digit() {
        let scene = Scene { digits: vec![Placed { row: 7, top: 3, left: 11 }] };
        let image = scene.image::<f64>();
        assert_eq!(image.slice(ndarray::s![3..11, 11..19, ..]), digits::image::<f64>(7));
    }
}
