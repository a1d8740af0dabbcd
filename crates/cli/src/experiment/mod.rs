//! `mmt experiment`: claims as runnable experiments.

mod drawings;
mod own;
mod page;
mod record;
mod verdicts;

use std::time::Instant;

use mmt_lab::experiments::{EXPERIMENTS, Experiment, Plan, find};
use serde_json::json;

use self::record::Record;
use self::verdicts::show;
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table, wrap};

/// Claims of the literature as experiments: data, protocol, and the bands that numbers have to lie in
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List the experiments, with how the last run below DIR ended
    List,
    /// Run experiments; each writes a page and its numbers below DIR
    ///
    /// Exit code: 0 every claim holds, 1 one does not.
    Run(Which),
    /// Show the verdicts of the last run below DIR
    Report {
        /// Numbers or the beginnings of ids; all if none is given
        ids: Vec<String>,
    },
}

#[derive(clap::Args, Debug)]
struct Which {
    /// Numbers or the beginnings of ids: x2, x12-bottleneck
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// Every experiment
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Trainings of each model, from seeds that follow each other
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    seeds: u8,
    /// One seed
    #[arg(long, conflicts_with = "seeds")]
    quick: bool,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None | Some(Action::List) => list(terminal),
        Some(Action::Run(which)) => run_all(which, terminal),
        Some(Action::Report { ids }) => report(ids, terminal),
    }
}

fn list(terminal: &Terminal) -> Done {
    terminal.start(Precision::F32, "")?;
    let mut cells = vec![["id", "claim", "last run"].map(String::from).to_vec()];
    for experiment in &EXPERIMENTS {
        let last = Record::read(experiment.id, terminal.options.out());
        let status = match &last {
            Ok(Some(record)) if record.holds() => "holds",
            Ok(Some(_)) => "fails",
            Ok(None) => "-",
            Err(_) => "unreadable",
        };
        terminal.event(
            "experiment",
            json!({ "id": experiment.id, "claim": experiment.claim, "method": experiment.method, "status": status }),
        )?;
        for (i, line) in wrap(experiment.claim, 46).into_iter().enumerate() {
            let first = i == 0;
            let [id, status] = [experiment.id, status].map(|word| if first { word } else { "" }.to_string());
            cells.push(vec![id, line, status]);
        }
    }
    for line in table(&[Align::Left, Align::Left, Align::Left], &cells) {
        terminal.line(line)?;
    }
    terminal.advice("Run one: mmt experiment run x2 --quick")?;
    Ok(Code::Ok)
}

/// The experiments of some words, each once.
fn chosen(ids: &[String]) -> Result<Vec<&'static Experiment>, Failure> {
    let mut list: Vec<&'static Experiment> = vec![];
    for id in ids {
        let found = find(id);
        match found[..] {
            [one] => {
                if !list.iter().any(|known| known.id == one.id) {
                    list.push(one);
                }
            }
            [] => {
                let hint = did_you_mean(id, EXPERIMENTS.iter().map(|e| e.id));
                return Err(Failure::usage(format!("no experiment is called `{id}`")).hint(hint));
            }
            _ => {
                let names: Vec<&str> = found.iter().map(|e| e.id).collect();
                return Err(Failure::usage(format!("`{id}` could be {}", names.join(", "))));
            }
        }
    }
    Ok(list)
}

fn run_all(which: &Which, terminal: &Terminal) -> Done {
    let list = if which.all { EXPERIMENTS.iter().collect() } else { chosen(&which.ids)? };
    terminal.start_only(Precision::F32, "experiment")?;
    let count = if which.quick { 1 } else { u64::from(which.seeds) };
    let seeds = (0..count).map(|i| terminal.options.seed.wrapping_add(i)).collect();
    let plan = Plan { seeds };
    // Before anything takes minutes.
    let out = terminal.options.out();
    std::fs::create_dir_all(out).map_err(|error| Failure::unwritten(out, &error))?;
    let mut all = true;
    for experiment in list {
        all &= one(experiment, &plan, terminal)?;
    }
    Ok(if all { Code::Ok } else { Code::CheckFailed })
}

fn one(experiment: &Experiment, plan: &Plan, terminal: &Terminal) -> Result<bool, Failure> {
    let start = Instant::now();
    let steps = (experiment.steps)() * plan.seeds.len();
    terminal.line("")?;
    terminal.line(format_args!("{}   {}", paint(BOLD, experiment.id), experiment.claim))?;
    terminal.flush()?;
    let bar = terminal.bar(steps as u64, experiment.id);
    let outcome = (experiment.run)(plan, &|done| bar.inc(done as u64));
    bar.finish_and_clear();
    let outcome = outcome?;
    let seconds = start.elapsed().as_secs_f64();
    show(&outcome, terminal)?;
    let record = Record::of(experiment, plan, &outcome, seconds);
    let files = record.write(terminal.options.out())?;
    let page = page::write(experiment, plan, &outcome, (seconds, terminal))?;
    let page = page.display().to_string();
    terminal.event(
        "experiment",
        json!({ "id": experiment.id, "holds": outcome.holds(), "seconds": seconds, "page": page,
            "numbers": files.display().to_string() }),
    )?;
    terminal.advice(format_args!("report {page}   {seconds:.1} s"))?;
    Ok(outcome.holds())
}

fn report(ids: &[String], terminal: &Terminal) -> Done {
    let list = if ids.is_empty() { EXPERIMENTS.iter().collect() } else { chosen(ids)? };
    let out = terminal.options.out();
    let mut records = vec![];
    for experiment in list {
        records.extend(Record::read(experiment.id, out)?);
    }
    if records.is_empty() {
        let which = if ids.is_empty() { "no experiment".to_string() } else { ids.join(", ") };
        let message = format!("{which}: not run below {}", out.display());
        return Err(Failure::new(Code::NothingSelected, message).hint("mmt experiment run x2 --quick"));
    }
    terminal.start(Precision::F32, "")?;
    for record in &records {
        record.show(terminal)?;
    }
    Ok(if records.iter().all(Record::holds) { Code::Ok } else { Code::CheckFailed })
}
