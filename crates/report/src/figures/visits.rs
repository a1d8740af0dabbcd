//! The visits of a patient in time, and the sequences that models read of them.

use super::pieces::{cells, shortened};
use crate::svg::{Anchor, Svg};

/// A code of a visit.
#[derive(Clone, Debug)]
pub struct Code {
    /// `D01`
    pub name: String,
    /// The row of the embedding table.
    pub id: usize,
    /// Codes of a group have one color.
    pub group: usize,
}

/// One visit.
#[derive(Clone, Debug)]
pub struct Visit {
    /// In the order of importance.
    pub diagnoses: Vec<Code>,
    /// In the order of the record.
    pub medications: Vec<Code>,
}

/// A code in a sequence of all codes of a patient.
#[derive(Clone, Debug)]
pub struct Place {
    /// `D01`
    pub name: String,
    /// Codes of a group have one color.
    pub group: usize,
    /// The number of its visit, from 1.
    pub visit: usize,
    /// Its place in the visit, from 0.
    pub place: usize,
}

/// One patient.
#[derive(Clone, Debug)]
pub struct Patient {
    /// In the order of time.
    pub visits: Vec<Visit>,
    /// All diagnoses.
    pub sequence: Vec<Place>,
}

const WIDTH: f64 = 760.0;
const CARD: f64 = 132.0;
const PITCH: f64 = 150.0;
const CHIP: f64 = 22.0;
const STEP: f64 = 27.0;
/// A code in the sequence, at least.
const CELL: f64 = 44.0;
/// A letter of a code.
const LETTER: f64 = 7.9;
/// Letters of a code that are shown.
const LETTERS: usize = 12;
const IN_ROW: usize = 5;

/// A timeline of cards for every patient, and below it the sequence of its diagnoses with the three numbers that each is
/// embedded with.
pub fn visits(patients: &[Patient]) -> String {
    let height: f64 = patients.iter().map(|patient| tall(patient) + 30.0).fold(0.0, |sum, h| sum + h);
    let codes: usize = patients.iter().map(|patient| patient.sequence.len()).sum();
    let title = format!("{codes} codes of {} patients", patients.len());
    let mut svg =
        Svg::new(WIDTH, height.max(1.0), &title, "Visits in time with their diagnoses and medications")
            .with_margin(20.0);
    let mut top = 0.0;
    for (number, patient) in patients.iter().enumerate() {
        let heading = format!("patient {}: a set of each kind per visit (G-BERT)", number + 1);
        svg.text("heading", (0.0, top + 16.0), Anchor::Start, &heading);
        let mut y = top + 30.0;
        for row in patient.visits.chunks(IN_ROW).zip(0..) {
            y = timeline(&mut svg, row, y);
        }
        svg.text("heading", (0.0, y + 14.0), Anchor::Start, "one sequence of diagnoses (Med-BERT)");
        sequence(&mut svg, &patient.sequence, y + 26.0);
        top += tall(patient) + 30.0;
    }
    svg.finish()
}

/// Height of a patient without the space below.
fn tall(patient: &Patient) -> f64 {
    let rows: f64 = patient.visits.chunks(IN_ROW).map(row_height).fold(0.0, |sum, h| sum + h);
    30.0 + rows + 26.0 + patient.sequence.len().div_ceil(in_line(&patient.sequence)) as f64 * 70.0
}

fn row_height(visits: &[Visit]) -> f64 {
    let lines = visits.iter().map(|visit| lines_of(visit) as f64 * STEP).fold(0.0, f64::max);
    lines + 66.0 + 18.0
}

/// Lines of chips in a card: two of diagnoses beside each other would hide their order.
fn lines_of(visit: &Visit) -> usize {
    visit.diagnoses.len() + visit.medications.len().div_ceil(beside(visit))
}

