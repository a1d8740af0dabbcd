//! `mmt data`: the data sets that travel inside the program.

mod export;
mod samples;
mod show;
mod words;

use clap::ValueEnum;
use mmt_lab::data::digits::Part;
use mmt_lab::data::{DATA_SETS, DataSet, IMPORTED};
use serde_json::json;

use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::{BOLD, Precision, Terminal, paint, wrap};

/// Data sets: list them with their licenses, draw samples, write them for other programs, or read one that you have
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List content, size, split, source, license and notice of all sets
    List,
    /// Draw samples; `--seed` chooses which
    Show(show::Args),
    /// Write a set as NumPy arrays and lines of text, with its license; `--seed` chooses the samples
    Export(export::ExportArgs),
    /// Read a set that is not inside the program from your own folder
    Import(export::ImportArgs),
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// For training
    Train,
    /// For tests: handwriting, speakers and wordings that training never shows
    Test,
}

impl From<Side> for Part {
    fn from(side: Side) -> Part {
        match side {
            Side::Train => Part::Train,
            Side::Test => Part::Test,
        }
    }
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None | Some(Action::List) => list(terminal),
        Some(Action::Show(args)) => show::run(args, terminal),
        Some(Action::Export(args)) => export::export(args, terminal),
        Some(Action::Import(args)) => export::import(args, terminal),
    }
}

fn list(terminal: &Terminal) -> Done {
    terminal.start(terminal.precision(Precision::F64), "")?;
    for DataSet { id, content, split, source, license, notice, bytes } in DATA_SETS.iter().chain(&IMPORTED) {
        let fields = json!({ "id": id, "content": content, "split": split, "source": source, "license": license,
            "notice": notice, "bytes": bytes });
        terminal.event("data", fields)?;
        let size = match bytes {
            _ if IMPORTED.iter().any(|set| set.id == *id) => "not included".to_string(),
            0 => "generated".to_string(),
            bytes => format!("{bytes} bytes"),
        };
        terminal.line("")?;
        terminal.line(format_args!("{}   {size}   {license}", paint(BOLD, id)))?;
        for (name, text) in [("content", content), ("split", split), ("source", source), ("notice", notice)] {
            for (i, line) in wrap(text, 66).iter().enumerate() {
                terminal.line(format_args!("  {:<9} {line}", if i == 0 { name } else { "" }))?;
            }
        }
    }
    terminal.line("")?;
    terminal.advice("See samples: mmt data show digits-qa")?;
    terminal.advice("Write arrays: mmt data export digits --npy DIR")?;
    Ok(Code::Ok)
}

/// A name of no data set inside the program.
fn unknown(id: &str) -> Failure {
    if IMPORTED.iter().any(|set| set.id == id) {
        let hint = format!("mmt data import {id} FOLDER reads a copy of yours");
        return Failure::usage(format!("`{id}` is not inside the program")).hint(hint);
    }
    let hint = did_you_mean(id, DATA_SETS.iter().map(|set| set.id));
    Failure::usage(format!("no data set is called `{id}`")).hint(hint)
}
