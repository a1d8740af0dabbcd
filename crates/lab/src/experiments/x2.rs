//! `x2-interaction`: some questions need modalities to interact.

use super::jobs::{Job, TEST, train_all};
use super::sides::{Shares, divisions, examples, figure, mean_shares, shares};
use super::{Band, Experiment, Figure, Outcome, Plan, Result, Watch};
use crate::tasks::Task;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x2-interaction",
    claim: "some questions need interaction, and its depth matters",
    method: "Questions about two digits: which one is on the left, on the right, larger, smaller. 1500 batches of 64, and 4000 for \
             the two topologies that can wait on a plateau; 2000 test questions about other handwriting, the same for all.",
    steps: || MODELS.iter().map(|model| model.1).sum(),
    run,
};

/// Name, steps, and the band of the accuracy: what a prototype measured, less three points, for those that get 4000 steps.
const MODELS: [(&str, usize, Option<f64>, Option<f64>); 9] = [
    ("text", 1500, None, Some(0.22)),
    ("image", 1500, Some(0.45), Some(0.55)),
    ("late", 1500, None, Some(0.75)),
    ("hier-m2o", 4000, Some(0.888), None),
    ("bottleneck-2", 4000, Some(0.859), None),
    ("early-concat", 1500, Some(0.84), None),
    ("hier-o2m", 1500, Some(0.84), None),
    ("cross", 1500, Some(0.84), None),
    ("cross-concat", 1500, Some(0.84), None),
];

/// What no sum of scores exceeds, for each pair of digits: seven of eight answers.
const LATE_BOUND: f64 = 0.875;
/// Questions for the attention of each seed.
const LOOKED_AT: usize = 500;
/// Four questions about each.
const PICTURES: usize = 125;
/// What single precision leaves of two numbers below one that are equal.
const EQUAL: f64 = 1e-5;

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let jobs: Vec<Job> =
        MODELS.iter().map(|(name, steps, ..)| Job::new(name, Task::DigitsQa, *steps, 2000)).collect();
    let series = train_all(&jobs, plan, watch)?;
    let mut outcome = Outcome { series, ..Outcome::default() };
    outcome.bands = bands(&outcome);
    look(&mut outcome)?;
    outcome.notes = vec![
        "A sum of scores cannot answer all four questions: for two digits, at least one of the eight combinations of order and \
         question is wrong, so no late fusion is expected to answer more than 87.5 % of questions that are drawn like these."
            .to_string(),
        "hier-m2o and bottleneck-2 can wait on a plateau before they learn to compare, and get 4000 steps: the curves show whether \
         they did, an end point would not."
            .to_string(),
    ];
    Ok(outcome)
}

/// Accuracies, what is proved of late fusion, and who is above it.
fn bands(outcome: &Outcome) -> Vec<Band> {
    let accuracy = |(name, _, low, high): &(&str, usize, Option<f64>, Option<f64>)| {
        Band::accuracy(outcome.series(name), *low, *high)
    };
    let mut bands: Vec<Band> = MODELS.iter().map(accuracy).collect();
    let late = outcome.series("late");
    let claim = "late stays below what a sum of scores can reach".to_string();
    bands.push(Band { claim, ..Band::accuracy(late, None, Some(LATE_BOUND)) });
    let above = ["early-concat", "hier-o2m", "cross", "cross-concat"];
    bands.extend(above.iter().map(|name| Band::better(outcome.series(name), late, 0.0)));
    bands
}

/// The attention of the class token in the joint layers.
fn look(outcome: &mut Outcome) -> Result<()> {
    let nets = &outcome.series("early-concat").nets;
    let each = nets.iter().map(|net| shares(net, LOOKED_AT, TEST)).collect::<mmt_tensor::Result<Vec<_>>>()?;
    let mut bands = attention_bands(&each);
    let first = nets.iter().map(|net| Ok(divisions(net, PICTURES, TEST)?.swap_remove(0)));
    bands.push(knows_nothing(&first.collect::<mmt_tensor::Result<Vec<_>>>()?.concat()));
    let mut figures = vec![figure(&mean_shares(&each))];
    for name in ["early-concat", "cross-concat"] {
        for example in examples(name, &outcome.series(name).nets[0], TEST)? {
            figures.push(Figure::Example(Box::new(example)));
        }
    }
    outcome.bands.extend(bands);
    outcome.figures.extend(figures);
    Ok(())
}

