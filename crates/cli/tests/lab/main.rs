//! The verbs that compute on data: `tour`, `data`, `train`, `bench`.

#[path = "../common/mod.rs"]
mod common;

mod bench;
mod data;
mod experiment;
mod tokens;
mod tour;
mod train;
