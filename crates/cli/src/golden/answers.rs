//! Where `mmt golden run` keeps answers.

use std::fs;
use std::path::{Path, PathBuf};

use mmt_golden::compare::{CaseReport, Verdict};
use mmt_golden::file;
use mmt_golden::manifest::CaseEntry;

use super::check::given;
use crate::failure::{Code, Failure};

/// The folder of what commands are writing, in that of the answers: only what is complete is one.
pub const UNFINISHED: &str = ".unfinished";

/// Where answers in a layout lie.
pub fn place_of(folder: &Path, layout: &str) -> PathBuf {
    if layout == "contiguous" { folder.to_path_buf() } else { folder.join(layout) }
}

/// Removes the answers of another run, which are none of this one.
///
/// # Errors
/// If a file of such a name is no answer: it stays.
pub fn forget(cases: &[&CaseEntry], folder: &Path) -> Result<(), Failure> {
    let files = cases.iter().map(|case| folder.join(format!("{}.safetensors", case.id)));
    let files: Vec<PathBuf> = files.filter(|path| path.exists()).collect();
    for path in &files {
        let got = file::read(path)?;
        if let Some(why) = given(&got) {
            return Err(Failure::new(
                Code::InvalidData,
                format!("{}: {why}; --out would replace it", path.display()),
            ));
        }
    }
    files.iter().try_for_each(|path| fs::remove_file(path).map_err(|error| Failure::unwritten(path, &error)))
}

/// Removes what cannot be read: it is no answer, and would be in the way of the next one.
pub fn forget_invalid(reports: &[CaseReport], folder: &Path) {
    for report in reports.iter().filter(|report| report.status == Verdict::Invalid) {
        let _ = fs::remove_file(folder.join(format!("{}.safetensors", report.id)));
    }
}
