//! The hand-derived gradients of the register, and the mask of the note.

use mmt_lab::product_mask::{expected, product_mask};
use mmt_report::tour::MaskFailure;
use mmt_tensor::Random;
use serde_json::json;

use super::heading;
use crate::failure::Failure;
use crate::terminal::{BAD, GOOD, Terminal, paint};
use crate::verify::{self, Gradient};

/// Checks every gradient of the register against dual numbers.
pub fn gradients(terminal: &Terminal) -> Result<Vec<Gradient>, Failure> {
    heading(4, "Is the calculus right?", "gradients by hand against exact derivatives", terminal)?;
    let all = verify::gradients();
    let count: usize = all.iter().map(|gradient| gradient.tally.gradients).sum();
    let worst = all.iter().map(|gradient| gradient.tally.worst).fold(0.0, f64::max);
    let wrong: Vec<&Gradient> = all.iter().filter(|gradient| gradient.wrong.is_some()).collect();
    let ids: Vec<&str> = wrong.iter().map(|gradient| gradient.id).collect();
    let (formulas, pass) = (all.len(), wrong.is_empty());
    terminal.event(
        "gradients",
        json!({ "equations": formulas, "gradients": count, "worst": worst, "limit": 1e-12, "pass": pass, "wrong": ids }),
    )?;
    terminal.line(format_args!(
        "     {formulas} formulas, {} numbers of gradients, dual numbers, no step size",
        spaced(count)
    ))?;
    let verdict = if pass { paint(GOOD, "ok") } else { paint(BAD, format_args!("WRONG: {}", ids.join(" "))) };
    terminal.line(format_args!("     worst difference {worst:.1e}, allowed 1e-12   {verdict}"))?;
    Ok(all)
}

/// `12 345`
fn spaced(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{} {:03}", spaced(n / 1000), n % 1000) }
}

/// Counts the rows that the mask of the note destroys.
pub fn mask(terminal: &Terminal) -> Result<MaskFailure, Failure> {
    let lost = product_mask::<f32>(8, 500, &mut Random::seed(terminal.options.seed));
    let part = |n: usize| n as f64 / lost.rows as f64;
    let mask = MaskFailure {
        as_written: part(lost.as_written),
        theory: expected(8),
        as_corrected: part(lost.as_corrected),
        rows: lost.rows,
    };
    terminal.event(
        "erratum",
        json!({ "id": "ERR-C01", "rows": mask.rows, "as_written": mask.as_written, "theory": mask.theory,
            "as_corrected": mask.as_corrected }),
    )?;
    heading(5, "Is the note right?", "ERR-C01: the mask written as a product with -∞", terminal)?;
    terminal.line(format_args!(
        "     as written    {:>5.1} % of {} rows are not numbers (theory: {:.1} %)",
        100.0 * mask.as_written,
        mask.rows,
        100.0 * mask.theory
    ))?;
    terminal
        .line(format_args!("     as corrected  {:>5.1} %, the mask is added", 100.0 * mask.as_corrected))?;
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([7, 1000, 12_345, 1_002_003].map(spaced), ["7", "1 000", "12 345", "1 002 003"]);
    }
}
