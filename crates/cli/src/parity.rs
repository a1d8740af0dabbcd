//! `mmt parity`: mmt against numbers that other libraries computed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use mmt_golden::file::FileError;
use mmt_lab::parity::{self, Outcome, Verdict, Worst};
use serde_json::{Value, json};

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
    /// Number type of the run, which also decides the tolerances
    #[arg(long, value_enum, default_value_t = Precision::F64)]
    precision: Precision,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    /// Double
    F64,
    /// Single
    F32,
}

/// Exit codes of the program that this verb uses.
const FAILED: u8 = 1;
const INVALID_DATA: u8 = 3;
const NOTHING_SELECTED: u8 = 6;

/// Runs the verb.
///
/// # Errors
/// If the output cannot be written.
pub fn run(args: &Args) -> io::Result<ExitCode> {
    let precision = match args.precision {
        Precision::F64 => parity::Precision::F64,
        Precision::F32 => parity::Precision::F32,
    };
    let names = match parity::select(&args.dir, &args.case) {
        Err(error) => return invalid(&error),
        Ok(names) if names.is_empty() => {
            writeln!(anstream::stderr(), "error: no case in {} fits `{}`", args.dir.display(), args.case)?;
            return Ok(ExitCode::from(NOTHING_SELECTED));
        }
        Ok(names) => names,
    };
    let mut out = anstream::stdout().lock();
    let (version, threads) = (env!("CARGO_PKG_VERSION"), rayon::current_num_threads());
    if args.json {
        let about = json!({"version": version, "precision": precision.name(), "threads": threads});
        event(&mut out, "start", about)?;
    } else {
        writeln!(out, "mmt {version}   {}   {threads} threads", precision.name())?;
    }
    let mut totals = [0; 4];
    let mut broken = None;
    for result in parity::run(&args.dir, &names, precision) {
        match result {
            Err(error) => broken = broken.or(Some(error)),
            Ok(outcomes) => {
                for outcome in &outcomes {
                    totals[place(&outcome.verdict)] += 1;
                    if args.json { event(&mut out, "record", fields(outcome))? } else { line(&mut out, outcome)? }
                }
            }
        }
    }
    let [pass, fail, partial, unsupported] = totals;
    if args.json {
        let cases = names.len();
        let totals =
            json!({"cases": cases, "pass": pass, "fail": fail, "partial": partial, "unsupported": unsupported});
        event(&mut out, "total", totals)?;
    } else {
        let cases = names.len();
        writeln!(out, "{pass} pass, {fail} fail, {partial} partial, {unsupported} unsupported, in {cases} cases")?;
    }
    match broken {
        Some(error) => invalid(&error),
        None if fail > 0 => Ok(ExitCode::from(FAILED)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn invalid(error: &FileError) -> io::Result<ExitCode> {
    writeln!(anstream::stderr(), "error: {error}")?;
    Ok(ExitCode::from(INVALID_DATA))
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
fn line(out: &mut impl Write, Outcome { case, record, verdict }: &Outcome) -> io::Result<()> {
    let name = printable(&format!("{case}/{record}"));
    write!(out, " {:<12} {name:<44} ", if verdict.name() == "fail" { "FAIL" } else { verdict.name() })?;
    match verdict {
        Verdict::Pass(worst) => writeln!(out, "{:>9}  {}", units(worst), printable(&worst.key)),
        Verdict::Fail(worst) => {
            let Worst { key, index, got, want, .. } = worst;
            let (key, times) = (printable(key), units(worst));
            writeln!(out, "{key}{index:?}: {times} times what is allowed: {got:e} instead of {want:e}")
        }
        Verdict::Partial(worst, missing) => {
            writeln!(out, "{:>9}  {}; not computed: {}", units(worst), worst.key, printable(&missing.join(", ")))
        }
        Verdict::Refused(why) | Verdict::Unsupported(why) => writeln!(out, "{}", printable(why)),
    }
}

fn units(worst: &Worst) -> String {
    match worst.units {
        u if u == 0.0 => "0".to_string(),
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

/// One object on one line.
fn event(out: &mut impl Write, kind: &str, mut fields: Value) -> io::Result<()> {
    fields["schema"] = json!("mmt-event/1");
    fields["event"] = json!(kind);
    writeln!(out, "{fields}")
}

/// Names from a file may hold line breaks and escape sequences of a terminal.
fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}
