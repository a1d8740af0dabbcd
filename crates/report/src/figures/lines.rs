//! Lines over an axis, with the range of each point as a band behind them.

use crate::svg::{Anchor, Svg};

/// A line.
#[derive(Clone, Debug)]
pub struct Line {
    /// The words at its end.
    pub name: String,
    /// Which of the colors.
    pub color: usize,
    /// Across, up, and the lower and upper end of the range.
    pub points: Vec<[f64; 4]>,
}

/// How values are placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From zero on.
    Linear,
    /// From zero on, and up to one in percent.
    Percent,
    /// Powers of ten upward, of two across.
    Logarithmic,
}

/// What the axes are called.
#[derive(Clone, Copy, Debug)]
pub struct Axes<'a> {
    /// Below.
    pub across: &'a str,
    /// On the left.
    pub up: &'a str,
    /// How both are placed.
    pub scale: Scale,
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 172.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 42.0;

/// Where values come to stand.
struct Frame {
    scale: Scale,
    height: f64,
    across: (f64, f64),
    up: (f64, f64),
}

impl Frame {
    fn new(lines: &[Line], scale: Scale) -> Self {
        let height = (lines.len() as f64 * 18.0 + TOP + BOTTOM).max(320.0);
        let all = |i: usize| lines.iter().flat_map(move |line| line.points.iter().map(move |p| p[i]));
        let most = |i: usize| all(i).fold(f64::MIN, f64::max);
        let least = |i: usize| all(i).fold(f64::MAX, f64::min);
        let (across, up) = match scale {
            Scale::Linear => ((0.0, most(0)), (0.0, 1.1 * most(3))),
            Scale::Percent => ((0.0, most(0)), (0.0, 1.0)),
            Scale::Logarithmic => ((log2(least(0)), log2(most(0))), (log2(least(2)), log2(most(3)))),
        };
        Frame { scale, height, across, up }
    }

    fn placed(&self, value: f64, (low, high): (f64, f64)) -> f64 {
        let value = if self.scale == Scale::Logarithmic { log2(value) } else { value };
        ((value - low) / (high - low).max(1e-9)).clamp(0.0, 1.0)
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.placed(value, self.across) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        self.height - BOTTOM - self.placed(value, self.up) * (self.height - TOP - BOTTOM)
    }

    fn bottom(&self) -> f64 {
        self.height - BOTTOM
    }
}

/// One line per name, named at their ends.
pub fn lines(lines: &[Line], axes: &Axes, title: &str, description: &str) -> String {
    let frame = Frame::new(lines, axes.scale);
    let mut svg = Svg::new(WIDTH, frame.height, title, description);
    grid(&mut svg, &frame, axes);
    for line in lines.iter().filter(|line| line.points.iter().any(|p| p[2] < p[3])) {
        let there = line.points.iter().map(|p| (frame.x(p[0]), frame.y(p[2])));
        let back = line.points.iter().rev().map(|p| (frame.x(p[0]), frame.y(p[3])));
        svg.polyline(&format!("area c{}", line.color), &there.chain(back).collect::<Vec<_>>());
    }
    let mut names = vec![];
    for line in lines {
        let points: Vec<_> = line.points.iter().map(|p| (frame.x(p[0]), frame.y(p[1]))).collect();
        svg.polyline(&format!("line c{}", line.color), &points);
        if let Some(&(x, y)) = points.last() {
            svg.circle(&format!("dot c{}", line.color), (x, y), 4.0);
            names.push((x, y, line));
        }
    }
    for (end, y, line) in spread(names, frame.bottom()) {
        let x = WIDTH - RIGHT + 14.0;
        // A leader where the name had to leave its line.
        svg.line(&format!("leader c{}", line.color), (end.0 + 5.0, end.1), (x - 3.0, y));
        svg.text(&format!("name c{}", line.color), (x, y + 4.0), Anchor::Start, &line.name);
    }
    svg.finish()
}

