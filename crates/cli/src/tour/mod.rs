//! `mmt tour`: what the project is about, in one run of a few seconds.

mod looks;
mod models;
mod page;
mod proofs;

use std::time::Instant;

use mmt_lab::data::digits::{self, Part, SIZE};
use mmt_lab::data::digits_qa::Example;
use mmt_tensor::Random;
use serde_json::json;

use crate::draw;
use crate::failure::{Code, Done, Failure};
use crate::terminal::{BOLD, FAINT, Precision, Terminal, paint};

/// Steps of the model that sees both modalities.
const STEPS: u32 = 800;

/// See the whole in some seconds: three models trained, looked into and checked, and a page about it
///
/// The page DIR/tour.html is one file that loads nothing. Exit code: 0 done, 1 a gradient is wrong.
#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Args {
    /// Training steps of the model that sees both modalities; the others take three quarters of them
    #[arg(long, value_name = "N", default_value_t = STEPS, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    steps: u32,
}

impl Default for Args {
    fn default() -> Self {
        Args { steps: STEPS }
    }
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    terminal.only(Precision::F32, "tour")?;
    terminal.start(Precision::F32, "no network used")?;
    let start = Instant::now();
    let example = data(terminal)?;
    let models = models::train_all(args.steps as usize, terminal)?;
    let looks = looks::look(&models, example, terminal)?;
    let gradients = proofs::gradients(terminal)?;
    let mask = proofs::mask(terminal)?;
    let seconds = start.elapsed().as_secs_f64();
    let wrong = gradients.iter().any(|gradient| gradient.wrong.is_some());
    let run = page::Run { example, models, looks, gradients, mask, seconds };
    let (path, bytes) = page::write(&run, terminal)?;
    terminal
        .event("page", json!({ "path": path.display().to_string(), "bytes": bytes, "seconds": seconds }))?;
    terminal.line("")?;
    let size = bytes as f64 / 1e6;
    terminal.line(format_args!(
        "Report: {} ({size:.1} MB, opens offline)   total {seconds:.1} s",
        path.display()
    ))?;
    terminal.advice("Next:   mmt verify   mmt explain eq-1.1 --backward   mmt train --topology image")?;
    Ok(if wrong { Code::CheckFailed } else { Code::Ok })
}

/// `2/5  One modality is not enough   ...`
fn heading(number: usize, title: &str, detail: &str, terminal: &Terminal) -> Result<(), Failure> {
    terminal.line("")?;
    let number = paint(FAINT, format_args!("{number}/5"));
    terminal.line(format_args!("{number}  {}   {detail}", paint(BOLD, title)).to_string().trim_end())?;
    terminal.flush()
}

/// Two digits and a question.
fn data(terminal: &Terminal) -> Result<Example, Failure> {
    let example = Example::draw(Part::Test, &mut Random::seed(terminal.options.seed));
    let (question, answer) = (example.question.text(), example.answer());
    let rows = [example.pair.left, example.pair.right];
    terminal.event("example", json!({ "rows": rows, "question": question, "answer": answer }))?;
    heading(
        1,
        "Data",
        &format!("{} handwritten digits, UCI, CC BY 4.0, in this program", digits::COUNT),
        terminal,
    )?;
    terminal.line("     Two of them, side by side, and a question about them:")?;
    terminal.line("")?;
    let mut lines = draw::picture(SIZE, 2 * SIZE, |y, x| example.pair.pixel(y, x));
    lines[SIZE / 2 - 1].push_str(&format!("     \"{question}?\""));
    lines[SIZE / 2].push_str(&format!("     answer: {answer}"));
    for line in lines {
        terminal.line(format_args!("       {line}").to_string().trim_end())?;
    }
    Ok(example)
}
