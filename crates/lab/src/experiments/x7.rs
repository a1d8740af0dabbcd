//! `x7-missing-modality`: a model that has missed modalities in training can do without one.

use mmt_tensor::Result;

use super::jobs::{Job, Series, mean_right, train_all};
use super::x1::{ALONE, job};
use super::{Band, Experiment, Figure, Outcome, Plan, Watch};
use crate::stats::bootstrap;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x7-missing-modality",
    claim: "missing a modality at times in training makes a model robust",
    method: "The samples of x1. In training every second sample loses one of the two modalities: all its tokens are zero after \
             their embedding. Tested with both, without the image and without the voice, on the same 1000 samples.",
    steps: || 2 * super::x1::STEPS * NAMES.len(),
    run,
};

const NAMES: [&str; 6] = ["early-sum", "early-concat", "hier-m2o", "cross", "bottleneck", "late"];

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let jobs: Vec<Job> = (NAMES.iter())
        .flat_map(|name| {
            let plain = Job { without: ALONE.to_vec(), ..job(name) };
            let dropped = Job { name: format!("{name} + dropout"), drop: 0.5, ..plain.clone() };
            [plain, dropped]
        })
        .collect();
    let series = train_all(&jobs, plan, watch)?;
    let mut outcome = Outcome::default();
    for pair in series.chunks(2) {
        let (plain, dropped) = (&pair[0], &pair[1]);
        for modality in ALONE {
            let [before, after] = [plain, dropped].map(|series| mean_right(&series.without[modality]));
            let claim = |what: &str| format!("{}: {what} {modality}", plain.name);
            let band = Band::part(&claim("accuracy without"), 0.0, Some(0.65), None);
            outcome.bands.push(Band { measured: bootstrap(&after), ..band });
            let gain: Vec<f64> = after.iter().zip(&before).map(|(a, b)| a - b).collect();
            let band = Band::part(&claim("gain without"), 0.0, Some(0.15), None);
            outcome.bands.push(Band { measured: bootstrap(&gain), ..band });
        }
        let loss: Vec<f64> = plain.right().iter().zip(dropped.right()).map(|(a, b)| a - b).collect();
        let band = Band::part(&format!("{}: loss with both", plain.name), 0.0, None, Some(0.02));
        outcome.bands.push(Band { measured: bootstrap(&loss), ..band });
    }
    outcome.figures.push(figure(&series));
    outcome.series = series;
    Ok(outcome)
}

fn figure(series: &[Series]) -> Figure {
    let columns = vec!["both".to_string(), "without image".to_string(), "without voice".to_string()];
    let row = |s: &Series| {
        let parts = vec![s.accuracy(), s.accuracy_without(ALONE[0]), s.accuracy_without(ALONE[1])];
        (s.name.clone(), parts)
    };
    Figure::Missing { columns, rows: series.iter().map(row).collect() }
}
