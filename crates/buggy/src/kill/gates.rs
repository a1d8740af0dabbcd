//! What the matrix has to show.

use super::{Killed, Matrix};
use crate::BugKind;

/// The bugs that people meet most often: two cases have to catch each.
pub const TWENTY: [&str; 20] = [
    "no_scale",
    "scale_d",
    "double_scale",
    "mask_ignored",
    "mask_inverted",
    "causal_strict",
    "causal_plus1",
    "causal_topleft",
    "pad_off1",
    "ln_eps_outside",
    "ln_eps12",
    "gelu_tanh",
    "no_residual1",
    "no_residual2",
    "swap_norm",
    "w_transposed",
    "heads_not_transposed",
    "mlm_all_tokens_mean",
    "patch_hwc",
    "bwd_bias_mean",
];

/// The margin that a bug of this kind needs in a profile.
pub fn needed(row: &Killed) -> f64 {
    match (row.bug.kind, row.profile.as_str()) {
        (BugKind::Logic, "bf16" | "f16") => 4.0,
        (BugKind::Logic, _) => 100.0,
        (BugKind::Precision(_), "f32") => 5.0,
        // Half a unit of a number of eight bits is half of what is allowed anyway.
        (BugKind::Precision(_), _) => 1.0,
    }
}

/// Every gate that is not met, one line each.
pub fn gates(m: &Matrix) -> Vec<String> {
    let mut list: Vec<String> = m.errors.clone();
    for row in m.killed.iter().filter(|row| row.margin < needed(row)) {
        let (id, profile, margin) = (row.bug.id, &row.profile, row.margin);
        list.push(format!("{id} in {profile}: margin {margin:.2}, needs {}", needed(row)));
    }
    for row in &m.passed {
        let (id, profile) = (row.correct.id, &row.profile);
        let (score, case, key) = &row.worst;
        let most = if matches!(profile.as_str(), "f32" | "f64") { 0.7 } else { 1.0 };
        if *score > most {
            list.push(format!("{id} in {profile}: score {score:.3}, at most {most} allowed: {case} {key}"));
        }
    }
    for row in m.trivial.iter().filter(|row| !row.cases.is_empty()) {
        list.push(format!("{} in {}: passes {}", row.id, row.profile, row.cases.join(", ")));
    }
    for row in m.killed.iter().filter(|row| row.profile == "f32" && TWENTY.contains(&row.bug.id)) {
        if row.cases.len() < 2 {
            list.push(format!("{}: caught by {} cases, needs 2", row.bug.id, row.cases.len()));
        }
    }
    // Only where every bug is there to be caught.
    if m.killed.iter().any(|row| row.profile == "f32") {
        let unexplained = m.idle.iter().filter(|(_, why)| why.is_empty());
        list.extend(unexplained.map(|(id, _)| format!("{id}: catches no bug, and says not why it is there")));
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bug;

    #[test]
    fn the_twenty_are_in_the_catalogue() {
        assert!(TWENTY.iter().all(|id| Bug::of(id).is_some()));
    }
}
