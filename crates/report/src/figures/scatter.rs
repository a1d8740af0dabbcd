//! What a model costs, and how good it is.

use super::lines::round_numbers;
use super::percent;
use crate::svg::{Anchor, Svg};

/// A model.
#[derive(Clone, Debug)]
pub struct Point {
    /// The words beside it.
    pub name: String,
    /// Which of the colors.
    pub color: usize,
    /// Operations.
    pub cost: f64,
    /// Right answers, 0 to 1.
    pub accuracy: f64,
    /// The 95 % interval.
    pub interval: (f64, f64),
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;

/// One disc per model, with its interval. The axis of cost begins at zero, that of accuracy at the next quarter below all.
pub fn scatter(points: &[Point], unit: &str, title: &str, description: &str) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, title, description);
    let most = points.iter().map(|p| p.cost).fold(1.0, f64::max);
    let least = points.iter().map(|p| p.interval.0).fold(1.0, f64::min);
    let floor = ((4.0 * least).floor() / 4.0).clamp(0.0, 0.75);
    let x = |cost: f64| LEFT + cost / most * (WIDTH - LEFT - RIGHT);
    let y = |part: f64| {
        HEIGHT - BOTTOM - ((part - floor) / (1.0 - floor)).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    };
    svg.text("axis-name", (4.0, 16.0), Anchor::Start, "accuracy");
    svg.text("axis-name", (WIDTH - RIGHT, HEIGHT - 4.0), Anchor::End, unit);
    for value in parts(floor) {
        svg.line("grid", (LEFT, y(value)), (WIDTH - RIGHT, y(value)));
        svg.text("tick", (LEFT - 8.0, y(value) + 4.0), Anchor::End, &percent(value));
    }
    for cost in round_numbers(most) {
        svg.text("tick", (x(cost), HEIGHT - BOTTOM + 18.0), Anchor::Middle, &format!("{cost}"));
    }
    for point in points {
        let (low, high) = (y(point.interval.0), y(point.interval.1));
        svg.line("whisker", (x(point.cost), low), (x(point.cost), high));
        svg.circle(&format!("dot c{}", point.color), (x(point.cost), y(point.accuracy)), 6.0);
    }
    for (at, point) in apart(points, &y) {
        let color = point.color;
        let disc = (x(point.cost) + 7.0, y(point.accuracy));
        svg.line(&format!("leader c{color}"), disc, (WIDTH - RIGHT + 11.0, at - 4.0));
        svg.text(&format!("name c{color}"), (WIDTH - RIGHT + 14.0, at), Anchor::Start, &point.name);
    }
    svg.finish()
}

/// Three to five steps of whole percents, from a multiple of a quarter to one.
fn parts(floor: f64) -> Vec<f64> {
    let step = if floor < 0.5 { 25.0 } else { 20.0 * (1.0 - floor) };
    let count = (100.0 * (1.0 - floor) / step).round() as i32;
    (0..=count).map(|i| (100.0 * floor + f64::from(i) * step).round() / 100.0).collect()
}

/// Names in a column, as high as their discs and far enough from each other.
fn apart<'a>(points: &'a [Point], y: &dyn Fn(f64) -> f64) -> Vec<(f64, &'a Point)> {
    let mut order: Vec<&Point> = points.iter().collect();
    // Of equal ones the dearest first: its leader is the shortest.
    order.sort_by(|a, b| y(a.accuracy).total_cmp(&y(b.accuracy)).then(b.cost.total_cmp(&a.cost)));
    let mut last = f64::MIN;
    let mut placed = vec![];
    for point in order {
        last = (y(point.accuracy) + 4.0).max(last + 16.0);
        placed.push((last, point));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_whole_percents() {
        assert_eq!(parts(0.0), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(parts(0.25), [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(parts(0.5), [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]);
        assert_eq!(parts(0.75), [0.75, 0.8, 0.85, 0.9, 0.95, 1.0]);
    }
}
