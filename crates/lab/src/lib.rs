//! Data sets, tasks, the training loop, parity and benchmark cases.

pub mod bench;
pub mod data;
pub mod parity;
