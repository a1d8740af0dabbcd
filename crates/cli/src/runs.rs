//! The folders that trainings leave behind: `run.json` with the settings, and arrays.

use std::path::{Path, PathBuf};

use mmt_fusion::topology::{Named, Sizes, parse};
use mmt_lab::net::known::{Known, expression, read};
use mmt_lab::tasks::Task;
use mmt_lab::training::Settings;
use mmt_report::file;
use serde_json::{Value, json};

use crate::failure::{Code, Failure};
use crate::names::did_you_mean;
use crate::terminal::Precision;
use crate::topology::known::around;

/// The settings of a run.
pub const SETTINGS: &str = "run.json";
/// A training that is not finished.
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// What was learned.
pub const MODEL: &str = "model.safetensors";

/// A training with the folder that it lives in.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub folder: PathBuf,
    /// The name of the topology, or its expression.
    pub name: String,
    pub precision: Precision,
    pub settings: Settings,
    /// Samples of the test after it.
    pub test: usize,
}

/// Samples of a test, at most.
pub const MOST_TESTED: usize = 1_000_000;

/// The task of a name.
pub fn task(name: &str) -> Result<Task, Failure> {
    Task::of(name).ok_or_else(|| {
        let hint = did_you_mean(name, Task::ALL.map(Task::name));
        Failure::usage(format!("no task is called `{name}`")).hint(hint)
    })
}

/// A topology for a task, by name or as an expression.
pub fn topology(what: &str, task: Task, sizes: &Sizes) -> Result<Known, Failure> {
    let word = what.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if word && expression(what, task).is_none() {
        let own = task.modalities();
        let names = mmt_lab::net::known::TRAINED.iter().map(|(name, _)| *name);
        let hint = did_you_mean(what, names.chain(own.iter().map(|m| m.name)));
        return Err(match Named::find(what) {
            None => Failure::usage(format!("no topology is called `{what}`")).hint(hint),
            Some(named) => {
                Failure::usage(format!("`{what}` is not trained by name, but its expression can be"))
                    .hint(format!("mmt topology show {}", named.name))
            }
        });
    }
    read(what, task, &task.example_shapes(2, sizes.width), sizes)
        .map_err(|misfit| Failure::usage(misfit.to_string()).hint(around(&misfit.text, misfit.at.start)))
}

impl Run {
    /// A run in a new folder below `out`: the first `run-0001`, `run-0002`, .. that is not there. Two runs at once get two
    /// folders.
    pub fn create(out: &Path, run: Run) -> Result<Self, Failure> {
        std::fs::create_dir_all(out).map_err(|error| Failure::unwritten(out, &error))?;
        for number in 1.. {
            let folder = out.join(format!("run-{number:04}"));
            match std::fs::create_dir(&folder) {
                Ok(()) => {
                    let run = Run { folder, ..run };
                    let path = run.folder.join(SETTINGS);
                    let text = format!("{:#}\n", run.json());
                    file::write(&path, text.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
                    return Ok(run);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Failure::unwritten(&folder, &error)),
            }
        }
        unreachable!("there is a number for every folder")
    }

    /// A run that is there: a folder, or the number of one below `out`.
    pub fn open(what: &str, out: &Path) -> Result<Self, Failure> {
        let folder = match what.parse::<u32>() {
            Ok(number) => out.join(format!("run-{number:04}")),
            Err(_) => PathBuf::from(what),
        };
        let path = folder.join(SETTINGS);
        let bytes = mmt_golden::file::read_bytes(&path)?;
        let wrong =
            |why: String| Failure::new(Code::InvalidData, format!("{}: {}", path.display(), one_line(&why)));
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| wrong(e.to_string()))?;
        let run = from_json(&value).map_err(wrong)?;
        run.settings.check().map_err(|e| wrong(e.to_string()))?;
        Ok(Run { folder, ..run })
    }

    fn json(&self) -> Value {
        let Settings { task, sizes, steps, batch, rate, weight_decay, max_norm, drop, seed, .. } =
            self.settings;
        json!({
            "schema": "mmt-run/1", "task": task.name(), "name": self.name,
            "topology": self.settings.topology.to_string(), "precision": self.precision.name(),
            "width": sizes.width, "heads": sizes.heads, "hidden": sizes.hidden, "steps": steps, "batch": batch,
            "rate": rate, "weight_decay": weight_decay, "max_norm": max_norm, "drop": drop, "seed": seed, "test": self.test,
        })
    }
}

/// Most numbers that a step keeps.
const TAPE: u128 = 1 << 31;

