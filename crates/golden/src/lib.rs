//! Golden cases: every array of a computation under a name that any language can read.

pub mod case;

pub use case::{Case, Cases, Value};
