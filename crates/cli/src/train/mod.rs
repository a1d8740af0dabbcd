//! `mmt train`: trains a small model on data inside the program.

mod files;

use std::collections::BTreeMap;
use std::time::Instant;

use clap::ValueEnum;
use mmt_golden::file::Data;
use mmt_lab::Trainable;
use mmt_lab::batch::Modalities;
use mmt_lab::data::digits_qa::Question;
use mmt_lab::evaluate::{Evaluation, evaluate, test_questions};
use mmt_lab::train::{Step, TrainConfig, train};
use mmt_tensor::{Real, Tree};
use serde_json::json;

use self::files::{FILES, save};
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::progress::Progress;
use crate::terminal::{BOLD, Precision, Terminal, paint};

/// The tasks that a model can be trained for.
const TASKS: [&str; 1] = ["digits-qa"];

/// Train a small model and test it on handwriting that it has not seen
///
/// Batches are drawn afresh for every step. The rate rises for a fifth of the steps and falls to zero along half a
/// cosine. The model, all steps and their curve are saved in a new folder DIR/run-0001, DIR/run-0002, and so on.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What is to be learned: digits-qa, questions about two handwritten digits
    #[arg(long, default_value = "digits-qa")]
    task: String,
    /// What the model gets to see
    #[arg(long, value_enum, default_value_t = See::Both)]
    see: See,
    /// How many batches
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    steps: u32,
    /// Examples in a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// The largest rate
    #[arg(long, value_name = "RATE", default_value_t = 3e-3)]
    rate: f64,
    /// Questions of the test
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    questions: u32,
}

/// What a model gets to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum See {
    /// Question and picture, concatenated before the first layer
    Both,
    /// The picture
    Image,
    /// The question
    Text,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    if !TASKS.contains(&args.task.as_str()) {
        let hint = did_you_mean(&args.task, TASKS);
        return Err(Failure::usage(format!("no task is called `{}`", args.task)).hint(hint));
    }
    let modalities = match args.see {
        See::Both => Modalities::Both,
        See::Image => Modalities::Image,
        See::Text => Modalities::Text,
    };
    let config = TrainConfig {
        batch: args.batch as usize,
        rate: args.rate,
        ..TrainConfig::new(modalities, args.steps as usize, terminal.options.seed)
    };
    config.check()?;
    let precision = terminal.precision(Precision::F32);
    terminal.start(precision, "")?;
    match precision {
        Precision::F32 => run_in::<f32>(args, &config, terminal, |x| Data::F32(x.mapv(|x| x as f32))),
        Precision::F64 => run_in::<f64>(args, &config, terminal, Data::F64),
    }
}

fn run_in<R: Trainable>(
    args: &Args,
    config: &TrainConfig,
    terminal: &Terminal,
    store: fn(ndarray::ArrayD<f64>) -> Data,
) -> Done {
    let start = Instant::now();
    heading(config, terminal)?;
    let mut log = Log::new(terminal, config.steps);
    let model = train::<R>(config, |step| log.step(step))?;
    let (steps, written) = log.finish();
    written?;
    let questions = test_questions(args.questions as usize, config.seed.wrapping_add(1));
    let test = evaluate(&model, &questions, config.modalities)?;
    result(&test, terminal)?;
    let arrays = model.arrays();
    let model = arrays.iter().map(|(name, a)| (name.clone(), store(a.mapv(Real::to_f64)))).collect();
    let folder = save(&terminal.options.out, config, &model, &steps, &test)?;
    let seconds = start.elapsed().as_secs_f64();
    terminal.event(
        "saved",
        json!({ "folder": folder.display().to_string(), "files": FILES, "seconds": seconds }),
    )?;
    terminal.advice(format_args!("saved {}: {}   {seconds:.1} s", folder.display(), FILES.join(", ")))?;
    Ok(Code::Ok)
}

fn heading(config: &TrainConfig, terminal: &Terminal) -> Result<(), Failure> {
    let TrainConfig { modalities, steps, batch, rate, .. } = *config;
    let warmup = config.warmup();
    let name = modalities.name();
    terminal.event(
        "train",
        json!({ "task": "digits-qa", "model": "early-concat", "see": name, "steps": steps, "batch": batch,
            "rate": rate, "warmup": warmup, "weight_decay": config.weight_decay, "max_norm": config.max_norm }),
    )?;
    terminal.advice(format_args!("task      digits-qa, {name}, early concatenation, batches of {batch}"))?;
    terminal.advice(format_args!("schedule  up to {rate:e} at step {warmup}, down to 0 at step {steps}"))?;
    terminal.line(paint(BOLD, "   step     loss   acc(train)         lr   grad norm   ms/step"))
}

/// The lines of a training, ten of them, each with the means since the last one.
struct Log<'a> {
    terminal: &'a Terminal,
    progress: Progress<'a>,
    every: usize,
    steps: Vec<Step>,
    since: Instant,
    written: Result<(), Failure>,
}

impl<'a> Log<'a> {
    fn new(terminal: &'a Terminal, steps: usize) -> Self {
        let progress = Progress::bar_only(terminal, "training", steps);
        Log {
            terminal,
            progress,
            every: steps.div_ceil(10),
            steps: vec![],
            since: Instant::now(),
            written: Ok(()),
        }
    }

    fn step(&mut self, step: &Step) {
        self.steps.push(*step);
        self.progress.at(step.step, || format!("loss {:.3}", step.loss));
        if step.step.is_multiple_of(self.every) && self.written.is_ok() {
            self.written = self.progress.aside(|| self.row());
            self.since = Instant::now();
        }
    }

    fn row(&self) -> Result<(), Failure> {
        let last = &self.steps[self.steps.len() - self.every..];
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

    fn finish(self) -> (Vec<Step>, Result<(), Failure>) {
        self.progress.finish();
        (self.steps, self.written)
    }
}

fn result(test: &Evaluation, terminal: &Terminal) -> Result<(), Failure> {
    let questions = Question::ALL.map(Question::word);
    terminal.event(
        "test",
        json!({ "accuracy": test.accuracy, "questions": test.questions,
            "by_question": BTreeMap::from_iter(questions.into_iter().zip(test.by_question)) }),
    )?;
    let each = questions.iter().zip(test.by_question);
    let each: Vec<String> = each.map(|(word, part)| format!("{word} {:.0}", 100.0 * part)).collect();
    terminal.line(format_args!(
        "test {:.1} % of {} questions about unseen handwriting",
        100.0 * test.accuracy,
        test.questions,
    ))?;
    terminal.line(format_args!("     {} %", each.join(" %, ")))
}
