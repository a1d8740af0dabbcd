//! `mmt verify`: runs what stands behind every formula of the register.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use clap::ValueEnum;
use mmt_equations::{Equation, Erratum, errata, register};
use mmt_golden::Cases;
use mmt_tensor::Random;
use mmt_tensor::testing::{Tally, take_tally};
use rayon::prelude::*;
use serde_json::json;

use crate::equations::{card, place};
use crate::failure::{Code, Done, Failure};
use crate::names::{did_you_mean, selects};
use crate::terminal::{Align, BAD, BOLD, GOOD, Precision, Terminal, columns, paint, table, wrap};

/// Seeds that every property is tried with.
const DRAWS: u64 = 16;

/// Check formulas: forward, backward, properties, golden cases, errata
///
/// Exit code: 0 everything holds, 1 something fails, 6 nothing is selected.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Ids or globs of formulas and errata; everything without
    id: Vec<String>,
    /// Only this kind of check; can be given again
    #[arg(long, value_enum)]
    only: Vec<Kind>,
    /// One line per formula
    #[arg(long)]
    list: bool,
}

/// A kind of check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Kind {
    /// The forward function against numbers that somebody else computed
    Forward,
    /// The hand-derived gradient against dual numbers
    Backward,
    /// What holds for all inputs, for drawn ones
    Property,
    /// The golden cases in f32 and f64 and exactly
    Golden,
    /// The claims of the note as written and as corrected
    Errata,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Forward, Kind::Backward, Kind::Property, Kind::Golden, Kind::Errata];

    fn name(self) -> &'static str {
        match self {
            Kind::Forward => "forward",
            Kind::Backward => "backward",
            Kind::Property => "property",
            Kind::Golden => "golden",
            Kind::Errata => "errata",
        }
    }
}

/// One thing to run.
struct Check {
    /// The formula or the erratum.
    id: &'static str,
    /// The formula whose line in the list it belongs to.
    equation: &'static str,
    section: &'static str,
    kind: Kind,
    /// The name of the property.
    name: &'static str,
    run: Box<dyn Fn() -> Result<(), Wrong> + Send + Sync>,
}

/// What went wrong, and with which seed.
struct Wrong {
    text: String,
    seed: Option<u64>,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let checks = select(args, terminal.options.seed)?;
    terminal.start_only(Precision::F64, "verify")?;
    let start = Instant::now();
    let bar = terminal.progress(checks.len() as u64, "verify");
    let results: Vec<(Option<Wrong>, Tally)> = with_places(|| {
        let one = |check: &Check| {
            take_tally();
            let wrong = caught(&check.run).err();
            bar.inc(1);
            (wrong, take_tally())
        };
        checks.par_iter().map(one).collect()
    });
    bar.finish_and_clear();
    report(args, terminal, &checks, &results, start.elapsed().as_secs_f64())
}

/// The check of one hand-derived gradient.
pub struct Gradient {
    /// The formula.
    pub id: &'static str,
    /// What was compared.
    pub tally: Tally,
    /// What is wrong.
    pub wrong: Option<String>,
}

/// Checks all gradients of the register.
pub fn gradients() -> Vec<Gradient> {
    let rows: Vec<(&str, fn())> =
        register().filter_map(|row| row.backward.map(|check| (row.id, check))).collect();
    let one = |&(id, check): &(&'static str, fn())| {
        take_tally();
        let run = || {
            check();
            Ok(())
        };
        let wrong = caught(run).err().map(|wrong| wrong.text);
        Gradient { id, tally: take_tally(), wrong }
    };
    with_places(|| rows.par_iter().map(one).collect())
}

/// Runs checks whose panics are caught, and remembers where they are instead of printing them.
fn with_places<T>(run: impl FnOnce() -> T) -> T {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        PLACE.with(|slot| *slot.borrow_mut() = place);
    }));
    let result = run();
    panic::set_hook(hook);
    result
}

/// The checks that are asked for.
fn select(args: &Args, seed: u64) -> Result<Vec<Check>, Failure> {
    let ids = || register().map(|row| row.id).chain(errata().map(|row| row.id));
    for wanted in &args.id {
        if !ids().any(|id| selects(wanted, id)) {
            let hint = did_you_mean(wanted, ids());
            let message = format!("no formula or erratum is called `{wanted}`");
            return Err(Failure::fits_nothing(wanted, message).hint(hint));
        }
    }
    let fit = |id: &str| args.id.is_empty() || args.id.iter().any(|wanted| selects(wanted, id));
    let mut checks: Vec<Check> =
        register().filter(|row| fit(row.id)).flat_map(|row| of_row(row, seed)).collect();
    checks.extend(errata().filter(|row| fit(row.id) || fit(row.equation)).map(of_erratum));
    checks.retain(|check| args.only.is_empty() || args.only.contains(&check.kind));
    if checks.is_empty() {
        return Err(Failure::new(Code::NothingSelected, "the chosen formulas have no such check")
            .hint("mmt verify --list shows what each formula has"));
    }
    Ok(checks)
}