fn grid(svg: &mut Svg, frame: &Frame, axes: &Axes) {
    svg.text("axis-name", (4.0, 16.0), Anchor::Start, axes.up);
    svg.text("axis-name", (WIDTH - RIGHT, frame.height - 4.0), Anchor::End, axes.across);
    let (across, up) = ticks(frame);
    for (value, words) in up {
        svg.line("grid", (LEFT, frame.y(value)), (WIDTH - RIGHT, frame.y(value)));
        svg.text("tick", (LEFT - 8.0, frame.y(value) + 4.0), Anchor::End, &words);
    }
    for (value, words) in across {
        svg.text("tick", (frame.x(value), frame.bottom() + 18.0), Anchor::Middle, &words);
    }
}

type Ticks = Vec<(f64, String)>;

fn ticks(frame: &Frame) -> (Ticks, Ticks) {
    let plain = |list: Vec<f64>| list.into_iter().map(|v| (v, format!("{v}"))).collect::<Ticks>();
    let across = plain(round_numbers(frame.across.1));
    match frame.scale {
        Scale::Linear => (across, plain(round_numbers(frame.up.1))),
        Scale::Percent => {
            let part = |p: u32| (f64::from(p) / 100.0, format!("{p} %"));
            (across, [0, 25, 50, 75, 100].map(part).to_vec())
        }
        Scale::Logarithmic => {
            let powers = (frame.across.0.round() as i32..=frame.across.1.round() as i32).step_by(2);
            let across = powers.map(|p| (2f64.powi(p), format!("{}", 2f64.powi(p)))).collect();
            let tens = 0..40;
            let inside = |p: &i32| (frame.up.0..=frame.up.1).contains(&log2(10f64.powi(*p)));
            (across, tens.filter(inside).map(|p| (10f64.powi(p), format!("1e{p}"))).collect())
        }
    }
}

/// Four to eight round numbers from zero on.
pub(crate) fn round_numbers(last: f64) -> Vec<f64> {
    let rough = last / 4.0;
    let power = 10f64.powi((super::log10(rough) + 1e-9).floor() as i32);
    let step = [5.0, 2.0, 1.0].into_iter().map(|m| m * power).find(|s| *s <= rough).unwrap_or(power);
    // A multiple, not a sum: 0.3 and not 0.30000000000000004.
    let clean = |i: i32| (f64::from(i) * step / power).round() * power;
    (0..).map(clean).map(|v| (v * 1e9).round() / 1e9).take_while(|v| *v <= last * 1.0001).collect()
}

fn log2(x: f64) -> f64 {
    super::log10(x) / super::log10(2.0)
}

/// Names that would overlap move apart, and stay above the axis.
fn spread(mut names: Vec<(f64, f64, &Line)>, bottom: f64) -> Vec<((f64, f64), f64, &Line)> {
    const GAP: f64 = 17.0;
    names.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ys: Vec<f64> = names.iter().map(|n| n.1).collect();
    for i in 1..ys.len() {
        ys[i] = ys[i].max(ys[i - 1] + GAP);
    }
    let mut most = bottom;
    for y in ys.iter_mut().rev() {
        *y = y.min(most);
        most = *y - GAP;
    }
    names.into_iter().zip(ys).map(|((x, y, line), at)| ((x, y), at, line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(round_numbers(24.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(round_numbers(1.3), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2]);
        assert_eq!(round_numbers(4000.0), [0.0, 1000.0, 2000.0, 3000.0, 4000.0]);
    }

    #[test]
    fn names_keep_their_distance_and_stay_inside() {
        let line = Line { name: String::new(), color: 0, points: vec![] };
        let names = spread(vec![(0.0, 95.0, &line), (0.0, 98.0, &line), (0.0, 10.0, &line)], 100.0);
        assert_eq!(names.iter().map(|n| n.1).collect::<Vec<_>>(), [10.0, 83.0, 100.0]);
    }
}
