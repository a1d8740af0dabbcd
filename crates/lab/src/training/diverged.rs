//! The end of a training that is none.

use std::fmt;

use mmt_tensor::Error;

/// Why a training stopped.
#[derive(Clone, Debug, PartialEq)]
pub struct Diverged {
    /// The step that could not be taken, counted from 1.
    pub step: usize,
    /// What was seen.
    pub error: Error,
    /// The rate of the step.
    pub rate: f64,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Diverged { step, error, rate } = self;
        write!(f, "the training diverges in step {step}, at a rate of {rate:.1e}: {error}")
    }
}
