//! Training curves of several models.

use crate::svg::{Anchor, Svg};

/// The curve of one model.
#[derive(Clone, Debug)]
pub struct Curve {
    /// The name beside its end.
    pub name: String,
    /// Which of the line colors: 0, 1, 2, ...
    pub color: usize,
    /// Steps and values.
    pub points: Vec<(f64, f64)>,
    /// A value measured after training, drawn as a disc at the end.
    pub end: Option<f64>,
}

/// What the vertical axis shows.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The words above it.
    pub name: &'static str,
    /// Its upper end; the lower one is 0.
    pub top: f64,
    /// Where numbers stand, with their words.
    pub ticks: Vec<(f64, String)>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;

/// Values over steps, one line per model, named at their ends. `marks` are horizontal lines with words.
pub fn curves(
    curves: &[Curve],
    axis: &Axis,
    marks: &[(f64, String)],
    title: &str,
    description: &str,
) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT, title, description);
    let last = curves.iter().flat_map(|c| &c.points).map(|p| p.0).fold(1.0, f64::max);
    let x = |step: f64| LEFT + step / last * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - (value / axis.top).clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM);
    svg.text("axis-name", (4.0, 16.0), Anchor::Start, axis.name);
    svg.text("axis-name", (x(last), HEIGHT - 4.0), Anchor::End, "steps");
    for (value, words) in &axis.ticks {
        svg.line("grid", (LEFT, y(*value)), (WIDTH - RIGHT, y(*value)));
        svg.text("tick", (LEFT - 8.0, y(*value) + 4.0), Anchor::End, words);
    }
    for step in steps(last) {
        svg.text("tick", (x(step), HEIGHT - BOTTOM + 18.0), Anchor::Middle, &format!("{step:.0}"));
    }
    for (value, words) in marks {
        svg.line("mark", (LEFT, y(*value)), (WIDTH - RIGHT, y(*value)));
        svg.text("mark-name", (WIDTH - RIGHT, y(*value) - 5.0), Anchor::End, words);
    }
    let mut names: Vec<(f64, f64, usize, &str)> = Vec::new();
    for curve in curves {
        let points: Vec<(f64, f64)> = curve.points.iter().map(|&(s, v)| (x(s), y(v))).collect();
        svg.polyline(&format!("line c{}", curve.color), &points);
        let Some(&(end_x, end_y)) = points.last() else { continue };
        let end_y = curve.end.map_or(end_y, y);
        if curve.end.is_some() {
            svg.circle(&format!("dot c{}", curve.color), (end_x, end_y), 5.0);
        }
        names.push((end_x, end_y, curve.color, &curve.name));
    }
    for (x, y, color, name) in spread(names) {
        svg.text(&format!("name c{color}"), (x + 12.0, y + 4.0), Anchor::Start, name);
    }
    svg.finish()
}

/// Round numbers of steps, four to eight of them.
fn steps(last: f64) -> Vec<f64> {
    let rough = last / 4.0;
    let power = 10f64.powi(super::log10(rough).floor() as i32);
    let step = [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|s| *s <= rough).unwrap_or(power);
    (0..).map(|i| f64::from(i) * step).take_while(|s| *s <= last).collect()
}

/// Names that would overlap move apart.
fn spread(mut names: Vec<(f64, f64, usize, &str)>) -> Vec<(f64, f64, usize, &str)> {
    const GAP: f64 = 17.0;
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    for i in 1..names.len() {
        names[i].1 = names[i].1.max(names[i - 1].1 + GAP);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(steps(800.0), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(steps(40.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(steps(1500.0).len(), 8);
    }

    #[test]
    fn names_keep_their_distance() {
        let names = spread(vec![(0.0, 50.0, 0, "b"), (0.0, 48.0, 1, "a")]);
        assert_eq!(names.iter().map(|n| (n.3, n.1)).collect::<Vec<_>>(), [("a", 48.0), ("b", 65.0)]);
    }
}