/// The last layer looks at the side that is asked for, or at both. Means over the seeds.
fn attention_bands(each: &[Shares]) -> Vec<Band> {
    let last = |of: fn(&[(f64, f64); 4]) -> f64| each.iter().map(|s| of(&s[s.len() - 1])).collect();
    let asked = |side: &str| format!("last layer, asked for the {side}: weight of that side");
    let most = "last layer, larger and smaller: most weight of one side";
    let bands = [
        Band::of_seeds(&asked("left"), last(|s| s[0].0), Some(0.6), None),
        Band::of_seeds(&asked("right"), last(|s| s[1].1), Some(0.6), None),
        Band::of_seeds(most, last(largest), None, Some(0.6)),
    ];
    bands.map(|band| Band { percent: true, ..band }).to_vec()
}

/// The most weight of a side for the questions that need both.
fn largest(share: &[(f64, f64); 4]) -> f64 {
    share[2..].iter().fold(0.0, |most: f64, &(left, right)| most.max(left).max(right))
}

/// The first layer does not know the question yet. The class token asks with an embedding that is the same for every question, and
/// the patches of a picture answer with theirs, so the scores between them are the same. The words change the sum that they are
/// divided by, which left and right share: one ratio for all questions, in every head.
fn knows_nothing(differences: &[f64]) -> Band {
    let claim = "first layer: each head divides its look at a picture the same for all questions";
    Band::exact(claim, differences.iter().filter(|d| **d <= EQUAL).count(), differences.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::made_up;

    /// What a prototype measured.
    const GOOD: [(&str, f64); 9] = [
        ("text", 0.162),
        ("image", 0.502),
        ("late", 0.64),
        ("hier-m2o", 0.918),
        ("bottleneck-2", 0.889),
        ("early-concat", 0.882),
        ("hier-o2m", 0.893),
        ("cross", 0.908),
        ("cross-concat", 0.908),
    ];

    fn failed(name: &str, accuracy: f64) -> Vec<String> {
        let models = GOOD.map(|(own, measured)| (own, if own == name { accuracy } else { measured }));
        let mut outcome = made_up::outcome(&models);
        outcome.bands = bands(&outcome);
        made_up::failed(&outcome)
    }

    #[test]
    fn claims_fail_where_they_are_wrong() {
        assert!(failed("", 0.0).is_empty());
        assert_eq!(failed("text", 0.23), ["accuracy of text"]);
        assert_eq!(failed("image", 0.44), ["accuracy of image"]);
        assert_eq!(failed("image", 0.56), ["accuracy of image"]);
        assert_eq!(failed("late", 0.76), ["accuracy of late"]);
        assert!(
            failed("late", 0.876).contains(&"late stays below what a sum of scores can reach".to_string())
        );
        assert_eq!(failed("hier-m2o", 0.886), ["accuracy of hier-m2o"]);
        assert_eq!(failed("bottleneck-2", 0.858), ["accuracy of bottleneck-2"]);
        for name in ["early-concat", "hier-o2m", "cross", "cross-concat"] {
            assert_eq!(failed(name, 0.838), [format!("accuracy of {name}")]);
            assert_eq!(failed(name, 0.64), [format!("accuracy of {name}"), format!("{name} above late")]);
        }
    }

    #[test]
    fn attention_is_held_to_each_side_over_all_seeds() {
        let looks = |left: f64, right: f64, both: f64| -> Shares {
            vec![[(0.3, 0.3); 4], [(left, 0.1), (0.1, right), (both, 0.4), (0.4, both)]]
        };
        let red = |each: &[Shares]| -> Vec<usize> {
            let bands = attention_bands(each);
            (0..3).filter(|&i| !bands[i].holds()).collect()
        };
        let good = looks(0.7, 0.7, 0.45);
        assert!(red(std::slice::from_ref(&good)).is_empty());
        // One side cannot make up for the other, and one seed can for another.
        assert_eq!(red(&[looks(0.9, 0.5, 0.45)]), [1]);
        assert_eq!(red(&[looks(0.5, 0.9, 0.45)]), [0]);
        assert_eq!(red(&[looks(0.7, 0.7, 0.61)]), [2]);
        assert!(red(&[good.clone(), looks(0.55, 0.7, 0.45)]).is_empty());
        let bands = attention_bands(&[good, looks(0.4, 0.7, 0.45)]);
        assert_eq!(bands[0].each, [0.7, 0.4]);
        assert!(!bands[0].holds());
    }

    #[test]
    fn one_head_that_knows_the_question_is_one_too_many() {
        assert!(knows_nothing(&[0.0, 1e-7, 1e-5]).holds());
        assert!(!knows_nothing(&[0.0, 1e-7, 1e-3]).holds());
        assert!(!knows_nothing(&[0.0, f64::NAN]).holds() && !knows_nothing(&[]).holds());
    }
}
