//! `mmt golden`: the bundle that other implementations check themselves against.

mod answers;
mod check;
mod convert;
mod diff;
mod explain;
mod export;
mod known;
mod list;
mod matches;
mod matrix_files;
mod run;
mod score;
mod show;
mod told;
mod verify;
mod write;

use std::path::Path;

use clap::Subcommand;
use mmt_golden::bundle::Bundle;
use mmt_golden::manifest::CaseEntry;
use mmt_golden::row::Tier;
use mmt_golden::write::Shard;
use mmt_tensor::Profile;

use crate::failure::{Code, Done, Failure};
use crate::names::{did_you_mean, fits};
use crate::terminal::Terminal;

/// The bundle of golden cases: write it, verify it, and check another implementation against it
///
/// Exit code: 0 every selected case passes, 1 a comparison failed, 2 the command line is wrong, 3 the bundle or an answer cannot be read,
/// 4 required outputs are missing, 5 the command of a backend crashed or took too long, 6 no case is selected, or none was tested.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    List(list::Args),
    Show(show::ShowArgs),
    Write(write::Args),
    Verify(verify::Args),
    Check(check::Args),
    Run(run::Args),
    Score(score::Args),
    Diff(diff::Args),
    Explain(explain::Args),
    Export(export::Args),
    Schema(show::SchemaArgs),
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.verb {
        Verb::List(args) => list::run(args, terminal),
        Verb::Show(args) => show::show(args, terminal),
        Verb::Write(args) => write::run(args, terminal),
        Verb::Verify(args) => verify::run(args, terminal),
        Verb::Check(args) => check::run(args, terminal),
        Verb::Run(args) => run::run(args, terminal),
        Verb::Score(args) => score::run(args, terminal),
        Verb::Diff(args) => diff::run(args, terminal),
        Verb::Explain(args) => explain::run(args, terminal),
        Verb::Export(args) => export::run(args, terminal),
        Verb::Schema(args) => show::schema(args, terminal),
    }
}

/// A size of a bundle.
fn tier(name: &str) -> Result<Tier, String> {
    Tier::of(name).ok_or_else(|| "smoke, core, full or stress".to_string())
}

/// An arithmetic.
fn profile(name: &str) -> Result<Profile, String> {
    Profile::of(name).ok_or_else(|| "f64, f32, tf32, bf16 or f16".to_string())
}

/// A level of conformance.
fn level(name: &str) -> Result<u8, String> {
    let number = name.strip_prefix('L').and_then(|l| l.parse().ok());
    number.filter(|l| *l <= 5).ok_or_else(|| "L0, L1, .. or L5".to_string())
}

/// Opens a bundle whose digest is that of its cases.
fn open(folder: &Path) -> Result<Bundle, Failure> {
    let bundle = Bundle::open(folder)?;
    bundle.check_digests()?;
    Ok(bundle)
}

/// A part of a write or a score.
fn shard(text: &str) -> Result<Shard, String> {
    Shard::parse(text).ok_or_else(|| "K/N with 1 <= K <= N, for example 2/3".to_string())
}

/// The case of a name.
fn find<'a>(bundle: &'a Bundle, id: &str) -> Result<&'a CaseEntry, Failure> {
    bundle.case(id).ok_or_else(|| {
        let names = bundle.manifest.cases.iter().map(|case| case.id.as_str());
        let failure = Failure::new(Code::NothingSelected, format!("no case `{id}`"));
        failure.hint(did_you_mean(id, names))
    })
}

/// The cases whose names fit.
fn select<'a>(bundle: &'a Bundle, glob: &str) -> Result<Vec<&'a CaseEntry>, Failure> {
    let cases: Vec<&CaseEntry> = bundle.manifest.cases.iter().filter(|case| fits(glob, &case.id)).collect();
    if cases.is_empty() {
        let message = format!("no case of {} fits `{glob}`", bundle.folder.display());
        return Err(Failure::new(Code::NothingSelected, message));
    }
    Ok(cases)
}
