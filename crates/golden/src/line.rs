//! A wrong array in one line.

use mmt_tensor::Profile;

use crate::compare::{Status, TensorReport, unit};
use crate::report::score;

/// Its worst element with what was wanted and allowed; the mean error where that is what fails.
pub(crate) fn line(tensor: &TensorReport, profile: &str) -> String {
    let TensorReport { key, n, n_bad, got, want, tol, .. } = tensor;
    match tensor.status {
        Status::Shape | Status::Dtype => return format!("{key}  another {:?}", tensor.status).to_lowercase(),
        Status::Extra | Status::Missing => return key.clone(),
        _ => {}
    }
    let index: Vec<String> = tensor.worst_index.iter().map(usize::to_string).collect();
    let far = Profile::of(profile).map(|profile| (got - want).abs() / unit(*want, profile));
    let ulp = match far {
        Some(far) if far.is_finite() && *want != 0.0 => format!(", {far:.1e} ulp"),
        _ => String::new(),
    };
    let rms = if tensor.rms_score > 1.0 {
        format!(", mean error {}", score(tensor.rms_score))
    } else {
        String::new()
    };
    format!(
        "{key}  {n_bad} of {n} bad, score {}; worst ({}) got {got:.6e} want {want:.6e} tol {tol:.1e}{ulp}{rms}",
        score(tensor.score),
        index.join(","),
    )
}
