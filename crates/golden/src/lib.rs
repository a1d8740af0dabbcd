//! Golden cases: every array of a computation under a name that any language can read.
//!
//! A case is drawn ([`draw`]), computed in double-double numbers and rounded once ([`compute`](mod@compute)), sampled to see how far a
//! correct program may be off ([`tolerance`](mod@tolerance)), and written with others as a [`bundle`].

pub mod bundle;
pub mod case;
pub mod compare;
pub mod compute;
pub mod digest;
mod discrete;
pub mod draw;
pub mod emulate;
mod entry;
mod factors;
pub mod file;
pub mod given;
pub mod half;
pub mod hints;
mod junit;
mod level;
mod line;
pub mod manifest;
mod matched;
pub mod npy;
mod outcome;
pub mod pack;
mod parts;
pub mod report;
pub mod row;
pub mod run;
pub mod schema;
mod settings;
pub mod together;
pub mod tolerance;
pub mod write;

pub use case::{Case, Cases, Value};
