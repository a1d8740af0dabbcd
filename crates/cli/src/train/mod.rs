//! `mmt train`: trains a small model of any topology on data inside the program.

mod files;
mod log;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use mmt_golden::file;
use mmt_lab::Trainable;
use mmt_lab::net::SIZES;
use mmt_lab::training::checkpoint::{checkpoint, parameters, restore};
use mmt_lab::training::{Settings, Trainer, begin, go_on};
use serde_json::json;

use self::files::{FILES, save};
use self::log::{Log, heading};
use crate::eval::tell;
use crate::failure::{Code, Done, Failure};
use crate::interrupt;
use crate::runs::{self, CHECKPOINT, MODEL, Run};
use crate::terminal::{Precision, Terminal};

/// Train a small model of any topology and test it on what it has not seen
///
/// Batches are drawn afresh for every step. The rate rises for a fifth of the steps and falls to zero along half a
/// cosine. The model, its settings, all steps and their curve are saved in a new folder DIR/run-0001, DIR/run-0002, and so
/// on. Ctrl-C leaves a checkpoint there, from which --resume goes on to the same bits (exit code 4).
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What is to be learned: digits-qa, digits-spoken, digits-three or two-bits
    #[arg(long, default_value = "digits-qa")]
    task: String,
    /// How modalities meet: a name such as cross-concat, one modality alone, or an expression of `mmt topology`
    #[arg(long, value_name = "NAME|EXPR", default_value = "early-concat")]
    topology: String,
    /// How many batches
    #[arg(long, value_name = "N", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    steps: u32,
    /// Samples in a batch
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// The largest rate
    #[arg(long, value_name = "RATE", default_value_t = 3e-3)]
    rate: f64,
    /// How likely a sample loses one of its modalities
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    drop: f64,
    /// Samples of the test
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=runs::MOST_TESTED as i64))]
    test: u32,
    /// Go on with a training that was interrupted: its folder, or its number below DIR
    #[arg(long, value_name = "RUN", conflicts_with_all = ["task", "topology", "steps", "batch", "rate", "drop", "test"])]
    resume: Option<String>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    interrupt::catch()?;
    let run = match &args.resume {
        Some(what) => Run::open(what, terminal.options.out())?,
        None => new_run(args, terminal)?,
    };
    if terminal.options.precision.is_some_and(|asked| asked != run.precision) {
        return Err(Failure::usage(format!("the run is trained in {}", run.precision.name())));
    }
    match run.precision {
        Precision::F32 => run_in::<f32>(args, &run, terminal),
        Precision::F64 => run_in::<f64>(args, &run, terminal),
    }
}

fn new_run(args: &Args, terminal: &Terminal) -> Result<Run, Failure> {
    let task = runs::task(&args.task)?;
    let known = runs::topology(&args.topology, task, &SIZES)?;
    let settings = Settings {
        batch: args.batch as usize,
        rate: args.rate,
        drop: args.drop,
        ..Settings::new(task, known.topology.clone(), args.steps as usize, terminal.options.seed)
    };
    settings.check()?;
    runs::fits(known.activations, settings.batch)
        .map_err(|why| Failure::usage(why).hint("a smaller --batch"))?;
    let name = known.name.unwrap_or_else(|| settings.topology.to_string());
    let precision = terminal.precision(Precision::F32);
    Run::create(
        terminal.options.out(),
        Run { folder: PathBuf::new(), name, precision, settings, test: args.test as usize },
    )
}

