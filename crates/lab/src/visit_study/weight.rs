//! How much the group of the acute disease weighs in the loss.

use mmt_tensor::{Random, Result};

use super::{PATIENTS, Reads, Scores, Told, tested, train};
use crate::data::ehr;

/// The weights that are compared.
pub const WEIGHTS: [f32; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];

/// The weight of the study: the best of [`WEIGHTS`] on patients that are held back from the training, `docs/visits.md`.
pub const GROUP_WEIGHT: f32 = 8.0;

/// Of the patients of the training, those that are held back for the choice.
const HELD_BACK: usize = 600;

/// What a model that is told everything reaches on patients held back from the training of a seed. The patients of the test are
/// not touched.
///
/// # Errors
/// Those of the layers.
pub fn weight_study(seed: u64, weight: f32) -> Result<Scores> {
    let patients = ehr::patients(PATIENTS[0], &mut Random::seed(seed));
    let (held_back, fit) = patients.split_at(HELD_BACK);
    let told = Told::ALL[0];
    let model = train(fit, told, Reads::Sets, weight, seed)?;
    Ok(tested(held_back, &model.scores(held_back, told, Reads::Sets)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The patients of a seed are drawn one after the other, those of the training first.
    #[test]
    fn the_patients_held_back_are_of_the_training() {
        let random = &mut Random::seed(1);
        let [train_on, test_on] = PATIENTS.map(|count| ehr::patients(count, random));
        let drawn = ehr::patients(PATIENTS[0], &mut Random::seed(1));
        assert!(drawn == train_on && HELD_BACK < drawn.len());
        assert_ne!(drawn[..HELD_BACK], test_on[..HELD_BACK]);
        assert!(WEIGHTS.contains(&GROUP_WEIGHT));
    }
}