fn of_row(row: &'static Equation, seed: u64) -> Vec<Check> {
    let check =
        |kind, name, run| Check { id: row.id, equation: row.id, section: row.section, kind, name, run };
    let plain = |f: fn()| {
        Box::new(move || {
            f();
            Ok(())
        })
    };
    let mut checks = vec![check(Kind::Forward, "", plain(row.forward) as _)];
    checks.extend(row.backward.map(|f| check(Kind::Backward, "", plain(f) as _)));
    checks.extend(
        row.properties
            .iter()
            .map(|&(name, property)| check(Kind::Property, name, Box::new(move || draw(property, seed)))),
    );
    checks.push(check(Kind::Golden, "", Box::new(move || golden(row))));
    checks
}

/// A property with one seed after the other.
fn draw(property: fn(&mut Random), seed: u64) -> Result<(), Wrong> {
    for seed in (0..DRAWS).map(|i| seed.wrapping_add(i)) {
        caught(|| {
            property(&mut Random::seed(seed));
            Ok(())
        })
        .map_err(|wrong| Wrong { seed: Some(seed), ..wrong })?;
    }
    Ok(())
}

/// The golden cases exist in every number type.
fn golden(row: &Equation) -> Result<(), Wrong> {
    let wrong = |text: String| Wrong { text, seed: None };
    let (mut single, mut double, mut truth) = (Cases::default(), Cases::default(), Cases::default());
    (row.golden.f32)(&mut single).map_err(|error| wrong(error.to_string()))?;
    (row.golden.f64)(&mut double).map_err(|error| wrong(error.to_string()))?;
    (row.golden.dd)(&mut truth).map_err(|error| wrong(error.to_string()))?;
    let counts = [single.list.len(), double.list.len(), truth.list.len()];
    if counts[0] == 0 || counts.iter().any(|&n| n != counts[0]) {
        return Err(wrong(format!("{counts:?} cases in f32, f64 and exactly")));
    }
    Ok(())
}

fn of_erratum(row: &'static Erratum) -> Check {
    let run = move || {
        let wrong = |text: String| Wrong { text, seed: None };
        if let Ok(seen) = (row.as_written)() {
            return Err(wrong(format!("holds as written: {seen}")));
        }
        (row.as_corrected)().map(|_| ()).map_err(|how| wrong(format!("fails as corrected: {how}")))
    };
    let (id, equation, section) = (row.id, row.equation, row.section);
    Check { id, equation, section, kind: Kind::Errata, name: "", run: Box::new(run) }
}

thread_local! {
    /// Where the last panic of this thread was.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The text of a panic becomes an error.
fn caught(f: impl Fn() -> Result<(), Wrong>) -> Result<(), Wrong> {
    panic::catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| {
        let place = PLACE.with(|slot| slot.borrow_mut().take());
        let text = message(&*panic);
        Err(Wrong { text: place.map_or(text.clone(), |place| format!("{text}\nat {place}")), seed: None })
    })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").to_string()
}

fn report(
    args: &Args,
    terminal: &Terminal,
    checks: &[Check],
    results: &[(Option<Wrong>, Tally)],
    seconds: f64,
) -> Done {
    for (check, (wrong, _)) in checks.iter().zip(results) {
        let text = wrong.as_ref().map(|wrong| wrong.text.as_str());
        terminal.event(
            "check",
            json!({ "id": check.id, "section": check.section, "kind": check.kind.name(), "name": check.name,
                "pass": wrong.is_none(), "text": text }),
        )?;
    }
    let passed: Vec<(&Check, bool)> =
        checks.iter().zip(results).map(|(check, (wrong, _))| (check, wrong.is_none())).collect();
    let by_id = args.list || terminal.options.verbose;
    let lines = if by_id { by_equation(&passed) } else { by_section(&passed) };
    for (i, line) in lines.iter().enumerate() {
        if i == 0 { terminal.line(paint(BOLD, line))? } else { terminal.line(line)? }
    }
    for (check, (wrong, _)) in checks.iter().zip(results) {
        if let Some(wrong) = wrong {
            failure(terminal, check, wrong)?;
        }
    }
    let failed = results.iter().filter(|(wrong, _)| wrong.is_some()).count();
    let mut ids: Vec<&str> = checks.iter().map(|check| check.equation).collect();
    ids.sort_unstable();
    ids.dedup();
    let gradients: usize = results.iter().map(|(_, tally)| tally.gradients).sum();
    let worst = results.iter().map(|(_, tally)| tally.worst).fold(0.0, f64::max);
    terminal.event(
        "total",
        json!({ "equations": ids.len(), "checks": checks.len(), "failed": failed, "seconds": seconds,
            "gradients": gradients, "worst": worst }),
    )?;
    let text = format!("{} equations, {} checks, {failed} failed", ids.len(), checks.len());
    let text = paint(if failed == 0 { GOOD } else { BAD }, text);
    let seconds = format!("{seconds:.1} s");
    terminal.line(format!("{text}{seconds:>width$}", width = 78usize.saturating_sub(columns(&text))))?;
    if gradients > 0 && worst <= 1e-12 {
        terminal.line(format_args!(
            "{gradients} gradients within {worst:.1e} of exact derivatives (dual numbers)"
        ))?;
    }
    Ok(if failed == 0 { Code::Ok } else { Code::CheckFailed })
}

