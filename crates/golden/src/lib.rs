//! Golden cases: every array of a computation under a name that any language can read.

pub mod case;
pub mod file;
pub mod npy;
pub mod together;

pub use case::{Case, Cases, Value};
