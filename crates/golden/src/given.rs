//! An operation of the catalogue on inputs that somebody else drew.

use std::collections::BTreeMap;

use mmt_tensor::{AnyReal, Real, Result};

use crate::compute::Arrays;
use crate::file::Data;
use crate::row::{Op, Row};
use crate::run::Run;

/// Arrays by the keys under which an operation would draw them: `in/x`, `param/weight`, `cot/y`, ..
pub type Given = BTreeMap<String, Data>;

/// Runs the operation of a row on these arrays; what is not among them is drawn as ever.
///
/// # Errors
/// What the operation refuses.
///
/// # Panics
/// If an array has not as many numbers as the sizes of the row ask for, or is of another type.
pub fn execute_on(row: &Row, op: &Op, given: &Given, number: &dyn Fn(f64, u64) -> AnyReal) -> Result<Arrays> {
    let mut run = Run::new(row, 0, number);
    run.given = Some(given);
    (op.run)(&mut run)?;
    Ok(run.arrays)
}

impl<R: Real> Run<'_, R> {
    fn given(&self, key: &str, count: usize) -> Option<&Data> {
        let data = self.given?.get(key)?;
        assert_eq!(data.shape().iter().product::<usize>(), count, "{}: size of {key}", self.row.id);
        Some(data)
    }

    /// The numbers of an array that was given.
    pub(crate) fn given_numbers(&self, key: &str, count: usize) -> Option<Vec<f64>> {
        match self.given(key, count)? {
            Data::F64(a) => Some(a.iter().copied().collect()),
            other => panic!("{}: {key} is {}", self.row.id, other.dtype()),
        }
    }

    /// The whole numbers of an array that was given.
    pub(crate) fn given_whole(&self, key: &str, count: usize) -> Option<Vec<i64>> {
        match self.given(key, count)? {
            Data::I64(a) => Some(a.iter().copied().collect()),
            other => panic!("{}: {key} is {}", self.row.id, other.dtype()),
        }
    }

    /// The flags of an array that was given.
    pub(crate) fn given_flags(&self, key: &str, count: usize) -> Option<Vec<bool>> {
        match self.given(key, count)? {
            Data::Bool(a) => Some(a.iter().copied().collect()),
            other => panic!("{}: {key} is {}", self.row.id, other.dtype()),
        }
    }
}
