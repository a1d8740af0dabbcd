//! How modalities meet.

pub mod concat;
pub mod layout;

pub use concat::{concat, concat_backward, split, split_backward};
pub use layout::{Layout, Segment};
