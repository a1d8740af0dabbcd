//! The golden cases.
//!
//! One file per family: its operations as functions that draw inputs, compute, and keep everything by name; and its
//! cases as rows. A row names an operation, its settings, the sizes of its inputs and what they are like.

mod act;
mod block;
mod block_rows;
mod conv;
mod embed;
mod fusion;
mod linear;
mod loss;
mod loss_rows;
mod masks;
mod mha;
mod norm;
mod patch;
mod pool;
mod roi;
mod sdpa;
mod shapes;
mod softmax;
mod streams;
mod topology;

use mmt_golden::row::{Op, Row, Tier};

/// A family: its operations and its cases.
type Family = (&'static [Op], fn() -> Vec<Row>);

const FAMILIES: [Family; 15] = [
    (linear::OPS, linear::rows),
    (norm::OPS, norm::rows),
    (softmax::OPS, softmax::rows),
    (act::OPS, act::rows),
    (sdpa::OPS, sdpa::rows),
    (mha::OPS, mha::rows),
    (embed::OPS, embed::rows),
    (patch::OPS, patch::rows),
    (roi::OPS, roi::rows),
    (conv::OPS, conv::rows),
    (loss::OPS, loss_rows::rows),
    (pool::OPS, pool::rows),
    (block::OPS, block_rows::rows),
    (topology::OPS, streams::rows),
    (fusion::OPS, Vec::new),
];

/// Every operation.
pub fn ops() -> Vec<Op> {
    FAMILIES.iter().flat_map(|(ops, _)| ops.iter().copied()).collect()
}

/// Every case, sorted by name.
pub fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = FAMILIES.iter().flat_map(|(_, rows)| rows()).collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

/// The cases of a bundle of this size.
pub fn of_tier(tier: Tier) -> Vec<Row> {
    rows().into_iter().filter(|row| row.tier <= tier).collect()
}

/// The operation of a name.
pub fn op(name: &str) -> Option<Op> {
    ops().into_iter().find(|op| op.name == name)
}

/// The case of a name.
pub fn row(id: &str) -> Option<Row> {
    rows().into_iter().find(|row| row.id == id)
}
