//! `mmt golden diff`: two files of arrays, or two folders of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mmt_golden::bundle::{Bundle, tolerance_of};
use mmt_golden::compare::{TensorReport, judge};
use mmt_golden::file::{self, Tensors};
use mmt_golden::pack::is_tolerance;
use mmt_golden::report::score;
use mmt_golden::row::Level;
use mmt_tensor::Profile;
use ndarray::ArrayD;
use serde_json::json;

use super::{open, profile};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Compare two answers, two files or two bundles array by array
///
/// Exit code 1 if an array differs; with --tol, if it differs by more than the tolerance of a bundle.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A file, or a folder of files
    a: PathBuf,
    /// Another of the same kind
    b: PathBuf,
    /// In units of the tolerance of this bundle; without it, in units of the last place
    #[arg(long, value_name = "BUNDLE")]
    tol: Option<PathBuf>,
    /// What was computed in: `f64`, `f32`, `tf32`, `bf16` or `f16`
    #[arg(long, value_name = "PROFILE", default_value = "f32", value_parser = profile)]
    profile: Profile,
    /// How many of the arrays that differ most are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let (a, b) = (files(&args.a)?, files(&args.b)?);
    let bundle = args.tol.as_deref().map(open).transpose()?;
    let names: Vec<&String> = a.keys().filter(|name| b.contains_key(*name)).collect();
    if names.is_empty() {
        return Err(Failure::new(Code::NothingSelected, "the two have no file in common"));
    }
    let (mut list, mut alone): (Vec<(String, TensorReport)>, usize) = (vec![], 0);
    for name in names {
        let read = |path: &PathBuf| file::read(path).map_err(Failure::from);
        let (x, y) = (read(&a[name])?, read(&b[name])?);
        let limits = bundle.as_ref().map(|bundle| limits(bundle, name)).transpose()?.flatten();
        for (key, reports) in pairs(&x, &y, limits.as_ref(), args.profile) {
            match reports {
                Some(report) => list.push((format!("{name} {key}"), report)),
                None => alone += 1,
            }
        }
    }
    let allowed = if bundle.is_some() { 1.0 } else { 0.0 };
    let differ = list.iter().filter(|(_, report)| report.score > allowed).count();
    list.retain(|(_, report)| report.score > 0.0);
    list.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
    for (name, report) in list.iter().take(args.top) {
        terminal.event("differs", json!({"name": name, "report": report}))?;
        let TensorReport { got, want, max_abs, max_ulp, .. } = report;
        let unit = if bundle.is_some() { "tolerances" } else { "ulp" };
        let (far, index) = (score(report.score), &report.worst_index);
        terminal.line(format_args!(
            "{name}{index:?}: {got:e} and {want:e}, {far} {unit}; at most {max_abs:.1e} or {max_ulp:.1e} ulp apart"
        ))?;
    }
    terminal.event("total", json!({"differ": differ, "alone": alone}))?;
    terminal.line(format_args!("{differ} arrays differ, {alone} are in one of the two only"))?;
    Ok(if differ == 0 { Code::Ok } else { Code::CheckFailed })
}

/// The files of a folder and its folders, or one file, by name.
fn files(path: &Path) -> Result<BTreeMap<String, PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(BTreeMap::from([("file".to_string(), path.to_path_buf())]));
    }
    let mut found = BTreeMap::new();
    let folders = std::iter::once("").chain(Level::ALL.map(Level::folder)).map(|folder| path.join(folder));
    for folder in folders.filter(|folder| folder.is_dir()) {
        let names = file::list(&folder, "safetensors")?;
        found.extend(names.into_iter().map(|name| {
            let path = folder.join(format!("{name}.safetensors"));
            (name, path)
        }));
    }
    Ok(found)
}

/// The truth of a case, for its tolerances.
fn limits(bundle: &Bundle, name: &str) -> Result<Option<Tensors>, Failure> {
    let read = |case| bundle.read(case).map_err(Failure::from);
    bundle.case(name).map(read).transpose()
}

/// Every array with how far the two are apart; `None` if one of them does not have it.
fn pairs(
    x: &Tensors,
    y: &Tensors,
    limits: Option<&Tensors>,
    profile: Profile,
) -> Vec<(String, Option<TensorReport>)> {
    let only_y = y.keys().filter(|key| !x.contains_key(*key) && !is_tolerance(key));
    let mut list: Vec<_> = only_y.map(|key| (key.clone(), None)).collect();
    for (key, a) in x.iter().filter(|(key, _)| !is_tolerance(key)) {
        let numbers = |stored: &file::Stored| stored.real::<f64>();
        let both = y.get(key).and_then(|b| Some((numbers(a)?, numbers(b)?)));
        let report = both.filter(|(a, b)| a.shape() == b.shape()).map(|(a, b)| {
            let shape = b.shape().to_vec();
            let tol = limits.and_then(|truth| tolerance_of(truth, key, profile.name(), &shape).ok());
            let ulp = || b.mapv(|y| mmt_golden::compare::unit(y, profile));
            let tol: ArrayD<f64> = tol.unwrap_or_else(ulp);
            judge(key, (&a, &b, &tol), profile, 0.0)
        });
        list.push((key.clone(), report));
    }
    list
}