/// What failed, where, and how to see it again.
fn failure(terminal: &Terminal, check: &Check, wrong: &Wrong) -> Result<(), Failure> {
    terminal.line(format_args!("{} {}  {}", paint(BAD, "FAIL"), check.id, check.kind.name()))?;
    if !check.name.is_empty() {
        terminal.line(format_args!("  property  {}", check.name.replace('_', " ")))?;
    }
    for line in wrong.text.lines().filter(|line| !line.trim().is_empty()).take(8) {
        for part in wrap(line, 76) {
            terminal.line(format_args!("  {part}"))?;
        }
    }
    if let Some(card) = card(check.equation) {
        terminal.line(format_args!("  code      {}", place(&card)))?;
    }
    terminal.line(format_args!("  text      mmt equations show {}", check.equation))?;
    let seed = wrong.seed.map_or(String::new(), |seed| format!(" --seed {seed}"));
    terminal.line(format_args!("  again     mmt verify {} --only {}{seed}", check.id, check.kind.name()))
}

/// Passed and all checks of each kind, by a key.
type Counts = BTreeMap<Kind, (usize, usize)>;

fn counted(counts: &mut Counts, (check, pass): &(&Check, bool)) {
    let (good, all) = counts.entry(check.kind).or_default();
    *good += usize::from(*pass);
    *all += 1;
}

fn cells(counts: &Counts) -> impl Iterator<Item = String> + '_ {
    Kind::ALL.iter().map(|kind| match counts.get(kind) {
        None => "-".to_string(),
        Some((good, all)) if good == all && *kind == Kind::Property => all.to_string(),
        Some((good, all)) => format!("{good}/{all}"),
    })
}

fn by_section(passed: &[(&Check, bool)]) -> Vec<String> {
    let mut sections: BTreeMap<&str, (Vec<&str>, Counts)> = BTreeMap::new();
    for result in passed {
        let number = result.0.section.split('.').next().expect("a number");
        let (ids, counts) = sections.entry(number).or_default();
        if !ids.contains(&result.0.equation) {
            ids.push(result.0.equation);
        }
        counted(counts, result);
    }
    let mut rows = vec![heading("section", Some("ids"))];
    for (number, (ids, counts)) in &sections {
        let mut row = vec![format!("{number} {}", title(number)), ids.len().to_string()];
        row.extend(cells(counts));
        rows.push(row);
    }
    let mut align = vec![Align::Right; 7];
    align[0] = Align::Left;
    table(&align, &rows)
}

fn by_equation(passed: &[(&Check, bool)]) -> Vec<String> {
    let mut rows = vec![heading("id", None)];
    for row in register() {
        let mut counts = Counts::new();
        passed
            .iter()
            .filter(|(check, _)| check.equation == row.id)
            .for_each(|result| counted(&mut counts, result));
        if !counts.is_empty() {
            rows.push(std::iter::once(row.id.to_string()).chain(cells(&counts)).collect());
        }
    }
    let mut align = vec![Align::Right; 6];
    align[0] = Align::Left;
    table(&align, &rows)
}

fn heading(first: &str, second: Option<&str>) -> Vec<String> {
    let kinds = Kind::ALL.iter().map(|kind| kind.name().to_string());
    std::iter::once(first).chain(second).map(str::to_string).chain(kinds).collect()
}

/// The parts of the note.
pub fn title(section: &str) -> &'static str {
    match section {
        "0" => "Primitives",
        "1" => "Transformer basics",
        "2" => "Tokens and embeddings",
        "3" => "Fusion",
        "4" => "Taxonomy",
        "5" => "Pretraining",
        "6" => "Challenges",
        _ => "",
    }
}
