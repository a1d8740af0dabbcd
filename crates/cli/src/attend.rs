//! `mmt attend`: what a trained model looks at.

use mmt_lab::Trainable;
use mmt_lab::answers::best;
use mmt_lab::data::digits::Part;
use mmt_lab::data::digits_qa::{Example, Question};
use mmt_lab::evaluate::sides;
use mmt_lab::net::Net;
use mmt_lab::net::looks::{Look, looks};
use mmt_lab::tasks::Task;
use mmt_report::{file, html};
use mmt_tensor::Random;
use serde_json::json;

use crate::attention::{heads, matrix};
use crate::draw;
use crate::eval::trained;
use crate::failure::{Code, Done, Failure};
use crate::names::did_you_mean;
use crate::runs::Run;
use crate::terminal::{Align, BOLD, Precision, Terminal, paint, table};

/// Show what a model that `mmt train` has saved looks at, layer by layer
///
/// For one pair of digits that training never shows; --seed chooses which. With --svg, a page in the folder of the run with
/// one panel for each head, and the words over the patches.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder of a training on digits-qa, or its number below DIR
    run: String,
    /// The question, or the word that makes the difference: left, right, larger or smaller
    #[arg(long, value_name = "WORDS", default_value = "left")]
    question: String,
    /// Write the page attention.html
    #[arg(long)]
    svg: bool,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let run = Run::open(&args.run, terminal.options.out())?;
    if run.settings.task != Task::DigitsQa {
        let task = run.settings.task.name();
        return Err(Failure::usage(format!("the run is of {task}; questions are asked in digits-qa only")));
    }
    let asked = args.question.trim_end_matches('?');
    let question = Question::ALL.into_iter().find(|q| q.word() == asked || q.text() == asked);
    let Some(question) = question else {
        let hint = did_you_mean(asked, Question::ALL.map(Question::word));
        return Err(Failure::usage(format!("no question is `{asked}`")).hint(hint));
    };
    terminal.only(run.precision, "attend with this run")?;
    match run.precision {
        Precision::F32 => run_in::<f32>(args, &run, question, terminal),
        Precision::F64 => run_in::<f64>(args, &run, question, terminal),
    }
}

fn run_in<R: Trainable>(args: &Args, run: &Run, question: Question, terminal: &Terminal) -> Done {
    let net: Net<R> = trained(run)?;
    terminal.start(run.precision, "")?;
    let pair = Example::draw(Part::Test, &mut Random::seed(terminal.options.seed)).pair;
    let example = Example { pair, question };
    let samples = Task::of_questions::<R>(&[example]);
    let (scores, tape) = net.forward(&samples)?;
    let all = looks(&net.program.topology, &tape.program, 0);
    let answered = best(&scores)[0];
    for line in draw::small(8, 16, |y, x| pair.pixel(y, x)) {
        terminal.line(format_args!("   {line}").to_string().trim_end())?;
    }
    let mark = if answered == example.answer() { "✓" } else { "✗" };
    terminal.line(format_args!("{}? {answered} {mark}", question.text()))?;
    let said = json!({ "question": question.text(), "answer": answered, "right": example.answer() });
    terminal.event("answer", said)?;
    rows(&all, terminal)?;
    if args.svg {
        let rows: Vec<Vec<f64>> =
            (0..8).map(|y| (0..16).map(|x| f64::from(pair.pixel(y, x)) / 16.0).collect()).collect();
        let path = page(run, &rows, question, &all)?;
        terminal.event("page", json!({ "path": path }))?;
        terminal.advice(format_args!("report {path}"))?;
    }
    Ok(Code::Ok)
}

/// How much the first query of every modality looks at each modality, and at the two halves of the picture.
fn rows(all: &[Look], terminal: &Terminal) -> Result<(), Failure> {
    terminal.line("")?;
    let head = ["node", "layer", "who", "at image, left", "right", "at text", "at learned"].map(String::from);
    let mut cells = vec![head.to_vec()];
    for look in all {
        let mut at = 0;
        for (modality, n) in &look.queries {
            at += n;
            if *n == 0 {
                continue;
            }
            let who = if modality == "text" { "[CLS]".to_string() } else { format!("{modality} (mean)") };
            let own = if modality == "text" { at - n..at - n + 1 } else { at - n..at };
            let numbers = looked_at(look, own);
            terminal.event(
                "look",
                json!({ "node": look.node, "layer": look.layer, "who": who, "left": numbers[0], "right": numbers[1],
                    "text": numbers[2], "learned": numbers[3] }),
            )?;
            let texts = numbers.map(|w| format!("{w:.2}"));
            cells.push(
                [vec![look.node.to_string(), (look.layer + 1).to_string(), who], texts.to_vec()].concat(),
            );
        }
    }
    let right = Align::Right;
    for (i, line) in
        table(&[right, right, Align::Left, right, right, right, right], &cells).into_iter().enumerate()
    {
        terminal.line(if i == 0 { paint(BOLD, line) } else { line })?;
    }
    Ok(())
}

/// How much some queries look at the left and the right half of the picture, at the words and at learned tokens, on average.
fn looked_at(look: &Look, queries: std::ops::Range<usize>) -> [f64; 4] {
    let (mean, share) = (look.mean(), 1.0 / queries.len() as f64);
    let sum = |list: &[f64]| list.iter().fold(0.0, |sum, w| sum + w);
    let mut all = [0.0; 4];
    for query in queries {
        let of = |modality: &str| look.weights(&mean, query, modality);
        let (left, right) = sides(&of("image"));
        let own = [left, right, sum(&of("text")), sum(&of("_"))];
        all.iter_mut().zip(own).for_each(|(sum, w)| *sum += share * w);
    }
    all
}

fn page(run: &Run, picture: &[Vec<f64>], question: Question, all: &[Look]) -> Result<String, Failure> {
    let words: Vec<String> = std::iter::once(mmt_lab::batch::CLS)
        .chain(question.text().split_whitespace())
        .map(str::to_string)
        .collect();
    let mut body = format!("<header>\n<h1>{}?</h1>\n</header>\n", html::escape(question.text()));
    for look in all {
        if !look.sees("text", "image") {
            continue;
        }
        let title = format!("node {}, layer {}", look.node, look.layer + 1);
        let panels = heads(picture, look, &title);
        let matrix = matrix(&words, look, "words over patches, mean of the heads");
        body.push_str(&format!(
            "<section>\n<h2>{title}</h2>\n<figure>{panels}</figure>\n<figure>{matrix}</figure>\n</section>\n"
        ));
    }
    if !body.contains("<svg") {
        let why = "No word looks at a patch in this topology: what they know of each other comes through learned tokens, or not at all.";
        body.push_str(&format!("<section>\n<p>{why}</p>\n</section>\n"));
    }
    let path = run.folder.join("attention.html");
    file::write(&path, html::page("mmt attend", &body).as_bytes())
        .map_err(|error| Failure::unwritten(&path, &error))?;
    Ok(path.display().to_string())
}
