//! Three models on the same questions: with the text alone, with the image alone, with both.

use std::collections::BTreeMap;
use std::time::Instant;

use mmt_lab::batch::Modalities;
use mmt_lab::data::digits_qa::{Example, Question};
use mmt_lab::evaluate::{Evaluation, evaluate, test_questions};
use mmt_lab::model::Answerer;
use mmt_lab::train::{Step, TrainConfig, train};
use mmt_tensor::Tree;
use serde_json::json;

use super::heading;
use crate::draw;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Questions of the test.
const QUESTIONS: usize = 2000;

/// A model after its training.
pub struct Trained {
    /// What it sees.
    pub modalities: Modalities,
    /// How many numbers it learned.
    pub parameters: usize,
    /// The test on handwriting that was not seen.
    pub test: Evaluation,
    /// All steps.
    pub steps: Vec<Step>,
    /// Of the training.
    pub seconds: f64,
}

/// The three of them.
pub struct Models {
    /// Text only, image only, both.
    pub list: Vec<Trained>,
    /// The one that sees both.
    pub both: Answerer<f32>,
}

/// What is right on average without the other modality, and why: `digits_qa` says how it is counted.
pub fn theory(modalities: Modalities) -> Option<(f64, &'static str)> {
    match modalities {
        Modalities::Text => Some((0.15, "theory 15 %: guessing")),
        Modalities::Image => Some((0.5, "theory 50 %: 2 candidates")),
        Modalities::Both => None,
    }
}

/// Trains all three, `steps` for both and three quarters of it for one modality.
pub fn train_all(steps: usize, terminal: &Terminal) -> Result<Models, Failure> {
    let fewer = (3 * steps / 4).max(1);
    let plan = [(Modalities::Text, fewer), (Modalities::Image, fewer), (Modalities::Both, steps)];
    heading(
        2,
        "One modality is not enough",
        &format!("{fewer} / {fewer} / {steps} training steps"),
        terminal,
    )?;
    let questions = test_questions(QUESTIONS, terminal.options.seed.wrapping_add(1));
    let (mut list, mut last) = (vec![], None);
    for (modalities, steps) in plan {
        let (trained, model) = one(modalities, steps, &questions, terminal)?;
        list.push(trained);
        last = Some(model);
    }
    terminal.line(format_args!(
        "     right answers to {QUESTIONS} questions about handwriting that was not seen"
    ))?;
    Ok(Models { list, both: last.expect("three models") })
}

fn one(
    modalities: Modalities,
    steps: usize,
    questions: &[Example],
    terminal: &Terminal,
) -> Result<(Trained, Answerer<f32>), Failure> {
    let start = Instant::now();
    let config = TrainConfig::new(modalities, steps, terminal.options.seed);
    let progress = Progress::new(terminal, modalities.name(), steps);
    let mut log: Vec<Step> = vec![];
    let model = train::<f32>(&config, |step| {
        log.push(*step);
        progress.at(step.step, || recent(&log));
    })?;
    progress.finish();
    let seconds = start.elapsed().as_secs_f64();
    let test = evaluate(&model, questions, modalities)?;
    let trained = Trained { modalities, parameters: model.count(), test, steps: log, seconds };
    say(&trained, terminal)?;
    Ok((trained, model))
}

/// Loss and right answers of the last steps.
fn recent(log: &[Step]) -> String {
    let last = &log[log.len().saturating_sub(20)..];
    let mean = |f: fn(&Step) -> f64| last.iter().map(f).sum::<f64>() / last.len() as f64;
    format!("loss {:.2}  right {:.0} %", mean(|s| s.loss), 100.0 * mean(|s| s.right))
}

fn say(trained: &Trained, terminal: &Terminal) -> Result<(), Failure> {
    const WIDTH: usize = 18;
    let Trained { modalities, test, steps, seconds, parameters } = trained;
    let (name, accuracy) = (modalities.name(), test.accuracy);
    terminal.event(
        "model",
        json!({ "see": name, "accuracy": accuracy, "questions": test.questions, "steps": steps.len(),
            "parameters": parameters, "seconds": seconds,
            "by_question": BTreeMap::from_iter(Question::ALL.map(Question::word).into_iter().zip(test.by_question)) }),
    )?;
    let bar = draw::bar(accuracy, WIDTH);
    let words = theory(*modalities).map_or("eq-3-early-concat", |(_, words)| words);
    terminal.line(format_args!(
        "     {name:<10}  {bar:<WIDTH$} {:>5.1} %{seconds:>6.1} s   {words}",
        100.0 * accuracy
    ))?;
    terminal.flush()
}
