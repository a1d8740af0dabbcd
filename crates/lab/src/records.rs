//! Patients from files.

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Error;
use mmt_tokenizers::ehr::Ontology;
use mmt_tokenizers::text::text_of;

use crate::data::ehr;

/// Diagnoses and medications of a visit, as numbers of codes of two trees, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedVisit {
    /// Leaves of the tree of diagnoses.
    pub diagnoses: Vec<usize>,
    /// Leaves of the tree of medications.
    pub medications: Vec<usize>,
}

/// The trees that the codes of a record belong to.
#[derive(Clone, Debug)]
pub struct Codes {
    /// Of diagnoses.
    pub diagnoses: Ontology,
    /// Of medications.
    pub medications: Ontology,
    /// What is said of an unknown code: it is no such thing.
    kinds: [&'static str; 2],
}

impl Codes {
    /// Those of the data set `ehr`.
    pub fn synthetic() -> Self {
        let kinds = ["diagnosis from D01 to D48", "medication from M01 to M16"];
        Codes { diagnoses: ehr::diagnoses(), medications: ehr::medications(), kinds }
    }

    /// Somebody's own, in place of one or both of those.
    pub fn with(self, diagnoses: Option<Ontology>, medications: Option<Ontology>) -> Self {
        let kinds = [
            if diagnoses.is_some() { "diagnosis of the ontology" } else { self.kinds[0] },
            if medications.is_some() { "medication of the ontology" } else { self.kinds[1] },
        ];
        Codes {
            diagnoses: diagnoses.unwrap_or(self.diagnoses),
            medications: medications.unwrap_or(self.medications),
            kinds,
        }
    }
}

/// The visits of every patient of a file; see [`parse_patients_of`].
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the number of the line if one of it is not a visit.
pub fn read_patients(path: &Path, codes: &Codes) -> Result<Vec<Vec<RecordedVisit>>, FileError> {
    let patients = parse_patients_of(&file::read_bytes(path)?, codes);
    patients.map_err(|e| FileError { path: path.to_path_buf(), offset: None, why: e.to_string() })
}

/// [`parse_patients_of`] with the codes of the data set `ehr`: `D01` to `D48` and `M01` to `M16`.
///
/// # Errors
/// As [`parse_patients_of`].
pub fn parse_patients(bytes: &[u8]) -> Result<Vec<Vec<RecordedVisit>>, Error> {
    parse_patients_of(bytes, &Codes::synthetic())
}

/// Patients as a text: a visit per line, its diagnoses in order of importance, then `|` and its medications, which may be left
/// out. An empty line ends a patient; a line that begins with `#` is a remark.
///
/// # Errors
/// [`Error::InvalidLine`] for what is not UTF-8, an unknown code and a visit without a diagnosis; [`Error::EmptyInput`] for no
/// patient.
pub fn parse_patients_of(bytes: &[u8], codes: &Codes) -> Result<Vec<Vec<RecordedVisit>>, Error> {
    let text = text_of(bytes, "patients")?;
    let (mut patients, mut visits) = (vec![], vec![]);
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() && !visits.is_empty() {
            patients.push(std::mem::take(&mut visits));
        }
        if !line.is_empty() && !line.starts_with('#') {
            visits.push(visit(line, codes).map_err(|why| invalid(number + 1, why))?);
        }
    }
    patients.extend((!visits.is_empty()).then_some(visits));
    if patients.is_empty() {
        return Err(Error::EmptyInput { at: "patients" });
    }
    Ok(patients)
}

fn visit(line: &str, of: &Codes) -> Result<RecordedVisit, String> {
    let (left, right) = line.split_once('|').unwrap_or((line, ""));
    let codes = |text: &str, tree: &Ontology, kind: &str| {
        let code = |name: &str| tree.code(name).map_err(|_| format!("{name:?} is no {kind}"));
        text.split_whitespace().map(code).collect::<Result<Vec<_>, _>>()
    };
    let visit = RecordedVisit {
        diagnoses: codes(left, &of.diagnoses, of.kinds[0])?,
        medications: codes(right, &of.medications, of.kinds[1])?,
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
    fn codes_may_be_those_of_another_tree() {
        let tree = crate::ontologies::parse_ontology(b"I10 heart root\nJ45 lung root\n").unwrap();
        let codes = Codes::synthetic().with(Some(tree), None);
        let read = parse_patients_of(b"J45 I10 | M02\n", &codes).unwrap();
        assert_eq!(read, [vec![RecordedVisit { diagnoses: vec![1, 0], medications: vec![1] }]]);
        let error = parse_patients_of(b"D01\n", &codes).unwrap_err().to_string();
        assert_eq!(error, "patients: line 1: \"D01\" is no diagnosis of the ontology");
    }

    #[test]
    fn nothing_is_refused() {
        assert_eq!(text(b""), "patients: empty");
        assert_eq!(text(b"# nobody\n\n"), "patients: empty");
    }

    #[test]
    fn a_file_is_named() {
        let error = read_patients(Path::new("none.txt"), &Codes::synthetic()).unwrap_err();
        assert_eq!(error.to_string(), "none.txt: no such file or directory");
    }
}
