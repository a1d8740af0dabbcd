//! Accuracy bars with intervals and the bands they have to lie in.

use super::percent;
use crate::svg::{Anchor, Svg};

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// The words before it.
    pub name: String,
    /// Which of the colors.
    pub color: usize,
    /// Right answers, 0 to 1.
    pub accuracy: f64,
    /// The 95 % interval.
    pub interval: (f64, f64),
    /// The accuracy from each seed.
    pub seeds: Vec<f64>,
    /// Where it has to lie, if anything is claimed.
    pub band: Option<(f64, f64)>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 66.0;
const ROW: f64 = 34.0;

/// One bar per model; `across` are vertical lines with words: models of one modality.
pub fn verdicts(bars: &[Bar], across: &[(f64, String)], title: &str, description: &str) -> String {
    let head = if across.is_empty() { 4.0 } else { 24.0 };
    let height = head + bars.len() as f64 * ROW + 26.0;
    let mut svg = Svg::new(WIDTH, height, title, description);
    let x = |value: f64| LEFT + value.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT);
    for tenth in [0, 25, 50, 75, 100] {
        let at = x(f64::from(tenth) / 100.0);
        svg.line("grid", (at, head), (at, height - 22.0));
        svg.text("tick", (at, height - 6.0), Anchor::Middle, &format!("{tenth} %"));
    }
    for (i, bar) in bars.iter().enumerate() {
        let middle = head + i as f64 * ROW + ROW / 2.0;
        svg.text("bar-name", (LEFT - 12.0, middle + 5.0), Anchor::End, &bar.name);
        if let Some((low, high)) = bar.band {
            svg.rect("track", (x(low), middle - 14.0), (x(high) - x(low), 28.0), 2.0);
        }
        let size = (x(bar.accuracy) - x(0.0), 16.0);
        svg.rect(&format!("bar c{}", bar.color), (x(0.0), middle - 8.0), size, 2.0);
        let (low, high) = (x(bar.interval.0), x(bar.interval.1));
        svg.line("whisker", (low, middle), (high, middle));
        svg.line("whisker", (low, middle - 4.0), (low, middle + 4.0));
        svg.line("whisker", (high, middle - 4.0), (high, middle + 4.0));
        for &seed in bar.seeds.iter().filter(|_| bar.seeds.len() > 1) {
            svg.circle("seed", (x(seed), middle), 2.6);
        }
        svg.text("value", (WIDTH - RIGHT + 12.0, middle + 5.0), Anchor::Start, &percent(bar.accuracy));
    }
    for (value, words) in across {
        svg.line("mark", (x(*value), head - 4.0), (x(*value), height - 22.0));
        // Beside each other, the lower one on the left of its line.
        let lower = across.iter().filter(|(other, _)| other < value).count() == 0 && across.len() > 1;
        let anchor = if lower { Anchor::End } else { Anchor::Start };
        let shift = if lower { -5.0 } else { 5.0 };
        svg.text("mark-name", (x(*value) + shift, 13.0), anchor, words);
    }
    svg.finish()
}
