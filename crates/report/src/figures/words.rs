//! What words look at: a matrix of weights, one row for each word.

use super::percent;
use crate::svg::{Anchor, Svg};

/// Weights between two lists of tokens.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Above it.
    pub name: String,
    /// Who looks.
    pub rows: Vec<String>,
    /// At what.
    pub columns: Vec<String>,
    /// Row by row, at most 1.
    pub weights: Vec<Vec<f64>>,
}

const CELL: f64 = 30.0;
const NAME: f64 = 78.0;
const HEAD: f64 = 46.0;

/// Cells that are the darker the larger their weight is, with the number in them where it is large.
pub fn words(matrix: &Matrix, title: &str, description: &str) -> String {
    let columns = matrix.columns.len() as f64;
    let size = (NAME + columns * CELL + 4.0, HEAD + matrix.rows.len() as f64 * CELL + 4.0);
    let mut svg = Svg::new(size.0.max(320.0), size.1, title, description);
    svg.text("panel-name", (0.0, 14.0), Anchor::Start, &matrix.name);
    for (j, column) in matrix.columns.iter().enumerate() {
        let at = (NAME + (j as f64 + 0.5) * CELL, HEAD - 8.0);
        svg.text("tick", at, Anchor::Middle, column);
    }
    let most = matrix.weights.iter().flatten().fold(1e-9, |m: f64, &w| m.max(w));
    for (i, (word, row)) in matrix.rows.iter().zip(&matrix.weights).enumerate() {
        let y = HEAD + i as f64 * CELL;
        svg.text("tick", (NAME - 8.0, y + CELL / 2.0 + 4.0), Anchor::End, word);
        for (j, &weight) in row.iter().enumerate() {
            let x = NAME + j as f64 * CELL;
            svg.rect("track", (x, y), (CELL - 1.5, CELL - 1.5), 2.0);
            svg.shade("glowing", (x, y), (CELL - 1.5, CELL - 1.5), 2.0, (weight / most).clamp(0.0, 1.0));
            if weight >= 0.1 {
                let words = percent(weight).replace(" %", "");
                svg.text("cell", (x + CELL / 2.0, y + CELL / 2.0 + 4.0), Anchor::Middle, &words);
            }
        }
    }
    svg.finish()
}
