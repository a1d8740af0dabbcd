//! Small pictures of a picture.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayView3, Axis, s};

use super::shrink::shrink;
use crate::pictures::write_png;

/// Pixels from 0 to 1: `[rows, columns, 1 or 3]`
#[derive(Clone, Debug)]
pub struct Pixels(pub Array3<f32>);

impl Pixels {
    /// In gray and in `rows x columns` parts, from 0 to 1.
    pub fn gray(&self, rows: usize, columns: usize) -> Array2<f64> {
        let channels = self.0.dim().2;
        let parts = (0..channels).map(|c| channel(&self.0.view(), c, [rows, columns]));
        parts.fold(Array2::zeros((rows, columns)), |sum, part| sum + part) / channels as f64
    }

    /// Some rows and columns as the bytes of a PNG file with colors, at most `longest` pixels wide and high, and the rows and columns
    /// of that.
    pub fn png(&self, [rows, columns]: [Range<usize>; 2], longest: usize) -> (Vec<u8>, [usize; 2]) {
        let size = [rows.len(), columns.len()];
        let most = size[0].max(size[1]);
        let size = if most <= longest { size } else { size.map(|n| (n * longest / most).max(1)) };
        let pixels = self.0.slice(s![rows, columns, ..]);
        let channels = [0, 1, 2].map(|c| channel(&pixels, c, size));
        let byte = |(y, x, c): (usize, usize, usize)| (channels[c][(y, x)] * 255.0).round() as u8;
        (write_png(&Array3::from_shape_fn((size[0], size[1], 3), byte)), size)
    }
}

/// The means of parts of a channel; a gray picture has the same one for all colors.
fn channel(pixels: &ArrayView3<f32>, c: usize, [rows, columns]: [usize; 2]) -> Array2<f64> {
    let channel = pixels.index_axis(Axis(2), c.min(pixels.dim().2 - 1));
    shrink(&channel.mapv(f64::from).view(), rows, columns)
}
