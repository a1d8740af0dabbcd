//! What a training leaves behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmt_golden::file::Data;
use mmt_lab::evaluate::Evaluation;
use mmt_lab::train::{Step, TrainConfig};
use mmt_report::figures::curves::{Axis, Curve, curves};
use mmt_report::{file, svg};
use serde_json::{Value, json};

use crate::failure::{Code, Failure};

/// What a run leaves behind.
pub const FILES: [&str; 3] = ["model.safetensors", "log.jsonl", "curve.svg"];

/// Writes the files into a new folder below `out`.
pub fn save(
    out: &Path,
    config: &TrainConfig,
    model: &BTreeMap<String, Data>,
    steps: &[Step],
    test: &Evaluation,
) -> Result<PathBuf, Failure> {
    let folder = new_folder(out)?;
    let [arrays, log, curve] = FILES.map(|name| folder.join(name));
    mmt_golden::file::write(&arrays, model)
        .map_err(|error| Failure::new(Code::InvalidData, error.to_string()))?;
    for (path, text) in [(log, jsonl(config, steps, test)), (curve, drawing(steps))] {
        file::write(&path, text.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    }
    Ok(folder)
}

/// The first `run-0001`, `run-0002`, .. that is not there. Two runs at once get two folders.
fn new_folder(out: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(out).map_err(|error| Failure::unwritten(out, &error))?;
    for number in 1.. {
        let folder = out.join(format!("run-{number:04}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Failure::unwritten(&folder, &error)),
        }
    }
    unreachable!("there is a number for every folder")
}

/// All steps, one JSON object per line, after the settings and before the result.
fn jsonl(config: &TrainConfig, steps: &[Step], test: &Evaluation) -> String {
    let first = json!({ "schema": "mmt-log/1", "task": "digits-qa", "see": config.modalities.name(),
        "steps": config.steps, "batch": config.batch, "rate": config.rate, "seed": config.seed });
    let step = |s: &Step| json!({ "step": s.step, "loss": s.loss, "right": s.right, "rate": s.rate, "grad_norm": s.grad_norm });
    let last = json!({ "accuracy": test.accuracy, "questions": test.questions });
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
