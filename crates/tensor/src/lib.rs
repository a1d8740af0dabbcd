//! Numbers, arrays and the elementary operations with their hand-derived gradients.
//!
//! This crate knows nothing about Transformers. Everything else is built on it.

pub mod alloc;
#[allow(clippy::disallowed_methods)] // these two files are what the others call instead
pub mod dd;
pub mod dual;
#[allow(clippy::disallowed_methods)]
pub mod elementary;
pub mod error;
pub mod ops;
pub mod optim;
pub mod parallel;
pub mod ragged;
pub mod random;
pub mod real;
#[allow(clippy::disallowed_methods)]
pub mod rounding;
pub mod simd;
pub mod testing;
pub mod tree;

#[doc(hidden)]
pub use ndarray;

pub use dd::{Dd, DdReversed};
pub use dual::Dual;
pub use error::{ANY, Error, Result, check_finite, check_index, check_not_empty, check_setting, check_shape};
pub use ragged::Ragged;
pub use random::Random;
pub use real::Real;
pub use rounding::{AnyReal, Emu, Mca, Profile};
pub use tree::Tree;
