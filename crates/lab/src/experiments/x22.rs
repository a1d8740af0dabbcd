//! `x22-three-modalities`: variants of three modalities agree with their identities, and a question that needs all three.

use super::identities::identities;
use super::jobs::{Job, train_all};
use super::{Band, Experiment, Outcome, Plan, Result, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x22-three-modalities",
    claim: "variants of three modalities agree with their algebraic identities",
    method: "Identities in double precision on 100 random sets of weights and tokens from each seed. Then questions about a digit \
             that is seen and one that a synthetic voice says, in noise of 0.5: 1500 batches of 64, with all three modalities and \
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
    outcome.bands = exact(DRAWS, &plan.seeds)?;
    outcome.bands.extend(all_three(&outcome));
    outcome.notes = vec!["The voice is synthetic: nobody said any of it.".to_string()];
    Ok(outcome)
}

/// The identities, on some draws from each seed.
fn exact(draws: usize, seeds: &[u64]) -> Result<Vec<Band>> {
    let each = seeds.iter().map(|&seed| identities(draws, seed)).collect::<mmt_tensor::Result<Vec<_>>>()?;
    let right = |i: usize| each.iter().fold(0, |sum, held| sum + held[i].right);
    let first = each.first().map_or(&[][..], Vec::as_slice);
    let all = draws * seeds.len();
    Ok(first.iter().enumerate().map(|(i, held)| Band::exact(held.what, right(i), all)).collect())
}

/// With all three modalities the questions are answered better than with two, and than by a sum of scores.
fn all_three(outcome: &Outcome) -> Vec<Band> {
    let joint = outcome.series("early-concat-3");
    let others = ["late-3", "no question", "no voice", "no picture"];
    others.iter().map(|other| Band::better(joint, outcome.series(other), 0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::made_up;

    #[test]
    fn the_exact_claims_hold() {
        let bands = exact(10, &[2023, 2024]).unwrap();
        assert_eq!(bands.len(), 4);
        assert!(bands.iter().all(Band::holds), "{bands:?}");
        assert!(bands[0].claim.ends_with("(20 cases)"), "{}", bands[0].claim);
    }

    #[test]
    fn claims_fail_where_they_are_wrong() {
        let failed = |others: [f64; 4]| {
            let [late, question, voice, picture] = others;
            let mut outcome = made_up::outcome(&[
                ("early-concat-3", 0.8),
                ("late-3", late),
                ("no question", question),
                ("no voice", voice),
                ("no picture", picture),
            ]);
            outcome.bands = all_three(&outcome);
            made_up::failed(&outcome)
        };
        assert!(failed([0.6, 0.5, 0.5, 0.4]).is_empty());
        assert_eq!(
            failed([0.8, 0.5, 0.9, 0.4]),
            ["early-concat-3 above late-3", "early-concat-3 above no voice"]
        );
    }
}
