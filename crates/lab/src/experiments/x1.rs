//! `x1-fusion-av`: two weak modalities are better together.

use super::jobs::{Job, train_all};
use super::{Band, Experiment, Outcome, Plan, Result, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x1-fusion-av",
    claim: "fusing two weak modalities beats each alone",
    method: "A digit is seen, with a square of 3x3 pixels blank and noise of 0.1, and said by a synthetic voice in noise of 0.5. \
             608 batches of 64, about 30 times the 1297 training images; 1000 test samples of other handwriting and other \
             speakers, the same for all.",
    steps: || STEPS * (ALONE.len() + FUSED.len()),
    run,
};

/// Thirty times the training images.
pub const STEPS: usize = 608;
/// Samples of the test.
pub const SAMPLES: usize = 1000;
/// One modality.
pub const ALONE: [&str; 2] = ["image", "spoken"];
/// Both.
pub const FUSED: [&str; 9] = [
    "early-sum",
    "early-concat",
    "hier-m2o",
    "hier-o2m",
    "cross",
    "cross-concat",
    "bottleneck",
    "bidirectional",
    "late",
];

/// A training of this experiment.
pub fn job(name: &str) -> Job {
    Job::new(name, Task::DigitsSpoken, STEPS, SAMPLES)
}

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let alone = ALONE.iter().map(|name| job(name));
    let fused = FUSED.iter().map(|name| Job { without: ALONE.to_vec(), ..job(name) });
    let jobs: Vec<Job> = alone.chain(fused).collect();
    let mut outcome = Outcome { series: train_all(&jobs, plan, watch)?, ..Outcome::default() };
    outcome.bands = bands(&outcome);
    outcome.notes = vec![
        "The voice is synthetic: nobody said any of it.".to_string(),
        "No order among the fused models is claimed: their numbers of parameters differ.".to_string(),
    ];
    Ok(outcome)
}

/// Every fused model is good, and better than the better one of the two modalities.
fn bands(outcome: &Outcome) -> Vec<Band> {
    let [image, spoken] = ALONE.map(|name| outcome.series(name));
    let better = if image.accuracy() > spoken.accuracy() { image } else { spoken };
    let bands = FUSED.iter().flat_map(|name| {
        let series = outcome.series(name);
        [Band::accuracy(series, Some(0.90), None), Band::better(series, better, 0.05)]
    });
    bands.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::made_up;

    fn failed(alone: [f64; 2], fused: impl Fn(&str) -> f64) -> Vec<String> {
        let models: Vec<(&str, f64)> =
            ALONE.into_iter().zip(alone).chain(FUSED.map(|name| (name, fused(name)))).collect();
        let mut outcome = made_up::outcome(&models);
        outcome.bands = bands(&outcome);
        assert_eq!(outcome.bands.len(), 2 * FUSED.len());
        made_up::failed(&outcome)
    }

    #[test]
    fn claims_fail_where_they_are_wrong() {
        assert!(failed([0.84, 0.83], |_| 0.95).is_empty());
        assert_eq!(failed([0.84, 0.83], |_| 0.89).len(), FUSED.len());
        let one = |name: &str| if name == "cross" { 0.93 } else { 0.95 };
        // The better modality counts, whichever it is.
        for alone in [[0.89, 0.2], [0.2, 0.89]] {
            let better = if alone[0] > alone[1] { "image" } else { "spoken" };
            assert_eq!(failed(alone, one), [format!("cross above {better}")]);
        }
    }
}
