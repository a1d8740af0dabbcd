//! How a verb ends: exit codes, and errors that say what to type next.

use std::fmt;
use std::io;
use std::process::ExitCode;

use mmt_golden::file::FileError;

/// What the program reports to its caller; the same numbers for every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Everything asked for was done, and every check passed.
    Ok = 0,
    /// A check failed.
    CheckFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A file or a folder is invalid.
    InvalidData = 3,
    /// It was interrupted and can go on, or something that is required is missing.
    Incomplete = 4,
    /// A command that the program started crashed or took too long.
    CommandFailed = 5,
    /// Nothing to do: no row, case or example fits.
    NothingSelected = 6,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

/// How a verb ends.
pub type Done = Result<Code, Failure>;

/// Why a verb could not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// Said in one line after `error: `, with what to do about it in the next.
    Told {
        /// The exit code.
        code: Code,
        /// What was expected and what came.
        message: String,
        /// What to type next; printed after `hint: `.
        hint: Option<String>,
    },
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Failure::Told { code, message: message.into(), hint: None }
    }

    /// A mistake in the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::new(Code::Usage, message)
    }

    /// A file that cannot be written.
    pub fn unwritten(path: &std::path::Path, error: &io::Error) -> Self {
        let why = error.to_string().replace(char::is_control, "?");
        Failure::new(Code::InvalidData, format!("{}: cannot be written: {why}", path.display()))
            .hint("--out DIR chooses another folder")
    }

    /// A name or a glob that fits nothing: a wrong command line, or nothing to do.
    pub fn fits_nothing(wanted: &str, message: impl Into<String>) -> Self {
        let code = if wanted.contains(['*', '?']) { Code::NothingSelected } else { Code::Usage };
        Failure::new(code, message)
    }

    /// The same failure, with what to type next.
    pub fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Failure::Told { code, message, .. } => Failure::Told { code, message, hint: Some(text.into()) },
            other => other,
        }
    }

    /// The exit code. A reader who closes the pipe has seen enough: `mmt .. | head`.
    pub fn code(&self) -> Code {
        match self {
            Failure::Told { code, .. } => *code,
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Code::Ok,
            Failure::Output(_) => Code::InvalidData,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Told { message, .. } => f.write_str(message),
            Failure::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// A training of an experiment diverged, or something in it does not fit together.
impl From<mmt_lab::experiments::Failed> for Failure {
    fn from(failed: mmt_lab::experiments::Failed) -> Self {
        Failure::usage(failed.to_string())
    }
}

/// A file that cannot be read, or is not what its format asks for.
impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Failure::new(Code::InvalidData, error.to_string())
    }
}

/// A computation refuses its input: the typed error in its own words.
impl From<mmt_tensor::Error> for Failure {
    fn from(error: mmt_tensor::Error) -> Self {
        Failure::usage(error.to_string())
    }
}
