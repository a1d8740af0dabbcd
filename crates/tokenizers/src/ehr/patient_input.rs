//! The codes of a patient with the numbers of their visits and their places.

use mmt_tensor::{Error, Result, check_shape};

/// What the third table is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serialization {
    /// The place of a code in its visit, from 0: the paper.
    WithinVisit,
    /// The place of a code among all codes of the patient, from 0: the released code, whose positions are those of BERT.
    WithinPatient,
}

/// What happens to a patient with more codes than there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// It is refused.
    Refuse,
    /// The patient is left out: the released code.
    Drop,
    /// The latest codes are kept, and visits keep their numbers.
    KeepLatest,
}

/// The codes of a patient, in the order of visits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientInput {
    /// `t`, the codes.
    pub codes: Vec<usize>,
    /// `v`, the number of the visit of every code. The first visit of a record has number 1.
    pub visits: Vec<usize>,
    /// `s`, the place of every code.
    pub places: Vec<usize>,
}

impl PatientInput {
    /// A patient whose visits are given in the order of time, and the codes of each in that of importance:
    /// eq-2.11-code-order. `None` for a patient that [`TooLong::Drop`] leaves out.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no visit and for a visit without a code; [`Error::InvalidHyperparameter`] for more than `most`
    /// codes under [`TooLong::Refuse`], and for `most = 0`.
    pub fn new(
        visits: &[Vec<usize>],
        serialization: Serialization,
        most: usize,
        too_long: TooLong,
    ) -> Result<Option<Self>> {
        if visits.is_empty() || visits.iter().any(Vec::is_empty) {
            return Err(Error::EmptyInput { at: "patient: visit" });
        }
        let mut input = PatientInput { codes: vec![], visits: vec![], places: vec![] };
        for (number, visit) in visits.iter().enumerate() {
            for (place, &code) in visit.iter().enumerate() {
                input.places.push(match serialization {
                    Serialization::WithinVisit => place,
                    Serialization::WithinPatient => input.codes.len(),
                });
                input.codes.push(code);
                input.visits.push(number + 1);
            }
        }
        input.within(most, too_long, serialization)
    }

    fn within(mut self, most: usize, too_long: TooLong, of: Serialization) -> Result<Option<Self>> {
        let n = self.codes.len();
        if n <= most {
            return Ok(Some(self));
        }
        match too_long {
            TooLong::Drop => return Ok(None),
            TooLong::KeepLatest if most > 0 => {}
            _ => {
                let why = format!("{n} are more than {most}");
                return Err(Error::InvalidHyperparameter { at: "patient: codes", why });
            }
        }
        for list in [&mut self.codes, &mut self.visits, &mut self.places] {
            list.drain(..n - most);
        }
        if of == Serialization::WithinPatient {
            self.places = (0..most).collect();
        }
        Ok(Some(self))
    }

    /// Refuses lists of different lengths, and visits that go back in time.
    pub(super) fn check(&self) -> Result<()> {
        let n = self.codes.len();
        if n == 0 {
            return Err(Error::EmptyInput { at: "patient: codes" });
        }
        check_shape("patient: visits", &[self.visits.len()], &[n])?;
        check_shape("patient: places", &[self.places.len()], &[n])?;
        match self.visits.windows(2).find(|pair| pair[1] < pair[0]) {
            None => Ok(()),
            Some(pair) => {
                let why = format!("{} stands after {}", pair[1], pair[0]);
                Err(Error::InvalidHyperparameter { at: "patient: visits", why })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(visits: &[Vec<usize>], most: usize, too_long: TooLong) -> Result<Option<PatientInput>> {
        PatientInput::new(visits, Serialization::WithinVisit, most, too_long)
    }

    #[test]
    fn visits_are_numbered_from_one_and_places_start_again() {
        let visits = [vec![7, 8], vec![9]];
        let patient =
            |serialization| PatientInput::new(&visits, serialization, 10, TooLong::Refuse).unwrap().unwrap();
        let within = patient(Serialization::WithinVisit);
        assert_eq!((within.visits, within.places), (vec![1, 1, 2], vec![0, 1, 0]));
        assert_eq!(patient(Serialization::WithinPatient).places, [0, 1, 2]);
    }

    #[test]
    fn no_visit_and_a_visit_without_codes_are_refused() {
        for visits in [vec![], vec![vec![1], vec![]]] {
            let error = input(&visits, 10, TooLong::Refuse).unwrap_err();
            assert_eq!(error.to_string(), "patient: visit: empty");
        }
    }

    #[test]
    fn too_many_codes_are_refused_dropped_or_cut_as_one_says() {
        let visits = [vec![1, 2], vec![3, 4]];
        let error = input(&visits, 3, TooLong::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "patient: codes: 4 are more than 3");
        let error = input(&visits, 0, TooLong::KeepLatest).unwrap_err();
        assert_eq!(error.to_string(), "patient: codes: 4 are more than 0");
        assert_eq!(input(&visits, 3, TooLong::Drop).unwrap(), None);
        let kept = input(&visits, 3, TooLong::KeepLatest).unwrap().unwrap();
        assert_eq!((kept.codes, kept.visits, kept.places), (vec![2, 3, 4], vec![1, 2, 2], vec![1, 0, 1]));
        let kept = PatientInput::new(&visits, Serialization::WithinPatient, 3, TooLong::KeepLatest);
        assert_eq!(kept.unwrap().unwrap().places, [0, 1, 2]);
    }
}
