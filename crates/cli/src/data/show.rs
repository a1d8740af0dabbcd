//! `mmt data show`: samples on the terminal and as a drawing.

use mmt_lab::data::DATA_SETS;
use mmt_report::figures::picture::{Caption, Picture, gallery};
use mmt_report::{file, svg};
use mmt_tensor::Random;
use serde_json::json;

use super::samples::{Sample, sampler};
use super::words::{self, Told, teller};
use super::{Side, unknown};
use crate::draw;
use crate::failure::{Code, Done, Failure};
use crate::terminal::{Precision, Terminal, wrap};

#[derive(clap::Args, Debug)]
pub struct Args {
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

/// Columns of the terminal.
const WIDTH: usize = 80;
const GAP: &str = "    ";

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    if let Some(draw) = teller(&args.id) {
        return tell(args, draw, terminal);
    }
    let draw = sampler(&args.id).ok_or_else(|| unknown(&args.id))?;
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut random = Random::seed(terminal.options.seed);
    let samples: Vec<Sample> = (0..args.count).map(|_| draw(args.part.into(), &mut random)).collect();
    let width = samples.iter().map(Sample::width).max().unwrap_or(0);
    for some in samples.chunks((WIDTH / (width + GAP.len())).max(1)) {
        terminal.line("")?;
        let blocks: Vec<_> = some.iter().map(|sample| block(sample, width)).collect();
        for line in draw::beside(&blocks, GAP) {
            terminal.line(format!("  {line}").trim_end())?;
        }
    }
    for sample in &samples {
        terminal.event("sample", sample.fields.clone())?;
    }
    if args.svg {
        save(&args.id, samples, terminal)?;
    }
    Ok(Code::Ok)
}

/// A drawing with its words below it, in lines of one width.
fn block(sample: &Sample, width: usize) -> Vec<String> {
    let words = sample.words.iter().flat_map(|line| wrap(line, width));
    sample.drawing.iter().cloned().chain(words).map(|line| format!("{line:<width$}")).collect()
}

fn save(id: &str, samples: Vec<Sample>, terminal: &Terminal) -> Result<(), Failure> {
    let pictures: Vec<(Picture, Caption)> = (samples.into_iter())
        .map(|s| (s.picture, Caption { words: s.words.join(", "), boxes: s.boxes }))
        .collect();
    let title = format!("Samples of {id}");
    let description = DATA_SETS.iter().find(|set| set.id == id).map_or("", |set| set.content);
    write(id, &gallery(&pictures, &title, description), terminal)
}

fn write(id: &str, drawing: &str, terminal: &Terminal) -> Result<(), Failure> {
    let path = terminal.options.out().join(format!("{id}.svg"));
    let drawing = svg::alone(drawing);
    file::write(&path, drawing.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    terminal.event("saved", json!({ "path": path.display().to_string() }))?;
    terminal.line("")?;
    terminal.line(format_args!("saved {}", path.display()))?;
    Ok(())
}

/// Samples of words, one paragraph each.
fn tell(args: &Args, draw: fn(&mut Random) -> Told, terminal: &Terminal) -> Done {
    terminal.start(terminal.precision(Precision::F64), "")?;
    let mut random = Random::seed(terminal.options.seed);
    let samples: Vec<Told> = (0..args.count).map(|_| draw(&mut random)).collect();
    for Told { lines, fields, .. } in &samples {
        terminal.line("")?;
        lines.iter().try_for_each(|line| terminal.line(format_args!("  {line}")))?;
        terminal.event("sample", fields.clone())?;
    }
    if args.svg {
        write(&args.id, &words::drawing(&samples, &format!("Samples of {}", args.id))?, terminal)?;
    }
    Ok(Code::Ok)
}
