//! The evidence for every formula, one file each: numbers, gradients, properties, golden cases.

pub mod avg_pool;
pub mod concat;
pub mod conv;
pub mod early_concat;
pub mod embedding_sum;
pub mod frozen_norm;
pub mod global_avg_pool;
pub mod linear;
pub mod max_pool;
pub mod patch;
pub mod roi_align;
pub mod softmax;
