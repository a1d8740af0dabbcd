//! What a training leaves behind.

use std::path::Path;

use mmt_lab::train::Step;
use mmt_lab::training::test::Test;
use mmt_report::figures::curves::{Axis, Curve, curves};
use mmt_report::{file, svg};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::runs::{MODEL, SETTINGS};

/// What a finished run leaves behind.
pub const FILES: [&str; 4] = [MODEL, SETTINGS, "log.jsonl", "curve.svg"];

/// Writes the log and the curve.
pub fn save(folder: &Path, steps: &[Step], test: &Test) -> Result<(), Failure> {
    for (name, text) in [(FILES[2], jsonl(steps, test)), (FILES[3], drawing(steps))] {
        let path = folder.join(name);
        file::write(&path, text.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    }
    Ok(())
}

/// All steps, one JSON object per line, and the result.
fn jsonl(steps: &[Step], test: &Test) -> String {
    let first = json!({ "schema": "mmt-log/1", "steps": steps.len() });
    let step = |s: &Step| json!({ "step": s.step, "loss": s.loss, "right": s.right, "rate": s.rate, "grad_norm": s.grad_norm });
    let last = json!({ "accuracy": test.accuracy(), "samples": test.right.len() });
    let lines = [first].into_iter().chain(steps.iter().map(step)).chain([last]);
    lines.map(|line: Value| format!("{line}\n")).collect()
}

/// The loss over the steps.
fn drawing(steps: &[Step]) -> String {
    let group = steps.len().div_ceil(60);
    let mean = |steps: &[Step]| steps.iter().map(|s| s.loss).sum::<f64>() / steps.len() as f64;
    let points: Vec<_> =
        steps.chunks(group).map(|some| (some[some.len() - 1].step as f64, mean(some))).collect();
    let top = points.iter().map(|p| p.1).fold(0.5, f64::max).ceil();
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|part| (part * top, format!("{:.2}", part * top)));
    let axis = Axis { name: "cross entropy", top, ticks: ticks.into() };
    let curve = Curve { name: "loss".to_string(), color: 0, points, end: None };
    svg::alone(&curves(&[curve], &axis, &[], "Loss while training", "Cross entropy over steps."))
}