fn run_in<R: Trainable>(args: &Args, run: &Run, terminal: &Terminal) -> Done {
    let start = Instant::now();
    let mut trainer = match &args.resume {
        None => begin::<R>(&run.settings)?,
        Some(_) => interrupted(run)?,
    };
    // A reader who closes the pipe does not end a training.
    let written = heading(run, &trainer, terminal);
    let path = run.folder.join(CHECKPOINT);
    let mut log = Log::new(terminal, run.settings.steps, written);
    let mut kept = Ok(());
    let done = go_on(&mut trainer, |trainer| {
        log.step(&trainer.log);
        let asked = interrupt::asked();
        if asked || (trainer.log.len().is_multiple_of(log.every) && trainer.log.len() < run.settings.steps) {
            kept = write(&path, &checkpoint(trainer));
        }
        if asked || kept.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let written = log.finish();
    kept?;
    done.map_err(|diverged| {
        let rate = run.settings.rate / 3.0;
        let anew = if args.resume.is_some() { "begin anew with a smaller rate" } else { "a smaller rate" };
        Failure::new(Code::CheckFailed, diverged.to_string()).hint(format!("{anew}: --rate {rate:.1e}"))
    })?;
    if trainer.log.len() < run.settings.steps {
        return Ok(stopped(run, &trainer, terminal));
    }
    finish(run, &trainer, written, (start, terminal))
}

/// Tests and saves what was learned. The lines come after the files: a reader who closed the pipe keeps the model.
fn finish<R: Trainable>(
    run: &Run,
    trainer: &Trainer<R>,
    written: Result<(), Failure>,
    (start, terminal): (Instant, &Terminal),
) -> Done {
    let model = run.folder.join(MODEL);
    write(&model, &parameters(&trainer.net))?;
    interrupt::release();
    let (count, seed) = (run.test, run.settings.seed.wrapping_add(1));
    // Of numbers that were finite when the last step was taken.
    let test = mmt_lab::training::test::test(&trainer.net, count, seed, &[]).map_err(|error| {
        let message = format!("{}: diverged in the last step: {error}", model.display());
        Failure::new(Code::CheckFailed, message)
    })?;
    save(&run.folder, &trainer.log, &test)?;
    // It may never have been there.
    let _ = std::fs::remove_file(run.folder.join(CHECKPOINT));
    let (folder, seconds) = (run.folder.display(), start.elapsed().as_secs_f64());
    let told = written.and_then(|()| {
        tell(&test, run.settings.task, terminal)?;
        terminal
            .event("saved", json!({ "folder": folder.to_string(), "files": FILES, "seconds": seconds }))?;
        terminal.advice(format_args!("saved {folder}: {}   {seconds:.1} s", FILES.join(", ")))
    });
    if told.is_err() {
        terminal.complain(&format!("saved {folder}, {:.1} % right", 100.0 * test.accuracy()));
    }
    told?;
    Ok(Code::Ok)
}

fn write(path: &Path, arrays: &BTreeMap<String, file::Data>) -> Result<(), Failure> {
    file::write(path, arrays).map_err(Failure::from)
}

/// The training in the folder of a run.
fn interrupted<R: Trainable>(run: &Run) -> Result<Trainer<R>, Failure> {
    let path = run.folder.join(CHECKPOINT);
    if !path.exists() && run.folder.join(MODEL).exists() {
        return Err(Failure::usage(format!("{}: the training is finished", run.folder.display()))
            .hint(format!("mmt eval {}", run.folder.display())));
    }
    let invalid = |why: String| Failure::new(Code::InvalidData, why);
    let file = file::read(&path).map_err(|e| invalid(e.to_string()))?;
    restore(&run.settings, &file).map_err(|unfit| invalid(format!("{}: {unfit}", path.display())))
}

/// Ctrl-C was pressed. On standard error: whoever closed the pipe wants to know too.
fn stopped<R: Trainable>(run: &Run, trainer: &Trainer<R>, terminal: &Terminal) -> Code {
    let (folder, step) = (run.folder.display(), trainer.log.len());
    // The lines below say the same.
    let _ = terminal.event("interrupted", json!({ "folder": folder.to_string(), "step": step }));
    terminal.complain(&format!("interrupted after step {step}: {}", run.folder.join(CHECKPOINT).display()));
    terminal.complain(&format!("go on: mmt train --resume {folder}"));
    Code::Incomplete
}
