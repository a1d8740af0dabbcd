//! A writer of inline SVG. Colors are classes of the style sheet, so a drawing follows the reader's light or dark
//! scheme.

use std::fmt::Write;

use crate::html::escape;

/// A drawing in the making.
#[derive(Clone, Debug)]
pub struct Svg {
    width: f64,
    height: f64,
    margin: f64,
    body: String,
}

/// Where a text is tied to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// It is centered there.
    Middle,
    /// It ends there.
    End,
}

impl Svg {
    /// An empty drawing, with a title and a description for those who do not see it.
    pub fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let body = format!("<title>{}</title>\n<desc>{}</desc>\n", escape(title), escape(description));
        Svg { width, height, margin: 0.0, body }
    }

    /// The same drawing with room around it.
    pub fn with_margin(self, margin: f64) -> Self {
        Svg { margin, ..self }
    }

    /// A rectangle with rounded corners of a radius.
    pub fn rect(&mut self, class: &str, at: (f64, f64), size: (f64, f64), radius: f64) -> &mut Self {
        self.shade(class, at, size, radius, 1.0)
    }

    /// A rectangle with an opacity between 0 and 1.
    pub fn shade(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        radius: f64,
        opacity: f64,
    ) -> &mut Self {
        let (x, y, width, height) = (short(x), short(y), short(width.max(0.0)), short(height.max(0.0)));
        write!(
            self.body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\""
        )
        .expect("a string");
        if radius > 0.0 {
            write!(self.body, " rx=\"{}\"", short(radius)).expect("a string");
        }
        if opacity < 1.0 {
            write!(self.body, " fill-opacity=\"{}\"", short(opacity)).expect("a string");
        }
        self.body.push_str("/>\n");
        self
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> &mut Self {
        let (x1, y1, x2, y2) = (short(x1), short(y1), short(x2), short(y2));
        writeln!(self.body, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>")
            .expect("a string");
        self
    }

    /// A line through points.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) -> &mut Self {
        let points: Vec<String> = points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
        writeln!(self.body, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "))
            .expect("a string");
        self
    }

    /// A disc.
    pub fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64) -> &mut Self {
        let (x, y, radius) = (short(x), short(y), short(radius));
        writeln!(self.body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")
            .expect("a string");
        self
    }

    /// A line of text.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, text: &str) -> &mut Self {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (short(x), short(y), escape(text));
        writeln!(
            self.body,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
        )
        .expect("a string");
        self
    }

    /// A curve that leaves one point and reaches another one horizontally.
    pub fn flow(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> &mut Self {
        let middle = short((x1 + x2) / 2.0);
        let (x1, y1, x2, y2) = (short(x1), short(y1), short(x2), short(y2));
        writeln!(
            self.body,
            "<path class=\"{class}\" d=\"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}\"/>"
        )
        .expect("a string");
        self
    }

    /// A picture, from the bytes of a PNG file; `smooth` or with pixels to be seen.
    pub fn image(&mut self, at: (f64, f64), size: (f64, f64), png: &[u8], smooth: bool) -> &mut Self {
        let class = if smooth { "smooth" } else { "pixels" };
        let ((x, y), (width, height)) = ((short(at.0), short(at.1)), (short(size.0), short(size.1)));
        writeln!(
            self.body,
            "<image class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             preserveAspectRatio=\"none\" href=\"data:image/png;base64,{}\"/>",
            base64(png)
        )
        .expect("a string");
        self
    }

    /// An area within points.
    pub fn polygon(&mut self, class: &str, points: &[(f64, f64)]) -> &mut Self {
        let points: Vec<String> = points.iter().map(|&(x, y)| format!("{},{}", short(x), short(y))).collect();
        writeln!(self.body, "<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "))
            .expect("a string");
        self
    }

    /// The `<svg>` element.
    pub fn finish(&self) -> String {
        let corner = short(-self.margin);
        let [width, height] = [self.width, self.height].map(|size| short(size + 2.0 * self.margin));
        format!("<svg viewBox=\"{corner} {corner} {width} {height}\" role=\"img\">\n{}</svg>", self.body)
    }
}

