//! The page of the tour, from the numbers of this run.

use std::path::PathBuf;

use mmt_lab::data::digits::{INK, SIZE};
use mmt_lab::data::digits_qa::{Example, Question};
use mmt_report::figures::attention::Look;
use mmt_report::figures::picture::Picture;
use mmt_report::figures::residuals::Residual;
use mmt_report::figures::shares::Share;
use mmt_report::file;
use mmt_report::tour::{self, Formula, MaskFailure, Model, Tour};

use super::models::{Models, Trained, theory};
use crate::equations::cards;
use crate::failure::{Code, Failure};
use crate::terminal::Terminal;
use crate::verify::Gradient;

/// The formulas of the model that sees both, in the order in which they are used.
const FORMULAS: [&str; 16] = [
    "eq-0.9-embedding",
    "eq-2.1-patch",
    "eq-2.15-embedding-sum",
    "eq-3-concat-split",
    "eq-3-early-concat",
    "eq-1.14-pre-ln-block",
    "eq-1.12-layernorm",
    "eq-1.3-mha-full",
    "eq-1.1-attention",
    "eq-0.2-softmax",
    "eq-1.7-ffn",
    "eq-1.8-relu",
    "eq-1.15-pre-ln-final-norm",
    "eq-0.1-linear",
    "eq-0.4-cross-entropy",
    "eq-1.25-adamw",
];

/// Steps that make one point of a curve.
const GROUP: usize = 20;

/// What was seen in a run.
pub struct Run {
    /// The two digits.
    pub example: Example,
    /// The models.
    pub models: Models,
    /// Where the last one looks in the example.
    pub looks: Vec<Look>,
    /// The checks.
    pub gradients: Vec<Gradient>,
    /// The mask of the note.
    pub mask: MaskFailure,
    /// How long it took.
    pub seconds: f64,
}

/// Writes the page; returns where it is and how large.
pub fn write(run: &Run, terminal: &Terminal) -> Result<(PathBuf, usize), Failure> {
    let Run { example, models, looks, gradients, mask, seconds } = run;
    let (threads, seed) = (rayon::current_num_threads(), terminal.options.seed);
    let both = &models.list.last().expect("three models").test;
    let pixel = |y, x| f64::from(example.pair.pixel(y, x)) / f64::from(INK);
    let tour = Tour {
        facts: vec![
            format!("mmt {}", env!("CARGO_PKG_VERSION")),
            "single precision, checks in double".to_string(),
            format!("{threads} thread{}", if threads == 1 { "" } else { "s" }),
            format!("seed {seed}"),
            format!("{seconds:.1} s in all"),
        ],
        picture: Picture { rows: (0..SIZE).map(|y| (0..2 * SIZE).map(|x| pixel(y, x)).collect()).collect() },
        truth: Question::ALL.map(|q| (format!("{}?", q.text()), q.answer(example.pair).to_string())).into(),
        looks: looks.clone(),
        models: models.list.iter().map(model).collect(),
        questions: both.questions,
        shares: both.shares.iter().map(shares).collect(),
        residuals: gradients.iter().map(residual).collect(),
        formulas: formulas(),
        mask: *mask,
    };
    let html = tour::page(&tour).map_err(|why| Failure::new(Code::InvalidData, why))?;
    let path = terminal.options.out().join("tour.html");
    file::write(&path, html.as_bytes()).map_err(|error| Failure::unwritten(&path, &error))?;
    Ok((path, html.len()))
}

fn model(trained: &Trained) -> Model {
    let mean = |f: fn(&mmt_lab::train::Step) -> f64, some: &[mmt_lab::train::Step]| {
        some.iter().map(f).sum::<f64>() / some.len() as f64
    };
    Model {
        name: trained.modalities.name().to_string(),
        parameters: trained.parameters,
        accuracy: trained.test.accuracy,
        limit: theory(trained.modalities).map(|(limit, words)| (limit, words.to_string())),
        curve: (trained.steps.chunks(GROUP))
            .map(|some| (some[some.len() - 1].step, mean(|s| s.loss, some), mean(|s| s.right, some)))
            .collect(),
        seconds: trained.seconds,
    }
}

fn shares(layer: &[(f64, f64); 4]) -> Vec<Share> {
    let share = |(question, &(left, right)): (&Question, &(f64, f64))| Share {
        question: question.word().to_string(),
        left,
        right,
    };
    Question::ALL.iter().zip(layer).map(share).collect()
}

fn residual(gradient: &Gradient) -> Residual {
    let Gradient { id, tally, .. } = gradient;
    Residual { id: id.to_string(), count: tally.gradients, worst: tally.worst }
}

/// Those of [`FORMULAS`] that are on the page of equations.
fn formulas() -> Vec<Formula> {
    let cards = cards();
    let card = |id: &&str| cards.iter().find(|card| card.id == *id);
    (FORMULAS.iter().filter_map(card))
        .map(|card| Formula {
            id: card.id.clone(),
            name: card.title.trim_end_matches('.').replace('`', ""),
            forward: card.formula(),
            backward: Some(card.gradient()).filter(|latex| !latex.is_empty()),
        })
        .collect()
}
