//! What makes models smaller and faster: section 6.3 of the note.

pub mod distill;

pub use distill::{Distill, DistillTape, distill, distill_backward};
