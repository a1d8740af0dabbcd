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
