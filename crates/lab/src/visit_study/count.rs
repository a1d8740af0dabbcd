//! What is reached by counting.

use super::input::{known, next};
use super::{FORETOLD, Scores, recall};
use crate::data::ehr::{CODES, GROUPS, Patient};

/// The most frequent answers, and the codes of the last known visit.
pub fn without_model(train: &[Patient], test: &[Patient]) -> (Scores, Scores) {
    let (mut codes, mut groups) = ([0_usize; CODES], [0_usize; GROUPS]);
    for patient in train {
        next(patient).iter().for_each(|&code| codes[code] += 1);
        groups[patient.acute_group()] += 1;
    }
    let mut frequent: Vec<usize> = (0..CODES).collect();
    frequent.sort_by_key(|&code| (std::cmp::Reverse(codes[code]), code));
    let common = (0..GROUPS).fold(0, |best, group| if groups[group] > groups[best] { group } else { best });
    let guessed = test.iter().filter(|patient| patient.acute_group() == common).count();
    let copied = |patient: &Patient| {
        let last = known(patient).last().expect("known visits");
        let filled =
            last.diagnoses.iter().chain(frequent.iter().filter(|code| !last.diagnoses.contains(code)));
        filled.copied().take(FORETOLD).collect::<Vec<_>>()
    };
    let acute = Some(guessed as f64 / test.len() as f64);
    let frequency = Scores { recall: recall(test, |_| frequent[..FORETOLD].to_vec()), acute };
    (frequency, Scores { recall: recall(test, |i| copied(&test[i])), acute: None })
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;
    use crate::data::ehr;

    #[test]
    fn counting_is_worse_than_copying() {
        let patients = ehr::patients(400, &mut Random::seed(4));
        let (frequency, copy) = without_model(&patients[..300], &patients[300..]);
        assert!(frequency.recall < copy.recall && copy.acute.is_none());
    }
}
