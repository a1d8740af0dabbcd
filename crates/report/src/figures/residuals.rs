//! How far hand-derived gradients are from exact ones.

use crate::svg::{Anchor, Svg};

/// The check of one formula.
#[derive(Clone, Debug)]
pub struct Residual {
    /// The formula.
    pub id: String,
    /// How many numbers of gradients were checked.
    pub count: usize,
    /// The largest relative difference; 0 if all were the same to the last bit.
    pub worst: f64,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 70.0;
const ROW: f64 = 21.0;
/// Powers of ten at the two ends of the axis.
const RANGE: (f64, f64) = (-18.0, -10.0);

/// One dot per formula on a logarithmic axis, with the limit that a check allows.
pub fn residuals(residuals: &[Residual], limit: f64, title: &str, description: &str) -> String {
    let height = residuals.len() as f64 * ROW + 52.0;
    let mut svg = Svg::new(WIDTH, height, title, description);
    let power = |value: f64| if value > 0.0 { super::log10(value) } else { RANGE.0 };
    let part = |value: f64| ((power(value) - RANGE.0) / (RANGE.1 - RANGE.0)).clamp(0.0, 1.0);
    let x = |value: f64| LEFT + part(value) * (WIDTH - LEFT - RIGHT);
    let bottom = height - 30.0;
    for exponent in [-18, -16, -14, -12, -10] {
        let at = x(10f64.powi(exponent));
        svg.line("grid", (at, 16.0), (at, bottom));
        let words = if exponent == -18 { "0".to_string() } else { format!("1e{exponent}") };
        svg.text("tick", (at, height - 12.0), Anchor::Middle, &words);
    }
    svg.text("axis-name", (WIDTH, 11.0), Anchor::End, "gradients");
    for (i, residual) in residuals.iter().enumerate() {
        let y = 20.0 + i as f64 * ROW + ROW / 2.0;
        svg.text("id", (LEFT - 14.0, y + 4.0), Anchor::End, &residual.id);
        svg.line("stem", (x(0.0), y), (x(residual.worst), y));
        svg.circle("dot c0", (x(residual.worst), y), 4.5);
        svg.text("tick", (WIDTH, y + 4.0), Anchor::End, &residual.count.to_string());
    }
    svg.line("limit", (x(limit), 16.0), (x(limit), bottom));
    svg.text("mark-name", (x(limit) + 6.0, 11.0), Anchor::Start, "limit of a check");
    svg.finish()
}
