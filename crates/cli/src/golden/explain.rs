//! `mmt golden explain`: which bug gives this answer.

use std::path::PathBuf;

use mmt_golden::compare::{Settings, Verdict, compare};
use mmt_golden::report::block;
use mmt_tensor::Profile;
use serde_json::json;

use super::answers::read_answer;
use super::known::known;
use super::matches::{candidates, matches};
use super::{find, open, profile};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Name the bugs whose answers are those of a file
///
/// Every bug of the catalogue is run on the inputs of the case, and its answer is compared with that of the file in units of
/// the tolerance: up to 1 it is the same. Where no bug gives the whole answer, the arrays of the forward are compared alone, and then
/// the first that is wrong.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Name of the case
    case: String,
    /// The file of the answer
    #[arg(long, value_name = "FILE")]
    got: PathBuf,
    /// What the implementation computes in: `f64`, `f32`, `tf32`, `bf16` or `f16`
    #[arg(long, value_name = "PROFILE", default_value = "f32", value_parser = profile)]
    profile: Profile,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let case = find(&bundle, &args.case)?;
    known(case, &mmt_catalog::rows())?;
    let truth = bundle.read(case)?;
    let got = read_answer(&args.got)?;
    let settings = Settings { profile: args.profile, level: 5 };
    let report = compare(case, &truth, &got, settings)
        .map_err(|why| Failure::new(Code::InvalidData, format!("{}: {why}", case.file)))?;
    let (right, wrong) = (report.status == Verdict::Pass, report.status == Verdict::Fail);
    let bugs = if wrong { candidates(case, &truth) } else { vec![] };
    let found = matches(case, &truth, &bugs, &got, &report, args.profile);
    let told = json!({"case": case.id, "pass": right, "matches": found, "report": report});
    terminal.event("explained", told)?;
    if right {
        terminal.line(format_args!("{} passes: nothing to explain", case.id))?;
        return Ok(Code::Ok);
    }
    for line in block(&report, args.profile.name()) {
        terminal.line(line)?;
    }
    for found in &found {
        terminal.line(format_args!("  {found}"))?;
    }
    if !wrong {
        return Ok(Code::Incomplete);
    }
    if found.is_empty() {
        terminal.line("  no bug of the catalogue gives this answer")?;
    }
    Ok(Code::CheckFailed)
}
