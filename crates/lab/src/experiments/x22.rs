//! `x22-three-modalities`: variants of three modalities agree with their identities, and a question that needs all three.

use mmt_tensor::Result;

use super::identities::identities;
use super::jobs::{Job, train_all};
use super::{Band, Experiment, Outcome, Plan, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x22-three-modalities",
    claim: "variants of three modalities agree with their algebraic identities",
    method: "Identities in double precision on 100 random sets of weights and tokens from each seed. Then questions about a digit \
             that is seen and one that a synthetic voice says, in noise of 0.9: 1500 batches of 64, with all three modalities and \
             with two; 2000 test samples of other handwriting and other speakers.",
    steps: || STEPS * MODELS.len(),
    run,
};

const STEPS: usize = 1500;
const DRAWS: usize = 100;

/// Name and expression.
const MODELS: [(&str, &str); 6] = [
    ("early-concat-3", "early-concat-3"),
    ("others", "others"),
    ("late-3", "late-3"),
    ("no question", "Tf(1, 2, Cat[In image, In spoken])"),
    ("no voice", "Tf(1, 2, Cat[In image, In text])"),
    ("no picture", "Tf(1, 2, Cat[In spoken, In text])"),
];

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let job = |&(name, topology): &(&str, &str)| Job {
        topology: topology.to_string(),
        ..Job::new(name, Task::DigitsThree, STEPS, 2000)
    };
    let jobs: Vec<Job> = MODELS.iter().map(job).collect();
    let mut outcome = Outcome { series: train_all(&jobs, plan, watch)?, ..Outcome::default() };
    let mut held: Vec<(&str, usize)> = vec![];
    for &seed in &plan.seeds {
        for (i, one) in identities(DRAWS, seed)?.into_iter().enumerate() {
            match held.get_mut(i) {
                Some(sum) => sum.1 += one.right,
                None => held.push((one.what, one.right)),
            }
        }
    }
    let all = DRAWS * plan.seeds.len();
    outcome.bands = held.into_iter().map(|(what, right)| Band::exact(what, right, all)).collect();
    for other in ["late-3", "no question", "no voice", "no picture"] {
        outcome.bands.push(Band::better(outcome.series("early-concat-3"), outcome.series(other), 0.0));
    }
    outcome.notes = vec!["The voice is synthetic: nobody said any of it.".to_string()];
    Ok(outcome)
}
