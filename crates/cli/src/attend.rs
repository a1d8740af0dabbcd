//! `mmt attend`: what a trained model looks at.

use mmt_lab::Trainable;
use mmt_lab::answers::best;
use mmt_lab::data::digits::Part;
use mmt_lab::data::digits_qa::{Example, Question};
use mmt_lab::net::Net;
use mmt_lab::net::looks::{Look, looks};
use mmt_lab::tasks::Task;
use mmt_report::figures::attention::{self, attention};
use mmt_report::figures::picture::Picture;
use mmt_report::figures::words::{Matrix, words};
use mmt_report::{file, html};
use mmt_tensor::Random;
use serde_json::json;

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
    let run = Run::open(&args.run, &terminal.options.out)?;
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
        let mean = look.mean();
        for (modality, n) in look.queries.iter().filter(|(_, n)| *n > 0) {
            let who = if modality == "text" { "[CLS]".to_string() } else { format!("{modality} (mean)") };
            let own = Look::place(&look.queries, modality).unwrap_or(0..0);
            let own = if modality == "text" { own.start..own.start + 1 } else { own.start..own.start + n };
            let weight = |key: usize| {
                own.clone().map(|q| mean[(q, key)]).fold(0.0, |sum, w| sum + w) / own.len() as f64
            };
            let of = |name: &str| -> Vec<f64> {
                Look::place(&look.keys, name).map_or(vec![], |keys| keys.map(weight).collect())
            };
            let sum = |list: &[f64]| list.iter().fold(0.0, |sum, w| sum + w);
            let (left, right) = mmt_lab::evaluate::sides(&of("image"));
            let numbers = [left, right, sum(&of("text")), sum(&of("_"))];
            terminal.event(
                "look",
                json!({ "node": look.node, "layer": look.layer, "who": who, "left": left, "right": right,
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

fn page(run: &Run, picture: &[Vec<f64>], question: Question, all: &[Look]) -> Result<String, Failure> {
    let words: Vec<String> = std::iter::once(mmt_lab::batch::CLS)
        .chain(question.text().split_whitespace())
        .map(str::to_string)
        .collect();
    let mut body = format!("<header>\n<h1>{}?</h1>\n</header>\n", html::escape(question.text()));
    for look in all {
        let seen = Look::place(&look.queries, "text").is_some() && Look::place(&look.keys, "image").is_some();
        if !seen {
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

/// The picture once for each head, with what the first word looks at, in one drawing.
pub fn heads(picture: &[Vec<f64>], look: &Look, title: &str) -> String {
    let (text, image) = (Look::place(&look.queries, "text"), Look::place(&look.keys, "image"));
    let (Some(text), Some(image)) = (text, image) else { return String::new() };
    let across = mmt_lab::evaluate::columns(image.len());
    let weights = |p: &ndarray::Array2<f64>| -> Vec<Vec<f64>> {
        let row: Vec<f64> = image.clone().map(|key| p[(text.start, key)]).collect();
        row.chunks(across).map(<[f64]>::to_vec).collect()
    };
    let all: Vec<Vec<Vec<f64>>> = look.heads.iter().map(weights).collect();
    let brightest = all.iter().flatten().flatten().fold(1e-9, |m: f64, &w| m.max(w));
    let picture = Picture { rows: picture.to_vec() };
    let panels: Vec<String> = all
        .into_iter()
        .enumerate()
        .map(|(i, weights)| {
            let words = Look::place(&look.keys, "text")
                .map_or(0.0, |keys| keys.map(|k| look.heads[i][(text.start, k)]).sum());
            let look = attention::Look {
                question: format!("head {}", i + 1),
                answer: String::new(),
                right: true,
                weights,
                words: vec![("all".to_string(), words)],
            };
            attention(&picture, &look, brightest)
        })
        .collect();
    mmt_report::svg::side_by_side(&panels, 2, title)
}

/// The words over the patches: the mean of the heads.
pub fn matrix(sentence: &[String], look: &Look, title: &str) -> String {
    let (text, image) = (Look::place(&look.queries, "text"), Look::place(&look.keys, "image"));
    let (Some(text), Some(image)) = (text, image) else { return String::new() };
    let across = mmt_lab::evaluate::columns(image.len());
    let mean = look.mean();
    let patch = |i: usize| format!("{},{}", i / across + 1, i % across + 1);
    let matrix = Matrix {
        name: title.to_string(),
        rows: sentence.to_vec(),
        columns: (0..image.len()).map(patch).collect(),
        weights: text.map(|q| image.clone().map(|k| mean[(q, k)]).collect()).collect(),
    };
    words(&matrix, title, "Weights of every word over the patches of the picture.")
}
