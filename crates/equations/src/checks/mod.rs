//! The evidence for every formula, one file each: numbers, gradients, properties, golden cases.

pub mod adam;
pub mod adamw;
pub mod avg_pool;
pub mod bert_adam;
pub mod concat;
pub mod conv;
pub mod early_concat;
pub mod embedding_sum;
pub mod frozen_norm;
pub mod global_avg_pool;
pub mod linear;
pub mod max_pool;
pub mod noam;
pub mod patch;
pub mod roi_align;
pub mod softmax;
