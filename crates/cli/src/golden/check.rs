//! `mmt golden check`: the answers of another implementation against the bundle.

use std::path::PathBuf;

use clap::ValueEnum;
use mmt_golden::bundle::Bundle;
use mmt_golden::compare::{CaseReport, Settings, Verdict, compare, required};
use mmt_golden::compute::is_result;
use mmt_golden::file::{FileError, Tensors};
use mmt_golden::manifest::CaseEntry;
use mmt_tensor::{Profile, parallel};

use super::answers::read_if_there;
use super::known::known;
use super::matches::{candidates, matches};
use super::told::tell;
use super::{level, open, profile, select};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Check the answers of another implementation
///
/// Its folder holds a file `<case>.safetensors` for every case, with any of the arrays of the bundle under the same names.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Folder of the answers
    #[arg(long, value_name = "DIR")]
    got: PathBuf,
    #[command(flatten)]
    pub how: How,
}

/// What is compared, and how it is told.
#[derive(clap::Args, Debug)]
pub struct How {
    /// What the implementation computes in: `f64`, `f32`, `tf32`, `bf16` or `f16`
    #[arg(long, value_name = "PROFILE", default_value = "f32", value_parser = profile)]
    pub profile: Profile,
    /// What has to be there: `L0` outputs of operations, `L1` and gradients, `L2` and blocks, `L3` and topologies, `L5` all
    #[arg(long, value_name = "LEVEL", default_value = "L5", value_parser = level)]
    pub level: u8,
    /// Only the cases whose names fit: `*` stands for any letters, `?` for one
    #[arg(long, value_name = "GLOB", default_value = "*")]
    pub case: String,
    /// Missing files and arrays are no failure
    #[arg(long)]
    pub allow_missing: bool,
    /// How the result is told
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub report: Form,
    /// Write the report into this file, instead of to the terminal
    #[arg(long, value_name = "FILE")]
    pub report_to: Option<PathBuf>,
    /// Look for the bug whose answer this is
    #[arg(long)]
    pub explain: bool,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For programs, see `mmt golden schema report`
    Json,
    /// For servers that run tests
    Junit,
    /// For a page
    Markdown,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let cases = chosen(&bundle, &args.how)?;
    if !args.got.is_dir() {
        return Err(Failure::new(Code::InvalidData, format!("{}: not a folder", args.got.display())));
    }
    let reports = compare_all(&bundle, &cases, &args.how, &|case| read_if_there(&args.got, case))?;
    tell(&bundle, reports, &args.how, terminal)
}

/// A case with its answer; a case without one is incomplete.
fn compare_one(
    bundle: &Bundle,
    case: &CaseEntry,
    how: &How,
    got: Result<Option<Tensors>, FileError>,
) -> Result<CaseReport, Failure> {
    let got = match got {
        Ok(Some(got)) => got,
        Ok(None) => return Ok(CaseReport::without(case, Verdict::Incomplete, "no answer")),
        // The answer of the program, not the bundle: the others are still told.
        Err(error) => return Ok(CaseReport::without(case, Verdict::Invalid, &error.to_string())),
    };
    if let Some(why) = given(&got) {
        return Ok(CaseReport::without(case, Verdict::Invalid, &why));
    }
    let truth = bundle.read(case)?;
    let settings = Settings { profile: how.profile, level: how.level };
    let told = compare(case, &truth, &got, settings);
    let mut report = told.map_err(|why| Failure::new(Code::InvalidData, format!("{}: {why}", case.file)))?;
    let asked = how.explain && report.status == Verdict::Fail;
    if asked && known(case, &mmt_catalog::rows()).is_ok() {
        let bugs = candidates(case, &truth);
        report.matches = matches(case, &truth, &bugs, &got, &report, how.profile).into_iter().next();
    }
    Ok(report)
}

/// Why an answer is none: it holds an array that a case gives, and no result of it.
pub fn given(got: &Tensors) -> Option<String> {
    let is_given = |key: &&String| {
        let key = key.strip_prefix("main/").unwrap_or(key);
        !is_result(key) || key.starts_with("tol/")
    };
    let key = got.keys().find(is_given)?;
    Some(format!("`{key}` is given: an answer is what a program computed, not the file of the case"))
}

/// Compares cases on all threads.
pub fn compare_all(
    bundle: &Bundle,
    cases: &[&CaseEntry],
    how: &How,
    of_case: &(dyn Fn(&CaseEntry) -> Result<Option<Tensors>, FileError> + Sync),
) -> Result<Vec<CaseReport>, Failure> {
    let list = parallel::map(cases.len(), 1 << 30, |i| compare_one(bundle, cases[i], how, of_case(cases[i])));
    list.into_iter().collect()
}

/// The cases of the level and of the profile whose names fit.
pub fn chosen<'a>(bundle: &'a Bundle, how: &How) -> Result<Vec<&'a CaseEntry>, Failure> {
    let mut cases = select(bundle, &how.case)?;
    cases.retain(|case| asked(case, how));
    if cases.is_empty() {
        let (level, profile) = (how.level, how.profile.name());
        let message = format!("no case that fits `{}` is one of L{level} in {profile}", how.case);
        return Err(Failure::new(Code::NothingSelected, message));
    }
    Ok(cases)
}

/// Whether a case is one of the level and of the profile.
fn asked(case: &CaseEntry, how: &How) -> bool {
    let results = || case.tensors.iter().filter(|t| t.class != "input");
    results().any(|t| required(t, how.level))
        && results().any(|t| t.profiles.contains_key(how.profile.name()))
}
