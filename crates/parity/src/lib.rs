//! mmt against numbers that other libraries computed.
//!
//! A folder holds cases, a case holds records. For every record the functions of mmt run forward on the stored inputs
//! and backward from the stored gradient of the output, and every stored result is compared with ours.

mod answers;
mod attention;
pub mod case;
mod cnn;
mod coattention;
pub mod compare;
mod cross_layers;
mod flax;
mod irene;
mod irene_blocks;
mod irene_inputs;
mod layers;
mod layout;
mod linear;
mod losses;
mod mbt;
mod mbt_inputs;
mod ops;
mod optim;
mod parts;
mod pooled;
mod pooled_set;
mod regions;
mod regression;
mod tokens;
mod vilt;
mod vision;
mod visit_encoder;
mod visits;
mod vl_bert;
mod word_pieces;

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::{Real, parallel};

use case::{Case, Record, Trouble};
pub use compare::{Answer, Precision, Worst};

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Every stored result agrees; the one that is furthest off.
    Pass(Worst),
    /// A result disagrees.
    Fail(Worst),
    /// mmt refuses an input that the other library takes.
    Refused(String),
    /// What was compared agrees, but these stored results were not computed.
    Partial(Worst, Vec<String>),
    /// mmt has no such function.
    Unsupported(String),
}

/// The outcome of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `op_softmax_s`
    pub case: String,
    /// `softmax_dim0`
    pub record: String,
    /// What became of it.
    pub verdict: Verdict,
}

impl Verdict {
    /// `"pass"`, `"fail"`, `"partial"` or `"unsupported"`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pass(_) => "pass",
            Verdict::Fail(_) | Verdict::Refused(_) => "fail",
            Verdict::Partial(..) => "partial",
            Verdict::Unsupported(_) => "unsupported",
        }
    }
}

/// The cases of a folder whose name fits `pattern`, sorted. The `_s` at the end of a name may be left out.
///
/// # Errors
/// [`FileError`] if the folder cannot be read.
pub fn select(folder: &Path, pattern: &str) -> Result<Vec<String>, FileError> {
    let mut names = file::list(folder, "json")?;
    names.extend(file::list(folder, "safetensors")?);
    names.sort();
    names.dedup();
    let short = |name: &str| name.strip_suffix("_s").unwrap_or(name).to_string();
    names.retain(|name| fits(pattern, name) || fits(pattern, &short(name)));
    Ok(names)
}

/// Runs cases, several at once; the outcomes in the order of `names`.
pub fn run(folder: &Path, names: &[String], precision: Precision) -> Vec<Result<Vec<Outcome>, FileError>> {
    const WORTH_A_THREAD: usize = 1 << 20;
    parallel::map(names.len(), WORTH_A_THREAD, |i| {
        let case = Case::read(folder, &names[i])?;
        match precision {
            Precision::F32 => run_case::<f32>(&case, precision),
            Precision::F64 => run_case::<f64>(&case, precision),
        }
        .map_err(|e| e.at(&Case::path(folder, &names[i])))
    })
}

fn run_case<R: Real>(case: &Case, precision: Precision) -> Result<Vec<Outcome>, file::Malformed> {
    let outcome = |record: &Record| {
        let verdict = match answers::answer::<R>(&case.name, record) {
            Ok(answer) => judge(&case.name, record, &answer, precision),
            Err(Trouble::Unsupported(what)) => Verdict::Unsupported(what),
            Err(Trouble::Refused(error)) => Verdict::Refused(error.to_string()),
            Err(Trouble::Invalid(malformed)) => return Err(malformed),
        };
        Ok(Outcome { case: case.name.clone(), record: record.name.clone(), verdict })
    };
    case.records.iter().map(outcome).collect()
}

fn judge<R: Real>(case: &str, record: &Record, answer: &Answer<R>, precision: Precision) -> Verdict {
    let comparison = compare::compare(case, record, answer, precision);
    match comparison.worst {
        None => Verdict::Unsupported("no stored result that mmt computes".to_string()),
        Some(worst) if worst.units > 1.0 => Verdict::Fail(worst),
        Some(worst) if comparison.missing.is_empty() => Verdict::Pass(worst),
        Some(worst) => Verdict::Partial(worst, comparison.missing),
    }
}

/// Whether a name fits a pattern, in which `*` stands for any letters and `?` for one.
pub fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_names() {
        for (pattern, name, expected) in [
            ("op_*", "op_softmax_s", true),
            ("*", "", true),
            ("op_soft*x", "op_softmax", true),
            ("op_?onv", "op_conv", true),
            ("op", "op_conv", false),
            ("*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
