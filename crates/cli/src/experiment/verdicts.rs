//! Accuracies and verdicts on the terminal.

use mmt_lab::experiments::{Band, Outcome};
use serde_json::json;

use super::record;
use crate::failure::Failure;
use crate::terminal::{Align, BAD, FAINT, GOOD, Terminal, paint, table};

/// Accuracies and verdicts.
pub fn show(outcome: &Outcome, terminal: &Terminal) -> Result<(), Failure> {
    if !outcome.series.is_empty() {
        let head = ["model", "accuracy", "each seed", "parameters", "operations"];
        let mut cells = vec![head.map(String::from).to_vec()];
        for s in &outcome.series {
            let each: Vec<String> = s.accuracies().iter().map(|a| format!("{:.1}", 100.0 * a)).collect();
            terminal.event(
                "model",
                json!({ "name": s.name, "topology": s.topology, "accuracy": s.accuracy(),
                    "each": s.accuracies(), "parameters": s.parameters, "flops": s.flops.to_string() }),
            )?;
            let accuracy = format!("{:.1} %", 100.0 * s.accuracy());
            cells.push(vec![
                s.name.clone(),
                accuracy,
                each.join(" "),
                s.parameters.to_string(),
                s.flops.to_string(),
            ]);
        }
        let align = [Align::Left, Align::Right, Align::Left, Align::Right, Align::Right];
        for line in table(&align, &cells) {
            terminal.line(line)?;
        }
        terminal.line("")?;
    }
    verdicts(&outcome.bands, terminal)
}

fn verdicts(bands: &[Band], terminal: &Terminal) -> Result<(), Failure> {
    for band in bands {
        let (measured, interval, limits) = record::words(band);
        let holds = band.holds();
        terminal.event(
            "verdict",
            json!({ "claim": band.claim, "measured": band.measured.mean,
                "interval": [band.measured.low, band.measured.high], "low": band.low, "high": band.high, "holds": holds }),
        )?;
        let mark = if holds { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        let interval = if interval.is_empty() { interval } else { format!("   {interval}") };
        terminal.line(format_args!(
            " {mark} {}: {measured}   {limits}{}",
            band.claim,
            paint(FAINT, interval)
        ))?;
    }
    Ok(())
}
