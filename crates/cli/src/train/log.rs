//! The lines of a training.

use std::time::Instant;

use mmt_lab::Trainable;
use mmt_lab::train::Step;
use mmt_lab::training::{Settings, Trainer};
use mmt_tensor::Tree;
use serde_json::json;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::runs::Run;
use crate::terminal::{BOLD, Terminal, paint, shorten};

/// What is trained and how.
pub fn heading<R: Trainable>(run: &Run, trainer: &Trainer<R>, terminal: &Terminal) -> Result<(), Failure> {
    let Settings { task, steps, batch, rate, drop, weight_decay, max_norm, .. } = run.settings;
    let (warmup, count) = (run.settings.warmup(), trainer.net.count());
    let text = run.settings.topology.to_string();
    let seed = format!("of this run {}", run.settings.seed);
    terminal.start(run.precision, if trainer.log.is_empty() { "" } else { &seed })?;
    terminal.event(
        "train",
        json!({ "task": task.name(), "topology": text, "name": run.name, "parameters": count, "steps": steps,
            "done": trainer.log.len(), "batch": batch, "rate": rate, "warmup": warmup, "drop": drop,
            "weight_decay": weight_decay, "max_norm": max_norm }),
    )?;
    terminal.advice(format_args!("task      {}: {}", task.name(), task.about()))?;
    let known = if run.name == text { String::new() } else { shorten(&run.name, 30) + ": " };
    let left = 68 - known.chars().count();
    terminal.advice(format_args!("topology  {known}{}", shorten(&text, left)))?;
    terminal.advice(format_args!(
        "schedule  batches of {batch}, up to {rate:e} at step {warmup}, down to 0 after step {steps}"
    ))?;
    let lost = 100.0 * drop;
    if drop > 0.0 {
        terminal.advice(format_args!("missing   {lost:.0} % of the samples lose a modality"))?;
    }
    terminal.line(paint(BOLD, "   step     loss   acc(train)         lr   grad norm   ms/step"))
}

/// Ten lines, each with the means since the last one.
pub struct Log<'a> {
    terminal: &'a Terminal,
    progress: Progress<'a>,
    /// Steps of a line.
    pub every: usize,
    since: Instant,
    /// The first line that could not be written; a training does not end for it.
    written: Result<(), Failure>,
}

impl<'a> Log<'a> {
    /// `written`: whether the lines before were.
    pub fn new(terminal: &'a Terminal, steps: usize, written: Result<(), Failure>) -> Self {
        let progress = Progress::bar_only(terminal, "training", steps);
        let every = steps.div_ceil(10);
        Log { terminal, progress, every, since: Instant::now(), written }
    }

    /// After every step, with all steps so far.
    pub fn step(&mut self, steps: &[Step]) {
        let last = steps[steps.len() - 1];
        self.progress.at(last.step, || format!("loss {:.3}", last.loss));
        if last.step.is_multiple_of(self.every) && self.written.is_ok() {
            self.written = self.progress.aside(|| self.row(&steps[steps.len() - self.every..]));
            self.since = Instant::now();
        }
    }

    fn row(&self, last: &[Step]) -> Result<(), Failure> {
        let mean = |f: fn(&Step) -> f64| last.iter().map(f).sum::<f64>() / last.len() as f64;
        let (loss, right, norm) = (mean(|s| s.loss), mean(|s| s.right), mean(|s| s.grad_norm));
        let Step { step, rate, .. } = last[last.len() - 1];
        let ms = 1e3 * self.since.elapsed().as_secs_f64() / last.len() as f64;
        self.terminal.event(
            "step",
            json!({ "step": step, "loss": loss, "right": right, "rate": rate, "grad_norm": norm, "ms_per_step": ms }),
        )?;
        let percent = 100.0 * right;
        self.terminal.line(format_args!(
            " {step:>6} {loss:>8.4} {percent:>10.1} % {rate:>10.2e} {norm:>11.2} {ms:>9.1}"
        ))?;
        self.terminal.flush()
    }

    /// The bar goes away; whether every line was written.
    pub fn finish(self) -> Result<(), Failure> {
        self.progress.finish();
        self.written
    }
}
