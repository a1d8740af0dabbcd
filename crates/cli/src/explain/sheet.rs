//! Formulas, and matrices side by side.

use ndarray::{Array2, ArrayRef2};
use serde_json::{Value, json};

/// Columns before a formula or a matrix.
const INDENT: &str = "     ";

/// What stands below a heading.
#[derive(Default)]
pub struct Sheet {
    items: Vec<Item>,
}

enum Item {
    /// A formula, and why it holds.
    Formula(String, String),
    /// Matrices with their names, side by side.
    Matrices(Vec<(String, Array2<f64>)>),
    /// A remark.
    Remark(String),
}

impl Sheet {
    /// A formula with the reason for it.
    pub fn formula(mut self, formula: &str, why: &str) -> Self {
        self.items.push(Item::Formula(formula.to_string(), why.to_string()));
        self
    }

    /// Matrices side by side.
    pub fn matrices(mut self, matrices: &[(&str, &ArrayRef2<f64>)]) -> Self {
        let own = matrices.iter().map(|(name, array)| (name.to_string(), (**array).to_owned()));
        self.items.push(Item::Matrices(own.collect()));
        self
    }

    /// What to look at.
    pub fn remark(mut self, text: &str) -> Self {
        self.items.push(Item::Remark(text.to_string()));
        self
    }

    /// The sheet for a terminal, at most 80 columns wide where matrices allow it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut after_formula = false;
        for item in &self.items {
            match item {
                Item::Formula(formula, why) => {
                    lines.push(format!("{INDENT}{formula:<48} {why}").trim_end().to_string());
                }
                Item::Matrices(matrices) => {
                    if after_formula {
                        lines.push(String::new());
                    }
                    lines.extend(side_by_side(matrices));
                }
                Item::Remark(text) => lines.push(format!("{INDENT}{text}")),
            }
            after_formula = matches!(item, Item::Formula(..));
        }
        lines
    }

    /// All matrices by name.
    pub fn json(&self) -> Value {
        let matrices = self.items.iter().filter_map(|item| match item {
            Item::Matrices(matrices) => Some(matrices),
            _ => None,
        });
        matrices.flatten().map(|(name, array)| (name.clone(), rows(array))).collect()
    }
}

/// The rows of a matrix; what is not finite is a text, because JSON has no number for it.
pub fn rows(array: &ArrayRef2<f64>) -> Value {
    let number = |&x: &f64| if x.is_finite() { json!(x) } else { json!(x.to_string()) };
    array.rows().into_iter().map(|row| row.iter().map(number).collect::<Value>()).collect()
}

/// Blocks beside each other, as many as fit into 80 columns, then the next ones below.
fn side_by_side(matrices: &[(String, Array2<f64>)]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for (name, array) in matrices {
        let block = block(name, array);
        let (width, have) = (length(&block), length(&open));
        if have > 0 && have + 2 + width > 80 {
            lines.append(&mut open);
        }
        let start = if open.is_empty() { INDENT.len() } else { length(&open) + 2 };
        for (i, line) in block.into_iter().enumerate() {
            if i == open.len() {
                open.push(String::new());
            }
            let blanks = start - open[i].chars().count();
            open[i].push_str(&" ".repeat(blanks));
            open[i].push_str(&line);
        }
    }
    lines.append(&mut open);
    lines
}

fn length(lines: &[String]) -> usize {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// A matrix with its name before the first row; numbers stand below each other.
fn block(name: &str, array: &Array2<f64>) -> Vec<String> {
    let cells = array.mapv(|x| {
        let text = format!("{x:.4}");
        // No number rounds to minus nothing.
        if text == "-0.0000" { "0.0000".to_string() } else { text }
    });
    let width = |column: usize| cells.column(column).iter().map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..cells.ncols()).map(width).collect();
    let row = |(i, row): (usize, ndarray::ArrayView1<String>)| {
        let numbers: Vec<String> =
            row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:>width$}")).collect();
        let name = if i == 0 { name } else { "" };
        format!("{name:<2} [{}]", numbers.join(" "))
    };
    let mut lines: Vec<String> = cells.rows().into_iter().enumerate().map(row).collect();
    let indent = lines[0].find('[').expect("a bracket");
    for line in &mut lines[1..] {
        *line = format!("{}{}", " ".repeat(indent), &line[line.find('[').expect("a bracket")..]);
    }
    lines
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let sheet = Sheet::default()
            .formula("S = 1", "")
            .matrices(&[("S", &array![[1.0, -2.0], [-1e-9, 3.0]]), ("sum", &array![[10.0]])]);
        assert_eq!(
            sheet.lines(),
            ["     S = 1", "", "     S  [1.0000 -2.0000]  sum [10.0000]", "        [0.0000  3.0000]"]
        );
    }
}