/// The width and the height of a drawing.
pub fn size(drawing: &str) -> Option<(f64, f64)> {
    let numbers = drawing.split_once("viewBox=\"")?.1.split_once('"')?.0;
    let mut numbers = numbers.split(' ').skip(2).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Drawings in rows of `columns`, as one drawing; each has the room of the largest.
pub fn side_by_side(drawings: &[String], columns: usize, title: &str) -> String {
    const GAP: f64 = 16.0;
    let sizes = drawings.iter().filter_map(|drawing| size(drawing));
    let (width, height) = sizes.fold((1.0, 1.0), |(w, h): (f64, f64), size| (w.max(size.0), h.max(size.1)));
    let columns = columns.min(drawings.len()).max(1);
    let rows = drawings.len().div_ceil(columns);
    let all = (columns as f64 * (width + GAP) - GAP, rows as f64 * (height + GAP) - GAP);
    let mut svg = Svg::new(all.0, all.1, title, title);
    for (i, drawing) in drawings.iter().enumerate() {
        let at = ((i % columns) as f64 * (width + GAP), (i / columns) as f64 * (height + GAP));
        let (x, y, w, h) = (short(at.0), short(at.1), short(width), short(height));
        let place = format!("<svg x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" ");
        svg.body.push_str(&drawing.replacen("<svg ", &place, 1));
        svg.body.push('\n');
    }
    svg.finish()
}

/// Bytes as letters, RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let whole =
            three.iter().fold(0, |whole, &byte| whole << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let letter = LETTERS[(whole >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

/// A drawing as a file of its own: with the style sheet inside, and nothing that is loaded.
pub fn alone(drawing: &str) -> String {
    let style = include_str!("style.css");
    let open = "<svg xmlns=\"http://www.w3.org/2000/svg\" style=\"background: var(--card)\" ";
    let (head, body) = drawing.split_once('>').unwrap_or((drawing, ""));
    let head = head.replacen("<svg ", open, 1);
    format!("{head}>\n<style>{style}</style>{body}\n")
}

/// At most two decimals, and no `-0`; a number that is not finite has no place in a drawing and becomes 0.
fn short(x: f64) -> String {
    if !x.is_finite() {
        return "0".to_string();
    }
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_says_what_it_shows() {
        let mut svg = Svg::new(10.0, 5.5, "A & B", "one box");
        svg.rect("ink", (0.0, 1.25), (2.0, 3.0), 0.0).text("label", (1.0, 1.0), Anchor::End, "<x>");
        assert_eq!(
            svg.finish(),
            "<svg viewBox=\"0 0 10 5.5\" role=\"img\">\n<title>A &amp; B</title>\n<desc>one box</desc>\n\
             <rect class=\"ink\" x=\"0\" y=\"1.25\" width=\"2\" height=\"3\"/>\n\
             <text class=\"label\" x=\"1\" y=\"1\" text-anchor=\"end\">&lt;x&gt;</text>\n</svg>"
        );
    }

    /// The examples of RFC 4648, section 10.
    #[test]
    fn bytes_are_letters() {
        let texts = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(base64(&[251, 255, 191]), "+/+/");
    }

    #[test]
    fn a_picture_is_inside_the_drawing() {
        let mut svg = Svg::new(1.0, 1.0, "a", "b");
        let svg = svg.image((0.0, 1.0), (2.0, 3.0), b"foo", false).finish();
        let expected = r#"<image class="pixels" x="0" y="1" width="2" height="3" preserveAspectRatio="none" href="data:image/png;base64,Zm9v"/>"#;
        assert!(svg.contains(expected), "{svg}");
    }

    #[test]
    fn a_margin_is_room_on_all_sides() {
        let svg = Svg::new(10.0, 5.0, "a", "b").with_margin(2.0).finish();
        assert!(svg.starts_with("<svg viewBox=\"-2 -2 14 9\""), "{svg}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([1.0, 0.333_333, -0.001, 12.5, f64::NAN].map(short), ["1", "0.33", "0", "12.5", "0"]);
    }
}
