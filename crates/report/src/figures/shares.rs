//! Which side each layer looks at, question by question.

use super::percent;
use crate::svg::{Anchor, Svg};

/// The mean weights of the class token for one question in one layer.
#[derive(Clone, Debug)]
pub struct Share {
    /// The word that makes the question.
    pub question: String,
    /// The weight of the left digit.
    pub left: f64,
    /// The weight of the right digit.
    pub right: f64,
}

const PANEL: f64 = 340.0;
const GAP: f64 = 40.0;
const ROW: f64 = 34.0;
const HEAD: f64 = 34.0;
const NAME: f64 = 62.0;
/// Room for a number at each end, so that no bar covers it.
const NUMBER: f64 = 46.0;

/// One panel per layer with a two-sided bar per question.
pub fn shares(layers: &[Vec<Share>], title: &str, description: &str) -> String {
    let rows = layers.iter().map(Vec::len).max().unwrap_or(0);
    let width = layers.len() as f64 * (PANEL + GAP) - GAP;
    let mut svg = Svg::new(width.max(1.0), HEAD + rows as f64 * ROW + 24.0, title, description);
    for (l, layer) in layers.iter().enumerate() {
        let x = l as f64 * (PANEL + GAP);
        let middle = x + NAME + (PANEL - NAME) / 2.0;
        let track = PANEL - NAME - 2.0 * NUMBER;
        let length = |share: f64| share * track / 2.0;
        svg.text("panel-name", (middle, 16.0), Anchor::Middle, &format!("joint layer {}", l + 1));
        for (i, share) in layer.iter().enumerate() {
            let y = HEAD + i as f64 * ROW;
            svg.text("bar-name", (x + NAME - 10.0, y + 16.0), Anchor::End, &share.question);
            svg.rect("track", (x + NAME + NUMBER, y + 2.0), (track, 20.0), 3.0);
            svg.rect("bar c0", (middle - length(share.left), y + 2.0), (length(share.left), 20.0), 0.0);
            svg.rect("bar c1", (middle, y + 2.0), (length(share.right), 20.0), 0.0);
            svg.text("on-track", (x + NAME + NUMBER - 6.0, y + 16.0), Anchor::End, &percent(share.left));
            svg.text("on-track", (x + PANEL - NUMBER + 6.0, y + 16.0), Anchor::Start, &percent(share.right));
        }
        let y = HEAD + layer.len() as f64 * ROW + 14.0;
        svg.line("divide", (middle, HEAD - 4.0), (middle, y - 12.0));
        svg.text("tick", (middle - 8.0, y), Anchor::End, "← left digit");
        svg.text("tick", (middle + 8.0, y), Anchor::Start, "right digit →");
    }
    svg.finish()
}
