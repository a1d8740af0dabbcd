//! The patches of a picture.

use std::path::Path;

use mmt_golden::file::FileError;
use mmt_tensor::ops::sum::sum;
use mmt_tokenizers::image::{Order, patchify};
use ndarray::{Array2, Array3, Axis, s};

use super::shrink::shrink;
use crate::pictures::{read_png, write_png};

/// The byte of a PNG file at which its width stands.
const WIDTH_AT: usize = 16;

/// A picture as the rows that eq-2.1-patch maps to tokens.
#[derive(Clone, Debug)]
pub struct ImageTokens {
    /// Rows and columns of the picture, in pixels.
    pub size: [usize; 2],
    /// Numbers per pixel: 1 or 3.
    pub channels: usize,
    /// Rows and columns of a patch.
    pub patch: usize,
    /// The mean of every token, from 0 to 1, from left to right and from top to bottom.
    pub means: Vec<f64>,
    /// Numbers of a token.
    pub numbers: usize,
    pixels: Array3<f32>,
}

impl ImageTokens {
    /// Reads a picture and cuts it.
    ///
    /// # Errors
    /// [`FileError`] as [`read_png`], and at the byte of the width if patches do not tile the picture: with the next sizes that
    /// do.
    pub fn read(path: &Path, patch: usize) -> Result<Self, FileError> {
        let pixels = read_png::<f32>(path)?;
        let (rows, columns, channels) = pixels.dim();
        let tokens = patchify(&pixels.view().insert_axis(Axis(0)), patch, Order::Hwc).map_err(|e| {
            let why = format!("{e}; {} do", sizes_that_tile([rows, columns], patch));
            FileError { path: path.to_path_buf(), offset: Some(WIDTH_AT), why }
        })?;
        let mean =
            |row: ndarray::ArrayView1<f32>| f64::from(sum(row.as_slice().expect("a row"))) / row.len() as f64;
        let means = tokens.outer_iter().map(mean).collect();
        Ok(ImageTokens { size: [rows, columns], channels, patch, means, numbers: tokens.ncols(), pixels })
    }

    /// Patches from top to bottom and from left to right.
    pub fn grid(&self) -> [usize; 2] {
        self.size.map(|size| size / self.patch)
    }

    /// The picture in gray and in `rows x columns` parts, from 0 to 1.
    pub fn gray(&self, rows: usize, columns: usize) -> Array2<f64> {
        let parts = (0..self.channels).map(|c| self.channel(c, rows, columns));
        let sum = parts.fold(Array2::zeros((rows, columns)), |sum, part| sum + part);
        sum / self.channels as f64
    }

    /// The picture as the bytes of a PNG file with colors, at most `longest` pixels wide and high, and its rows and columns.
    pub fn small_png(&self, longest: usize) -> (Vec<u8>, [usize; 2]) {
        let most = self.size[0].max(self.size[1]);
        let [rows, columns] =
            if most <= longest { self.size } else { self.size.map(|size| (size * longest / most).max(1)) };
        let channels: Vec<Array2<f64>> =
            (0..3).map(|c| self.channel(c.min(self.channels - 1), rows, columns)).collect();
        (png_of(&channels), [rows, columns])
    }

    /// One token as the bytes of a PNG file with the colors of its pixels, at most 64 pixels wide and high.
    pub fn token_png(&self, token: usize) -> Vec<u8> {
        let (i, j) = (token / self.grid()[1], token % self.grid()[1]);
        let side = self.patch.min(64);
        let channels: Vec<Array2<f64>> = (0..3)
            .map(|c| {
                let channel = self.pixels.index_axis(Axis(2), c.min(self.channels - 1));
                let (rows, columns) =
                    (i * self.patch..(i + 1) * self.patch, j * self.patch..(j + 1) * self.patch);
                shrink(&channel.slice(s![rows, columns]).mapv(f64::from).view(), side, side)
            })
            .collect();
        png_of(&channels)
    }

    fn channel(&self, c: usize, rows: usize, columns: usize) -> Array2<f64> {
        let channel = self.pixels.index_axis(Axis(2), c);
        shrink(&channel.mapv(f64::from).view(), rows, columns)
    }
}

/// Shares of red, green and blue as the bytes of a PNG file.
fn png_of(channels: &[Array2<f64>]) -> Vec<u8> {
    let (rows, columns) = channels[0].dim();
    let byte = |(y, x, c): (usize, usize, usize)| (channels[c][(y, x)] * 255.0).round() as u8;
    write_png(&Array3::from_shape_fn((rows, columns, 3), byte))
}

/// The largest size below and the smallest above one that does not tile a picture, in words.
fn sizes_that_tile([rows, columns]: [usize; 2], patch: usize) -> String {
    let tiles = |size: &usize| rows.is_multiple_of(*size) && columns.is_multiple_of(*size);
    let (below, above) = ((1..patch).rev().find(tiles), (patch + 1..=rows.min(columns)).find(tiles));
    let words: Vec<String> = [below, above].iter().flatten().map(|n| format!("{n}x{n}")).collect();
    words.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn picture(name: &str, rows: usize, columns: usize) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("mmt-{name}-{}.png", std::process::id()));
        let pixels = Array3::from_shape_fn((rows, columns, 3), |(y, x, c)| (20 * y + 5 * x + 80 * c) as u8);
        fs::write(&path, write_png(&pixels)).unwrap();
        path
    }

    #[test]
    fn tokens_are_patches_in_reading_order() {
        let path = picture("order", 4, 6);
        let tokens = ImageTokens::read(&path, 2).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!((tokens.grid(), tokens.numbers, tokens.means.len()), ([2, 3], 12, 6));
        let mean = |y: usize, x: usize| (20.0 * (y as f64 + 0.5) + 5.0 * (x as f64 + 0.5) + 80.0) / 255.0;
        let expected = [(0, 0), (0, 2), (0, 4), (2, 0), (2, 2), (2, 4)].map(|(y, x)| mean(y, x));
        assert!(tokens.means.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{:?}", tokens.means);
        let gray = tokens.gray(2, 3);
        assert!(gray.iter().zip(&tokens.means).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn a_small_picture_keeps_its_shape() {
        let path = picture("small", 4, 6);
        let tokens = ImageTokens::read(&path, 2).unwrap();
        let (bytes, size) = tokens.small_png(3);
        assert_eq!(size, [2, 3]);
        fs::write(&path, bytes).unwrap();
        let small = read_png::<f64>(&path).unwrap();
        fs::remove_file(path).unwrap();
        assert_eq!(small.dim(), (2, 3, 3));
        assert_eq!(small[(0, 0, 0)], 13.0 / 255.0, "12.5 is rounded up");
        assert_eq!(tokens.small_png(600).1, [4, 6]);
    }

    #[test]
    fn sizes_that_do_not_tile_are_refused_with_path_place_and_the_next_that_do() {
        let path = picture("tile", 12, 18);
        let text = |patch| {
            let text = ImageTokens::read(&path, patch).unwrap_err().to_string();
            text.replace(&*path.to_string_lossy(), "p.png")
        };
        let five =
            "p.png: byte 16: patch: size: patches of 5x5 do not tile an image of 12x18; 3x3 and 6x6 do";
        assert_eq!(text(5), five);
        let seven = "p.png: byte 16: patch: size: patches of 7x7 do not tile an image of 12x18; 6x6 do";
        assert_eq!(text(7), seven);
        fs::remove_file(&path).unwrap();
    }
}
