//! The patches of a picture.

use std::path::Path;

use mmt_golden::file::FileError;
use mmt_tensor::ops::sum::sum;
use mmt_tokenizers::image::{Order, patchify};
use ndarray::{Array2, Array3, Axis, s};

use super::pixels::Pixels;
use crate::pictures::{SIZE_AT, read_png};

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
    pixels: Pixels,
}

impl ImageTokens {
    /// Reads a picture and cuts it; with `crop` the columns and rows at its right and lower edge that fill no patch are left out.
    ///
    /// # Errors
    /// [`FileError`] as [`read_png`], and at the byte of the width if patches do not tile the picture: with the next sizes that
    /// do.
    pub fn read(path: &Path, patch: usize, crop: bool) -> Result<Self, FileError> {
        let wrong = |why| FileError { path: path.to_path_buf(), offset: Some(SIZE_AT), why };
        let whole = read_png::<f32>(path)?;
        let pixels = if crop { cropped(&whole, patch).map_err(wrong)? } else { whole };
        let (rows, columns, channels) = pixels.dim();
        let tokens = patchify(&pixels.view().insert_axis(Axis(0)), patch, Order::Hwc).map_err(|e| {
            let sizes = sizes_that_tile([rows, columns], patch);
            wrong(if sizes.is_empty() { e.to_string() } else { format!("{e}; {sizes} do") })
        })?;
        let mean =
            |row: ndarray::ArrayView1<f32>| f64::from(sum(row.as_slice().expect("a row"))) / row.len() as f64;
        let means = tokens.outer_iter().map(mean).collect();
        Ok(ImageTokens {
            size: [rows, columns],
            channels,
            patch,
            means,
            numbers: tokens.ncols(),
            pixels: Pixels(pixels),
        })
    }

    /// Patches from top to bottom and from left to right.
    pub fn grid(&self) -> [usize; 2] {
        self.size.map(|size| size / self.patch)
    }

    /// The picture in gray and in `rows x columns` parts, from 0 to 1.
    pub fn gray(&self, rows: usize, columns: usize) -> Array2<f64> {
        self.pixels.gray(rows, columns)
    }

    /// The picture as the bytes of a PNG file with colors, at most `longest` pixels wide and high, and its rows and columns.
    pub fn small_png(&self, longest: usize) -> (Vec<u8>, [usize; 2]) {
        self.pixels.png([0..self.size[0], 0..self.size[1]], longest)
    }

    /// One token as the bytes of a PNG file with the colors of its pixels, at most 64 pixels wide and high.
    pub fn token_png(&self, token: usize) -> Vec<u8> {
        let place = [token / self.grid()[1], token % self.grid()[1]];
        self.pixels.png(place.map(|i| i * self.patch..(i + 1) * self.patch), 64).0
    }
}

/// The rows and columns that fill patches, from the upper left corner.
fn cropped(whole: &Array3<f32>, patch: usize) -> Result<Array3<f32>, String> {
    let (rows, columns, _) = whole.dim();
    if patch > rows.min(columns) {
        return Err(format!(
            "a patch of {patch}x{patch} is larger than a picture of {rows} rows and {columns} columns"
        ));
    }
    Ok(whole.slice(s![..rows - rows % patch, ..columns - columns % patch, ..]).to_owned())
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
    use std::fs;

    use super::*;
    use crate::pictures::write_png;

    fn picture(name: &str, rows: usize, columns: usize) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("mmt-{name}-{}.png", std::process::id()));
        let pixels = Array3::from_shape_fn((rows, columns, 3), |(y, x, c)| (20 * y + 5 * x + 80 * c) as u8);
        fs::write(&path, write_png(&pixels)).unwrap();
        path
    }

    #[test]
    fn tokens_are_patches_in_reading_order() {
        let path = picture("order", 4, 6);
        let tokens = ImageTokens::read(&path, 2, false).unwrap();
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
        let tokens = ImageTokens::read(&path, 2, false).unwrap();
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
            let text = ImageTokens::read(&path, patch, false).unwrap_err().to_string();
            text.replace(&*path.to_string_lossy(), "p.png")
        };
        let five =
            "p.png: byte 16: patch: size: patches of 5x5 do not tile an image of 12x18; 3x3 and 6x6 do";
        assert_eq!(text(5), five);
        let seven = "p.png: byte 16: patch: size: patches of 7x7 do not tile an image of 12x18; 6x6 do";
        assert_eq!(text(7), seven);
        let cropped = ImageTokens::read(&path, 7, true).unwrap();
        assert_eq!((cropped.size, cropped.grid()), ([7, 14], [1, 2]));
        let whole = ImageTokens::read(&path, 1, false).unwrap();
        let corner: f64 = (0..7).flat_map(|y| (0..7).map(move |x| y * 18 + x)).map(|i| whole.means[i]).sum();
        assert!((cropped.means[0] - corner / 49.0).abs() < 1e-6);
        let none = ImageTokens::read(&path, 19, true).unwrap_err().why;
        assert_eq!(none, "a patch of 19x19 is larger than a picture of 12 rows and 18 columns");
        fs::remove_file(&path).unwrap();
    }
}
