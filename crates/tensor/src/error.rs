//! What can be wrong with an input, and how it is reported.

use std::fmt;

use ndarray::{ArrayRef, Dimension};

use crate::{Real, parallel};

/// The result of every forward function.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything a caller can do wrong.
///
/// `at` names the function and the argument: `"attention: k"`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Error {
    /// An array does not fit the others. [`ANY`] in `expected` stands for any size.
    ShapeMismatch { at: &'static str, expected: Vec<usize>, got: Vec<usize> },
    /// The number of heads does not divide the width of a token.
    HeadDivisibility { width: usize, heads: usize },
    /// A query may see no key at all.
    FullyMaskedRow { row: usize },
    /// A NaN or an infinity where a number is needed.
    NonFinite { at: &'static str },
    /// An id, a label or a position outside its table.
    IndexOutOfRange { at: &'static str, index: usize, size: usize },
    /// Nothing to compute on: no token, no supervised position.
    EmptyInput { at: &'static str },
    /// A setting outside its range.
    InvalidHyperparameter { at: &'static str, why: String },
    /// A target that is negative or does not sum to one.
    InvalidDistribution { at: &'static str, row: usize },
    /// A target that is not a probability.
    InvalidProbability { at: &'static str, index: usize },
    /// A box without area, with a non-finite corner, or outside its image.
    InvalidBox { at: &'static str, index: usize, why: &'static str },
    /// A sequence of words that a model cannot start from.
    InvalidSequence { at: &'static str, sample: usize, why: &'static str },
    /// A table of segments that does not describe the rows it comes with.
    LayoutMismatch { at: &'static str, rows: usize, tokens: usize },
    /// Two segments with the same tag.
    DuplicateModality { tag: String },
    /// A word, a modality or a parameter that nobody declared.
    UnknownId { at: &'static str, id: String },
    /// A line of a text, counted from one, that is not what its format asks for.
    InvalidLine { at: &'static str, line: usize, why: String },
    /// Bytes, counted from zero, that are not what their format asks for.
    InvalidFile { at: &'static str, offset: usize, why: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::ShapeMismatch { at, expected, got } => {
                let size = |&n: &usize| if n == ANY { "_".to_string() } else { n.to_string() };
                let expected: Vec<String> = expected.iter().map(size).collect();
                write!(f, "{at}: expected shape [{}], got {got:?}", expected.join(", "))
            }
            Error::HeadDivisibility { width, heads } => {
                write!(f, "{heads} heads do not divide a width of {width}")
            }
            Error::FullyMaskedRow { row } => write!(f, "query {row} may see no key"),
            Error::NonFinite { at } => write!(f, "{at}: not a finite number"),
            Error::IndexOutOfRange { at, index, size } => {
                write!(f, "{at}: index {index} is outside a table of {size}")
            }
            Error::EmptyInput { at } => write!(f, "{at}: empty"),
            Error::InvalidHyperparameter { at, why } => write!(f, "{at}: {why}"),
            Error::InvalidDistribution { at, row } => {
                write!(f, "{at}: row {row} is not a probability distribution")
            }
            Error::InvalidProbability { at, index } => {
                write!(f, "{at}: element {index} is not a probability")
            }
            Error::InvalidBox { at, index, why } => write!(f, "{at}: box {index} {why}"),
            Error::InvalidSequence { at, sample, why } => write!(f, "{at}: sample {sample} {why}"),
            Error::LayoutMismatch { at, rows, tokens } => {
                write!(f, "{at}: the segments have {tokens} tokens, but there are {rows} rows")
            }
            Error::DuplicateModality { tag } => write!(f, "two segments are called `{tag}`"),
            Error::UnknownId { at, id } => write!(f, "{at}: unknown: `{id}`"),
            Error::InvalidLine { at, line, why } => write!(f, "{at}: line {line}: {why}"),
            Error::InvalidFile { at, offset, why } => write!(f, "{at}: byte {offset}: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// Any size, in [`check_shape`].
pub const ANY: usize = usize::MAX;

/// Refuses an array of the wrong shape.
pub fn check_shape(at: &'static str, got: &[usize], expected: &[usize]) -> Result<()> {
    let fits = got.len() == expected.len() && got.iter().zip(expected).all(|(g, e)| *e == ANY || g == e);
    if fits {
        return Ok(());
    }
    Err(Error::ShapeMismatch { at, expected: expected.to_vec(), got: got.to_vec() })
}

/// Refuses NaN and infinities.
pub fn check_finite<R: Real, D: Dimension>(at: &'static str, a: &ArrayRef<R, D>) -> Result<()> {
    if parallel::all_finite(a) { Ok(()) } else { Err(Error::NonFinite { at }) }
}

/// Refuses an array without elements.
pub fn check_not_empty<R, D: Dimension>(at: &'static str, a: &ArrayRef<R, D>) -> Result<()> {
    if a.is_empty() { Err(Error::EmptyInput { at }) } else { Ok(()) }
}

/// Refuses a setting for which `valid` is false; `why` says what is allowed and what came.
pub fn check_setting(at: &'static str, valid: bool, why: impl FnOnce() -> String) -> Result<()> {
    if valid { Ok(()) } else { Err(Error::InvalidHyperparameter { at, why: why() }) }
}

/// Refuses an index outside a table of `size` rows.
pub fn check_index(at: &'static str, index: usize, size: usize) -> Result<()> {
    if index < size { Ok(()) } else { Err(Error::IndexOutOfRange { at, index, size }) }
}
