//! Answers in a folder: where they lie, which are none, and what `mmt golden run` keeps.

use std::fs;
use std::path::{Path, PathBuf};

use mmt_golden::compare::{CaseReport, Verdict};
use mmt_golden::file::{self, FileError, Tensors};
use mmt_golden::manifest::CaseEntry;

use super::check::given;
use crate::failure::{Code, Failure};

/// The folder of what commands are writing, in that of the answers: only what is complete is one.
pub const UNFINISHED: &str = ".unfinished";

/// The file of the answer to a case.
pub fn path_of(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.safetensors"))
}

/// The arrays of the answer to a case, if there is a file.
pub fn read_if_there(folder: &Path, case: &CaseEntry) -> Result<Option<Tensors>, FileError> {
    let path = path_of(folder, &case.id);
    path.exists().then(|| file::read(&path)).transpose()
}

/// The arrays of a file that has to be an answer.
pub fn read_answer(path: &Path) -> Result<Tensors, Failure> {
    let got = file::read(path)?;
    match given(&got) {
        None => Ok(got),
        Some(why) => Err(Failure::new(Code::InvalidData, format!("{}: {why}", path.display()))),
    }
}

/// Where answers in a layout lie.
pub fn place_of(folder: &Path, layout: &str) -> PathBuf {
    if layout == "contiguous" { folder.to_path_buf() } else { folder.join(layout) }
}

/// Removes the answers of another run, which are none of this one.
///
/// # Errors
/// If a file of such a name is no answer: it stays.
pub fn forget(cases: &[&CaseEntry], folder: &Path) -> Result<(), Failure> {
    let files: Vec<PathBuf> =
        cases.iter().map(|case| path_of(folder, &case.id)).filter(|path| path.exists()).collect();
    for path in &files {
        read_answer(path).map_err(|failure| failure.hint("--out would replace it"))?;
    }
    files.iter().try_for_each(|path| fs::remove_file(path).map_err(|error| Failure::unwritten(path, &error)))
}

/// Removes what cannot be read: it is no answer, and would be in the way of the next one.
pub fn forget_invalid(reports: &[CaseReport], folder: &Path) {
    for report in reports.iter().filter(|report| report.status == Verdict::Invalid) {
        let _ = fs::remove_file(path_of(folder, &report.id));
    }
}
