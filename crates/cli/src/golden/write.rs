//! `mmt golden write`: computes cases and writes a bundle.

use std::path::PathBuf;

use mmt_golden::compute::Order;
use mmt_golden::manifest::Manifest;
use mmt_golden::row::Tier;
use mmt_golden::write::{Shard, compute_all, write};
use mmt_tensor::Profile;
use serde_json::json;

use super::{shard, tier};
use crate::failure::{Code, Done, Failure};
use crate::names::fits;
use crate::terminal::Terminal;

/// Compute cases and write them as a bundle into the folder of --out
///
/// The true values have the same bits for any number of threads, any order of addition and any processor. Nothing is written
/// before all cases are computed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How many cases: `smoke`, `core`, `full` or `stress`
    #[arg(long, value_name = "TIER", default_value = "core", value_parser = tier)]
    tier: Tier,
    /// Only the cases whose names fit: `*` stands for any letters, `?` for one
    #[arg(long, value_name = "GLOB", default_value = "*")]
    case: String,
    /// Part K of N: every part is written by itself, and the one that finds all others in its folder joins them
    #[arg(long, value_name = "K/N", value_parser = shard)]
    shard: Option<Shard>,
    /// Leave out the tolerances
    #[arg(long)]
    truth_only: bool,
    /// Order of all sums: `forward` or `reverse`, which gives the same true values
    #[arg(long, value_name = "ORDER", default_value = "forward", value_parser = order)]
    order: Order,
    /// Fail unless the digest of the true values is that of another manifest
    #[arg(long, value_name = "MANIFEST")]
    check_against: Option<PathBuf>,
}

fn order(text: &str) -> Result<Order, String> {
    match text {
        "forward" => Ok(Order::Forward),
        "reverse" => Ok(Order::Reverse),
        _ => Err("forward or reverse".to_string()),
    }
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    // Read before the work: a wrong name should not cost minutes.
    let expected = args.check_against.as_ref().map(|path| manifest(path)).transpose()?;
    let mut rows = mmt_catalog::of_tier(args.tier);
    if rows.iter().all(|row| row.tier != args.tier) {
        let name = args.tier.name();
        let failure = Failure::new(
            Code::NothingSelected,
            format!("no case of the catalogue is of the tier `{name}` yet"),
        );
        return Err(failure.hint("--tier core writes every case there is"));
    }
    rows.retain(|row| fits(&args.case, &row.id));
    if let Some(shard) = args.shard {
        rows = shard.of(rows);
    }
    if rows.is_empty() {
        return Err(Failure::new(Code::NothingSelected, format!("no case fits `{}`", args.case)));
    }
    let profiles: &[Profile] = if args.truth_only { &[] } else { &Profile::ALL };
    let bar = terminal.progress(rows.len() as u64, "golden");
    let done = |n: usize, _: &str| bar.set_position(n as u64);
    let cases = compute_all(&rows, &mmt_catalog::ops(), args.order, profiles, &done);
    bar.finish_and_clear();
    let cases = cases.map_err(|why| Failure::new(Code::CheckFailed, why))?;
    let out = terminal.options.out();
    let bytes: usize = cases.iter().map(|case| case.bytes.len()).sum();
    let written = write(out, cases, args.tier, args.shard)?;
    tell(&written, rows.len(), bytes, terminal)?;
    match expected {
        Some(expected) if expected.digest_truth != written.digest_truth => {
            let message = format!(
                "the digest of the truth is {}, expected {}",
                written.digest_truth, expected.digest_truth
            );
            Err(Failure::new(Code::CheckFailed, message))
        }
        _ => Ok(Code::Ok),
    }
}

fn manifest(path: &std::path::Path) -> Result<Manifest, Failure> {
    let bytes = mmt_golden::file::read_bytes(path)?;
    Manifest::parse(&bytes).map_err(|error| error.at(path).into())
}

fn tell(written: &Manifest, cases: usize, bytes: usize, terminal: &Terminal) -> Result<(), Failure> {
    let Manifest { digest_truth, digest_tol, .. } = written;
    let out = terminal.options.out().display().to_string();
    terminal.event(
        "written",
        json!({"out": out, "cases": cases, "bytes": bytes, "digest_truth": digest_truth,
            "digest_tol": digest_tol, "shard": written.shard}),
    )?;
    let part = written.shard.as_ref().map_or(String::new(), |part| format!(", part {part}"));
    terminal.line(format_args!("{cases} cases, {:.1} MB in {out}{part}", bytes as f64 / 1e6))?;
    terminal.line(format_args!("truth      {digest_truth}"))?;
    terminal.line(format_args!("tolerances {digest_tol}"))
}
