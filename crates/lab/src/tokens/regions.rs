//! The regions of a picture.

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::{Error, Result};
use mmt_tokenizers::image::{ImageBox, region_geometry};
use mmt_tokenizers::text::text_of;
use ndarray::Array2;

use super::pixels::Pixels;
use crate::pictures::read_png;

/// A box on a picture, and what somebody says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Left, top, right and bottom, in pixels.
    pub corners: [f64; 4],
    /// The words behind the numbers; there may be none.
    pub name: String,
}

/// A picture with the boxes of a file, and where they lie.
#[derive(Clone, Debug)]
pub struct RegionTokens {
    /// Rows and columns of the picture, in pixels.
    pub size: [usize; 2],
    /// In the order of the file.
    pub regions: Vec<Region>,
    /// eq-2.3-geometry: `[regions, 5]`
    pub geometry: Array2<f64>,
    pixels: Pixels,
}

impl RegionTokens {
    /// Reads a picture and boxes on it; see [`parse_boxes`].
    ///
    /// # Errors
    /// [`FileError`] as [`read_png`], and of the file of boxes as [`parse_boxes`].
    pub fn read(picture: &Path, boxes: &Path) -> std::result::Result<Self, FileError> {
        let pixels = read_png::<f32>(picture)?;
        let (rows, columns, _) = pixels.dim();
        let size = [rows, columns];
        let (regions, geometry) = parse_boxes(&file::read_bytes(boxes)?, size).map_err(|e| FileError {
            path: boxes.to_path_buf(),
            offset: None,
            why: e.to_string(),
        })?;
        Ok(RegionTokens { size, regions, geometry, pixels: Pixels(pixels) })
    }

    /// The picture in gray and in `rows x columns` parts, from 0 to 1.
    pub fn gray(&self, rows: usize, columns: usize) -> Array2<f64> {
        self.pixels.gray(rows, columns)
    }

    /// Where a box lies on the picture in `rows x columns` parts: the first and the last row, the first and the last column.
    pub fn parts(&self, region: usize, [rows, columns]: [usize; 2]) -> [[usize; 2]; 2] {
        let [left, top, right, bottom] = self.regions[region].corners;
        let at = |corner: f64, size: usize, parts: usize| {
            ((corner / size as f64 * parts as f64) as usize).min(parts - 1)
        };
        let [high, wide] = self.size;
        [[at(top, high, rows), at(bottom, high, rows)], [at(left, wide, columns), at(right, wide, columns)]]
    }

    /// The picture as the bytes of a PNG file with colors, at most `longest` pixels wide and high.
    pub fn small_png(&self, longest: usize) -> Vec<u8> {
        self.pixels.png([0..self.size[0], 0..self.size[1]], longest).0
    }

    /// What lies in a box, as the bytes of a PNG file with colors, at most `longest` pixels wide and high.
    pub fn region_png(&self, region: usize, longest: usize) -> Vec<u8> {
        self.pixels.png(self.parts(region, self.size).map(|[first, last]| first..last + 1), longest).0
    }
}

/// Boxes as a text: on every line left, top, right and bottom in pixels, parted by spaces, and what is there. A line that begins with
/// `#` is a remark. `size`: rows and columns of the picture.
///
/// # Errors
/// [`Error::InvalidLine`] for what is not UTF-8, a line without four numbers, a box without area, and one that sticks out of the
/// picture; [`Error::EmptyInput`] for no box.
pub fn parse_boxes(bytes: &[u8], [rows, columns]: [usize; 2]) -> Result<(Vec<Region>, Array2<f64>)> {
    let wrong = |line: usize, why: String| Error::InvalidLine { at: "boxes", line, why };
    let lines = text_of(bytes, "boxes")?.lines().map(str::trim).zip(1..);
    let (mut regions, mut geometry) = (vec![], Array2::zeros((0, 5)));
    for (line, number) in lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let corners = words.iter().take(4).map_while(|word| word.parse().ok()).collect::<Vec<f64>>();
        let Ok(corners) = <[f64; 4]>::try_from(corners) else {
            return Err(wrong(
                number,
                "begins with fewer than four numbers: left top right bottom".to_string(),
            ));
        };
        let image = [[columns as f64, rows as f64]];
        let g = region_geometry(&[ImageBox { image: 0, corners }], &image).map_err(|error| match error {
            Error::InvalidBox { why, .. } => {
                wrong(number, format!("a box that {why}; the picture has {columns} columns and {rows} rows"))
            }
            other => other,
        })?;
        geometry.push_row(g.row(0)).expect("five numbers");
        let name = words[4..].join(" ").replace(char::is_control, "?");
        regions.push(Region { corners, name });
    }
    if regions.is_empty() { Err(Error::EmptyInput { at: "boxes" }) } else { Ok((regions, geometry)) }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    #[test]
    fn boxes_are_read_with_their_names() {
        let (regions, g) = parse_boxes(b"# a remark\n0 0 4 2\n\n1 0.5 2 1 a cat\r\n", [2, 4]).unwrap();
        assert_eq!(regions[1], Region { corners: [1.0, 0.5, 2.0, 1.0], name: "a cat".to_string() });
        assert_eq!(g, ndarray::arr2(&[[0.0, 0.0, 1.0, 1.0, 1.0], [0.25, 0.25, 0.5, 0.5, 0.0625]]));
    }

    #[test]
    fn lines_that_are_no_box_are_refused() {
        let text = |bytes: &[u8]| parse_boxes(bytes, [2, 4]).unwrap_err().to_string();
        let numbers = "boxes: line 2: begins with fewer than four numbers: left top right bottom";
        assert_eq!(text(b"0 0 1 1\n0 0 1\n"), numbers);
        assert_eq!(text(b"# x\n0 0 1 cat\n"), numbers);
        let wide = "; the picture has 4 columns and 2 rows";
        assert_eq!(text(b"0 0 5 1"), format!("boxes: line 1: a box that sticks out of its image{wide}"));
        assert_eq!(text(b"0 0 1 1\n1 0 1 1"), format!("boxes: line 2: a box that has no area{wide}"));
        let finite = format!("boxes: line 1: a box that has a corner that is not finite{wide}");
        assert_eq!(text(b"0 0 NaN 1"), finite);
        assert_eq!(text(b"0 0 1e999 1"), finite);
        assert_eq!((&*text(b"# none\n"), &*text(b"\xff")), ("boxes: empty", "boxes: line 1: not UTF-8"));
    }

    #[test]
    fn a_box_lies_on_parts_of_its_picture() {
        let (regions, geometry) = parse_boxes(b"0 0 4 2\n2 1 4 2\n", [2, 4]).unwrap();
        let tokens =
            RegionTokens { size: [2, 4], regions, geometry, pixels: Pixels(Array3::zeros((2, 4, 1))) };
        assert_eq!(tokens.parts(0, [4, 8]), [[0, 3], [0, 7]]);
        assert_eq!(tokens.parts(1, [4, 8]), [[2, 3], [4, 7]]);
    }
}
