//! The answer of a program against the truth, in units of the tolerance.

use std::collections::BTreeMap;

use mmt_tensor::Profile;
use ndarray::{ArrayD, Dimension};

use crate::bundle::tolerance_of;
use crate::entry::{CaseEntry, TensorEntry};
use crate::file::{Data, Tensors};
use crate::hints::hints;
pub use crate::outcome::{CaseReport, Match, Part, Status, TensorReport, Verdict};
use crate::tolerance::{KAPPA_RMS, MANY, power, u_store};

/// What is compared, and what has to be there.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What the program claims to compute in.
    pub profile: Profile,
    /// Arrays that are required up to this level have to be there: 0 to 5.
    pub level: u8,
}

/// Compares the answer to a case with its truth. Names of arrays are those of the bundle, `main/out/y`.
///
/// # Errors
/// A tolerance of the bundle that is missing or no number, in one line.
pub fn compare(
    case: &CaseEntry,
    truth: &Tensors,
    got: &Tensors,
    settings: Settings,
) -> Result<CaseReport, String> {
    let mut tensors = vec![];
    for entry in case.tensors.iter().filter(|entry| entry.class != "input") {
        let known = entry.profiles.contains_key(settings.profile.name()) || entry.class == "exact";
        // Of what is not asked for at this level nothing is missing; intermediates are told as not there.
        let asked =
            required(entry, settings.level) || entry.section() == "act" || got.contains_key(&entry.key);
        if known && asked {
            tensors.push(tensor(case, entry, truth, got, settings)?);
        }
    }
    for key in got.keys().filter(|key| case.tensor(key).is_none()) {
        tensors.push(TensorReport::empty(key, Status::Extra));
    }
    Ok(summary(case, tensors, settings))
}

/// Whether an array has to be there at a level.
pub fn required(entry: &TensorEntry, level: u8) -> bool {
    entry.required_at.strip_prefix('L').and_then(|l| l.parse::<u8>().ok()).is_some_and(|l| l <= level)
}

fn summary(case: &CaseEntry, tensors: Vec<TensorReport>, settings: Settings) -> CaseReport {
    let fails = |t: &&TensorReport| t.status.fails();
    let gradient = |t: &&TensorReport| t.key.contains("/grad_");
    let missing = tensors.iter().any(|t| {
        t.status == Status::Missing
            && case.tensor(&t.key).is_some_and(|entry| required(entry, settings.level))
    });
    let status = match () {
        () if tensors.iter().any(|t| t.status.fails()) => Verdict::Fail,
        () if missing => Verdict::Incomplete,
        () => Verdict::Pass,
    };
    // Forward, the first that fails; if all is well there, the gradient that was computed first, which is the last in
    // the order of the forward.
    let first = tensors.iter().filter(fails).find(|t| !gradient(t));
    let first = first.or_else(|| tensors.iter().filter(fails).rfind(gradient));
    CaseReport {
        id: case.id.clone(),
        family: case.family.clone(),
        status,
        score: tensors.iter().filter(|t| t.status != Status::Missing).map(|t| t.score).fold(0.0, f64::max),
        first_divergence: first.map(|t| t.key.clone()),
        summary: crate::parts::summary(&tensors),
        matches: None,
        note: None,
        tensors,
    }
}

fn tensor(
    case: &CaseEntry,
    entry: &TensorEntry,
    truth: &Tensors,
    got: &Tensors,
    settings: Settings,
) -> Result<TensorReport, String> {
    let key = &entry.key;
    let empty = |status| TensorReport { n: entry.shape.iter().product(), ..TensorReport::empty(key, status) };
    let Some(answer) = got.get(key) else { return Ok(empty(Status::Missing)) };
    if answer.data.shape() != entry.shape {
        let hint = format!("shape {:?}, expected {:?}", answer.data.shape(), entry.shape);
        return Ok(TensorReport { hints: vec![hint], ..empty(Status::Shape) });
    }
    let want = truth.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    let (Some(x), Some(y)) = (answer.real::<f64>(), want.real::<f64>()) else {
        let same = answer.data == want.data;
        let status = if same { Status::Pass } else { Status::Fail };
        let wrong_type = answer.data.dtype() != want.data.dtype();
        return Ok(empty(if wrong_type { Status::Dtype } else { status }));
    };
    if !allowed(&answer.data, settings.profile) {
        let hint = format!("{} is not a type of {}", answer.data.dtype(), settings.profile.name());
        return Ok(TensorReport { hints: vec![hint], ..empty(Status::Dtype) });
    }
    let tol = tolerance_of(truth, key, settings.profile.name(), &entry.shape)?;
    let profile = &entry.profiles[settings.profile.name()];
    let mut report = judge(key, (&x, &y, &tol), settings.profile, profile.rms_sigma);
    if report.status.fails() {
        report.hints = hints(case, entry, (&x, &y, &tol), truth);
        if report.status == Status::Fail && profile.power == "weak" {
            report.status = Status::WeakFail;
        }
    }
    Ok(report)
}

/// The types in which a program of a profile may answer.
fn allowed(data: &Data, profile: Profile) -> bool {
    match data {
        Data::F64(_) | Data::F32(_) => true,
        Data::Bf16(_) => profile == Profile::Bf16,
        Data::F16(_) => profile == Profile::F16,
        Data::I64(_) | Data::Bool(_) => false,
    }
}

/// `x`, `y` and `tol`: what came, what is true, what is allowed.
pub type Compared<'a> = (&'a ArrayD<f64>, &'a ArrayD<f64>, &'a ArrayD<f64>);

