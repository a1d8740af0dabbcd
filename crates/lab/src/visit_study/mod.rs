//! The order of visits matters, the order of codes inside a visit does not: what comes next for a patient, from four visits.
//!
//! Synthetic patients ([`ehr`]). A model reads the codes of the known visits and the word of the complaint, and foretells the
//! diagnoses of the next visit and the group of the acute disease, which follows from the word and the lowest group of the last
//! known visit. What it is not told is the ablation. What the second answer weighs in the loss is chosen on patients that are held
//! back from the training, [`weight_study`].

mod count;
mod input;
mod model;
mod order;
mod train;
mod weight;

use mmt_tensor::{Random, Result};

use crate::data::ehr::{self, CODES, Patient};
use count::without_model;
use input::next;
pub use input::{Reads, Told};
pub use order::Moved;
use train::train;
pub use weight::{GROUP_WEIGHT, WEIGHTS, weight_study};

/// Patients of the training, and of the test.
const PATIENTS: [usize; 2] = [3000, 1000];

/// How many codes are foretold.
const FORETOLD: usize = 5;

/// What one kind of answer reaches on the patients of the test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// The mean share of the diagnoses of the next visit among the five that are foretold.
    pub recall: f64,
    /// The share of patients whose acute group is foretold; none for those who do not say.
    pub acute: Option<f64>,
}

/// The figures of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct VisitStudy {
    /// The five most frequent codes, and the most frequent acute group.
    pub frequency: Scores,
    /// The codes of the last known visit, filled up with frequent ones.
    pub copy: Scores,
    /// A model for everything that can be left out, in the order of [`Told::ALL`].
    pub models: Vec<(Told, Scores)>,
    /// Of the patients of the test, those whose scores change, to the last bit, when codes change their order inside their
    /// visits and when the last two visits are exchanged.
    pub moved: Moved,
}

/// Trains the models of a seed, which also draws the patients, and tests them.
///
/// # Errors
/// Those of the layers.
pub fn visit_study(seed: u64) -> Result<VisitStudy> {
    let random = &mut Random::seed(seed);
    let [train_on, test_on] = PATIENTS.map(|count| ehr::patients(count, random));
    let (mut models, mut sets) = (vec![], None);
    for told in Told::ALL {
        let model = train(&train_on, told, Reads::Sets, GROUP_WEIGHT, seed)?;
        let scores = model.scores(&test_on, told, Reads::Sets)?;
        models.push((told, tested(&test_on, &scores)));
        sets = sets.or_else(|| (told == Told::ALL[0]).then_some(model));
    }
    let sets = sets.expect("the first model");
    let places = train(&train_on, Told::ALL[0], Reads::Places, GROUP_WEIGHT, seed)?;
    let moved = order::moved(&test_on, &sets, &places, random)?;
    let (frequency, copy) = without_model(&train_on, &test_on);
    Ok(VisitStudy { frequency, copy, models, moved })
}

fn tested(test: &[Patient], scores: &model::Foretold<f32>) -> Scores {
    let foretold = |i: usize| {
        let row = scores.codes.row(i);
        let mut order: Vec<usize> = (0..CODES).collect();
        order.sort_by(|&a, &b| row[b].partial_cmp(&row[a]).expect("finite scores").then(a.cmp(&b)));
        order.truncate(FORETOLD);
        order
    };
    let groups: Vec<usize> = test.iter().map(Patient::acute_group).collect();
    let right = crate::answers::right(&scores.groups, &groups);
    Scores { recall: recall(test, foretold), acute: Some(right as f64 / test.len() as f64) }
}

/// The mean share of the codes of the next visit that are foretold.
fn recall(test: &[Patient], foretold: impl Fn(usize) -> Vec<usize>) -> f64 {
    let share = |(i, patient): (usize, &Patient)| {
        let (wanted, foretold) = (next(patient), foretold(i));
        wanted.iter().filter(|code| foretold.contains(code)).count() as f64 / wanted.len() as f64
    };
    test.iter().enumerate().map(share).fold(0.0, |sum, share| sum + share) / test.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bands of the claims; five seeds stand in `docs/visits.md`. It takes minutes without optimization:
    /// `cargo test --release -p mmt-lab visit_study -- --ignored`.
    #[ignore = "takes minutes without optimization"]
    #[test]
    fn the_order_of_visits_matters_and_that_inside_a_visit_does_not() {
        let study = visit_study(1).unwrap();
        let of = |told: Told| study.models.iter().find(|(t, _)| *t == told).unwrap().1;
        let (all, no_visits) = (
            of(Told { visits: true, word: true, codes: true }),
            of(Told { visits: false, word: true, codes: true }),
        );
        let no_word = of(Told { visits: true, word: false, codes: true });
        assert!(all.recall >= 0.57 && all.acute.unwrap() >= 0.92, "{study:?}");
        assert!(all.recall - no_visits.recall >= 0.02, "{study:?}");
        assert!(all.acute.unwrap() - no_visits.acute.unwrap() >= 0.08, "{study:?}");
        assert!(all.acute.unwrap() - no_word.acute.unwrap() >= 0.08, "{study:?}");
        assert_eq!(study.moved.inside_sets, 0, "{study:?}");
        assert!(study.moved.inside_places > study.moved.patients / 2, "{study:?}");
        assert!(study.moved.exchanged > study.moved.patients / 2, "{study:?}");
    }
}
