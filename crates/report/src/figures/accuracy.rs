//! Accuracy bars with their intervals.

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
    /// Half the width of the 95 % interval.
    pub interval: f64,
    /// What the best possible answers without the other modality would reach, and why.
    pub limit: Option<(f64, String)>,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = 60.0;
const ROW: f64 = 46.0;

/// One bar per model, with the limit that theory sets for it.
pub fn accuracy(bars: &[Bar], title: &str, description: &str) -> String {
    let height = bars.len() as f64 * ROW + 26.0;
    let mut svg = Svg::new(WIDTH, height, title, description);
    let x = |value: f64| LEFT + value * (WIDTH - LEFT - RIGHT);
    for tenth in [0, 25, 50, 75, 100] {
        let at = x(f64::from(tenth) / 100.0);
        svg.line("grid", (at, 0.0), (at, height - 22.0));
        svg.text("tick", (at, height - 6.0), Anchor::Middle, &format!("{tenth} %"));
    }
    for (i, bar) in bars.iter().enumerate() {
        let middle = i as f64 * ROW + ROW / 2.0;
        svg.text("bar-name", (LEFT - 12.0, middle + 5.0), Anchor::End, &bar.name);
        let size = (x(bar.accuracy) - x(0.0), 22.0);
        svg.rect(&format!("bar c{}", bar.color), (x(0.0), middle - 11.0), size, 3.0);
        let (low, high) =
            (x((bar.accuracy - bar.interval).max(0.0)), x((bar.accuracy + bar.interval).min(1.0)));
        svg.line("whisker", (low, middle), (high, middle));
        svg.line("whisker", (low, middle - 4.0), (low, middle + 4.0));
        svg.line("whisker", (high, middle - 4.0), (high, middle + 4.0));
        let mut end = high;
        if let Some((limit, words)) = &bar.limit {
            svg.line("limit", (x(*limit), middle - 16.0), (x(*limit), middle + 16.0));
            end = end.max(x(*limit));
            let after = (end + 58.0, middle + 5.0);
            svg.text("mark-name", after, Anchor::Start, words);
        }
        svg.text("value", (end + 10.0, middle + 5.0), Anchor::Start, &percent(bar.accuracy));
    }
    svg.finish()
}
