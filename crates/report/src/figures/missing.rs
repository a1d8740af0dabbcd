//! Accuracy with everything, and without each modality.

use super::percent;
use crate::svg::{Anchor, Svg};

/// A model.
#[derive(Clone, Debug)]
pub struct Row {
    /// The words before it.
    pub name: String,
    /// Right answers, 0 to 1, in the order of the columns.
    pub parts: Vec<f64>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 30.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 34.0;

/// A row per model, a disc per column, with a line between the worst and the best.
pub fn missing(columns: &[String], rows: &[Row], title: &str, description: &str) -> String {
    let height = HEAD + rows.len() as f64 * ROW + 30.0;
    let mut svg = Svg::new(WIDTH, height, title, description);
    let x = |value: f64| LEFT + value * (WIDTH - LEFT - RIGHT);
    for tenth in [0, 25, 50, 75, 100] {
        let at = x(f64::from(tenth) / 100.0);
        svg.line("grid", (at, HEAD - 6.0), (at, height - 24.0));
        svg.text("tick", (at, height - 8.0), Anchor::Middle, &format!("{tenth} %"));
    }
    for (i, column) in columns.iter().enumerate() {
        let at = LEFT + i as f64 * 150.0;
        svg.circle(&format!("dot c{i}"), (at, 11.0), 5.5);
        svg.text("tick", (at + 11.0, 15.0), Anchor::Start, column);
    }
    for (i, row) in rows.iter().enumerate() {
        let middle = HEAD + i as f64 * ROW + ROW / 2.0;
        svg.text("bar-name", (LEFT - 14.0, middle + 4.5), Anchor::End, &row.name);
        let least = row.parts.iter().fold(1.0, |m: f64, &p| m.min(p));
        let most = row.parts.iter().fold(0.0, |m: f64, &p| m.max(p));
        svg.line("span", (x(least), middle), (x(most), middle));
        for (color, &part) in row.parts.iter().enumerate().rev() {
            svg.circle(&format!("dot c{color}"), (x(part), middle), 5.5);
        }
        svg.text("tick", (x(least) - 10.0, middle + 4.0), Anchor::End, &percent(least));
    }
    svg.finish()
}
