//! Handwritten digits: `digits`.

use std::ops::Range;

use mmt_tensor::{Random, Real};
use ndarray::{Array3, ArrayView2};

/// Rows and columns of an image.
pub const SIZE: usize = 8;

/// The largest value of a pixel: all 16 points of a 4x4 block of the scan are ink.
pub const INK: u8 = 16;

/// The pixels of all images, row by row, image after image.
pub const PIXELS: &[u8] = include_bytes!("../../data/digits-pixels.bin");

/// The digit that each image shows.
pub const LABELS: &[u8] = include_bytes!("../../data/digits-labels.bin");

/// How many images there are.
pub const COUNT: usize = LABELS.len();

/// The first 1297 images for training, the last 500 for tests.
///
/// The split is contiguous on purpose. Rows that lie together appear to come from the same writers (this is
/// inferred, the source does not say so: small models score several points lower on this split than on a random
/// one), so the test part asks for handwriting that was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rows 0 to 1296.
    Train,
    /// Rows 1297 to 1796.
    Test,
}

impl Part {
    /// The images of this part.
    pub fn rows(self) -> Range<usize> {
        match self {
            Part::Train => 0..1297,
            Part::Test => 1297..COUNT,
        }
    }
}

/// The pixels of an image, 0 to 16: `[8, 8]`
///
/// # Panics
/// If `index` is not below [`COUNT`].
pub fn pixels(index: usize) -> ArrayView2<'static, u8> {
    let bytes = &PIXELS[index * SIZE * SIZE..(index + 1) * SIZE * SIZE];
    ArrayView2::from_shape((SIZE, SIZE), bytes).expect("64 pixels")
}

/// The digit an image shows.
///
/// # Panics
/// If `index` is not below [`COUNT`].
pub fn label(index: usize) -> usize {
    usize::from(LABELS[index])
}

/// The row of an image of one part that shows a digit.
///
/// # Panics
/// If `digit` is not below 10.
pub fn draw(digit: usize, part: Part, random: &mut Random) -> usize {
    let rows: Vec<usize> = part.rows().filter(|&row| label(row) == digit).collect();
    rows[random.below(rows.len())]
}

/// An image as numbers from 0 (paper) to 1 (ink), with one channel: `[8, 8, 1]`
pub fn image<R: Real>(index: usize) -> Array3<R> {
    let pixels = pixels(index);
    Array3::from_shape_fn((SIZE, SIZE, 1), |(y, x, _)| shade(pixels[(y, x)]))
}

/// A pixel as a number from 0 (paper) to 1 (ink); exact, because 16 is a power of two.
pub(crate) fn shade<R: Real>(pixel: u8) -> R {
    R::of(f64::from(pixel) / f64::from(INK))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a, 64 bits.
    fn checksum(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3))
    }

    #[test]
    fn the_bytes_are_those_of_the_source() {
        assert_eq!((PIXELS.len(), LABELS.len()), (115_008, 1797));
        assert_eq!(checksum(PIXELS), 0x493f_a2f6_7df5_50a1);
        assert_eq!(checksum(LABELS), 0x5c66_ed87_5b0a_9785);
    }

    #[test]
    fn every_class_is_there() {
        let mut counts = [0; 10];
        (0..COUNT).for_each(|i| counts[label(i)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn pixels_are_within_their_range() {
        assert_eq!(PIXELS.iter().max(), Some(&INK));
        let image = image::<f32>(0);
        assert!(image.iter().all(|p| (0.0..=1.0).contains(p)));
        assert_eq!(image[(0, 2, 0)], 5.0 / 16.0);
    }

    #[test]
    fn the_parts_do_not_overlap() {
        assert_eq!((Part::Train.rows().len(), Part::Test.rows().len()), (1297, 500));
        assert_eq!(Part::Train.rows().end, Part::Test.rows().start);
    }
}
