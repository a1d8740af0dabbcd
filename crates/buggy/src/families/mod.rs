//! Every operation of the catalogue of cases.

mod attention;
mod block;
mod conv;
mod elementwise;
mod embed;
mod heads;
mod loss;
mod mask;
mod optim;
mod patch;
mod roi;
mod stack;
mod streams;
mod topology;

use crate::Run;

type Family = fn(&str, &mut Run) -> Result<bool, String>;

/// Each answers whether it knows the operation.
const FAMILIES: &[Family] = &[
    elementwise::compute,
    attention::compute,
    embed::compute,
    patch::compute,
    roi::compute,
    conv::compute,
    loss::compute,
    optim::compute,
    block::compute,
    topology::compute,
    streams::compute,
];

/// Computes an operation.
pub fn compute(op: &str, run: &mut Run) -> Result<(), String> {
    for family in FAMILIES {
        if family(op, run)? {
            return Ok(());
        }
    }
    Err(format!("unsupported op `{op}`"))
}
