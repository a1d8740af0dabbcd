//! Which case catches which bug, and by how much.

mod figure;
mod gates;
mod join;
mod page;
mod rows;

pub use figure::figure;
pub use gates::gates;
pub use join::{join, parse};
pub use page::{json, markdown};
pub use rows::{Row, Task, matrix, row, tasks};

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{BugInfo, Correct, Tensors};

/// A case as bugs are run on it.
pub struct Case {
    /// Its name.
    pub id: String,
    /// Its family.
    pub family: String,
    /// Its operation.
    pub op: String,
    /// Its settings.
    pub config: Value,
    /// Everything that a backend is given, by short name.
    pub inputs: Tensors,
    /// What has to come out.
    pub truth: Tensors,
    /// The profiles that it has tolerances for.
    pub profiles: Vec<String>,
    /// Why it is there, where no bug says so.
    pub note: String,
}

/// What the comparator says about one tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its short name.
    pub key: String,
    /// The error in units of tolerance; infinite for what is missing or no number.
    pub score: f64,
    /// Whether the tolerance is tight enough to be evidence.
    pub strong: bool,
}

/// The comparator: case, profile and answer to the tensors that were compared.
pub type Judge<'a> = &'a (dyn Fn(&Case, &str, &Tensors) -> Vec<Judged> + Sync);

/// What one bug does in one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Killed {
    /// The bug.
    pub bug: BugInfo,
    /// The profile.
    pub profile: String,
    /// The highest score of a strong tensor of any case.
    pub margin: f64,
    /// The case and the tensor of that score.
    pub witness: (String, String),
    /// Whether an output shows it, and not gradients alone.
    pub forward: bool,
    /// Every case that catches it, with its score.
    pub cases: BTreeMap<String, f64>,
}

/// What one correct backend does in one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Passed {
    /// The backend.
    pub correct: Correct,
    /// The profile.
    pub profile: String,
    /// How many cases it answered.
    pub cases: usize,
    /// Its highest score, with case and tensor.
    pub worst: (f64, String, String),
    /// The cases that it fails.
    pub failed: Vec<String>,
}

/// What one trivial backend does in one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Trivial {
    /// Its name.
    pub id: String,
    /// The profile.
    pub profile: String,
    /// How many strong tensors it changes.
    pub changed: usize,
    /// Those that pass nevertheless, as `case tensor`: what it answers is right there by chance.
    pub missed: Vec<String>,
    /// Cases of which it changes tensors, and that let all of them pass.
    pub cases: Vec<String>,
}

/// The whole matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Bugs.
    pub killed: Vec<Killed>,
    /// Correct backends.
    pub passed: Vec<Passed>,
    /// Trivial backends.
    pub trivial: Vec<Trivial>,
    /// Cases that catch nothing, with the reason why they are there.
    pub idle: BTreeMap<String, String>,
    /// What could not be run, one line each.
    pub errors: Vec<String>,
}
