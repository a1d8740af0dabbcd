//! What a model is told about a patient.

use mmt_tokenizers::ehr::PatientInput;

use crate::data::ehr::{CODES, GROUPS, Patient, VISITS, Visit};

/// What stands in the sequence of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The diagnoses of the known visits.
    pub codes: bool,
    /// In which visit each of them was found.
    pub visits: bool,
    /// What the patient says at the last known visit.
    pub word: bool,
}

impl Told {
    /// Everything, then everything but one thing, then the word alone.
    pub const ALL: [Told; 4] = [
        Told { codes: true, visits: true, word: true },
        Told { codes: true, visits: false, word: true },
        Told { codes: true, visits: true, word: false },
        Told { codes: false, visits: false, word: true },
    ];

    /// `codes, visits, word`
    pub fn name(self) -> String {
        let parts = [(self.codes, "codes"), (self.visits, "visits"), (self.word, "word")];
        parts.into_iter().filter(|(told, _)| *told).map(|(_, name)| name).collect::<Vec<_>>().join(", ")
    }
}

/// How the codes of a visit are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// As a set, as G-BERT does: in the order of their numbers, whatever the record says.
    Sets,
    /// As a set too, but in the order of the record: the same numbers, added up in another order.
    Unsorted,
    /// In the order of importance, with an embedding of the place, as Med-BERT does.
    Places,
}

/// The token that both answers are read from.
const FIRST: usize = CODES;
/// Rows of the table of codes: codes, the first token, and a row for each word.
pub const ROWS: usize = CODES + 1 + GROUPS;
/// Rows of the table of visits; row 0 belongs to what was found in none.
pub const VISIT_ROWS: usize = VISITS;
/// Rows of the table of places; row 0 belongs to what has none.
pub const PLACE_ROWS: usize = 16;

/// The visits that are known.
pub fn known(patient: &Patient) -> &[Visit] {
    &patient.visits[..VISITS - 1]
}

/// The diagnoses to be foretold.
pub fn next(patient: &Patient) -> &[usize] {
    &patient.visits[VISITS - 1].diagnoses
}

/// The sequence of a patient: the first token, the word, the codes.
pub fn sequence(patient: &Patient, told: Told, reads: Reads) -> PatientInput {
    let mut input = PatientInput { codes: vec![FIRST], visits: vec![0], places: vec![0] };
    let mut push = |code, visit, place| {
        input.codes.push(code);
        input.visits.push(visit);
        input.places.push(place);
    };
    if told.word {
        push(FIRST + 1 + patient.complaint, 0, 0);
    }
    let visits = if told.codes { known(patient) } else { &[] };
    for (number, visit) in visits.iter().enumerate() {
        let mut codes = visit.diagnoses.clone();
        if reads == Reads::Sets {
            codes.sort_unstable();
        }
        for (place, code) in codes.into_iter().enumerate() {
            let place = if reads == Reads::Places { 1 + place } else { 0 };
            push(code, if told.visits { number + 1 } else { 0 }, place);
        }
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ehr;
    use mmt_tensor::Random;

    #[test]
    fn what_is_not_told_is_not_in_the_sequence() {
        let patient = &ehr::patients(1, &mut Random::seed(3))[0];
        let count: usize = known(patient).iter().map(|visit| visit.diagnoses.len()).sum();
        let [all, no_visits, no_word, word] = Told::ALL.map(|told| sequence(patient, told, Reads::Sets));
        assert_eq!([all.codes.len(), no_word.codes.len(), word.codes.len()], [2 + count, 1 + count, 2]);
        assert_eq!((no_visits.codes == all.codes, no_visits.visits.iter().max()), (true, Some(&0)));
        assert_eq!((all.visits.iter().max(), all.places.iter().max()), (Some(&4), Some(&0)));
        let places = sequence(patient, Told::ALL[0], Reads::Places);
        assert!(places.places.iter().all(|place| *place < PLACE_ROWS) && places.places.contains(&1));
        assert_eq!(
            Told::ALL.map(Told::name),
            ["codes, visits, word", "codes, word", "codes, visits", "word"]
        );
    }
}
