//! Data sets, tasks, the training loop, parity and benchmark cases.

pub mod answers;
pub mod batch;
pub mod bench;
pub mod data;
pub mod evaluate;
pub mod model;
pub mod parity;
pub mod product_mask;
pub mod studies;
pub mod train;
pub mod warm_up;