/// Whether a batch fits into memory.
pub fn fits(activations: u128, batch: usize) -> Result<(), String> {
    let numbers = activations * batch as u128;
    if numbers <= TAPE {
        return Ok(());
    }
    Err(format!("a batch of {batch} takes {numbers} numbers in a step, and at most {TAPE} are kept"))
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn precision(name: &str) -> Result<Precision, String> {
    match name {
        "f32" => Ok(Precision::F32),
        "f64" => Ok(Precision::F64),
        other => Err(format!("`precision` is `{other}`, expected f32 or f64")),
    }
}

fn from_json(value: &Value) -> Result<Run, String> {
    let text = |key: &str| {
        value.get(key).and_then(Value::as_str).ok_or_else(|| format!("`{key}` is missing or not a text"))
    };
    let whole = |key: &str, most: usize| {
        let number = value.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let fits = number.filter(|n| (1..=most).contains(n));
        fits.ok_or_else(|| format!("`{key}` is missing or not a whole number from 1 to {most}"))
    };
    let real = |key: &str| {
        value.get(key).and_then(Value::as_f64).ok_or_else(|| format!("`{key}` is missing or not a number"))
    };
    if text("schema")? != "mmt-run/1" {
        return Err(format!("expected the schema mmt-run/1, got `{}`", text("schema")?));
    }
    let task = Task::of(text("task")?)
        .ok_or_else(|| format!("no task is called `{}`", text("task").unwrap_or("")))?;
    let precision = precision(text("precision")?)?;
    let sizes =
        Sizes { width: whole("width", 4096)?, heads: whole("heads", 4096)?, hidden: whole("hidden", 65536)? };
    parse(text("topology")?).map_err(|e| format!("`topology`: {e}"))?;
    let known = read(text("topology")?, task, &task.example_shapes(2, sizes.width), &sizes)
        .map_err(|e| format!("`topology`: {e}"))?;
    let seed = value.get("seed").and_then(Value::as_u64).ok_or("`seed` is missing or not a whole number")?;
    let settings = Settings {
        sizes,
        batch: whole("batch", 65_536)?,
        rate: real("rate")?,
        weight_decay: real("weight_decay")?,
        max_norm: real("max_norm")?,
        drop: real("drop")?,
        ..Settings::new(task, known.topology.clone(), whole("steps", 10_000_000)?, seed)
    };
    fits(known.activations, settings.batch)?;
    let (folder, name, test) = (PathBuf::new(), one_line(text("name")?), whole("test", MOST_TESTED)?);
    Ok(Run { folder, name, precision, settings, test })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let known = topology("late", Task::DigitsQa, &mmt_lab::net::SIZES).unwrap();
        let settings =
            Settings { rate: 0.1 + 0.2, ..Settings::new(Task::DigitsQa, known.topology, 7, u64::MAX) };
        Run {
            folder: PathBuf::new(),
            name: "late".to_string(),
            precision: Precision::F64,
            settings,
            test: 300,
        }
    }

    #[test]
    fn settings_are_read_back_to_the_last_bit() {
        let run = run();
        let text = run.json().to_string();
        assert_eq!(from_json(&serde_json::from_str(&text).unwrap()).unwrap(), run);
    }

    #[test]
    fn settings_that_are_none_say_why() {
        let wrong = |key: &str, value: Value| {
            let mut json = run().json();
            json[key] = value;
            from_json(&json).unwrap_err()
        };
        assert_eq!(wrong("schema", json!("mmt-run/2")), "expected the schema mmt-run/1, got `mmt-run/2`");
        assert_eq!(wrong("task", json!("chess")), "no task is called `chess`");
        assert_eq!(wrong("steps", json!(-1)), "`steps` is missing or not a whole number from 1 to 10000000");
        assert_eq!(wrong("rate", json!("fast")), "`rate` is missing or not a number");
        assert_eq!(wrong("precision", json!("bf16")), "`precision` is `bf16`, expected f32 or f64");
        assert_eq!(
            wrong("width", json!(1u64 << 40)),
            "`width` is missing or not a whole number from 1 to 4096"
        );
        assert_eq!(wrong("test", json!(0)), "`test` is missing or not a whole number from 1 to 1000000");
        assert!(wrong("heads", json!(5)).starts_with("`topology`: "));
        assert!(wrong("topology", json!("Tf(1, 2")).starts_with("`topology`: "));
        assert_eq!(from_json(&json!([])).unwrap_err(), "`schema` is missing or not a text");
    }
}
