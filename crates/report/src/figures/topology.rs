//! A topology: what is read by what, and who influences it.

use crate::svg::{Anchor, Svg};

/// A step of a topology.
#[derive(Clone, Debug)]
pub struct Step {
    /// `Ca 1`
    pub name: String,
    /// `9x32`
    pub shape: String,
    /// The steps that it reads.
    pub reads: Vec<usize>,
    /// Its segments: tokens, and the modalities that influence them, as places in the list of names.
    pub segments: Vec<(usize, Vec<usize>)>,
    /// Whether it is an output.
    pub output: bool,
}

const BOX: (f64, f64) = (104.0, 44.0);
const GAP: (f64, f64) = (46.0, 26.0);
const MARGIN: f64 = 10.0;
const BAND: f64 = 9.0;

/// Steps from left to right, each below it with a band of its tokens in the colors of the modalities that influence them.
pub fn topology(modalities: &[String], steps: &[Step], title: &str, description: &str) -> String {
    let places = places(steps);
    let columns = places.iter().map(|p| p.0).fold(0.0, f64::max) + 1.0;
    let rows = places.iter().map(|p| p.1).fold(0.0, f64::max) + 1.0;
    let width = 2.0 * MARGIN + columns * BOX.0 + (columns - 1.0) * GAP.0 + 46.0;
    let height = 2.0 * MARGIN + rows * (BOX.1 + GAP.1) + 24.0;
    let mut svg = Svg::new(width.max(420.0), height, title, description);
    let at = |i: usize| {
        let (column, row) = places[i];
        (MARGIN + column * (BOX.0 + GAP.0), MARGIN + row * (BOX.1 + GAP.1))
    };
    for (i, step) in steps.iter().enumerate() {
        let (x, y) = at(i);
        for (k, &read) in step.reads.iter().enumerate() {
            let (from_x, from_y) = at(read);
            let into = y + BOX.1 * (k as f64 + 1.0) / (step.reads.len() as f64 + 1.0);
            svg.flow("edge", (from_x + BOX.0, from_y + BOX.1 / 2.0), (x, into));
        }
        if step.output {
            svg.line("edge out", (x + BOX.0, y + BOX.1 / 2.0), (x + BOX.0 + 20.0, y + BOX.1 / 2.0));
            svg.text("tick", (x + BOX.0 + 23.0, y + BOX.1 / 2.0 + 4.0), Anchor::Start, "out");
        }
    }
    for (i, step) in steps.iter().enumerate() {
        draw(&mut svg, step, at(i));
    }
    legend(&mut svg, modalities, height - 12.0);
    svg.finish()
}

fn draw(svg: &mut Svg, step: &Step, (x, y): (f64, f64)) {
    svg.rect("node", (x, y), BOX, 6.0);
    svg.text("node-name", (x + BOX.0 / 2.0, y + 17.0), Anchor::Middle, &step.name);
    svg.text("tick", (x + BOX.0 / 2.0, y + 31.0), Anchor::Middle, &step.shape);
    let tokens: usize = step.segments.iter().map(|s| s.0).sum();
    let (mut left, all) = (x + 1.0, BOX.0 - 2.0);
    for (n, influenced) in &step.segments {
        let width = all * *n as f64 / tokens.max(1) as f64;
        let stripes = influenced.len().max(1) as f64;
        let top = y + BOX.1 - BAND;
        if influenced.is_empty() {
            svg.rect("neutral", (left, top), (width, BAND - 1.0), 0.0);
        }
        for (k, modality) in influenced.iter().enumerate() {
            let height = (BAND - 1.0) / stripes;
            let class = format!("bar c{modality}");
            svg.rect(&class, (left, top + k as f64 * height), (width, height), 0.0);
        }
        svg.line("seam", (left + width, top), (left + width, y + BOX.1 - 1.0));
        left += width;
    }
}

fn legend(svg: &mut Svg, modalities: &[String], y: f64) {
    let mut x = MARGIN;
    svg.text("tick", (x, y + 5.0), Anchor::Start, "influenced by");
    x += 88.0;
    for (i, name) in modalities.iter().enumerate() {
        svg.rect(&format!("bar c{i}"), (x, y - 5.0), (16.0, 10.0), 2.0);
        svg.text("tick", (x + 22.0, y + 5.0), Anchor::Start, name);
        x += 40.0 + 7.5 * name.chars().count() as f64;
    }
    svg.rect("neutral", (x, y - 5.0), (16.0, 10.0), 2.0);
    svg.text("tick", (x + 22.0, y + 5.0), Anchor::Start, "nobody");
}

/// Column: one more than that of the latest step that is read. Row: the mean row of what is read, or the next free one.
fn places(steps: &[Step]) -> Vec<(f64, f64)> {
    let mut places: Vec<(f64, f64)> = vec![];
    for step in steps {
        let column = step.reads.iter().map(|&r| places[r].0 + 1.0).fold(0.0, f64::max);
        let rows: Vec<f64> = step.reads.iter().map(|&r| places[r].1).collect();
        let wanted = if rows.is_empty() {
            0.0
        } else {
            (rows.iter().fold(0.0, |sum, r| sum + r) / rows.len() as f64 * 2.0).round() / 2.0
        };
        let free = |row: f64| places.iter().all(|p| p.0 != column || (p.1 - row).abs() >= 1.0);
        let near = (0..2 * steps.len() + 2).flat_map(|k| [wanted + k as f64 / 2.0, wanted - k as f64 / 2.0]);
        let row = near.into_iter().find(|&row| row >= 0.0 && free(row)).unwrap_or(wanted);
        places.push((column, row));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(reads: &[usize]) -> Step {
        Step {
            name: String::new(),
            shape: String::new(),
            reads: reads.to_vec(),
            segments: vec![],
            output: false,
        }
    }

    #[test]
    fn steps_stand_right_of_what_they_read_and_never_on_each_other() {
        let steps = [step(&[]), step(&[]), step(&[0, 1]), step(&[1, 0]), step(&[2, 3])];
        let places = places(&steps);
        assert_eq!(places.iter().map(|p| p.0).collect::<Vec<_>>(), [0.0, 0.0, 1.0, 1.0, 2.0]);
        for (i, a) in places.iter().enumerate() {
            assert!(places[..i].iter().all(|b| a.0 != b.0 || (a.1 - b.1).abs() >= 1.0));
        }
    }
}
