//! Data sets, tasks, the training loop, parity and benchmark cases.

pub mod data;
pub mod parity;
