//! `mmt data`: the data sets that travel inside the program.

use clap::ValueEnum;
use mmt_lab::data::digit_pairs::Pair;
use mmt_lab::data::digits::{self, Part, SIZE};
use mmt_lab::data::digits_qa::Example;
use mmt_lab::data::{DATA_SETS, DataSet};
use mmt_report::figures::picture::{Picture, gallery};
use mmt_report::{file, svg};
use mmt_tensor::Random;
use serde_json::json;

use crate::data_words::{Told, teller};
use crate::draw;
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::terminal::{BOLD, Precision, Terminal, paint, wrap};

/// The data sets inside the program: list them with their licenses, or draw samples
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
    Show(ShowArgs),
}

#[derive(clap::Args, Debug)]
struct ShowArgs {
    /// The data set
    id: String,
    /// How many samples
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=100))]
    count: u16,
    /// From which part
    #[arg(long, value_enum, default_value_t = Side::Train)]
    part: Side,
    /// Also write the pictures to DIR/ID.svg
    #[arg(long)]
    svg: bool,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    /// For training
    Train,
    /// For tests: handwriting that training never shows
    Test,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    match &args.action {
        None | Some(Action::List) => list(terminal),
        Some(Action::Show(args)) => show(args, terminal),
    }
}

fn list(terminal: &Terminal) -> Done {
    terminal.start(terminal.precision(Precision::F64), "")?;
    for DataSet { id, content, split, source, license, notice, bytes } in &DATA_SETS {
        let fields = json!({ "id": id, "content": content, "split": split, "source": source, "license": license,
            "notice": notice, "bytes": bytes });
        terminal.event("data", fields)?;
        let size = if *bytes == 0 { "generated".to_string() } else { format!("{bytes} bytes") };
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
    Ok(Code::Ok)
}

/// A picture with the words below it.
struct Sample {
    drawing: Vec<String>,
    picture: Picture,
    words: Vec<String>,
    fields: serde_json::Value,
}

fn show(args: &ShowArgs, terminal: &Terminal) -> Done {
    if let Some(draw) = teller(&args.id) {
        return tell(args, draw, terminal);
    }
    let draw = sampler(&args.id)?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let part = if args.part == Side::Test { Part::Test } else { Part::Train };
    let mut random = Random::seed(terminal.options.seed);
    let samples: Vec<Sample> = (0..args.count).map(|_| draw(part, &mut random)).collect();
    let width = 2 * samples[0].picture.size().1;
    for some in samples.chunks((80 / (width + 4)).max(1)) {
        terminal.line("")?;
        let drawings: Vec<_> = some.iter().map(|sample| sample.drawing.clone()).collect();
        for line in draw::beside(&drawings, "    ") {
            terminal.line(format!("  {line}").trim_end())?;
        }
        let words: Vec<Vec<String>> = (some.iter())
            .map(|sample| sample.words.iter().map(|line| format!("{line:<width$}")).collect())
            .collect();
        for line in draw::beside(&words, "    ") {
            terminal.line(format_args!("  {}", line.trim_end()))?;
        }
    }
    for sample in &samples {
        terminal.event("sample", sample.fields.clone())?;
    }
    if args.svg {
        let path = terminal.options.out.join(format!("{}.svg", args.id));
        let pictures: Vec<_> = samples.into_iter().map(|s| (s.picture, s.words.join(", "))).collect();
        let title = format!("Samples of {}", args.id);
        let drawing = svg::alone(&gallery(&pictures, &title, "Handwriting with its labels."));
        file::write(&path, drawing.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
        terminal.event("saved", json!({ "path": path }))?;
        terminal.line("")?;
        terminal.line(format_args!("saved {}", path.display()))?;
    }
    Ok(Code::Ok)
}

/// Samples of words, one paragraph each.
fn tell(args: &ShowArgs, draw: fn(&mut Random) -> Told, terminal: &Terminal) -> Done {
    if args.svg {
        return Err(Failure::usage(format!("`{}` has no pictures", args.id)));
    }
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut random = Random::seed(terminal.options.seed);
    for _ in 0..args.count {
        let (lines, fields) = draw(&mut random);
        terminal.line("")?;
        lines.iter().try_for_each(|line| terminal.line(format_args!("  {line}")))?;
        terminal.event("sample", fields)?;
    }
    Ok(Code::Ok)
}

/// What draws a sample of a set.
fn sampler(id: &str) -> Result<fn(Part, &mut Random) -> Sample, Failure> {
    Ok(match id {
        "digits" => |part, random| {
            let row = part.rows().start + random.below(part.rows().len());
            let label = digits::label(row);
            let words = vec![format!("{label}   (row {row})")];
            sample(SIZE, |y, x| digits::pixels(row)[(y, x)], words, json!({ "row": row, "label": label }))
        },
        "digit-pairs" => |part, random| {
            let pair = Pair::draw(part, random);
            let (left, right) = pair.labels();
            let words = vec![format!("{left} and {right}   (rows {} and {})", pair.left, pair.right)];
            let fields = json!({ "rows": [pair.left, pair.right], "labels": [left, right] });
            sample(2 * SIZE, |y, x| pair.pixel(y, x), words, fields)
        },
        "digits-qa" => |part, random| {
            let example = Example::draw(part, random);
            let (pair, question) = (example.pair, example.question.text());
            let words = vec![format!("{question}?"), format!("answer: {}", example.answer())];
            let fields =
                json!({ "rows": [pair.left, pair.right], "question": question, "answer": example.answer() });
            sample(2 * SIZE, |y, x| pair.pixel(y, x), words, fields)
        },
        _ => {
            let hint = did_you_mean(id, DATA_SETS.iter().map(|set| set.id));
            return Err(Failure::usage(format!("no data set is called `{id}`")).hint(hint));
        }
    })
}

fn sample(
    columns: usize,
    ink: impl Fn(usize, usize) -> u8,
    words: Vec<String>,
    fields: serde_json::Value,
) -> Sample {
    let shade = |y, x| f64::from(ink(y, x)) / f64::from(digits::INK);
    let rows = (0..SIZE).map(|y| (0..columns).map(|x| shade(y, x)).collect()).collect();
    Sample { drawing: draw::picture(SIZE, columns, &ink), picture: Picture { rows }, words, fields }
}
