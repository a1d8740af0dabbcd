//! A picture, its patches, and the sequence that they become.

use crate::svg::{Anchor, Svg};

/// A picture that is cut into patches.
#[derive(Clone, Debug)]
pub struct Patches {
    /// The picture as the bytes of a PNG file.
    pub picture: Vec<u8>,
    /// Rows and columns, in pixels.
    pub size: [usize; 2],
    /// Numbers per pixel.
    pub channels: usize,
    /// Rows and columns of a patch.
    pub patch: usize,
    /// Some tokens by number, each as the bytes of a PNG file.
    pub some: Vec<(usize, Vec<u8>)>,
}

/// Tokens in the strip below the picture.
pub const STRIP: usize = 14;

const WIDTH: f64 = 760.0;
const GAP: f64 = 28.0;
const HEAD: f64 = 28.0;
const TILE: f64 = 44.0;
const PITCH: f64 = 53.0;
/// Patches narrower than this are not parted by lines.
const NARROW: f64 = 5.0;
/// Patches narrower than this stand closer.
const BROAD: f64 = 24.0;

impl Patches {
    fn grid(&self) -> [usize; 2] {
        self.size.map(|size| size / self.patch)
    }

    fn tokens(&self) -> usize {
        self.grid()[0] * self.grid()[1]
    }
}

/// The picture with the lines along which it is cut, the patches apart, and some tokens in a row.
pub fn patches(cut: &Patches) -> String {
    let [rows, columns] = cut.size;
    let [high, wide] = cut.grid();
    let (tokens, numbers) = (cut.tokens(), cut.patch * cut.patch * cut.channels);
    let scale = ((WIDTH - GAP) / 2.0 / columns as f64).min(380.0 / rows as f64);
    let size = (columns as f64 * scale, rows as f64 * scale);
    let strip = HEAD + size.1 + 44.0;
    let title = format!("{tokens} tokens of a picture");
    let description = format!(
        "A picture of {rows} x {columns} pixels, cut into {high} x {wide} patches of {0} x {0} pixels. Each is a row of {numbers} numbers.",
        cut.patch
    );
    let mut svg = Svg::new(WIDTH, strip + TILE + 26.0, &title, &description).with_margin(20.0);
    let right = WIDTH - size.0;
    svg.text("heading", (0.0, 16.0), Anchor::Start, &format!("{rows} x {columns} pixels"));
    let apart = format!("{high} x {wide} patches of {0} x {0}", cut.patch);
    svg.text("heading", (right, 16.0), Anchor::Start, &apart);
    let smooth = scale < 3.0;
    svg.image((0.0, HEAD), size, &cut.picture, smooth);
    svg.image((right, HEAD), size, &cut.picture, smooth);
    if cut.patch as f64 * scale >= NARROW {
        lines(&mut svg, cut, (0.0, size), &["cut under", "cut"]);
        let gap = if cut.patch as f64 * scale < BROAD { "gap thin" } else { "gap" };
        lines(&mut svg, cut, (right, size), &[gap]);
        numbers_on(&mut svg, cut, right, scale);
    }
    sequence(&mut svg, cut, strip, numbers);
    svg.finish()
}

/// The lines between patches, all of one class before those of the next.
fn lines(svg: &mut Svg, cut: &Patches, (left, (width, height)): (f64, (f64, f64)), classes: &[&str]) {
    let [high, wide] = cut.grid();
    for class in classes {
        for i in 1..high {
            let y = HEAD + height * i as f64 / high as f64;
            svg.line(class, (left, y), (left + width, y));
        }
        for j in 1..wide {
            let x = left + width * j as f64 / wide as f64;
            svg.line(class, (x, HEAD), (x, HEAD + height));
        }
    }
}

/// The position of every patch that is large enough for it.
fn numbers_on(svg: &mut Svg, cut: &Patches, left: f64, scale: f64) {
    let side = cut.patch as f64 * scale;
    let [high, wide] = cut.grid();
    if side < 26.0 {
        return;
    }
    for token in 0..high * wide {
        let (i, j) = (token / wide, token % wide);
        let at = (left + j as f64 * side + 5.0, HEAD + i as f64 * side + 14.0);
        svg.text("on-picture", at, Anchor::Start, &token.to_string());
    }
}

/// Some tokens in the order in which a model reads them.
fn sequence(svg: &mut Svg, cut: &Patches, top: f64, numbers: usize) {
    let tokens = cut.tokens();
    let some = if cut.some.len() < tokens { format!("{} of ", cut.some.len()) } else { String::new() };
    let what = format!(
        "{some}{tokens} tokens in reading order, {numbers} numbers each: {0} x {0} pixels x {1}",
        cut.patch, cut.channels
    );
    svg.text("heading", (0.0, top - 14.0), Anchor::Start, &what);
    for (i, (token, tile)) in cut.some.iter().take(STRIP).enumerate() {
        let x = i as f64 * PITCH;
        svg.image((x, top), (TILE, TILE), tile, cut.patch > 12);
        svg.text("mono small", (x + TILE / 2.0, top + TILE + 16.0), Anchor::Middle, &token.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(size: [usize; 2], patch: usize) -> Patches {
        Patches { picture: b"foo".to_vec(), size, channels: 3, patch, some: vec![(7, b"foo".to_vec()); 4] }
    }

    #[test]
    fn lines_part_the_patches_and_tokens_are_counted() {
        let svg = patches(&cut([4, 6], 2));
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count("class=\"cut\""), count("class=\"gap\""), count("on-picture")), (3, 3, 6));
        assert_eq!((count("<image"), count("class=\"mono small\"")), (6, 4));
        assert!(svg.contains("4 of 6 tokens in reading order, 12 numbers each: 2 x 2 pixels x 3"), "{svg}");
    }

    #[test]
    fn patches_too_many_to_part_are_not_parted() {
        let svg = patches(&cut([1000, 1000], 2));
        assert!(!svg.contains("class=\"cut") && svg.contains("250000 tokens"));
        assert!(patches(&cut([512, 512], 16)).contains("class=\"gap thin\""));
    }
}
