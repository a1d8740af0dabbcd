//! `x1-fusion-av`: two weak modalities are better together.

use mmt_tensor::Result;

use super::jobs::{Job, train_all};
use super::{Band, Experiment, Outcome, Plan, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x1-fusion-av",
    claim: "fusing two weak modalities beats each alone",
    method: "A digit is seen, with a square of 3x3 pixels blank and noise of 0.1, and said by a synthetic voice in noise of 0.9. \
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
    let [image, spoken] = ALONE.map(|name| outcome.series(name));
    let better = if image.accuracy() > spoken.accuracy() { image } else { spoken };
    let bands = FUSED.iter().flat_map(|name| {
        let series = outcome.series(name);
        [Band::accuracy(series, Some(0.90), None), Band::better(series, better, 0.05)]
    });
    outcome.bands = bands.collect();
    outcome.notes = vec![
        "The voice is synthetic: nobody said any of it.".to_string(),
        "No order among the fused models is claimed: their intervals overlap, and their numbers of parameters differ.".to_string(),
    ];
    Ok(outcome)
}
