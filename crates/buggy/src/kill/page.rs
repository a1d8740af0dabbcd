//! The matrix as JSON and as a page.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::gates::needed;
use super::{Killed, Matrix, gates};
use crate::{BugKind, PENDING};

/// Three digits; words for what has none.
fn short(x: f64) -> String {
    match x {
        _ if x.is_infinite() => "NaN".to_string(),
        _ if x >= 1000.0 => format!("{x:.1e}"),
        _ if x >= 10.0 => format!("{x:.0}"),
        _ => format!("{x:.2}"),
    }
}

/// Three digits, so that another processor writes the same.
pub fn rounded(x: f64) -> f64 {
    if x.is_finite() { format!("{x:.2e}").parse().unwrap_or(x) } else { x }
}

/// As a number of JSON.
fn number(x: f64) -> Value {
    if x.is_finite() { json!(rounded(x)) } else { json!("nan") }
}

/// Everything, for programs.
pub fn json(m: &Matrix) -> Value {
    let killed: Vec<Value> = (m.killed.iter())
        .map(|row| {
            let cases: Map<String, Value> =
                row.cases.iter().map(|(id, score)| (id.clone(), number(*score))).collect();
            json!({"bug": row.bug.id, "profile": row.profile, "kind": kind(row), "text": row.bug.text,
                "margin": number(row.margin), "needs": needed(row), "case": row.witness.0,
                "tensor": row.witness.1, "seen_in_forward": row.forward, "cases": cases})
        })
        .collect();
    let passed: Vec<Value> = (m.passed.iter())
        .map(|row| {
            json!({"backend": row.correct.id, "profile": row.profile, "cases": row.cases,
                "score": number(row.worst.0), "case": row.worst.1, "tensor": row.worst.2, "failed": row.failed})
        })
        .collect();
    let trivial: Vec<Value> = (m.trivial.iter())
        .map(|row| {
            json!({"backend": row.id, "profile": row.profile, "changed": row.changed, "missed": row.missed, "passes": row.cases})
        })
        .collect();
    let pending: Vec<Value> =
        PENDING.iter().map(|p| json!({"bug": p.id, "text": p.text, "waits_for": p.waits_for})).collect();
    json!({"schema": "mmt-golden-kill/1", "killed": killed, "must_pass": passed, "trivial": trivial,
        "pending": pending, "idle_cases": m.idle, "errors": m.errors, "gates_not_met": gates(m)})
}

fn kind(row: &Killed) -> &'static str {
    match row.bug.kind {
        BugKind::Logic => "logic",
        BugKind::Precision(_) => "precision",
    }
}

/// Everything, for readers.
pub fn markdown(m: &Matrix) -> String {
    let mut text = String::from("# The kill matrix\n\n");
    text.push_str(INTRODUCTION);
    bugs(&mut text, m);
    backends(&mut text, m);
    let _ = writeln!(text, "\n## Not run yet\n\nBugs of families that have no cases yet.\n");
    let mut groups: Vec<&str> = PENDING.iter().map(|p| p.waits_for).collect();
    groups.dedup();
    for group in groups {
        let ids: Vec<String> =
            PENDING.iter().filter(|p| p.waits_for == group).map(|p| format!("`{}`", p.id)).collect();
        let _ = writeln!(text, "* {group}: {}", ids.join(", "));
    }
    if !m.idle.is_empty() {
        let _ = writeln!(text, "\n## Cases that catch no bug of the catalogue\n");
    }
    for (id, why) in &m.idle {
        let _ = writeln!(text, "* `{id}`: {}", if why.is_empty() { "no reason is known" } else { why });
    }
    let open = gates(m);
    let _ = writeln!(text, "\n## Gates\n");
    if open.is_empty() {
        text.push_str("All are met.\n");
    }
    for line in open {
        let _ = writeln!(text, "* not met: {line}");
    }
    text
}

const INTRODUCTION: &str = "Made by `mmt golden score`; do not edit.

Every bug of the catalogue is run in the naive backend over the cases of the bundle. Its margin is the largest error of any
tensor in units of its tolerance, where only tensors count whose tolerance is tight (`strong`): above 1 the bug is caught. A
gate asks for 100 for another formula in f32 and for 4 in half precision; for 5 in f32 and for more than 1 in half precision where
the formula is right and the arithmetic poor.

![margins](kill.svg)

";

fn bugs(text: &mut String, m: &Matrix) {
    let mut ids: Vec<&Killed> = Vec::new();
    for row in &m.killed {
        if !ids.iter().any(|other| other.bug.id == row.bug.id) {
            ids.push(row);
        }
    }
    text.push_str(
        "## Bugs\n\n| bug | what it changes | f32 | bf16 | f16 | cases | strongest witness | in forward |\n",
    );
    text.push_str("|---|---|---|---|---|---|---|---|\n");
    for first in ids {
        let id = first.bug.id;
        let of = |profile: &str| m.killed.iter().find(|row| row.bug.id == id && row.profile == profile);
        let margin = |profile| of(profile).map_or(String::new(), |row| short(row.margin));
        let (case, key) = &first.witness;
        let seen = if first.forward { "yes" } else { "no" };
        let _ = writeln!(
            text,
            "| `{id}` | {} | {} | {} | {} | {} | {case} `{key}` | {seen} |",
            first.bug.text,
            margin("f32"),
            margin("bf16"),
            margin("f16"),
            first.cases.len(),
        );
    }
}

fn backends(text: &mut String, m: &Matrix) {
    text.push_str("\n## Correct backends\n\n| backend | profile | cases | highest score | where |\n|---|---|---|---|---|\n");
    for row in &m.passed {
        let (score, case, key) = &row.worst;
        let (id, profile, cases) = (row.correct.id, &row.profile, row.cases);
        let _ = writeln!(text, "| {id} | {profile} | {cases} | {} | {case} `{key}` |", short(*score));
    }
    text.push_str("\n## Trivial backends\n\n| backend | profile | tensors it changes | right by chance | cases it passes |\n|---|---|---|---|---|\n");
    for row in &m.trivial {
        let (chance, cases) = (row.missed.len(), row.cases.len());
        let _ = writeln!(text, "| {} | {} | {} | {chance} | {cases} |", row.id, row.profile, row.changed);
    }
}
