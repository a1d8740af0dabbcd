//! A picture with what the class token looks at.

use super::percent;
use super::picture::Picture;
use crate::svg::{Anchor, Svg};

/// What the class token looks at for one question.
#[derive(Clone, Debug)]
pub struct Look {
    /// The question.
    pub question: String,
    /// The answer of the model.
    pub answer: String,
    /// Whether it is right.
    pub right: bool,
    /// The weight of every patch, row by row.
    pub weights: Vec<Vec<f64>>,
    /// The words of the question with their weights.
    pub words: Vec<(String, f64)>,
}

impl Look {
    /// The weight of the left and of the right half of the picture.
    pub fn shares(&self) -> (f64, f64) {
        let half = |row: &Vec<f64>, left: bool| -> f64 {
            let (l, r) = row.split_at(row.len() / 2);
            if left { l.iter().sum() } else { r.iter().sum() }
        };
        (self.weights.iter().map(|r| half(r, true)).sum(), self.weights.iter().map(|r| half(r, false)).sum())
    }
}

const SIDE: f64 = 18.0;
const MARGIN: f64 = 10.0;
const BAR: f64 = 26.0;

/// The picture under a veil that is the thinner the more a patch is looked at, with the words below.
///
/// `brightest` is the weight that is not veiled at all, the same for all panels that are to be compared.
pub fn attention(picture: &Picture, look: &Look, brightest: f64) -> String {
    let (height, width) = picture.size();
    let (picture_w, picture_h) = (width as f64 * SIDE, height as f64 * SIDE);
    let total_h = MARGIN + 30.0 + picture_h + BAR + 44.0;
    let (left, right) = look.shares();
    let title = format!("Attention of [CLS]: {}", look.question);
    let description = format!(
        "The weight of the left digit is {}, that of the right digit {}. The model answers {}.",
        percent(left),
        percent(right),
        look.answer
    );
    let mut svg = Svg::new(picture_w + 2.0 * MARGIN, total_h, &title, &description);
    let verdict = format!("{} {}", look.answer, if look.right { "✓" } else { "✗" });
    svg.text("question", (MARGIN, 22.0), Anchor::Start, &look.question);
    svg.text("answer", (MARGIN + picture_w, 22.0), Anchor::End, &verdict);
    let top = MARGIN + 26.0;
    picture.draw(&mut svg, (MARGIN, top), SIDE);
    let (rows, columns) = (look.weights.len(), look.weights.first().map_or(1, Vec::len));
    let patch = (picture_w / columns as f64, picture_h / rows as f64);
    for (i, row) in look.weights.iter().enumerate() {
        for (j, &weight) in row.iter().enumerate() {
            let at = (MARGIN + j as f64 * patch.0, top + i as f64 * patch.1);
            let strength = (weight / brightest).clamp(0.0, 1.0);
            svg.shade("glow", at, patch, 0.0, 0.78 * strength.sqrt());
        }
    }
    let middle = MARGIN + picture_w / 2.0;
    svg.line("divide", (middle, top), (middle, top + picture_h));
    let y = top + picture_h + 8.0;
    let length = |share: f64| share * (picture_w / 2.0 - 2.0);
    svg.rect("track", (MARGIN, y), (picture_w, 10.0), 3.0);
    svg.rect("bar glowing", (middle - 1.0 - length(left), y), (length(left), 10.0), 0.0);
    svg.rect("bar glowing", (middle + 1.0, y), (length(right), 10.0), 0.0);
    svg.text("tick", (MARGIN, y + 27.0), Anchor::Start, &format!("left digit {}", percent(left)));
    svg.text("tick", (MARGIN + picture_w, y + 27.0), Anchor::End, &format!("right digit {}", percent(right)));
    let words: f64 = look.words.iter().map(|w| w.1).sum();
    svg.text("tick", (middle, y + 27.0), Anchor::Middle, &format!("words {}", percent(words)));
    svg.finish()
}
