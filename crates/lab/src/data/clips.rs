//! Digits that move: `clips`.
//!
//! The canvas has no border: what leaves it on one side comes in on the other. A digit may begin anywhere, so each frame by
//! itself is equally likely in every direction and at every time; direction and order are in the motion alone.

use mmt_tensor::{Random, Real};
use ndarray::{Array3, Array4};

use super::digits::{self, Part, SIZE};

/// Frames of a clip.
pub const FRAMES: usize = 8;

/// Rows and columns of the canvas.
pub const CANVAS: usize = 16;

/// Where a digit moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To smaller columns.
    Left,
    /// To larger columns.
    Right,
    /// To smaller rows.
    Up,
    /// To larger rows.
    Down,
}

impl Direction {
    /// All four.
    pub const ALL: [Direction; 4] = [Direction::Left, Direction::Right, Direction::Up, Direction::Down];

    /// `"left"`, `"right"`, `"up"` or `"down"`.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Left => "left",
            Direction::Right => "right",
            Direction::Up => "up",
            Direction::Down => "down",
        }
    }

    /// The place one pixel further on a canvas without a border.
    fn step(self, (top, left): (usize, usize)) -> (usize, usize) {
        match self {
            Direction::Left => (top, (left + CANVAS - 1) % CANVAS),
            Direction::Right => (top, (left + 1) % CANVAS),
            Direction::Up => ((top + CANVAS - 1) % CANVAS, left),
            Direction::Down => ((top + 1) % CANVAS, left),
        }
    }
}

/// A digit that moves by one pixel per frame, or stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clip {
    /// The row of `digits`.
    pub row: usize,
    /// Row and column of the canvas at which the first frame has the corner of the image.
    pub start: (usize, usize),
    /// `None` for a digit that stands still.
    pub direction: Option<Direction>,
}

impl Clip {
    /// A digit of one part that begins anywhere and moves in any direction.
    pub fn draw(part: Part, random: &mut Random) -> Self {
        let rows = part.rows();
        Clip {
            row: rows.start + random.below(rows.len()),
            start: (random.below(CANVAS), random.below(CANVAS)),
            direction: Some(Direction::ALL[random.below(4)]),
        }
    }

    /// The same digit without its motion.
    pub fn still(self) -> Self {
        Clip { direction: None, ..self }
    }

    /// Row and column of the corner of the image in a frame.
    pub fn place(self, frame: usize) -> (usize, usize) {
        let step = |at, _| self.direction.map_or(at, |direction| direction.step(at));
        (0..frame).fold(self.start, step)
    }

    /// The pixels of all frames, 0 to 16: `[8, 16, 16]`
    pub fn pixels(self) -> Array3<u8> {
        let mut clip = Array3::zeros((FRAMES, CANVAS, CANVAS));
        for frame in 0..FRAMES {
            let (top, left) = self.place(frame);
            for ((y, x), &ink) in digits::pixels(self.row).indexed_iter() {
                clip[(frame, (top + y) % CANVAS, (left + x) % CANVAS)] = ink;
            }
        }
        clip
    }

    /// The video, with numbers from 0 (paper) to 1 (ink): `[8, 16, 16, 1]`
    pub fn video<R: Real>(self) -> Array4<R> {
        let pixels = self.pixels();
        Array4::from_shape_fn((FRAMES, CANVAS, CANVAS, 1), |(t, y, x, _)| digits::shade(pixels[(t, y, x)]))
    }
}

const _: () = assert!(SIZE <= CANVAS, "a digit fits on the canvas");

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ndarray::s;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_clips_of_a_part() {
        for part in [Part::Train, Part::Test] {
            let draw = |seed| {
                let random = &mut Random::seed(seed);
                (0..400).map(|_| Clip::draw(part, random)).collect::<Vec<_>>()
            };
            assert_eq!(draw(1), draw(1));
            assert_ne!(draw(1), draw(2));
            assert!(draw(3).iter().all(|clip| part.rows().contains(&clip.row)));
            for direction in Direction::ALL {
                let count = draw(4).iter().filter(|clip| clip.direction == Some(direction)).count();
                assert!((70..130).contains(&count), "{direction:?}: {count}");
            }
        }
    }

    #[test]
    fn a_digit_moves_by_one_pixel_per_frame() {
        let clip = |direction| Clip { row: 5, start: (2, 15), direction: Some(direction) };
        assert_eq!(Direction::ALL.map(|d| clip(d).place(0)), [(2, 15); 4]);
        assert_eq!(Direction::ALL.map(|d| clip(d).place(3)), [(2, 12), (2, 2), (15, 15), (5, 15)]);
        let clip = Clip { row: 5, start: (4, 0), direction: Some(Direction::Right) };
        let video = clip.video::<f64>();
        for t in 0..FRAMES {
            assert_eq!(video.slice(s![t, 4..12, t..t + 8, ..]), digits::image::<f64>(5));
        }
    }

    #[test]
    fn frames_of_a_moving_digit_differ_and_those_of_a_still_one_do_not() {
        let random = &mut Random::seed(5);
        for clip in (0..50).map(|_| Clip::draw(Part::Train, random)) {
            let (moving, still) = (clip.pixels(), clip.still().pixels());
            for (i, j) in (0..FRAMES).flat_map(|i| (0..i).map(move |j| (i, j))) {
                assert_ne!(moving.slice(s![i, .., ..]), moving.slice(s![j, .., ..]));
                assert_eq!(still.slice(s![i, .., ..]), still.slice(s![j, .., ..]));
            }
            assert_eq!(moving.slice(s![0, .., ..]), still.slice(s![0, .., ..]));
        }
    }

    /// Over all starts, every frame of every direction shows every picture once: it says nothing of direction and time.
    #[test]
    fn one_frame_tells_neither_direction_nor_time() {
        let starts = || (0..CANVAS * CANVAS).map(|i| (i / CANVAS, i % CANVAS));
        for direction in Direction::ALL {
            for t in 0..FRAMES {
                let mut seen = BTreeMap::new();
                for start in starts() {
                    let clip = Clip { row: 0, start, direction: Some(direction) };
                    *seen.entry(clip.place(t)).or_insert(0) += 1;
                }
                assert_eq!(seen, starts().map(|place| (place, 1)).collect());
            }
        }
    }
}
