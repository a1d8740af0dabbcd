//! The page of an experiment.

use std::path::PathBuf;

use mmt_lab::experiments::{Experiment, Outcome, Plan, Table};
use mmt_report::experiment::{Drawing, Page, Part, Verdict, page};
use mmt_report::file;

use super::record::words;
use super::{drawings, own};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Writes the page; returns where it is.
pub fn write(
    experiment: &Experiment,
    plan: &Plan,
    outcome: &Outcome,
    (seconds, terminal): (f64, &Terminal),
) -> Result<PathBuf, Failure> {
    let threads = rayon::current_num_threads();
    let seeds: Vec<String> = plan.seeds.iter().map(u64::to_string).collect();
    let verdicts = outcome.bands.iter().map(|band| {
        let (measured, interval, limits) = words(band);
        Verdict { claim: band.claim.clone(), measured, interval, band: limits, holds: band.holds() }
    });
    let text = page(&Page {
        id: experiment.id.to_string(),
        claim: experiment.claim.to_string(),
        method: experiment.method.to_string(),
        facts: vec![
            format!("mmt {}", env!("CARGO_PKG_VERSION")),
            format!("{threads} thread{}", if threads == 1 { "" } else { "s" }),
            format!("seed{} {}", if seeds.len() == 1 { "" } else { "s" }, seeds.join(", ")),
            format!("{seconds:.0} s in all"),
        ],
        notes: outcome.notes.clone(),
        verdicts: verdicts.collect(),
        parts: parts(outcome, plan),
        command: format!(
            "mmt experiment run {} --seeds {} --seed {}",
            experiment.id,
            plan.seeds.len(),
            plan.seeds.first().copied().unwrap_or(0)
        ),
    });
    let path = terminal.options.out().join(format!("{}.html", experiment.id));
    file::write(&path, text.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    Ok(path)
}

/// What the intervals of the accuracies are about.
const ABOUT_ONE: &str = "Right answers to samples that training never shows, with 95 % intervals from a bootstrap over the pictures of \
                         the test: samples that share one are not independent. How another seed would end is not in them.";
const ABOUT_SEVERAL: &str = "Right answers to samples that training never shows, with 95 % intervals from a bootstrap over the seeds \
                             and the pictures of the test: samples that share one are not independent.";

fn parts(outcome: &Outcome, plan: &Plan) -> Vec<Part> {
    let part = |title: &str, about: &str, small: bool, drawings: Vec<Drawing>| Part {
        title: title.to_string(),
        about: about.to_string(),
        small,
        drawings,
    };
    let mut parts = vec![];
    if !outcome.series.is_empty() {
        let (seeds, estimates) = (plan.seeds.len(), drawings::estimates(outcome));
        let about = if seeds == 1 { ABOUT_ONE } else { ABOUT_SEVERAL };
        parts.push(part("Accuracy", about, false, vec![drawings::accuracy(outcome, &estimates)]));
        let about = format!(
            "Accuracy on 500 of the test samples while training: the mean of {seeds} seed{} and their range.",
            if seeds == 1 { "" } else { "s" }
        );
        parts.push(part("Learning", &about, false, vec![drawings::learning(outcome)]));
        let about = "Operations of the products of the topology for one sample, forward, counted exactly (eq-3-cost).";
        parts.push(part("Cost and accuracy", about, false, vec![drawings::cost(outcome, &estimates)]));
    }
    let (examples, others): (Vec<_>, Vec<_>) =
        outcome.figures.iter().partition(|f| matches!(f, mmt_lab::experiments::Figure::Example(_)));
    let mut measured: Vec<Drawing> = others.into_iter().flat_map(own::figure).collect();
    measured.extend(outcome.tables.iter().map(table));
    if !measured.is_empty() {
        parts.push(part("Further measurements", "", false, measured));
    }
    if !examples.is_empty() {
        let about = "One pair of digits and four questions. Bright patches are where a token looks.";
        let all = examples.into_iter().flat_map(own::figure).collect();
        parts.push(part("Where it looks", about, true, all));
    }
    if !outcome.series.is_empty() {
        let about = "Every step with its tokens, colored by the modalities that influence them.";
        parts.push(part("The topologies", about, false, drawings::topologies(outcome)));
    }
    parts
}

/// Numbers without a drawing.
fn table(table: &Table) -> Drawing {
    Drawing {
        svg: String::new(),
        caption: table.title.clone(),
        head: table.head.clone(),
        rows: table.rows.clone(),
    }
}
