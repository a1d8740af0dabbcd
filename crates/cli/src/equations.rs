//! `mmt equations`: the formulas of the note, where they are, and what stands behind them.

use mmt_equations::page::{self, Card};
use mmt_equations::{Equation, errata, register};
use serde_json::json;

use crate::failure::{Code, Done, Failure};
use crate::names::{did_you_mean, selects};
use crate::terminal::{Align, BOLD, FAINT, Precision, Terminal, paint, shorten, table, wrap};

/// The page of equations, so that formulas are at hand without the sources.
const PAGE: &str = include_str!("../../../docs/equations.md");

/// The formulas of the note: list them, or show one with its gradient
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List all formulas, or those whose id, section, name or code contains every word
    List {
        /// Words or globs of ids
        filter: Vec<String>,
    },
    /// Show formula, shapes, gradient, derivation, source and file
    Show {
        /// The id, or a glob
        id: String,
    },
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None => list(&[], terminal),
        Some(Action::List { filter }) => list(filter, terminal),
        Some(Action::Show { id }) => show(id, terminal),
    }
}

/// All cards.
pub fn cards() -> Vec<Card> {
    page::parse(PAGE)
}

/// The card of an id.
pub fn card(id: &str) -> Option<Card> {
    cards().into_iter().find(|card| card.id == id)
}

/// The row of an id; if there is none, the nearest ones are suggested.
pub fn unknown(id: &str) -> Failure {
    let hint = did_you_mean(id, register().map(|row| row.id));
    Failure::usage(format!("no formula is called `{id}`")).hint(hint)
}

/// Whether every word stands somewhere in a row, or selects its id.
fn fits(words: &[String], row: &Equation, card: &Card) -> bool {
    let text = format!("{} {} {} {} {}", row.id, row.section, row.code, card.title, card.file).to_lowercase();
    words.iter().all(|word| text.contains(&word.to_lowercase()) || selects(word, row.id))
}

fn list(filter: &[String], terminal: &Terminal) -> Done {
    let cards = cards();
    let empty = Card::default();
    let rows: Vec<(&Equation, &Card)> = register()
        .map(|row| (row, cards.iter().find(|card| card.id == row.id).unwrap_or(&empty)))
        .filter(|(row, card)| filter.is_empty() || fits(filter, row, card))
        .collect();
    if rows.is_empty() {
        let message = format!("no formula fits `{}`", filter.join(" "));
        return Err(Failure::new(Code::NothingSelected, message).hint("mmt equations list shows all"));
    }
    terminal.start_only(Precision::F64, "equations")?;
    // What is left of 80 columns beside the id and the narrow columns.
    let width = 44 - rows.iter().map(|(row, _)| row.id.len()).max().unwrap_or(0).min(30);
    let heading = ["id", "note", "formula", "fwd", "bwd", "prop", "gold", "err"];
    let mut cells = vec![heading.map(str::to_string).to_vec()];
    for (row, card) in &rows {
        let wrong = errata().filter(|erratum| erratum.equation == row.id).count();
        terminal.event(
            "equation",
            json!({ "id": row.id, "section": row.section, "title": card.title, "code": row.code,
                "file": card.file, "backward": row.backward.is_some(), "properties": row.properties.len(),
                "errata": wrong }),
        )?;
        let mark = |there| if there { "✓" } else { "-" }.to_string();
        let count = |n: usize| if n == 0 { "-".to_string() } else { n.to_string() };
        cells.push(vec![
            row.id.to_string(),
            row.section.to_string(),
            shorten(card.title.trim_end_matches('.'), width),
            mark(true),
            mark(row.backward.is_some()),
            count(row.properties.len()),
            mark(true),
            count(wrong),
        ]);
    }
    let mut align = vec![Align::Right; 8];
    align[..3].fill(Align::Left);
    for (i, line) in table(&align, &cells).iter().enumerate() {
        if i == 0 { terminal.line(paint(BOLD, line))? } else { terminal.line(line)? }
    }
    terminal.advice(format_args!(
        "{} equations; all: docs/equations.md; one: mmt equations show {}",
        rows.len(),
        rows[0].0.id
    ))?;
    Ok(Code::Ok)
}

fn show(id: &str, terminal: &Terminal) -> Done {
    let rows: Vec<&Equation> = register().filter(|row| selects(id, row.id)).collect();
    if rows.is_empty() {
        return Err(unknown(id));
    }
    terminal.start_only(Precision::F64, "equations")?;
    for row in rows {
        let card = card(row.id).unwrap_or_default();
        let place = place(&card);
        let wrong: Vec<&str> = errata().filter(|e| e.equation == row.id).map(|e| e.id).collect();
        let properties: Vec<&str> = row.properties.iter().map(|(name, _)| *name).collect();
        terminal.event(
            "equation",
            json!({ "id": row.id, "section": row.section, "title": card.title, "shapes": card.shapes,
                "forward": card.forward, "backward": card.backward, "code": row.code, "file": place,
                "properties": properties, "errata": wrong }),
        )?;
        terminal.line("")?;
        terminal.line(format_args!("{}   section {} of the note", paint(BOLD, row.id), row.section))?;
        text(terminal, &card.title)?;
        text(terminal, &card.shapes)?;
        text(terminal, &card.forward)?;
        if !card.backward.is_empty() {
            terminal.line("")?;
            terminal.line(paint(BOLD, "backward"))?;
            text(terminal, &card.backward)?;
        }
        terminal.line("")?;
        terminal.line(format_args!("code        {}   {}", row.code, paint(FAINT, place)))?;
        terminal.line(format_args!("properties  {}", row.properties.len()))?;
        for name in properties {
            terminal.line(format_args!("            {}", name.replace('_', " ")))?;
        }
        if !wrong.is_empty() {
            terminal.line(format_args!("errata      {}", wrong.join(" ")))?;
        }
        terminal.line(format_args!("check       mmt verify {}", row.id))?;
    }
    Ok(Code::Ok)
}

/// The file, with the line of the mark if the sources are at hand.
pub fn place(card: &Card) -> String {
    let mark = format!("**{}**", card.id);
    let source = std::fs::read_to_string(&card.file).unwrap_or_default();
    match source.lines().position(|line| line.contains(&mark)) {
        Some(line) => format!("{}:{}", card.file, line + 1),
        None => card.file.clone(),
    }
}

/// A text with formulas: prose is wrapped, formulas are indented as they are.
fn text(terminal: &Terminal, text: &str) -> Result<(), Failure> {
    let mut prose = String::new();
    let mut formula = false;
    for line in text.lines().chain([""]) {
        let fence = line.starts_with("```");
        if !formula && (fence || line.is_empty()) {
            for line in wrap(&std::mem::take(&mut prose), 78) {
                terminal.line(format_args!("  {line}"))?;
            }
        }
        match (fence, formula) {
            (true, _) => formula = !formula,
            (false, true) => terminal.line(format_args!("      {line}"))?,
            (false, false) => {
                prose.push_str(line);
                prose.push(' ');
            }
        }
    }
    Ok(())
}
