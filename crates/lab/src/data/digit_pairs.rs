//! Two digits side by side: `digit-pairs`.

use mmt_tensor::{Random, Real};
use ndarray::Array3;

use super::digits::{self, Part, SIZE};

/// Two images of `digits`, the left and the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The row of the left digit.
    pub left: usize,
    /// The row of the right digit.
    pub right: usize,
}

impl Pair {
    /// Two images drawn independently from one part of the data, again while they show the same digit.
    pub fn draw(part: Part, random: &mut Random) -> Self {
        let rows = part.rows();
        let mut one = || rows.start + random.below(rows.len());
        loop {
            let (left, right) = (one(), one());
            if digits::label(left) != digits::label(right) {
                return Pair { left, right };
            }
        }
    }

    /// The digits that the pair shows, left and right.
    pub fn labels(self) -> (usize, usize) {
        (digits::label(self.left), digits::label(self.right))
    }

    /// The pixel at a row and a column of the 8x16 picture, 0 to 16.
    pub fn pixel(self, y: usize, x: usize) -> u8 {
        let (index, x) = if x < SIZE { (self.left, x) } else { (self.right, x - SIZE) };
        digits::pixels(index)[(y, x)]
    }

    /// The picture, with numbers from 0 (paper) to 1 (ink): `[8, 16, 1]`
    pub fn image<R: Real>(self) -> Array3<R> {
        Array3::from_shape_fn((SIZE, 2 * SIZE, 1), |(y, x, _)| digits::shade(self.pixel(y, x)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_show_different_digits_of_their_part() {
        let mut random = Random::seed(1);
        for part in [Part::Train, Part::Test] {
            for _ in 0..500 {
                let pair = Pair::draw(part, &mut random);
                assert!(part.rows().contains(&pair.left) && part.rows().contains(&pair.right));
                assert_ne!(pair.labels().0, pair.labels().1);
            }
        }
    }

    #[test]
    fn the_left_digit_is_on_the_left() {
        let image = Pair { left: 3, right: 5 }.image::<f64>();
        assert_eq!(image.slice(ndarray::s![.., ..8, ..]), digits::image::<f64>(3));
        assert_eq!(image.slice(ndarray::s![.., 8.., ..]), digits::image::<f64>(5));
    }
}
