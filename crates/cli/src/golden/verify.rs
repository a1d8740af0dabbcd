//! `mmt golden verify`: a bundle is what it says.

use std::path::PathBuf;

use mmt_golden::bundle::Bundle;
use mmt_golden::compute::Order;
use mmt_golden::manifest::CaseEntry;
use mmt_golden::row::Row;
use mmt_golden::write::compute_all;
use mmt_tensor::Profile;
use serde_json::json;

use super::{open, select};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Verify that every file of a bundle is what the manifest says
///
/// Sizes, hashes, digests, names, types, shapes and tolerances. With --regenerate everything is computed again as well, and
/// must have the same bits.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// Compute everything again
    #[arg(long)]
    regenerate: bool,
    /// Only the cases whose names fit: `*` stands for any letters, `?` for one
    #[arg(long, value_name = "GLOB", default_value = "*")]
    case: String,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let cases = select(&bundle, &args.case)?;
    let bar = terminal.progress(cases.len() as u64, "verify");
    for case in &cases {
        bundle.read(case)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    let differ = if args.regenerate { regenerate(&bundle, &cases, terminal)? } else { 0 };
    let Bundle { manifest, .. } = &bundle;
    terminal.event(
        "verified",
        json!({"cases": cases.len(), "differ": differ, "digest_truth": manifest.digest_truth}),
    )?;
    let again = if args.regenerate { ", computed again" } else { "" };
    terminal.line(format_args!("{} cases verified{again}   truth {}", cases.len(), manifest.digest_truth))?;
    Ok(if differ == 0 { Code::Ok } else { Code::CheckFailed })
}

/// How many cases come out with other bits.
fn regenerate(bundle: &Bundle, cases: &[&CaseEntry], terminal: &Terminal) -> Result<usize, Failure> {
    let (mut rows, mut wanted): (Vec<Row>, Vec<&CaseEntry>) = (vec![], vec![]);
    for row in mmt_catalog::rows() {
        if let Some(case) = cases.iter().find(|case| case.id == row.id) {
            rows.push(row);
            wanted.push(case);
        }
    }
    if rows.len() < cases.len() {
        let unknown = cases.iter().find(|case| rows.iter().all(|row| row.id != case.id));
        let name = unknown.map_or("", |case| &case.id);
        let message = format!("{}: this program does not know the case `{name}`", bundle.folder.display());
        return Err(Failure::new(Code::InvalidData, message));
    }
    let bar = terminal.progress(rows.len() as u64, "regenerate");
    let done = |n: usize, _: &str| bar.set_position(n as u64);
    let again = compute_all(&rows, &mmt_catalog::ops(), Order::Forward, &Profile::ALL, &done);
    bar.finish_and_clear();
    let again = again.map_err(|why| Failure::new(Code::CheckFailed, why))?;
    let mut differ = 0;
    for (new, old) in again.iter().zip(wanted) {
        let what = match &new.entry {
            new if new == old => continue,
            new if new.digest_truth != old.digest_truth => "true values",
            new if new.digest_tol != old.digest_tol => "tolerances",
            _ => "words in the manifest",
        };
        differ += 1;
        terminal.event("differs", json!({"case": old.id, "what": what}))?;
        terminal.line(format_args!("{}: other {what}", old.id))?;
    }
    Ok(differ)
}
