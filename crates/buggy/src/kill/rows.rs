//! The rows of the matrix, each computed by itself.

use std::collections::BTreeMap;

use super::page::rounded;
use super::{Case, Judge, Killed, Matrix, Passed, Trivial};
use crate::trivial::{TRIVIAL, answer};
use crate::{Arithmetic, BugInfo, BugKind, CORRECT, Correct, catalogue, run_as, run_correct};

/// One row of the matrix, to be computed by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// A bug.
    Bug(BugInfo),
    /// A correct backend.
    Correct(Correct),
    /// A trivial backend.
    Trivial(&'static str),
}

/// A row that was computed.
pub enum Row {
    /// Of a bug.
    Killed(Killed),
    /// Of a correct backend.
    Passed(Passed),
    /// Of a trivial backend.
    Trivial(Trivial),
}

/// Every row of the matrix in these profiles: correct backends in all, bugs and trivial backends in those that are about
/// speed. Rows do not depend on each other.
pub fn tasks(profiles: &[&str]) -> Vec<(Task, String)> {
    let mut list = Vec::new();
    for profile in profiles {
        let half = matches!(*profile, "bf16" | "f16");
        // Orders of addition show where nothing else is rounded; functions of 21 bits are those of single precision.
        let orders = CORRECT.iter().filter(|c| match *profile {
            "f32" => true,
            "f64" => c.functions.is_none(),
            _ => c.id == "naive",
        });
        list.extend(orders.map(|c| (Task::Correct(*c), profile.to_string())));
        if !half && *profile != "f32" {
            continue;
        }
        let seen = |bug: &&BugInfo| match bug.kind {
            BugKind::Logic => true,
            BugKind::Precision(of) => of == *profile,
        };
        list.extend(catalogue().filter(seen).map(|bug| (Task::Bug(*bug), profile.to_string())));
        let trivial = TRIVIAL.iter().filter(|kind| !half || **kind != "bf16_truth");
        list.extend(trivial.map(|kind| (Task::Trivial(kind), profile.to_string())));
    }
    list
}

/// Computes a row.
///
/// # Errors
/// One line for what the naive backend cannot run.
pub fn row((task, profile): &(Task, String), cases: &[Case], judge: Judge) -> Result<Row, String> {
    match task {
        Task::Bug(bug) => killed(*bug, profile, cases, judge).map(Row::Killed),
        Task::Correct(correct) => passed(*correct, profile, cases, judge).map(Row::Passed),
        Task::Trivial(kind) => Ok(Row::Trivial(trivial(kind, profile, cases, judge))),
    }
}

/// The matrix of these rows, its numbers to three digits.
pub fn matrix(rows: Vec<Result<Row, String>>, cases: &[Case]) -> Matrix {
    let mut m = Matrix::default();
    for row in rows {
        match row {
            Ok(Row::Killed(mut row)) => {
                row.margin = rounded(row.margin);
                m.killed.push(row);
            }
            Ok(Row::Passed(mut row)) => {
                row.worst.0 = rounded(row.worst.0);
                m.passed.push(row);
            }
            Ok(Row::Trivial(row)) => m.trivial.push(row),
            Err(why) => m.errors.push(why),
        }
    }
    let busy = |id: &String| m.killed.iter().any(|row| row.cases.contains_key(id));
    m.idle = cases
        .iter()
        .filter(|case| !busy(&case.id))
        .map(|case| (case.id.clone(), case.note.clone()))
        .collect();
    m
}

fn of_profile<'a>(cases: &'a [Case], profile: &'a str) -> impl Iterator<Item = &'a Case> {
    cases.iter().filter(move |case| case.profiles.iter().any(|p| p == profile))
}

fn killed(bug: BugInfo, profile: &str, cases: &[Case], judge: Judge) -> Result<Killed, String> {
    let arithmetic = Arithmetic::of_profile(profile)?;
    let nothing = (String::new(), String::new());
    let mut row = Killed {
        bug,
        profile: profile.to_string(),
        margin: 0.0,
        witness: nothing,
        forward: false,
        cases: BTreeMap::new(),
    };
    for case in of_profile(cases, profile).filter(|case| bug.families.contains(&case.family.as_str())) {
        let answer = run_as(&case.op, &case.config, &case.inputs, Some(bug.id), arithmetic);
        let answer = answer.map_err(|why| format!("{} {}: {why}", bug.id, case.id))?;
        for judged in judge(case, profile, &answer).into_iter().filter(|j| j.strong && j.score > 1.0) {
            row.forward |= !judged.key.starts_with("grad");
            let top = row.cases.entry(case.id.clone()).or_default();
            *top = top.max(judged.score);
            if judged.score > row.margin {
                (row.margin, row.witness) = (judged.score, (case.id.clone(), judged.key));
            }
        }
    }
    Ok(row)
}

fn passed(correct: Correct, profile: &str, cases: &[Case], judge: Judge) -> Result<Passed, String> {
    let worst = (0.0, String::new(), String::new());
    let mut row = Passed { correct, profile: profile.to_string(), cases: 0, worst, failed: Vec::new() };
    for case in of_profile(cases, profile) {
        let answer = run_correct(&case.op, &case.config, &case.inputs, correct.id, profile);
        let answer = answer.map_err(|why| format!("{} {}: {why}", correct.id, case.id))?;
        row.cases += 1;
        let judged = judge(case, profile, &answer);
        if judged.iter().any(|j| j.score > 1.0) {
            row.failed.push(case.id.clone());
        }
        for j in judged {
            if j.score > row.worst.0 {
                row.worst = (j.score, case.id.clone(), j.key);
            }
        }
    }
    Ok(row)
}

fn trivial(kind: &str, profile: &str, cases: &[Case], judge: Judge) -> Trivial {
    let mut row = Trivial {
        id: kind.to_string(),
        profile: profile.to_string(),
        changed: 0,
        missed: vec![],
        cases: vec![],
    };
    let list: Vec<&Case> = of_profile(cases, profile).collect();
    for (i, case) in list.iter().enumerate() {
        let before = if kind == "stale" { i.checked_sub(1) } else { (i + 1 < list.len()).then_some(i + 1) };
        let other = before.map(|at| &list[at].truth);
        let Some(got) = answer(kind, &case.inputs, &case.truth, other) else { continue };
        let (mut changed, mut caught) = (0, 0);
        for j in judge(case, profile, &got).into_iter().filter(|j| j.strong) {
            if got.get(&j.key) == case.truth.get(&j.key) {
                continue;
            }
            changed += 1;
            if j.score <= 1.0 {
                row.missed.push(format!("{} {}", case.id, j.key));
            } else {
                caught += 1;
            }
        }
        row.changed += changed;
        if changed > 0 && caught == 0 {
            row.cases.push(case.id.clone());
        }
    }
    row
}
