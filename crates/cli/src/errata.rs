//! `mmt errata`: claims of the note that a test refutes, as written and as corrected.

use mmt_equations::{Erratum, errata};
use serde_json::json;

use crate::failure::{Code, Done, Failure};
use crate::names::{did_you_mean, fits};
use crate::terminal::{Align, BAD, BOLD, GOOD, Precision, Terminal, paint, shorten, table, wrap};

/// Claims of the note that are wrong, as written and as corrected
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List all errata, or those whose id, section or text contains every word
    List {
        /// Words or globs of ids
        filter: Vec<String>,
    },
    /// Show a claim, its correction, and what comes out when both are run
    Show {
        /// The id, or a glob
        id: String,
    },
    /// Run claims as written and as corrected
    Run {
        /// Ids or globs; all without
        id: Vec<String>,
    },
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None => list(&[], terminal),
        Some(Action::List { filter }) => list(filter, terminal),
        Some(Action::Show { id }) => show(&select(std::slice::from_ref(id))?, terminal),
        Some(Action::Run { id }) => run_all(&select(id)?, terminal),
    }
}

/// The rows of some ids or globs; all for none.
pub fn select(ids: &[String]) -> Result<Vec<&'static Erratum>, Failure> {
    if ids.is_empty() {
        return Ok(errata().collect());
    }
    let mut rows = Vec::new();
    for id in ids {
        let found: Vec<_> = errata().filter(|row| fits(id, row.id)).collect();
        if found.is_empty() {
            let hint = did_you_mean(id, errata().map(|row| row.id));
            return Err(Failure::fits_nothing(id, format!("no erratum is called `{id}`")).hint(hint));
        }
        rows.extend(found);
    }
    Ok(rows)
}

fn list(filter: &[String], terminal: &Terminal) -> Done {
    let fit = |row: &&Erratum| {
        let text = format!("{} {} {} {} {}", row.id, row.section, row.claim, row.correction, row.equation);
        let text = text.to_lowercase();
        filter.iter().all(|word| text.contains(&word.to_lowercase()) || fits(word, row.id))
    };
    let rows: Vec<_> = errata().filter(fit).collect();
    if rows.is_empty() {
        let message = format!("no erratum fits `{}`", filter.join(" "));
        return Err(Failure::new(Code::NothingSelected, message).hint("mmt errata list"));
    }
    terminal.start_only(Precision::F64, "errata")?;
    let mut cells = vec![vec!["id".into(), "note".into(), "claim".into()]];
    for row in &rows {
        let fields = json!({ "id": row.id, "section": row.section, "claim": row.claim, "correction": row.correction,
            "source": row.source, "equation": row.equation });
        terminal.event("erratum", fields)?;
        cells.push(vec![row.id.to_string(), row.section.to_string(), shorten(row.claim, 62)]);
    }
    for line in table(&[Align::Left, Align::Left, Align::Left], &cells) {
        terminal.line(line)?;
    }
    terminal.advice(format_args!("{} errata. Show one: mmt errata show {}", rows.len(), rows[0].id))?;
    Ok(Code::Ok)
}

/// What came out of a claim: whether it is as the register says, and the text.
fn judged(row: &Erratum) -> (bool, String, bool, String) {
    let (fails, written) = match (row.as_written)() {
        Ok(seen) => (false, format!("holds, which is wrong: {seen}")),
        Err(how) => (true, how),
    };
    let (holds, corrected) = match (row.as_corrected)() {
        Ok(seen) => (true, seen),
        Err(how) => (false, format!("fails: {how}")),
    };
    (fails, written, holds, corrected)
}

fn show(rows: &[&Erratum], terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "errata")?;
    let mut all = true;
    for row in rows {
        let (fails, written, holds, corrected) = judged(row);
        all &= fails && holds;
        event(row, terminal, (fails, &written), (holds, &corrected))?;
        terminal.line("")?;
        terminal.line(format_args!("{}   section {} of the note", paint(BOLD, row.id), row.section))?;
        let field = |name: &str, text: &str| -> Result<(), Failure> {
            for (i, part) in wrap(text, 66).iter().enumerate() {
                terminal.line(format!("{:<11}{part}", if i == 0 { name } else { "" }))?;
            }
            Ok(())
        };
        field("claim", row.claim)?;
        field("as written", &written)?;
        field("corrected", row.correction)?;
        field("seen", &corrected)?;
        field("source", row.source)?;
        field("equation", row.equation)?;
        let mark = |good| if good { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        terminal.line(format_args!(
            "checked    as written: fails as stated {}     as corrected: holds {}",
            mark(fails),
            mark(holds)
        ))?;
    }
    Ok(if all { Code::Ok } else { Code::CheckFailed })
}

fn run_all(rows: &[&Erratum], terminal: &Terminal) -> Done {
    terminal.start_only(Precision::F64, "errata")?;
    let mut failed = 0;
    for row in rows {
        let (fails, written, holds, corrected) = judged(row);
        event(row, terminal, (fails, &written), (holds, &corrected))?;
        let good = fails && holds;
        failed += usize::from(!good);
        let mark = if good { paint(GOOD, "✓") } else { paint(BAD, "✗") };
        terminal.line(format_args!(" {mark} {:<8} as written  {}", row.id, shorten(&written, 56)))?;
        terminal.line(format_args!("   {:<8} corrected   {}", "", shorten(&corrected, 56)))?;
    }
    terminal.line(format_args!(
        "{} errata run as written and as corrected, {failed} not as stated",
        rows.len()
    ))?;
    Ok(if failed == 0 { Code::Ok } else { Code::CheckFailed })
}

fn event(
    row: &Erratum,
    terminal: &Terminal,
    written: (bool, &str),
    corrected: (bool, &str),
) -> Result<(), Failure> {
    terminal.event(
        "erratum",
        json!({ "id": row.id, "section": row.section, "claim": row.claim, "correction": row.correction,
            "source": row.source, "equation": row.equation,
            "as_written": { "fails": written.0, "text": written.1 },
            "as_corrected": { "holds": corrected.0, "text": corrected.1 } }),
    )
}
