//! Patients from files.

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Error;
use mmt_tokenizers::ehr::Ontology;

use crate::data::ehr;

/// Diagnoses and medications of a visit, as numbers of the data set `ehr`, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedVisit {
    /// Below [`ehr::CODES`].
    pub diagnoses: Vec<usize>,
    /// Below [`ehr::CATEGORIES`].
    pub medications: Vec<usize>,
}

/// The visits of every patient of a file; see [`parse_patients`].
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the number of the line if one of it is not a visit.
pub fn read_patients(path: &Path) -> Result<Vec<Vec<RecordedVisit>>, FileError> {
    let patients = parse_patients(&file::read_bytes(path)?);
    patients.map_err(|e| FileError { path: path.to_path_buf(), offset: None, why: e.to_string() })
}

/// Patients as a text: a visit per line, its diagnoses `D01` to `D48` in order of importance, then `|` and its medications `M01`
/// to `M16`, which may be left out. An empty line ends a patient; a line that begins with `#` is a remark.
///
/// # Errors
/// [`Error::InvalidLine`] for what is not UTF-8, an unknown code and a visit without a diagnosis; [`Error::EmptyInput`] for no
/// patient.
pub fn parse_patients(bytes: &[u8]) -> Result<Vec<Vec<RecordedVisit>>, Error> {
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before = &bytes[..e.valid_up_to()];
        invalid(1 + before.iter().filter(|&&b| b == b'\n').count(), "not UTF-8".to_string())
    })?;
    let trees = [ehr::diagnoses(), ehr::medications()];
    let (mut patients, mut visits) = (vec![], vec![]);
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() && !visits.is_empty() {
            patients.push(std::mem::take(&mut visits));
        }
        if !line.is_empty() && !line.starts_with('#') {
            visits.push(visit(line, &trees).map_err(|why| invalid(number + 1, why))?);
        }
    }
    patients.extend((!visits.is_empty()).then_some(visits));
    if patients.is_empty() {
        return Err(Error::EmptyInput { at: "patients" });
    }
    Ok(patients)
}

fn visit(line: &str, [diagnoses, medications]: &[Ontology; 2]) -> Result<RecordedVisit, String> {
    let (left, right) = line.split_once('|').unwrap_or((line, ""));
    let codes = |text: &str, tree: &Ontology, kind: &str| {
        let code = |name: &str| tree.code(name).map_err(|_| format!("{name:?} is no {kind}"));
        text.split_whitespace().map(code).collect::<Result<Vec<_>, _>>()
    };
    let visit = RecordedVisit {
        diagnoses: codes(left, diagnoses, "diagnosis from D01 to D48")?,
        medications: codes(right, medications, "medication from M01 to M16")?,
    };
    if visit.diagnoses.is_empty() { Err("a visit without a diagnosis".to_string()) } else { Ok(visit) }
}

fn invalid(line: usize, why: String) -> Error {
    Error::InvalidLine { at: "patients", line, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        parse_patients(bytes).unwrap_err().to_string()
    }

    #[test]
    fn patients_are_read() {
        let read = parse_patients(b"# two patients\nD02 D01 | M03\nD48\n\n\nD05 |\n").unwrap();
        let visit =
            |d: &[usize], m: &[usize]| RecordedVisit { diagnoses: d.to_vec(), medications: m.to_vec() };
        assert_eq!(read, [vec![visit(&[1, 0], &[2]), visit(&[47], &[])], vec![visit(&[4], &[])]]);
    }

    #[test]
    fn what_is_no_visit_is_refused_with_its_line() {
        assert_eq!(text(b"D01\nD49\n"), "patients: line 2: \"D49\" is no diagnosis from D01 to D48");
        assert_eq!(text(b"D01 | D02\n"), "patients: line 1: \"D02\" is no medication from M01 to M16");
        assert_eq!(text(b"D01 | M01 | M02\n"), "patients: line 1: \"|\" is no medication from M01 to M16");
        assert_eq!(text(b"\n| M01\n"), "patients: line 2: a visit without a diagnosis");
        assert_eq!(text(b"D01\n\xff\n"), "patients: line 2: not UTF-8");
        assert_eq!(
            text(b"D01\x1b[31m\n"),
            "patients: line 1: \"D01\\u{1b}[31m\" is no diagnosis from D01 to D48"
        );
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(text(b""), "patients: empty");
        assert_eq!(text(b"# nobody\n\n"), "patients: empty");
    }

    #[test]
    fn a_file_is_named() {
        let error = read_patients(Path::new("none.txt")).unwrap_err();
        assert_eq!(error.to_string(), "none.txt: no such file or directory");
    }
}
