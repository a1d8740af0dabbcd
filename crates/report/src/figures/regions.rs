//! A picture with boxes on it, and what a model is told of each.

use super::pieces::shortened;
use crate::svg::{Anchor, Svg};

/// A picture and its boxes.
#[derive(Clone, Debug)]
pub struct Regions {
    /// The picture as the bytes of a PNG file.
    pub picture: Vec<u8>,
    /// Rows and columns, in pixels.
    pub size: [usize; 2],
    /// In the order of the tokens.
    pub regions: Vec<Region>,
}

/// A box.
#[derive(Clone, Debug)]
pub struct Region {
    /// Left, top, right and bottom, in pixels.
    pub corners: [f64; 4],
    /// Those as shares of the picture, and the area.
    pub geometry: [f64; 5],
    /// What is there, in words.
    pub name: String,
    /// What is there, as the bytes of a PNG file.
    pub cut: Vec<u8>,
}

/// Regions of which more is shown than their box.
pub const SHOWN: usize = 24;

const WIDTH: f64 = 760.0;
const HEAD: f64 = 28.0;
const ROW: f64 = 64.0;
const TILE: f64 = 52.0;

/// The picture with its boxes, and in two columns below it what lies in each, with the five numbers of where it lies.
pub fn regions(drawn: &Regions) -> String {
    let [rows, columns] = drawn.size;
    let scale = (WIDTH / columns as f64).min(420.0 / rows as f64);
    let size = (columns as f64 * scale, rows as f64 * scale);
    let shown = drawn.regions.len().min(SHOWN);
    let top = HEAD + size.1 + 44.0;
    let title = format!("{} regions of a picture", drawn.regions.len());
    let description = format!("A picture of {rows} x {columns} pixels with a box for every region.");
    let mut svg =
        Svg::new(WIDTH, top + shown.div_ceil(2) as f64 * ROW, &title, &description).with_margin(20.0);
    svg.text("heading", (0.0, 16.0), Anchor::Start, &format!("{rows} x {columns} pixels, {title}"));
    svg.image((0.0, HEAD), size, &drawn.picture, scale < 3.0);
    for (i, region) in drawn.regions.iter().enumerate() {
        let [left, up, right, down] = region.corners.map(|corner| corner * scale);
        let at = (left, HEAD + up);
        svg.rect("window under", at, (right - left, down - up), 0.0);
        svg.rect("window", at, (right - left, down - up), 0.0);
        svg.text("on-picture", (at.0 + 5.0, at.1 + 14.0), Anchor::Start, &i.to_string());
    }
    let what = "left, top, right, bottom and area as shares of the picture (eq-2.3-geometry)";
    svg.text("heading", (0.0, top - 14.0), Anchor::Start, what);
    for (i, region) in drawn.regions.iter().take(SHOWN).enumerate() {
        let at = ((i % 2) as f64 * WIDTH / 2.0, top + (i / 2) as f64 * ROW);
        token(&mut svg, i, region, at);
    }
    svg.finish()
}

/// What lies in a box, as large as there is room, its name and its numbers.
fn token(svg: &mut Svg, number: usize, region: &Region, (x, y): (f64, f64)) {
    let [left, top, right, bottom] = region.corners;
    let (wide, high) = (right - left, bottom - top);
    let scale = TILE / wide.max(high);
    svg.image((x, y), (wide * scale, high * scale), &region.cut, scale < 3.0);
    let name = shortened(&region.name, 34);
    svg.text("name", (x + TILE + 10.0, y + 20.0), Anchor::Start, format!("{number}  {name}").trim_end());
    let numbers = region.geometry.map(|share| format!("{share:.3}")).join("  ");
    svg.text("mono small", (x + TILE + 10.0, y + 38.0), Anchor::Start, &numbers);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_box_is_drawn_and_the_first_ones_are_told_of() {
        let region = Region {
            corners: [1.0, 2.0, 3.0, 4.0],
            geometry: [0.1, 0.2, 0.3, 0.4, 0.04],
            name: "a < b".to_string(),
            cut: b"foo".to_vec(),
        };
        let drawn = Regions { picture: b"foo".to_vec(), size: [10, 10], regions: vec![region; 30] };
        let svg = regions(&drawn);
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"window\""), count("<image"), count("a &lt; b")), (30, SHOWN + 1, SHOWN));
        assert!(svg.contains("0.100  0.200  0.300  0.400  0.040") && svg.contains("30 regions of a picture"));
    }
}
