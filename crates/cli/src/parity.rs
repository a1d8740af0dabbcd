//! `mmt parity`: mmt against numbers that other libraries computed.

use std::path::PathBuf;

use mmt_parity::{Outcome, Verdict, Worst};
use serde_json::{Value, json};

use crate::failure::{Code, Done, Failure};
use crate::terminal::{Precision, Terminal};

/// Hold mmt against stored numbers of other libraries
///
/// Every record of a case is run forward and backward, and every stored output, intermediate and gradient is compared.
/// Exit code: 0 nothing fails, 1 something fails, 3 a file is invalid, 6 no case is selected.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Folder with cases: pairs of `<case>.json` and `<case>.safetensors`
    dir: PathBuf,
    /// Run the cases whose names fit: `*` stands for any letters, `?` for one
    #[arg(long, value_name = "GLOB", default_value = "*")]
    case: String,
}

/// Runs the verb. The number type also decides the tolerances.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let precision = terminal.precision(Precision::F64);
    let names = mmt_parity::select(&args.dir, &args.case)?;
    if names.is_empty() {
        let message = format!("no case in {} fits `{}`", args.dir.display(), args.case);
        return Err(Failure::new(Code::NothingSelected, message));
    }
    terminal.start(precision, "")?;
    let precision = match precision {
        Precision::F64 => mmt_parity::Precision::F64,
        Precision::F32 => mmt_parity::Precision::F32,
    };
    let mut totals = [0; 4];
    let mut broken = None;
    for result in mmt_parity::run(&args.dir, &names, precision) {
        match result {
            Err(error) => broken = broken.or(Some(error)),
            Ok(outcomes) => {
                for outcome in &outcomes {
                    totals[place(&outcome.verdict)] += 1;
                    terminal.event("record", fields(outcome))?;
                    terminal.line(line(outcome))?;
                }
            }
        }
    }
    let ([pass, fail, partial, unsupported], cases) = (totals, names.len());
    terminal.event(
        "total",
        json!({"cases": cases, "pass": pass, "fail": fail, "partial": partial, "unsupported": unsupported}),
    )?;
    terminal.line(format_args!(
        "{pass} pass, {fail} fail, {partial} partial, {unsupported} unsupported, in {cases} cases"
    ))?;
    match broken {
        Some(error) => Err(error.into()),
        None if fail > 0 => Ok(Code::CheckFailed),
        None => Ok(Code::Ok),
    }
}

/// The column of a verdict in the totals.
fn place(verdict: &Verdict) -> usize {
    match verdict {
        Verdict::Pass(_) => 0,
        Verdict::Fail(_) | Verdict::Refused(_) => 1,
        Verdict::Partial(..) => 2,
        Verdict::Unsupported(_) => 3,
    }
}

/// A record on one line: the verdict, the name, and what is furthest off, in units of what is allowed.
fn line(Outcome { case, record, verdict }: &Outcome) -> String {
    let name = printable(&format!("{case}/{record}"));
    let detail = match verdict {
        Verdict::Pass(worst) => format!("{:>9}  {}", units(worst), printable(&worst.key)),
        Verdict::Fail(worst) => {
            let Worst { key, index, got, want, .. } = worst;
            let (key, times) = (printable(key), units(worst));
            format!("{key}{index:?}: {times} times what is allowed: {got:e} instead of {want:e}")
        }
        Verdict::Partial(worst, missing) => {
            format!("{:>9}  {}; not computed: {}", units(worst), worst.key, printable(&missing.join(", ")))
        }
        Verdict::Refused(why) | Verdict::Unsupported(why) => printable(why),
    };
    let verdict = if verdict.name() == "fail" { "FAIL" } else { verdict.name() };
    format!(" {verdict:<12} {name:<44} {detail}")
}

fn units(worst: &Worst) -> String {
    match worst.units {
        0.0 => "0".to_string(),
        u if (0.001..1000.0).contains(&u) => format!("{u:.3}"),
        u => format!("{u:.1e}"),
    }
}

/// A record as fields of an event.
fn fields(Outcome { case, record, verdict }: &Outcome) -> Value {
    let mut fields = json!({"case": case, "record": record, "verdict": verdict.name()});
    match verdict {
        Verdict::Pass(worst) | Verdict::Fail(worst) => fields["worst"] = worst_fields(worst),
        Verdict::Partial(worst, missing) => {
            fields["worst"] = worst_fields(worst);
            fields["missing"] = json!(missing);
        }
        Verdict::Refused(why) | Verdict::Unsupported(why) => fields["why"] = json!(why),
    }
    fields
}

fn worst_fields(Worst { key, units, index, got, want }: &Worst) -> Value {
    json!({"key": key, "units": units, "index": index, "got": got, "want": want})
}

/// Names from a file may hold line breaks and escape sequences of a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}
