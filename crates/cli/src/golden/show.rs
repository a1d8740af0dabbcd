//! `mmt golden show` and `schema`: what is in a case, and what files look like.

use std::path::PathBuf;

use clap::ValueEnum;
use mmt_golden::file::{Data, Stored};
use mmt_golden::manifest::{CaseEntry, TensorEntry};
use mmt_golden::report::score;
use serde_json::{Value, json};

use super::{find, open};
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::Terminal;

/// Show a case: its settings and its arrays
#[derive(clap::Args, Debug)]
pub struct ShowArgs {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Name of the case
    case: String,
    /// Show the numbers of an array, by its name without `main/`: `out/y`
    #[arg(long, value_name = "KEY")]
    tensor: Option<String>,
    /// Show what is known about every array in every profile
    #[arg(long)]
    stats: bool,
}

/// Runs `mmt golden show`.
pub fn show(args: &ShowArgs, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let case = find(&bundle, &args.case)?;
    let tensors = bundle.read(case)?;
    if let Some(wanted) = &args.tensor {
        let key = format!("main/{}", wanted.trim_start_matches("main/"));
        let Some(stored) = tensors.get(&key) else {
            let names = case.tensors.iter().map(|t| t.key.trim_start_matches("main/"));
            let failure = Failure::new(Code::NothingSelected, format!("no array `{wanted}`"));
            return Err(failure.hint(did_you_mean(wanted, names)));
        };
        terminal
            .event("tensor", json!({"key": key, "shape": stored.data.shape(), "numbers": numbers(stored)}))?;
        terminal.line(text(stored))?;
        return Ok(Code::Ok);
    }
    terminal.event("case", serde_json::to_value(case).unwrap_or(Value::Null))?;
    let CaseEntry { id, op, level, grid, variants, samples, .. } = case;
    terminal.line(format_args!("{id}   {op}   {level}   {}", case.regimes.join(" ")))?;
    terminal.line(format_args!("settings   {}", case.config))?;
    terminal.line(format_args!("inputs on {grid}, {samples} samples of {}", variants.join(" and ")))?;
    for tensor in &case.tensors {
        terminal.line(line(tensor))?;
        for (profile, p) in tensor.profiles.iter().filter(|_| args.stats) {
            let told = format!("tolerance up to {:.1e}, sigma {:.1e}", p.max_tol, p.rms_sigma);
            terminal.line(format_args!(
                "      {profile:<5} {told}, signal {} ({})",
                score(p.snr),
                p.power
            ))?;
        }
    }
    Ok(Code::Ok)
}

fn line(tensor: &TensorEntry) -> String {
    let TensorEntry { key, dtype, class, required_at, .. } = tensor;
    let shape = format!("{:?}", tensor.shape);
    format!("  {:<34} {dtype:<5} {shape:<18} {class:<6} {required_at}", key.trim_start_matches("main/"))
}

fn text(stored: &Stored) -> String {
    match &stored.data {
        Data::F64(a) => format!("{a:.17e}"),
        Data::F32(a) => format!("{a:.9e}"),
        Data::I64(a) => format!("{a}"),
        Data::Bool(a) => format!("{a}"),
        Data::Bf16(_) | Data::F16(_) => format!("{:e}", stored.real::<f64>().unwrap_or_default()),
    }
}

fn numbers(stored: &Stored) -> Value {
    match &stored.data {
        Data::I64(a) => a.iter().copied().collect(),
        Data::Bool(a) => a.iter().copied().collect(),
        _ => stored.real::<f64>().unwrap_or_default().iter().copied().collect(),
    }
}

/// Print the JSON Schema of a format
#[derive(clap::Args, Debug)]
pub struct SchemaArgs {
    /// Which
    format: Format,
}

/// A format with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// `manifest.json`
    Manifest,
    /// The JSON report of a comparison
    Report,
}

/// Runs `mmt golden schema`.
pub fn schema(args: &SchemaArgs, terminal: &Terminal) -> Done {
    let text = match args.format {
        Format::Manifest => mmt_golden::schema::MANIFEST,
        Format::Report => mmt_golden::schema::REPORT,
    };
    terminal.event("schema", serde_json::from_str(text).unwrap_or(Value::Null))?;
    terminal.line(text.trim_end())?;
    Ok(Code::Ok)
}
