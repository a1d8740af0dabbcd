//! Synthetic patients: `ehr`.
//!
//! Nothing in it is about a person, and no code is one of a real system. Diagnoses are called `D01` to `D48`, in eight groups of
//! two categories; medications are called `M01` to `M16`, one for each category. A disease goes on, goes away, or goes over to a
//! later stage or to the next group, so what comes next depends on what came last.

use std::collections::BTreeSet;

use mmt_tensor::Random;
use mmt_tokenizers::ehr::Ontology;

/// Diagnoses.
pub const CODES: usize = 48;
/// Groups of diagnoses.
pub const GROUPS: usize = 8;
/// Categories of diagnoses, and medications.
pub const CATEGORIES: usize = 16;
/// Visits of a patient: four that are known, and one to be foreseen.
pub const VISITS: usize = 5;
/// Words with which a patient says what is wrong, one for each group.
pub const COMPLAINTS: [&str; GROUPS] =
    ["pain", "fever", "cough", "rash", "fatigue", "nausea", "dizziness", "swelling"];

const IN_GROUP: usize = CODES / GROUPS;
const IN_CATEGORY: usize = CODES / CATEGORIES;
/// Most diagnoses of a visit.
const MOST: usize = 6;

/// What happened at one visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Diagnoses, numbers below [`CODES`], in order of importance: the latest stage first.
    pub diagnoses: Vec<usize>,
    /// Medications, numbers below [`CATEGORIES`].
    pub medications: Vec<usize>,
}

/// A patient that nobody ever saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// In the order of time.
    pub visits: [Visit; VISITS],
    /// What the patient says at the last visit but one: a row of [`COMPLAINTS`].
    pub complaint: usize,
}

impl Patient {
    /// The group of the acute disease: the complaint tells how many groups after the lowest group of the last known visit.
    pub fn acute_group(&self) -> usize {
        let known = &self.visits[VISITS - 2].diagnoses;
        let lowest = known.iter().map(|code| code / IN_GROUP).min().expect("a visit has a diagnosis");
        (lowest + self.complaint) % GROUPS
    }
}

/// `count` patients.
pub fn patients(count: usize, random: &mut Random) -> Vec<Patient> {
    (0..count).map(|_| patient(random)).collect()
}

fn patient(random: &mut Random) -> Patient {
    let starts = 1 + random.below(3);
    let mut active: BTreeSet<usize> = (0..starts).map(|_| random.below(CODES)).collect();
    let visits = std::array::from_fn(|i| {
        if i > 0 {
            active = next(&active, random);
        }
        visit(&active, random)
    });
    Patient { visits, complaint: random.below(GROUPS) }
}

/// The graph of progression: half of the diagnoses stay; half go on to the next of their group and a quarter to the same place
/// of the next group; one patient in five gets something new.
fn next(active: &BTreeSet<usize>, random: &mut Random) -> BTreeSet<usize> {
    let mut next = BTreeSet::new();
    for &code in active {
        let (group, stage) = (code / IN_GROUP, code % IN_GROUP);
        if random.unit() < 0.5 {
            next.insert(code);
        }
        if random.unit() < 0.5 && stage + 1 < IN_GROUP {
            next.insert(code + 1);
        }
        if random.unit() < 0.25 {
            next.insert((group + 1) % GROUPS * IN_GROUP + stage);
        }
    }
    if random.unit() < 0.2 || next.is_empty() {
        next.insert(random.below(CODES));
    }
    next.into_iter().take(MOST).collect()
}

/// A category is treated nine times out of ten; a visit without a medication gets that of its first diagnosis.
fn visit(active: &BTreeSet<usize>, random: &mut Random) -> Visit {
    let mut diagnoses: Vec<usize> = active.iter().copied().collect();
    diagnoses.sort_by_key(|code| std::cmp::Reverse((code % IN_GROUP, *code)));
    let categories: BTreeSet<usize> = active.iter().map(|code| code / IN_CATEGORY).collect();
    let mut medications: Vec<usize> = categories.into_iter().filter(|_| random.unit() < 0.9).collect();
    if medications.is_empty() {
        medications.push(diagnoses[0] / IN_CATEGORY);
    }
    Visit { diagnoses, medications }
}

/// `D01` to `D48`
pub fn diagnosis(code: usize) -> String {
    format!("D{:02}", code + 1)
}

/// `M01` to `M16`
pub fn medication(code: usize) -> String {
    format!("M{:02}", code + 1)
}

/// Diagnosis, category, group, root.
pub fn diagnoses() -> Ontology {
    let path = |code: usize| {
        let (category, group) = (code / IN_CATEGORY, code / IN_GROUP);
        vec![diagnosis(code), format!("C{:02}", category + 1), format!("G{}", group + 1), "root".to_string()]
    };
    Ontology::of_paths(&(0..CODES).map(path).collect::<Vec<_>>()).expect("a tree")
}

/// Medication, group, root.
pub fn medications() -> Ontology {
    let path = |code: usize| vec![medication(code), format!("N{}", code / 2 + 1), "root".to_string()];
    Ontology::of_paths(&(0..CATEGORIES).map(path).collect::<Vec<_>>()).expect("a tree")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_patients() {
        let draw = |seed| patients(20, &mut Random::seed(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn every_visit_has_few_codes_and_some() {
        for patient in patients(500, &mut Random::seed(1)) {
            for visit in &patient.visits {
                assert!((1..=MOST).contains(&visit.diagnoses.len()));
                assert!(!visit.medications.is_empty());
                assert!(visit.diagnoses.iter().all(|&code| code < CODES));
                assert!(visit.medications.iter().all(|&code| code < CATEGORIES));
            }
            assert!(patient.acute_group() < GROUPS);
        }
    }

    #[test]
    fn the_trees_have_all_codes() {
        assert_eq!((diagnoses().leaves().len(), diagnoses().nodes()), (48, 48 + 16 + 8 + 1));
        assert_eq!((medications().leaves().len(), medications().nodes()), (16, 16 + 8 + 1));
        assert_eq!(diagnoses().code("D48").unwrap(), 47);
    }

    #[test]
    fn the_next_visit_resembles_the_last_one() {
        let (mut kept, mut all) = (0, 0);
        for patient in patients(500, &mut Random::seed(2)) {
            let [.., before, after] = &patient.visits;
            all += after.diagnoses.len();
            kept += after.diagnoses.iter().filter(|code| before.diagnoses.contains(code)).count();
        }
        let share = f64::from(kept as u32) / f64::from(all as u32);
        assert!((0.3..0.7).contains(&share), "{share}");
    }
}
