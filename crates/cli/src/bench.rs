//! `mmt bench`: how long fixed cases take.

use std::time::Duration;

use clap::ValueEnum;
use mmt_lab::bench::{Case, Measurement, cases};
use serde_json::{Value, json};

use crate::failure::{Code, Done, Failure};
use crate::names::{did_you_mean, fits};
use crate::terminal::{Precision, Terminal};

/// Time fixed cases: operations, attention, blocks, a small model, optimizers
///
/// Every call is timed inside the program, after three that are not counted. The peak is the memory of large arrays,
/// inputs and parameters included. Operations per second are counted where a case is about matrix products.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Names or globs of cases; all without
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    case: Vec<String>,
    /// Only these passes
    #[arg(long, value_enum, value_delimiter = ',')]
    pass: Vec<Pass>,
    /// Seconds per case; at least seven calls are timed whatever they take
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    budget: f64,
    /// Print the names, passes and operations of the cases and time nothing
    #[arg(long)]
    list: bool,
}

/// What is timed of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Pass {
    /// Forward
    Fwd,
    /// Forward, and the gradients of all inputs and parameters
    Fwdbwd,
    /// A training step with AdamW; for the cases of AdamW the update alone
    Step,
}

impl Pass {
    fn name(self) -> &'static str {
        match self {
            Pass::Fwd => "fwd",
            Pass::Fwdbwd => "fwdbwd",
            Pass::Step => "step",
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|_| "not a number".to_string())?;
    if (0.0..=3600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("must be between 0 and 3600".to_string())
    }
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let cases = select(args)?;
    terminal.start_only(Precision::F32, "bench")?;
    if args.list {
        return list(&cases, terminal);
    }
    terminal.line(" case              pass      median ms     best ms   GFLOP/s   peak MiB  samples")?;
    for case in &cases {
        let measured = case.measure(Duration::from_secs_f64(args.budget));
        terminal.event("bench", fields(case, &measured))?;
        terminal.line(line(case, &measured))?;
        terminal.flush()?;
    }
    Ok(Code::Ok)
}

/// The cases that are asked for.
fn select(args: &Args) -> Result<Vec<Case>, Failure> {
    let mut cases = cases();
    for wanted in &args.case {
        if !cases.iter().any(|case| fits(wanted, &case.name)) {
            let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            names.dedup();
            let message = format!("no case is called `{wanted}`");
            return Err(Failure::fits_nothing(wanted, message).hint(did_you_mean(wanted, names)));
        }
    }
    cases.retain(|case| {
        (args.case.is_empty() || args.case.iter().any(|wanted| fits(wanted, &case.name)))
            && (args.pass.is_empty() || args.pass.iter().any(|pass| pass.name() == case.pass))
    });
    if cases.is_empty() {
        return Err(Failure::new(Code::NothingSelected, "the chosen cases have no such pass")
            .hint("mmt bench --list shows the passes of each case"));
    }
    Ok(cases)
}

fn list(cases: &[Case], terminal: &Terminal) -> Done {
    terminal.line(" case              pass          GFLOP")?;
    for case in cases {
        let fields = json!({ "case": case.name, "pass": case.pass, "flops": case.flops });
        terminal.event("case", fields)?;
        terminal.line(format!(" {:<17} {:<7} {:>11}", case.name, case.pass, giga(case.flops, 3)))?;
    }
    Ok(Code::Ok)
}

fn line(case: &Case, measured: &Measurement) -> String {
    let Measurement { median, best, samples, peak_bytes } = *measured;
    let (median_ms, best_ms) = (1e3 * median, 1e3 * best);
    let rate = giga(case.flops / median, 1);
    let peak = mebi(peak_bytes);
    format!(
        " {:<17} {:<7} {median_ms:>11.4} {best_ms:>11.4} {rate:>9} {peak:>10.1} {samples:>8}",
        case.name, case.pass
    )
}

/// Billions; a dash where nothing is counted.
fn giga(flops: f64, decimals: usize) -> String {
    if flops == 0.0 { "-".to_string() } else { format!("{:.decimals$}", flops / 1e9) }
}

fn mebi(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A measurement as fields of an event.
fn fields(case: &Case, measured: &Measurement) -> Value {
    let rate = (case.flops > 0.0).then(|| case.flops / measured.median / 1e9);
    json!({ "case": case.name, "pass": case.pass, "threads": rayon::current_num_threads(),
        "ms_median": 1e3 * measured.median, "ms_best": 1e3 * measured.best, "samples": measured.samples,
        "flops": case.flops, "gflops": rate, "peak_mib": mebi(measured.peak_bytes) })
}