/// Compares element by element.
pub fn judge(key: &str, (x, y, tol): Compared, profile: Profile, rms_sigma: f64) -> TensorReport {
    let mut report = TensorReport { n: x.len(), ..TensorReport::empty(key, Status::Pass) };
    let (mut squares, mut worst, u) = (0.0, -1.0, u_store(profile));
    for (((index, &x), &y), &tol) in x.indexed_iter().zip(y).zip(tol) {
        report.nan_count += usize::from(x.is_nan());
        report.inf_count += usize::from(x.is_infinite());
        let same = x.to_bits() == y.to_bits() || x == y || (x.is_nan() && y.is_nan());
        let error = if same { 0.0 } else { (x - y).abs() };
        let score = if error.is_nan() { f64::INFINITY } else { error / tol };
        squares += (error - u * y.abs()).max(0.0).powi(2);
        // No number is further away than any number.
        let far = if error.is_nan() { f64::INFINITY } else { error };
        report.max_abs = report.max_abs.max(far);
        report.max_ulp = report.max_ulp.max(far / unit(y, profile));
        if y.abs() > tol {
            report.max_rel = report.max_rel.max(error / y.abs());
        }
        if score > 1.0 {
            report.n_bad += 1;
            if report.first_bad_index.is_empty() {
                report.first_bad_index = index.slice().to_vec();
            }
        }
        if score > worst {
            (worst, report.score) = (score, score);
            report.worst_index = index.slice().to_vec();
            (report.got, report.want, report.tol) = (x, y, tol);
        }
    }
    if report.n >= MANY && rms_sigma > 0.0 {
        report.rms_score = (squares / report.n as f64).sqrt() / (KAPPA_RMS * rms_sigma);
    }
    let nan = report.nan_count > 0 && y.iter().all(|y| !y.is_nan());
    report.status = match () {
        () if nan => Status::Nan,
        () if report.score > 1.0 || report.rms_score > 1.0 => Status::Fail,
        () => Status::Pass,
    };
    if report.rms_score > 1.0 {
        report.score = report.score.max(report.rms_score);
    }
    report
}

/// The unit in the last place of `y` in the type of a profile.
pub fn unit(y: f64, profile: Profile) -> f64 {
    let exponent = ((y.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    power(exponent.max(profile.smallest_exponent()) - profile.store_bits() + 1)
}

/// The results of a run under the names of the bundle.
pub fn named(results: Vec<(String, Data)>) -> Tensors {
    let stored = |data| crate::file::Stored { data, offset: 0 };
    results.into_iter().map(|(key, data)| (format!("main/{key}"), stored(data))).collect::<BTreeMap<_, _>>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{arr1, arr2};

    fn judged(x: &[f64], y: &[f64], tol: &[f64]) -> TensorReport {
        let of = |list: &[f64]| arr1(list).into_dyn();
        judge("main/out/y", (&of(x), &of(y), &of(tol)), Profile::F32, 0.0)
    }

    #[test]
    fn an_error_is_measured_in_units_of_what_is_allowed() {
        let report = judged(&[1.0, 2.5, 3.0], &[1.0, 2.0, 3.25], &[1.0, 0.25, 1.0]);
        assert_eq!((report.status, report.score, report.n_bad), (Status::Fail, 2.0, 1));
        assert_eq!((report.worst_index, report.first_bad_index), (vec![1], vec![1]));
        assert_eq!((report.max_abs, report.max_rel), (0.5, 0.25));
        assert_eq!(report.max_ulp, 0.5 / power(-22));
        assert_eq!(judged(&[1.5], &[1.0], &[0.5]).status, Status::Pass);
    }

    #[test]
    fn nan_and_infinities_fail_unless_they_are_true() {
        let nan = judged(&[f64::NAN, 1.0], &[1.0, 1.0], &[9.0, 9.0]);
        assert_eq!((nan.status, nan.score, nan.nan_count), (Status::Nan, f64::INFINITY, 1));
        assert_eq!(judged(&[f64::NAN], &[f64::NAN], &[1.0]).status, Status::Pass);
        assert_eq!(judged(&[f64::INFINITY], &[f64::INFINITY], &[1.0]).status, Status::Pass);
        assert_eq!(judged(&[f64::INFINITY], &[f64::NEG_INFINITY], &[1.0]).status, Status::Fail);
        assert_eq!(judged(&[f64::INFINITY], &[1.0], &[1e300]).status, Status::Fail);
        assert_eq!(judged(&[-0.0], &[0.0], &[1e-38]).score, 0.0);
    }

    #[test]
    fn a_small_systematic_error_fails_by_its_mean() {
        let y = arr2(&[[1.0; 32]; 2]).into_dyn();
        let (x, tol) = (y.mapv(|y| y + 5e-7), y.mapv(|_| 1e-6));
        assert_eq!(judge("k", (&x, &y, &tol), Profile::F32, 1e-7).status, Status::Fail);
        assert_eq!(judge("k", (&x, &y, &tol), Profile::F32, 3e-7).status, Status::Pass);
        // What its own storage rounds away is no such error.
        let (x, tol) = (y.mapv(|y| y + power(-9)), y.mapv(|_| 0.01));
        assert_eq!(judge("k", (&x, &y, &tol), Profile::Bf16, 1e-5).status, Status::Pass);
        assert_eq!(judge("k", (&x, &y, &tol), Profile::F32, 1e-5).status, Status::Fail);
    }
}
