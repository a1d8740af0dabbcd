//! Who notices that an order has changed.

use mmt_tensor::{Random, Result};

use super::input::{Reads, Told};
use super::model::Foreteller;
use crate::data::ehr::{Patient, VISITS};

/// How many patients a change of order is noticed in, to the last bit of any score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Patients in whom both changes change something.
    pub patients: usize,
    /// Codes in another order inside their visits, which are read as sets.
    pub inside_sets: usize,
    /// The same sets, but not sorted before they are read: what is noticed then is how sums were rounded.
    pub inside_unsorted: usize,
    /// The same, read with places.
    pub inside_places: usize,
    /// The last two known visits exchanged, which are read as sets.
    pub exchanged: usize,
}

/// Changes the order for all patients in whom there is something to change.
pub fn moved(
    patients: &[Patient],
    sets: &Foreteller<f32>,
    places: &Foreteller<f32>,
    random: &mut Random,
) -> Result<Moved> {
    let kept: Vec<Patient> = patients.iter().filter(|patient| can_change(patient)).cloned().collect();
    let inside: Vec<Patient> = kept.iter().map(|patient| inside(patient, random)).collect();
    let exchanged: Vec<Patient> = kept.iter().map(exchanged).collect();
    let noticed = |model: &Foreteller<f32>, other: &[Patient], reads: Reads| -> Result<usize> {
        let told = Told::ALL[0];
        let (before, after) = (model.scores(&kept, told, reads)?, model.scores(other, told, reads)?);
        let differs = |i: &usize| {
            let codes = before.codes.row(*i).into_iter().zip(after.codes.row(*i));
            let groups = before.groups.row(*i).into_iter().zip(after.groups.row(*i));
            codes.chain(groups).any(|(a, b)| a.to_bits() != b.to_bits())
        };
        Ok((0..kept.len()).filter(differs).count())
    };
    Ok(Moved {
        patients: kept.len(),
        inside_sets: noticed(sets, &inside, Reads::Sets)?,
        inside_unsorted: noticed(sets, &inside, Reads::Unsorted)?,
        inside_places: noticed(places, &inside, Reads::Places)?,
        exchanged: noticed(sets, &exchanged, Reads::Sets)?,
    })
}

/// A visit of several codes, and last known visits that differ.
fn can_change(patient: &Patient) -> bool {
    let known = &patient.visits[..VISITS - 1];
    let sorted = |i: usize| {
        let mut codes = known[i].diagnoses.clone();
        codes.sort_unstable();
        codes
    };
    known.iter().any(|visit| visit.diagnoses.len() > 1) && sorted(VISITS - 2) != sorted(VISITS - 3)
}

/// Every visit with its codes in another order, if it has several.
fn inside(patient: &Patient, random: &mut Random) -> Patient {
    let mut other = patient.clone();
    for visit in &mut other.visits {
        let turn = 1 + random.below(visit.diagnoses.len().max(2) - 1);
        let count = visit.diagnoses.len();
        visit.diagnoses.rotate_left(turn % count);
    }
    other
}

/// The last two known visits exchanged.
fn exchanged(patient: &Patient) -> Patient {
    let mut other = patient.clone();
    other.visits.swap(VISITS - 3, VISITS - 2);
    other
}

#[cfg(test)]
mod tests {
    use mmt_tensor::testing::shake;

    use super::*;
    use crate::data::ehr;

    /// Without the sort of [`Reads::Sets`] the first count would be the second.
    #[test]
    fn the_sort_of_the_codes_is_what_makes_sets_exact() {
        let random = &mut Random::seed(5);
        let patients = ehr::patients(60, random);
        let model = shake(&Foreteller::<f32>::new(random).unwrap(), 6);
        let moved = moved(&patients, &model, &model, random).unwrap();
        assert!(moved.patients > 40, "{moved:?}");
        assert_eq!(moved.inside_sets, 0);
        assert!(moved.inside_unsorted > moved.patients / 4, "{moved:?}");
        assert_eq!([moved.inside_places, moved.exchanged], [moved.patients; 2]);
    }

    #[test]
    fn what_sets_that_are_not_sorted_show_is_rounding() {
        let random = &mut Random::seed(5);
        let patients = ehr::patients(60, random);
        let model = shake(&Foreteller::<f32>::new(random).unwrap(), 6);
        let others: Vec<Patient> = patients.iter().map(|patient| inside(patient, random)).collect();
        let scores = |patients: &[Patient], reads| model.scores(patients, Told::ALL[0], reads).unwrap().codes;
        let apart = |reads| {
            let pairs = scores(&patients, reads).into_iter().zip(scores(&others, reads));
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(apart(Reads::Unsorted) < 1e-4, "{}", apart(Reads::Unsorted));
        assert!(apart(Reads::Places) > 1e-2, "{}", apart(Reads::Places));
    }
}
