//! `mmt golden score`: which bugs a bundle catches.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use mmt_buggy::kill::{self, Case, Judged, Matrix, Task};
use mmt_golden::bundle::Bundle;
use mmt_golden::compare::{Settings, Status, compare};
use mmt_golden::file::Tensors;
use mmt_golden::manifest::CaseEntry;
use mmt_golden::write::Shard;
use mmt_tensor::{Profile, parallel};
use serde_json::json;

use super::convert::{answers, inputs, results};
use super::known::known;
use super::matrix_files::{save, save_part};
use super::{open, profile, shard};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Measure which bugs a bundle catches
///
/// A naive backend answers the cases with every bug of its catalogue, as several correct programs would, and with nonsense.
/// Bugs and nonsense have to fail by a margin, correct programs have to pass.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Only this profile: `f64`, `f32`, `tf32`, `bf16` or `f16`
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: Option<Profile>,
    /// Only the correct programs
    #[arg(long, conflicts_with = "must_fail")]
    must_pass: bool,
    /// Only bugs and nonsense
    #[arg(long)]
    must_fail: bool,
    /// Write `kill.json`, `kill.md` and `kill.svg` into this folder
    #[arg(long, value_name = "DIR")]
    matrix: Option<PathBuf>,
    /// Part K of N of the rows: every part is written by itself, and the one that finds all others in its folder joins them
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<Shard>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let truths = read(&bundle)?;
    let cases: Vec<Case> =
        bundle.manifest.cases.iter().map(|entry| case(entry, &truths[&entry.id])).collect();
    let tasks = tasks(args);
    let mine = args.shard.map_or(tasks.clone(), |shard| shard.of(tasks.clone()));
    let mut matrix = matrix(&mine, &bundle, &truths, &cases, terminal);
    match (&args.matrix, args.shard.filter(|shard| shard.count > 1)) {
        (Some(folder), Some(shard)) => matrix = save_part(folder, matrix, shard, &tasks)?,
        (Some(folder), None) => save(folder, &matrix)?,
        (None, _) => {}
    }
    let open = kill::gates(&matrix);
    terminal.event("scored", json!({"matrix": kill::json(&matrix)}))?;
    for line in summary(&matrix) {
        terminal.line(line)?;
    }
    for line in &open {
        terminal.line(format_args!("not met: {line}"))?;
    }
    Ok(if open.is_empty() { Code::Ok } else { Code::CheckFailed })
}

fn read(bundle: &Bundle) -> Result<BTreeMap<String, Tensors>, Failure> {
    let (list, rows) = (&bundle.manifest.cases, mmt_catalog::rows());
    let one = |entry: &CaseEntry| {
        known(entry, &rows)?;
        Ok((entry.id.clone(), bundle.read(entry)?))
    };
    list.iter().map(one).collect()
}

fn case(entry: &CaseEntry, truth: &Tensors) -> Case {
    let checked = |name: &&str| entry.tensors.iter().any(|t| t.profiles.contains_key(*name));
    Case {
        id: entry.id.clone(),
        family: entry.family.clone(),
        op: entry.op.clone(),
        config: entry.config.clone(),
        inputs: inputs(truth),
        truth: results(truth),
        profiles: Profile::ALL
            .map(Profile::name)
            .iter()
            .filter(|name| checked(name))
            .map(|n| n.to_string())
            .collect(),
        note: entry.notes.join("; "),
    }
}

/// The rows that are asked for.
fn tasks(args: &Args) -> Vec<(Task, String)> {
    let chosen = args.profile.map(Profile::name);
    let names = Profile::ALL.map(Profile::name);
    let profiles: Vec<&str> =
        names.into_iter().filter(|name| chosen.is_none_or(|chosen| chosen == *name)).collect();
    let wanted = |task: &Task| match task {
        Task::Correct(_) => !args.must_fail,
        Task::Bug(_) | Task::Trivial(_) => !args.must_pass,
    };
    kill::tasks(&profiles).into_iter().filter(|(task, _)| wanted(task)).collect()
}

fn matrix(
    tasks: &[(Task, String)],
    bundle: &Bundle,
    truths: &BTreeMap<String, Tensors>,
    cases: &[Case],
    terminal: &Terminal,
) -> Matrix {
    let judge = |case: &Case, profile: &str, answer: &mmt_buggy::Tensors| {
        judged(bundle, &truths[&case.id], case, profile, answer)
    };
    let bar = terminal.progress(tasks.len() as u64, "score");
    let count = AtomicUsize::new(0);
    let rows = parallel::map(tasks.len(), 1 << 30, |i| {
        let row = kill::row(&tasks[i], cases, &judge);
        bar.set_position(count.fetch_add(1, Ordering::Relaxed) as u64 + 1);
        row
    });
    bar.finish_and_clear();
    kill::matrix(rows, cases)
}

/// What the comparator of `mmt golden check` says.
fn judged(
    bundle: &Bundle,
    truth: &Tensors,
    case: &Case,
    name: &str,
    answer: &mmt_buggy::Tensors,
) -> Vec<Judged> {
    let (Some(entry), Ok(profile)) = (bundle.case(&case.id), profile(name)) else { return vec![] };
    let Ok(report) = compare(entry, truth, &answers(answer.clone()), Settings { profile, level: 5 }) else {
        return vec![];
    };
    let one = |t: mmt_golden::compare::TensorReport| {
        let strong = entry.tensor(&t.key)?.profiles.get(name).is_some_and(|p| p.power == "strong");
        let counted = !matches!(t.status, Status::Missing | Status::Extra);
        let score = if t.status == Status::Nan { f64::INFINITY } else { t.score };
        let key = t.key.strip_prefix("main/")?.to_string();
        counted.then_some(Judged { key, score, strong })
    };
    report.tensors.into_iter().filter_map(one).collect()
}

/// A line for every profile.
fn summary(matrix: &Matrix) -> Vec<String> {
    let of = |profile: &str| {
        let bugs: Vec<_> = matrix.killed.iter().filter(|row| row.profile == profile).collect();
        let caught = bugs.iter().filter(|row| row.margin > 1.0).count();
        let right: Vec<_> = matrix.passed.iter().filter(|row| row.profile == profile).collect();
        let pass = right.iter().filter(|row| row.failed.is_empty()).count();
        let least = bugs.iter().map(|row| row.margin).fold(f64::INFINITY, f64::min);
        let least = if bugs.is_empty() { String::new() } else { format!(", least margin {least:.1}") };
        let (bugs, right) = (bugs.len(), right.len());
        format!(
            "{profile:<5} {caught} of {bugs} bugs caught{least}   {pass} of {right} correct backends pass"
        )
    };
    let rows = |profile: &&str| {
        matrix.killed.iter().any(|row| row.profile == *profile)
            || matrix.passed.iter().any(|row| row.profile == *profile)
    };
    let names = Profile::ALL.map(Profile::name);
    names.iter().filter(|profile| rows(profile)).map(|profile| of(profile)).collect()
}
