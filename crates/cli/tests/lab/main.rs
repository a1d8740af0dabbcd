//! The verbs that compute on data: `bench`.

#[path = "../common/mod.rs"]
mod common;

mod bench;
