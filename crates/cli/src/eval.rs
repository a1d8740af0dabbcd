//! `mmt eval`: what a trained model can do.

use mmt_golden::file;
use mmt_lab::Trainable;
use mmt_lab::net::Net;
use mmt_lab::stats::Estimate;
use mmt_lab::tasks::Task;
use mmt_lab::training::Settings;
use mmt_lab::training::checkpoint::{load, restore};
use mmt_lab::training::test::{Test, test};
use serde_json::{Map, json};

use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::runs::{self, CHECKPOINT, MODEL, Run};
use crate::terminal::{Precision, Terminal};

/// Test a model that `mmt train` has saved, with all modalities or without some
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder of a training, or its number below DIR
    run: String,
    /// Samples of the test
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    test: u32,
    /// Leave a modality out
    #[arg(long, value_name = "MODALITY")]
    without: Vec<String>,
    /// Read the parameters into another topology, which must need the same ones
    #[arg(long, value_name = "NAME|EXPR")]
    topology: Option<String>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let mut run = Run::open(&args.run, terminal.options.out())?;
    terminal.only(run.precision, "eval of this run")?;
    if let Some(what) = &args.topology {
        run.settings.topology = runs::topology(what, run.settings.task, &run.settings.sizes)?.topology;
    }
    let own = run.settings.task.modalities();
    for name in &args.without {
        if !own.iter().any(|m| m.name == name) {
            let hint = did_you_mean(name, own.iter().map(|m| m.name));
            let message = format!("{} has no modality `{name}`", run.settings.task.name());
            return Err(Failure::usage(message).hint(hint));
        }
    }
    match run.precision {
        Precision::F32 => run_in::<f32>(args, &run, terminal),
        Precision::F64 => run_in::<f64>(args, &run, terminal),
    }
}

fn run_in<R: Trainable>(args: &Args, run: &Run, terminal: &Terminal) -> Done {
    let net: Net<R> = trained(run)?;
    terminal.start(run.precision, &format!("of this run {}", run.settings.seed))?;
    let hidden: Vec<&str> = args.without.iter().map(String::as_str).collect();
    let result = test(&net, args.test as usize, run.settings.seed.wrapping_add(1), &hidden)?;
    tell(&result, run.settings.task, terminal)?;
    Ok(Code::Ok)
}

/// The model of a run: finished, or as far as it came.
pub fn trained<R: Trainable>(run: &Run) -> Result<Net<R>, Failure> {
    let (model, part) = (run.folder.join(MODEL), run.folder.join(CHECKPOINT));
    let finished = model.exists() || !part.exists();
    let path = if finished { model } else { part };
    let invalid = |why: String| Failure::new(Code::InvalidData, why);
    let file = file::read(&path).map_err(|e| invalid(e.to_string()))?;
    let settings: &Settings = &run.settings;
    let net = if finished { load(settings, &file) } else { restore(settings, &file).map(|t| t.net) };
    net.map_err(|unfit| invalid(format!("{}: {unfit}", path.display())))
}

/// How many answers were right, and of which kind.
pub fn tell(test: &Test, task: Task, terminal: &Terminal) -> Result<(), Failure> {
    let (Estimate { mean: accuracy, low, high }, count) = (test.estimate(), test.right.len());
    let each: Vec<(&str, f64)> =
        task.kinds().iter().enumerate().map(|(i, kind)| (*kind, test.accuracy_of(i))).collect();
    let by_kind: Map<String, _> = each.iter().map(|(kind, part)| (kind.to_string(), json!(part))).collect();
    let fields =
        json!({ "accuracy": accuracy, "low": low, "high": high, "samples": count, "by_kind": by_kind });
    terminal.event("test", fields)?;
    terminal.line(format_args!(
        "test {:.1} % ({:.1} to {:.1}) of {count} samples that training never shows",
        100.0 * accuracy,
        100.0 * low,
        100.0 * high
    ))?;
    if each.is_empty() {
        return Ok(());
    }
    let each: Vec<String> = each.iter().map(|(kind, part)| format!("{kind} {:.0} %", 100.0 * part)).collect();
    terminal.line(format_args!("     {}", each.join(", ")))
}
