//! `x2-interaction`: some questions need modalities to interact.

use mmt_tensor::Result;

use super::jobs::{Job, TEST, train_all};
use super::sides::{Shares, examples, figure, shares};
use super::{Band, Experiment, Figure, Outcome, Plan, Watch};
use crate::stats::mean;
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x2-interaction",
    claim: "some questions need interaction, and its depth matters",
    method: "Questions about two digits: which one is on the left, on the right, larger, smaller. 1500 batches of 64, and 4000 for \
             the two topologies that can wait on a plateau; 2000 test questions about other handwriting, the same for all.",
    steps: || MODELS.iter().map(|model| model.1).sum(),
    run,
};

/// Name, steps, and the band of the accuracy.
const MODELS: [(&str, usize, Option<f64>, Option<f64>); 9] = [
    ("text", 1500, None, Some(0.22)),
    ("image", 1500, Some(0.45), Some(0.55)),
    ("late", 1500, None, Some(0.75)),
    ("hier-m2o", 4000, Some(0.85), None),
    ("bottleneck-2", 4000, Some(0.85), None),
    ("early-concat", 1500, Some(0.84), None),
    ("hier-o2m", 1500, Some(0.84), None),
    ("cross", 1500, Some(0.84), None),
    ("cross-concat", 1500, Some(0.84), None),
];

/// What no sum of scores exceeds, for each pair of digits: seven of eight answers.
const LATE_BOUND: f64 = 0.875;
/// Questions for the attention of each seed.
const LOOKED_AT: usize = 500;

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let jobs: Vec<Job> =
        MODELS.iter().map(|(name, steps, ..)| Job::new(name, Task::DigitsQa, *steps, 2000)).collect();
    let series = train_all(&jobs, plan, watch)?;
    let mut outcome = Outcome { series, ..Outcome::default() };
    let bands = MODELS.iter().map(|(name, _, low, high)| Band::accuracy(outcome.series(name), *low, *high));
    outcome.bands = bands.collect();
    let late = outcome.series("late");
    let proved = Band::accuracy(late, None, Some(LATE_BOUND));
    outcome
        .bands
        .push(Band { claim: "late stays below what a sum of scores can reach".to_string(), ..proved });
    for name in ["early-concat", "hier-o2m", "cross", "cross-concat"] {
        outcome.bands.push(Band::better(outcome.series(name), outcome.series("late"), 0.0));
    }
    look(&mut outcome)?;
    outcome.notes = vec![
        "A sum of scores cannot answer all four questions: for two digits, at least one of the eight combinations of order and \
         question is wrong, so late fusion stays below 87.5 %."
            .to_string(),
        "hier-m2o and bottleneck-2 can wait on a plateau before they learn to compare, and get 4000 steps: the curves show whether \
         they did, an end point would not."
            .to_string(),
    ];
    Ok(outcome)
}

/// The attention of the class token in the joint layers.
fn look(outcome: &mut Outcome) -> Result<()> {
    let net = &outcome.series("early-concat").net;
    let shares = shares(net, LOOKED_AT, TEST)?;
    let bands = attention_bands(&shares);
    let mut figures = vec![figure(&shares)];
    for name in ["early-concat", "cross-concat"] {
        for example in examples(name, &outcome.series(name).net, TEST)? {
            figures.push(Figure::Example(Box::new(example)));
        }
    }
    outcome.bands.extend(bands);
    outcome.figures.extend(figures);
    Ok(())
}

/// The last layer looks at the side that is asked for, or at both; the first one does not know the question yet, and leans to the
/// same side for all of them.
fn attention_bands(shares: &Shares) -> Vec<Band> {
    let (first, last) = (&shares[0], &shares[shares.len() - 1]);
    let [left, right, larger, smaller] = *last;
    let sides = [larger.0, larger.1, smaller.0, smaller.1];
    // Not the weight of the whole picture: questions have five or seven words, and more words leave less for the picture.
    let leaning: Vec<f64> = first.iter().map(|share| share.0 - share.1).collect();
    let differs =
        leaning.iter().fold(f64::MIN, |m, &x| m.max(x)) - leaning.iter().fold(f64::MAX, |m, &x| m.min(x));
    let asked = mean(&[left.0, right.1]);
    let most = sides.iter().fold(0.0, |m: f64, &x| m.max(x));
    vec![
        Band::part(
            "last layer, left and right: weight of the side that is asked for",
            asked,
            Some(0.6),
            None,
        ),
        Band::part("last layer, larger and smaller: most weight of one side", most, None, Some(0.6)),
        Band::part("first layer: left minus right, difference between questions", differs, None, Some(0.05)),
    ]
}
