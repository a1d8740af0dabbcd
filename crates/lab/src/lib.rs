//! Data sets, tasks, the training loop, studies and benchmark cases.

pub mod answers;
pub mod batch;
pub mod bench;
pub mod data;
pub mod evaluate;
pub mod experiments;
pub mod fsdd;
pub mod groups;
pub mod model;
pub mod net;
pub mod ontologies;
pub mod pictures;
mod png_rows;
pub mod product_mask;
pub mod records;
pub mod sounds;
pub mod stats;
pub mod studies;
pub mod tasks;
pub mod tokens;
pub mod train;
mod trainable;
pub mod training;
pub mod visit_study;
pub mod visual_study;
pub mod voice_study;
pub mod warm_up;
pub mod word_study;
pub mod words;

pub use trainable::Trainable;