/// A row of cards on a thread; returns where the next row begins.
fn timeline(svg: &mut Svg, (visits, row): (&[Visit], usize), top: f64) -> f64 {
    let height = row_height(visits) - 18.0;
    let middle = |i: usize| i as f64 * PITCH + CARD / 2.0;
    svg.line("thread", (middle(0), top + 6.0), (middle(visits.len() - 1), top + 6.0));
    for (i, visit) in visits.iter().enumerate() {
        let x = i as f64 * PITCH;
        svg.circle("dot c0", (middle(i), top + 6.0), 5.0);
        svg.rect("sheet", (x, top + 18.0), (CARD, height - 18.0), 8.0);
        let name = format!("visit {}", row * IN_ROW + i + 1);
        svg.text("note", (x + 10.0, top + 36.0), Anchor::Start, &name);
        let mut y = top + 44.0;
        for code in &visit.diagnoses {
            chip(svg, code, (x + 10.0, y), CARD - 20.0, &color(code.group));
            y += STEP;
        }
        if !visit.medications.is_empty() {
            svg.line("divide", (x + 10.0, y + 1.0), (x + CARD - 10.0, y + 1.0));
        }
        let in_line = beside(visit);
        let width = (CARD - 20.0 - 4.0 * (in_line - 1) as f64) / in_line as f64;
        for (j, code) in visit.medications.iter().enumerate() {
            let at = (x + 10.0 + (j % in_line) as f64 * (width + 4.0), y + 7.0 + (j / in_line) as f64 * STEP);
            chip(svg, code, at, width, "chip");
        }
    }
    top + row_height(visits)
}

/// Five colors, and the same five as rings.
fn color(group: usize) -> String {
    format!("chip{} c{}", if group / 5 % 2 == 1 { " ring" } else { "" }, group % 5)
}

/// Medications beside each other: two if their names are short.
fn beside(visit: &Visit) -> usize {
    if visit.medications.iter().all(|code| cells(&code.name) <= 5) { 2 } else { 1 }
}

/// Codes in a line of the sequence, which are as wide as the longest of them.
fn in_line(codes: &[Place]) -> usize {
    ((WIDTH + 3.0) / (cell(codes) + 0.8)) as usize
}

fn cell(codes: &[Place]) -> f64 {
    let letters = codes.iter().map(|code| cells(&code.name).min(LETTERS)).max().unwrap_or(0);
    (letters as f64 * LETTER + 10.0).max(CELL)
}

/// A code, and at the right the row of its embedding if there is room for it.
fn chip(svg: &mut Svg, code: &Code, (x, y): (f64, f64), width: f64, class: &str) {
    svg.rect(class, (x, y), (width, CHIP), 5.0);
    let (name, row) = (shortened(&code.name, LETTERS), format!("row {}", code.id));
    svg.text("mono", (x + 6.0, y + 15.5), Anchor::Start, &name);
    if (cells(&name) as f64) * LETTER + row.len() as f64 * 6.7 + 18.0 < width {
        svg.text("mono small", (x + width - 6.0, y + 15.0), Anchor::End, &row);
    }
}

fn sequence(svg: &mut Svg, codes: &[Place], top: f64) {
    let (cell, in_line) = (cell(codes), in_line(codes));
    for (at, code) in codes.iter().enumerate() {
        let (x, y) = ((at % in_line) as f64 * (cell + 0.8), top + (at / in_line) as f64 * 70.0);
        svg.rect(&color(code.group), (x, y), (cell - 3.0, CHIP), 5.0);
        let middle = x + (cell - 3.0) / 2.0;
        svg.text("mono", (middle, y + 15.5), Anchor::Middle, &shortened(&code.name, LETTERS));
        svg.text("mono small", (middle, y + 37.0), Anchor::Middle, &format!("v{}", code.visit));
        svg.text("mono small", (middle, y + 51.0), Anchor::Middle, &format!("s{}", code.place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_drawn_in_its_visit_and_in_the_sequence() {
        let code = |name: &str| Code { name: name.to_string(), id: 9, group: 6 };
        let visit = Visit { diagnoses: vec![code("D01"), code("D02")], medications: vec![code("M01")] };
        let place = Place { name: "D01".to_string(), group: 0, visit: 1, place: 0 };
        let patient = Patient { visits: vec![visit; 7], sequence: vec![place.clone(); 14] };
        let svg = visits(&[patient.clone(), patient]);
        let count = |what: &str| svg.matches(what).count();
        assert_eq!((count(">D02<"), count(">M01<"), count(">D01<")), (14, 14, 42));
        assert_eq!((count(">visit 7<"), count(">v1<"), count("class=\"thread\"")), (2, 28, 4));
        assert_eq!(in_line(std::slice::from_ref(&place)), 17);
        assert_eq!(in_line(&[Place { name: "A01AB02".to_string(), ..place }]), 11);
        assert!(svg.contains("class=\"chip ring c1\""), "group 6 is a ring in the color of group 1");
    }
}
