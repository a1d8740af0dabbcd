//! How modalities meet.

pub mod concat;
pub mod early_concat;
pub mod layout;

pub use concat::{concat, concat_backward, split, split_backward};
pub use early_concat::{EarlyConcat, EarlyConcatTape};
pub use layout::{Layout, Segment};
