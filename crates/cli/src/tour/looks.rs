//! Where the class token looks.

use mmt_lab::batch::CLS;
use mmt_lab::data::digits_qa::{Example, Question};
use mmt_lab::evaluate::{Looks, answer, columns};
use mmt_lab::model::Answerer;
use mmt_report::figures::attention::Look;
use serde_json::json;

use super::heading;
use super::models::Models;
use crate::draw;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Letters of the bar of one side.
const WIDTH: usize = 20;

/// Prints the mean over the test, question by question, and returns what is seen in the example.
pub fn look(models: &Models, example: Example, terminal: &Terminal) -> Result<Vec<Look>, Failure> {
    let test = &models.list.last().expect("three models").test;
    let layer = test.shares.len();
    let title = format!("attention of [CLS], joint layer {layer}, mean of the heads");
    heading(3, "Where does it look?", &title, terminal)?;
    terminal.line(format_args!(
        "     {:>10}      {:>WIDTH$} {:<WIDTH$}",
        "question", "left digit", "right digit"
    ))?;
    for (question, &(left, right)) in Question::ALL.iter().zip(&test.shares[layer - 1]) {
        let word = question.word();
        terminal.event("look", json!({ "question": word, "layer": layer, "left": left, "right": right }))?;
        terminal.line(format_args!(
            "     {word:>10} {left:>4.2} {}│{:<WIDTH$} {right:.2}",
            draw::bar_to_the_left(left, WIDTH),
            draw::bar(right, WIDTH)
        ))?;
    }
    Question::ALL.iter().map(|&question| one(&models.both, Example { question, ..example })).collect()
}

fn one(model: &Answerer<f32>, example: Example) -> Result<Look, Failure> {
    let (answered, Looks { words, patches }) = answer(model, example)?;
    let names = std::iter::once(CLS).chain(example.question.text().split_whitespace());
    Ok(Look {
        question: format!("{}?", example.question.text()),
        answer: answered.to_string(),
        right: answered == example.answer(),
        weights: patches.chunks(columns(patches.len())).map(<[f64]>::to_vec).collect(),
        words: names.map(str::to_string).zip(words).collect(),
    })
}
