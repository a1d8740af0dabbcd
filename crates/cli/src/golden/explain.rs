//! `mmt golden explain`: which bug gives this answer.

use std::path::PathBuf;

use mmt_buggy::{Arithmetic, catalogue, run_as};
use mmt_golden::compare::{Match, Settings, Status, Verdict, compare, judge};
use mmt_golden::file::{self, Tensors};
use mmt_golden::manifest::CaseEntry;
use mmt_golden::report::{block, score};
use mmt_tensor::{Profile, parallel};
use serde_json::json;

use super::convert::{answers, inputs};
use super::known::known;
use super::{find, open, profile};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Name the bugs whose answers are those of a file
///
/// Every bug of the catalogue is run on the inputs of the case, and its answer is compared with that of the file in units of
/// the tolerance: up to 1 it is the same.
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
    let got = file::read(&args.got)?;
    let settings = Settings { profile: args.profile, level: 5 };
    let report = compare(case, &truth, &got, settings)
        .map_err(|why| Failure::new(Code::InvalidData, format!("{}: {why}", case.file)))?;
    let (right, wrong) = (report.status == Verdict::Pass, report.status == Verdict::Fail);
    let found = if wrong { explain(case, &truth, &got, args.profile) } else { vec![] };
    terminal.event("explained", json!({"case": case.id, "pass": right, "matches": found}))?;
    if right {
        terminal.line(format_args!("{} passes: nothing to explain", case.id))?;
        return Ok(Code::Ok);
    }
    for line in block(&report, args.profile.name()) {
        terminal.line(line)?;
    }
    for found in &found {
        terminal.line(format_args!(
            "  bug '{}'  {}  (score {})",
            found.bug,
            found.text,
            score(found.score)
        ))?;
    }
    if !wrong {
        return Ok(Code::Incomplete);
    }
    if found.is_empty() {
        terminal.line("  no bug of the catalogue gives this answer")?;
    }
    Ok(Code::CheckFailed)
}

/// The bugs whose answers are within the tolerance of `got`, the nearest first.
pub fn explain(case: &CaseEntry, truth: &Tensors, got: &Tensors, profile: Profile) -> Vec<Match> {
    let bugs: Vec<_> = catalogue().filter(|bug| bug.families.contains(&case.family.as_str())).collect();
    let given = inputs(truth);
    let near = parallel::map(bugs.len(), 1 << 30, |i| {
        let arithmetic = Arithmetic::of_profile("f64").ok()?;
        let answer = answers(run_as(&case.op, &case.config, &given, Some(bugs[i].id), arithmetic).ok()?);
        distance(case, truth, &answer, got, profile)
    });
    let named = bugs.iter().zip(near).filter_map(|(bug, near)| {
        let score = near.filter(|score| *score <= 1.0)?;
        Some(Match { bug: bug.id.to_string(), text: bug.text.to_string(), score })
    });
    let mut list: Vec<Match> = named.collect();
    list.sort_by(|a, b| a.score.total_cmp(&b.score));
    list
}

/// How far an answer is from that of a bug; `None` if the bug changes nothing here.
fn distance(
    case: &CaseEntry,
    truth: &Tensors,
    bug: &Tensors,
    got: &Tensors,
    profile: Profile,
) -> Option<f64> {
    let (mut worst, mut shows): (f64, bool) = (0.0, false);
    for entry in case.tensors.iter().filter(|entry| entry.profiles.contains_key(profile.name())) {
        let (Some(b), Some(g)) = (bug.get(&entry.key), got.get(&entry.key)) else { continue };
        let (b, g, y) = (b.real::<f64>()?, g.real::<f64>()?, truth.get(&entry.key)?.real::<f64>()?);
        if b.shape() != g.shape() || b.shape() != y.shape() {
            return None;
        }
        let tol = mmt_golden::bundle::tolerance_of(truth, &entry.key, profile.name(), &entry.shape).ok()?;
        // A wrong array has its own rounding, also where the true one is zero and may not be off at all.
        let largest = b.iter().filter(|b| b.is_finite()).fold(0.0_f64, |m, b| m.max(b.abs()));
        let own = 64.0 * mmt_golden::tolerance::u_store(profile) * largest;
        let tol = tol.mapv(|tol| tol + own);
        let apart = |x, y| judge(&entry.key, (x, y, &tol), profile, 0.0);
        shows |= apart(&b, &y).status != Status::Pass;
        let off = apart(&g, &b);
        worst = worst.max(if off.status == Status::Nan && nan_alike(&g, &b) { 0.0 } else { off.score });
    }
    shows.then_some(worst)
}

fn nan_alike(x: &ndarray::ArrayD<f64>, y: &ndarray::ArrayD<f64>) -> bool {
    x.iter().zip(y).all(|(x, y)| x.is_nan() == y.is_nan())
}
