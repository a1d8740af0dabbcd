//! A gray picture, pixel by pixel.

use crate::svg::{Anchor, Svg};

/// A picture with one channel.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Rows of pixels, 0 (paper) to 1 (ink).
    pub rows: Vec<Vec<f64>>,
}

impl Picture {
    /// Rows and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.rows.len(), self.rows.first().map_or(0, Vec::len))
    }

    /// Draws the picture with its upper left corner at a point; a pixel is a square with a side.
    pub fn draw(&self, svg: &mut Svg, (x, y): (f64, f64), side: f64) {
        let (height, width) = self.size();
        svg.rect("paper", (x, y), (width as f64 * side, height as f64 * side), 3.0);
        for (i, row) in self.rows.iter().enumerate() {
            for (j, &ink) in row.iter().enumerate().filter(|(_, ink)| **ink > 0.0) {
                svg.shade("ink", (x + j as f64 * side, y + i as f64 * side), (side, side), 0.0, ink);
            }
        }
    }
}

/// A picture by itself, with a line between its left and its right half.
pub fn picture(picture: &Picture, title: &str, description: &str) -> String {
    const SIDE: f64 = 14.0;
    let (height, width) = picture.size();
    let (height, width) = (height as f64 * SIDE, width as f64 * SIDE);
    let mut svg = Svg::new(width + 2.0, height + 2.0, title, description);
    picture.draw(&mut svg, (1.0, 1.0), SIDE);
    svg.line("divide", (1.0 + width / 2.0, 1.0), (1.0 + width / 2.0, 1.0 + height));
    svg.finish()
}

/// What is said about a picture.
#[derive(Clone, Debug, Default)]
pub struct Caption {
    /// In one line below it.
    pub words: String,
    /// Boxes drawn on it: `[x0, y0, x1, y1]` in pixels, the last column and row not included.
    pub boxes: Vec<[usize; 4]>,
}

/// Pictures of one size in a grid, with boxes on them and words below each.
pub fn gallery(pictures: &[(Picture, Caption)], title: &str, description: &str) -> String {
    const SIDE: f64 = 12.0;
    const GAP: f64 = 24.0;
    let (height, width) = pictures.first().map_or((0, 0), |(picture, _)| picture.size());
    let cell = (width as f64 * SIDE + GAP, height as f64 * SIDE + 2.0 * GAP);
    let columns = match width {
        _ if width > 4 * height => 1,
        _ if width > height => 2,
        _ => 4,
    };
    let rows = pictures.len().div_ceil(columns);
    let size = (columns.min(pictures.len()) as f64 * cell.0 + GAP, rows as f64 * cell.1 + GAP);
    let mut svg = Svg::new(size.0, size.1, title, description);
    for (i, (picture, caption)) in pictures.iter().enumerate() {
        let at = (GAP + (i % columns) as f64 * cell.0, GAP + (i / columns) as f64 * cell.1);
        picture.draw(&mut svg, at, SIDE);
        for &bounds in &caption.boxes {
            let [x0, y0, x1, y1] = bounds.map(|pixels| pixels as f64 * SIDE);
            svg.rect("box", (at.0 + x0, at.1 + y0), (x1 - x0, y1 - y0), 0.0);
        }
        svg.text("tick", (at.0, at.1 + height as f64 * SIDE + 17.0), Anchor::Start, &caption.words);
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_on_their_picture() {
        let picture = Picture { rows: vec![vec![0.0, 1.0], vec![0.0, 0.0]] };
        let caption = Caption { words: "a < b".to_string(), boxes: vec![[1, 0, 2, 1]] };
        let svg = gallery(&[(picture, caption)], "title", "description");
        assert!(svg.contains(r#"<rect class="ink" x="36" y="24" width="12" height="12"/>"#), "{svg}");
        assert!(svg.contains(r#"<rect class="box" x="36" y="24" width="12" height="12"/>"#), "{svg}");
        assert!(svg.contains("a &lt; b"), "{svg}");
    }
}
