//! What a worked example prints, and its gradients held against dual numbers.

use mmt_equations::errata;
use mmt_tensor::ops::sum::dot;
use mmt_tensor::{Dual, Real};
use ndarray::Array2;
use serde_json::{Value, json};

use super::inputs::{self, Input};
use super::sheet::{self, Sheet};
use super::{Args, Lecture, Lesson, Settings, Term, settings};
use crate::equations::{card, place};
use crate::failure::{Code, Done, Failure};
use crate::terminal::{BAD, BOLD, GOOD, Precision, Terminal, paint, wrap_with};

/// Shows a lesson.
pub fn explain<L: Lesson>(args: &Args, terminal: &Terminal) -> Done {
    let settings = settings::<L>(args)?;
    let inputs = inputs::set(L::ID, L::inputs(&settings), &args.set)?;
    let arrays: Vec<Array2<f64>> = inputs.iter().map(|input| input.array.clone()).collect();
    let lecture = L::teach(&arrays, &settings)?;
    let backward = args.backward || settings.dropped.is_some();
    if backward {
        let endless = lecture.gradients.iter().position(|gradient| !gradient.iter().all(|x| x.is_finite()));
        endless.map_or(Ok(()), |i| Err(too_large::<L>(inputs[i].name)))?;
    }
    terminal.start_only(Precision::F64, "explain")?;
    heading::<L>(&inputs, &lecture, terminal)?;
    print(terminal, "forward", &lecture.forward)?;
    let mut fields = json!({ "id": L::ID, "inputs": named(&inputs), "forward": lecture.forward.json() });
    let mut wrong = None;
    if backward {
        wrong = gradients::<L>(&inputs, &lecture, &settings, terminal)?;
        fields["backward"] = lecture.backward.json();
        fields["wrong"] = json!(wrong);
    }
    terminal.event("explain", fields)?;
    where_next::<L>(args.tex, terminal)?;
    terminal.advice(format_args!("  try       {}", advice::<L>(&inputs[0], backward)))?;
    Ok(if wrong.is_none() { Code::Ok } else { Code::CheckFailed })
}

/// Name and shapes.
fn heading<L: Lesson>(
    inputs: &[Input],
    lecture: &Lecture,
    terminal: &Terminal,
) -> std::result::Result<(), Failure> {
    let shape = |input: &Input| format!("{}: {}x{}", input.name, input.array.nrows(), input.array.ncols());
    let shapes: Vec<String> = inputs[..inputs.len() - 1].iter().map(shape).collect();
    let pieces = [vec![paint(BOLD, L::NAME)], shapes, vec![lecture.note.clone()]].concat();
    wrap_with(&pieces, "   ", 80).iter().try_for_each(|line| terminal.line(line))?;
    terminal.line("")
}

/// The gradients, and what is wrong with them.
fn gradients<L: Lesson>(
    inputs: &[Input],
    lecture: &Lecture,
    settings: &Settings,
    terminal: &Terminal,
) -> std::result::Result<Option<String>, Failure> {
    terminal.line("")?;
    print(terminal, &format!("backward  given {}", inputs[inputs.len() - 1].name), &lecture.backward)?;
    terminal.line("")?;
    let verdict = check::<L>(inputs, &lecture.gradients, settings)?;
    let Some(wrong) = &verdict else {
        let all: Vec<String> =
            inputs[..inputs.len() - 1].iter().map(|input| format!("d{}", input.name)).collect();
        let (all, ok) = (all.join(", "), paint(GOOD, "ok"));
        terminal.line(format_args!("  check     {all} against dual numbers, within 1e-12   {ok}"))?;
        return Ok(None);
    };
    if let Some(term) = settings.dropped {
        terminal.line(format_args!("  dropped   the {}", term.name()))?;
    }
    terminal.line(format_args!("  check     {wrong}   {}", paint(BAD, "WRONG")))?;
    Ok(verdict)
}

/// The formulas in LaTeX if asked for, the file, the tests, the errata.
fn where_next<L: Lesson>(tex: bool, terminal: &Terminal) -> std::result::Result<(), Failure> {
    let card = card(L::ID).unwrap_or_default();
    if tex {
        for line in
            card.formulas().flat_map(|formula| formula.lines().map(str::to_string).collect::<Vec<_>>())
        {
            terminal.line(format_args!("  tex       {line}"))?;
        }
    }
    if !card.file.is_empty() {
        terminal.line(format_args!("  code      {}", place(&card)))?;
    }
    terminal.line(format_args!("  tests     mmt verify {}", L::ID))?;
    errata()
        .filter(|erratum| erratum.equation == L::ID)
        .try_for_each(|erratum| terminal.line(format_args!("  erratum   mmt errata show {}", erratum.id)))
}

/// The forward of these numbers is finite, and a product of the backward is not.
fn too_large<L: Lesson>(name: &str) -> Failure {
    let message = format!("{}: d{name} is not a finite number: the inputs are too large for f64", L::ID);
    Failure::usage(message).hint("smaller numbers with --set, or without --backward")
}

fn print(terminal: &Terminal, name: &str, sheet: &Sheet) -> std::result::Result<(), Failure> {
    terminal.line(format_args!("  {}", paint(BOLD, name)))?;
    sheet.lines().iter().try_for_each(|line| terminal.line(line))
}

fn named(inputs: &[Input]) -> Value {
    inputs.iter().map(|input| (input.name.to_string(), sheet::rows(&input.array))).collect()
}

fn advice<L: Lesson>(first: &Input, backward: bool) -> String {
    let row = |i: usize| {
        let numbers: Vec<&str> = (0..first.array.ncols()).map(|j| if i == j { "1" } else { "0" }).collect();
        numbers.join(",")
    };
    let rows: Vec<String> = (0..first.array.nrows()).map(row).collect();
    let mut advice = vec![format!("--set '{}={}'", first.name, rows.join(";"))];
    advice.extend((!backward).then(|| "--backward".to_string()));
    advice.extend(L::MASKED.then(|| "--mask causal".to_string()));
    advice.extend(L::TERMS.first().map(|term| {
        let flag = match term {
            Term::Rowsum => "--drop-rowsum",
            Term::Scale => "--drop-scale",
            Term::Mean => "--drop-mean",
        };
        flag.to_string()
    }));
    advice.push("--tex".to_string());
    advice.join("   ")
}

/// The first gradient that is not the exact derivative, entry by entry: dual numbers with a tangent of one.
fn check<L: Lesson>(
    inputs: &[Input],
    gradients: &[Array2<f64>],
    settings: &Settings,
) -> std::result::Result<Option<String>, Failure> {
    let dy: Vec<f64> = inputs[inputs.len() - 1].array.iter().copied().collect();
    let point: Vec<Array2<Dual>> = inputs.iter().map(|input| input.array.mapv(Dual::of)).collect();
    for (i, hand) in gradients.iter().enumerate() {
        for ((row, column), &hand) in hand.indexed_iter() {
            let mut moved = point.clone();
            moved[i][(row, column)].tangent = 1.0;
            let tangents: Vec<f64> = L::forward(&moved, settings)?.iter().map(|y| y.tangent).collect();
            let exact = dot(&dy, &tangents);
            // Not `>`: a NaN is wrong as well.
            let close = (hand - exact).abs() <= 1e-12 * (1.0 + exact.abs());
            if !close {
                let name = inputs[i].name;
                return Ok(Some(format!(
                    "d{name}[{row},{column}] is {hand:.4} by hand and {exact:.4} exactly (dual numbers)"
                )));
            }
        }
    }
    Ok(None)
}
