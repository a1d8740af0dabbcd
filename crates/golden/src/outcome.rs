//! What came of a comparison: of an array, of a case.

use serde::Serialize;

use crate::entry::CaseEntry;
pub use crate::matched::{Match, Part};

/// How an array came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Within its tolerance.
    Pass,
    /// Outside.
    Fail,
    /// Outside a tolerance that says little.
    WeakFail,
    /// Not there.
    Missing,
    /// Of another shape.
    Shape,
    /// Of a type that the profile does not have.
    Dtype,
    /// NaN where the truth is a number.
    Nan,
    /// Not an array of the case.
    Extra,
}

impl Status {
    /// Whether a case with this array fails.
    pub fn fails(self) -> bool {
        !matches!(self, Status::Pass | Status::Missing | Status::Extra)
    }
}

/// What is known about the answer to one array.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct TensorReport {
    pub key: String,
    pub status: Status,
    pub n: usize,
    pub n_bad: usize,
    /// The largest error in units of the tolerance: more than 1 fails.
    #[serde(serialize_with = "number")]
    pub score: f64,
    /// The root of the mean square of the errors, in units of what is allowed.
    #[serde(serialize_with = "number")]
    pub rms_score: f64,
    #[serde(serialize_with = "number")]
    pub max_abs: f64,
    #[serde(serialize_with = "number")]
    pub max_rel: f64,
    /// The largest error in units of the last place of the profile's type.
    #[serde(serialize_with = "number")]
    pub max_ulp: f64,
    pub worst_index: Vec<usize>,
    pub first_bad_index: Vec<usize>,
    #[serde(serialize_with = "number")]
    pub got: f64,
    #[serde(serialize_with = "number")]
    pub want: f64,
    #[serde(serialize_with = "number")]
    pub tol: f64,
    pub nan_count: usize,
    pub inf_count: usize,
    pub hints: Vec<String>,
}

/// JSON has no infinity and no NaN: they are words.
pub(crate) fn number<S: serde::Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if x.is_finite() { serializer.serialize_f64(*x) } else { serializer.serialize_str(&x.to_string()) }
}

impl TensorReport {
    pub(crate) fn empty(key: &str, status: Status) -> Self {
        TensorReport {
            key: key.to_string(),
            status,
            n: 0,
            n_bad: 0,
            score: if status.fails() { f64::INFINITY } else { 0.0 },
            rms_score: 0.0,
            max_abs: 0.0,
            max_rel: 0.0,
            max_ulp: 0.0,
            worst_index: vec![],
            first_bad_index: vec![],
            got: f64::NAN,
            want: f64::NAN,
            tol: f64::NAN,
            nan_count: 0,
            inf_count: 0,
            hints: vec![],
        }
    }
}

/// How a case came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that is there passes, and everything that is required is there.
    Pass,
    /// Something is outside its tolerance.
    Fail,
    /// Something that is required is missing.
    Incomplete,
    /// The program does not have this operation.
    Skipped,
    /// The program crashed or took too long.
    Crashed,
    /// The file of the answer cannot be read.
    Invalid,
}

/// A case of a report.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct CaseReport {
    pub id: String,
    pub family: String,
    pub status: Verdict,
    #[serde(serialize_with = "number")]
    pub score: f64,
    /// The first array in the order of computation that fails.
    pub first_divergence: Option<String>,
    /// Which arrays are right, where some are not: `"all outputs right, only gradients are wrong: grad_in/k"`.
    pub summary: Option<String>,
    /// The bug of the catalogue whose answer this is.
    pub matches: Option<Match>,
    pub note: Option<String>,
    pub tensors: Vec<TensorReport>,
}

impl CaseReport {
    /// A case without an answer.
    pub fn without(case: &CaseEntry, status: Verdict, note: &str) -> Self {
        CaseReport {
            id: case.id.clone(),
            family: case.family.clone(),
            status,
            score: 0.0,
            first_divergence: None,
            summary: None,
            matches: None,
            note: Some(note.to_string()),
            tensors: vec![],
        }
    }

    /// Whether anything was compared, or said about the answer.
    pub fn tested(&self) -> bool {
        let compared = |tensor: &TensorReport| !matches!(tensor.status, Status::Missing | Status::Extra);
        self.status != Verdict::Skipped && self.tensors.iter().any(compared)
    }

    /// Whether nothing of it is wrong, but not everything is there.
    pub fn in_part(&self) -> bool {
        self.status == Verdict::Incomplete && self.tested()
    }

    /// The report of an array.
    pub fn tensor(&self, key: &str) -> Option<&TensorReport> {
        self.tensors.iter().find(|tensor| tensor.key == key)
    }
}
