//! Why an experiment has no outcome.

use std::fmt;

use mmt_tensor::Error;

use crate::training::Diverged;

/// The result of what may end without an outcome.
pub type Result<T> = std::result::Result<T, Failed>;

/// Why an experiment has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Failed {
    /// Something does not fit together.
    Invalid(Error),
    /// A training diverged.
    Diverged {
        /// The model.
        name: String,
        /// The seed.
        seed: u64,
        /// The step and what was seen.
        diverged: Diverged,
    },
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failed::Invalid(error) => write!(f, "{error}"),
            Failed::Diverged { name, seed, diverged } => write!(f, "{name}, seed {seed}: {diverged}"),
        }
    }
}

impl std::error::Error for Failed {}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed::Invalid(error)
    }
}
