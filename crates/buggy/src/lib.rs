//! A second implementation, naive on purpose: what golden cases are tested with.
//!
//! Written from the formulas with plain loops, sharing no arithmetic with the crates that it is held against. Without a
//! bug it is an independent oracle of the golden values. With one of the bugs of its [`catalogue`] it is a wrong backend,
//! and the golden cases have to catch it.
//!
//! Arrays of a case are trusted to have the shapes that its operation asks for: a bundle is verified before it is run.

pub mod arithmetic;
pub mod array;
pub mod bugs;
mod correct;
pub mod elementary;
mod families;
mod format;
pub mod kill;
mod nodes;
mod outcome;
mod run;
mod tape;
pub mod trivial;

pub use arithmetic::{Arithmetic, Order};
pub use array::{Array, Data, Tensor, Tensors};
pub use bugs::{Bug, BugInfo, BugKind, PENDING, Pending, TILED, catalogue};
pub use correct::{CORRECT, Correct, Variant, run_correct};
pub use format::Format;
use run::Run;
use tape::{How, Tape, Var};

/// Computes a case in `f64`, with a bug of the catalogue or without.
///
/// # Errors
/// One line for an operation, a bug or a setting that is not known, and for an array that the case lacks.
pub fn run(
    op: &str,
    config: &serde_json::Value,
    inputs: &Tensors,
    bug: Option<&str>,
) -> Result<Tensors, String> {
    run_as(op, config, inputs, bug, Arithmetic::of_profile("f64")?)
}

/// [`run`] in another arithmetic.
///
/// # Errors
/// As [`run`].
pub fn run_as(
    op: &str,
    config: &serde_json::Value,
    inputs: &Tensors,
    bug: Option<&str>,
    arithmetic: Arithmetic,
) -> Result<Tensors, String> {
    run_tiled(op, config, inputs, bug, arithmetic, TILE)
}

/// Keys that a kernel takes at a time if nobody says otherwise.
pub const TILE: usize = 8;

/// [`run_as`] in a kernel that takes so many keys at a time: what the bugs of [`TILED`] compute depends on it.
///
/// # Errors
/// As [`run`], and one line for tiles of nothing.
pub fn run_tiled(
    op: &str,
    config: &serde_json::Value,
    inputs: &Tensors,
    bug: Option<&str>,
    arithmetic: Arithmetic,
    tile: usize,
) -> Result<Tensors, String> {
    if tile == 0 {
        return Err("tiles of no keys".to_string());
    }
    let bug = bug.map(|id| Bug::of(id).ok_or_else(|| format!("no bug `{id}`"))).transpose()?;
    let arithmetic = bugs::arithmetic_of(bug, arithmetic);
    computed(op, config, inputs, How { arithmetic, bug, variant: None, tile })
}

fn computed(op: &str, config: &serde_json::Value, inputs: &Tensors, how: How) -> Result<Tensors, String> {
    let mut run = Run::new(config, inputs, how);
    families::compute(op, &mut run)?;
    run.finish()
}
