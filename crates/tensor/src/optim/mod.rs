//! Optimizers: plain loops over trees, one pass over the numbers each.

pub mod adam;
pub mod adamw;
pub mod bert_adam;
pub mod clip;
pub mod noam;
pub mod schedule;
pub mod sgd;
mod update;

pub use adam::{Adam, AdamConfig, decay_all, decay_weights};
pub use adamw::AdamW;
pub use bert_adam::BertAdam;
pub use clip::{Norm, clip_norm, global_norm};
pub use noam::noam;
pub use schedule::Schedule;
pub use sgd::Sgd;
