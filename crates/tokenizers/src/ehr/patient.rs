//! The codes of all visits of a patient as one sequence.

use mmt_blocks::Embedding;
use mmt_tensor::{Error, Random, Real, Result, check_index, tree};
use ndarray::{Array2, ArrayRef2};

use super::PatientInput;
use crate::EmbeddingSum;
use crate::embedding_sum::EmbeddingSumTape;

/// Layer norm of the sum of three vectors of a code: what it is, in which visit, and in which place.
#[derive(Clone, Debug)]
pub struct PatientEmbedding<R> {
    /// `E_c: [codes, d]`
    pub code: Embedding<R>,
    /// `E_v: [visits, d]`; row 0 belongs to no visit.
    pub visit: Embedding<R>,
    /// `E_s: [places, d]`
    pub place: Embedding<R>,
    /// The sum and its norm.
    pub sum: EmbeddingSum<R>,
}

tree!(PatientEmbedding { code, visit, place, sum });

/// What [`PatientEmbedding::backward`] reads.
#[derive(Clone, Debug)]
pub struct PatientEmbeddingTape<R> {
    /// Of the sum and its norm.
    pub sum: EmbeddingSumTape<R>,
    /// Rows of the three tables.
    pub ids: [Vec<usize>; 3],
}

tree!(PatientEmbeddingTape { sum; ids });

impl<R: Real> PatientEmbedding<R> {
    /// Tables of vectors of width `d`, normal with standard deviation 0.02. Med-BERT: 82,603 codes, 1000 visits, 512 places,
    /// `d = 192`.
    pub fn new(codes: usize, visits: usize, places: usize, d: usize, random: &mut Random) -> Self {
        let mut table = |rows| Embedding::new(rows, d, 0.02, random);
        PatientEmbedding {
            code: table(codes),
            visit: table(visits),
            place: table(places),
            sum: EmbeddingSum::new(d, 1e-12),
        }
    }

    /// The tokens of several patients.
    ///
    /// **eq-2.14-patient-embedding**
    /// ```math
    /// x_i = \operatorname{LN}\bigl( E_c[t_i] + E_v[v_i] + E_s[s_i] \bigr)
    /// ```
    ///
    /// `t, v, s: [n]` → `x: [tokens, d]`, the patients below each other
    ///
    /// There is no `[CLS]` and no `[SEP]`. With `E_s = 0` two codes of one visit differ by what they are alone, so an encoder does
    /// not see their order; it does see it when a code moves to another visit. Dropout, where it is wanted, follows with its
    /// own mask.
    ///
    /// Source: Rasmy, Xiang, Xie, Tao & Zhi 2021, *Med-BERT*, methods and figure 1.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no patient and for one without a code; [`Error::ShapeMismatch`] if the lists of a patient
    /// differ in length; [`Error::InvalidHyperparameter`] for a visit with a lower number than the one before;
    /// [`Error::IndexOutOfRange`] for codes, visits and places outside their tables; those of [`EmbeddingSum::forward`].
    pub fn forward(&self, patients: &[PatientInput]) -> Result<(Array2<R>, PatientEmbeddingTape<R>)> {
        if patients.is_empty() {
            return Err(Error::EmptyInput { at: "patient: patients" });
        }
        patients.iter().try_for_each(PatientInput::check)?;
        let all = |list: fn(&PatientInput) -> &Vec<usize>| -> Vec<usize> {
            patients.iter().flat_map(|patient| list(patient).iter().copied()).collect()
        };
        let ids = [all(|p| &p.codes), all(|p| &p.visits), all(|p| &p.places)];
        let names = ["patient: codes", "patient: visits", "patient: places"];
        let mut summands = vec![];
        for ((table, ids), at) in [&self.code, &self.visit, &self.place].into_iter().zip(&ids).zip(names) {
            ids.iter().try_for_each(|&id| check_index(at, id, table.table.nrows()))?;
            summands.push(table.forward(ids)?);
        }
        let (x, sum) = self.sum.forward(&summands.iter().map(|e| &**e).collect::<Vec<_>>())?;
        Ok((x, PatientEmbeddingTape { sum, ids }))
    }

    /// Gradients: adds to the rows that were looked up. Ids have no gradient.
    ///
    /// **eq-2.14-patient-embedding, backward**
    /// ```math
    /// \bar E_c[t] = \sum_{i :\, t_i = t} \bar e_i, \qquad
    /// \bar E_v[v] = \sum_{i :\, v_i = v} \bar e_i, \qquad
    /// \bar E_s[s] = \sum_{i :\, s_i = s} \bar e_i, \qquad
    /// \bar e = \operatorname{LN}^\top(\bar x)
    /// ```
    ///
    /// Derivation: the norm sees `e_i = E_c[t_i] + E_v[v_i] + E_s[s_i]`, whose derivative with respect to each of the three rows is
    /// the identity; a row that is read several times collects all of its gradients.
    pub fn backward(&self, tape: &PatientEmbeddingTape<R>, dx: &ArrayRef2<R>, grad: &mut Self) {
        let de = self.sum.backward(&tape.sum, dx, &mut grad.sum);
        let [codes, visits, places] = &tape.ids;
        self.code.backward(codes, &de, &mut grad.code);
        self.visit.backward(visits, &de, &mut grad.visit);
        self.place.backward(places, &de, &mut grad.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(change: impl FnOnce(&mut PatientInput)) -> String {
        let module = PatientEmbedding::<f64>::new(5, 3, 4, 2, &mut Random::seed(0));
        let good = PatientInput { codes: vec![1, 2, 4], visits: vec![1, 1, 2], places: vec![0, 1, 0] };
        assert!(module.forward(std::slice::from_ref(&good)).is_ok());
        let mut bad = good.clone();
        change(&mut bad);
        module.forward(&[good, bad]).unwrap_err().to_string()
    }

    #[test]
    fn no_patient_and_a_patient_without_codes_are_refused() {
        assert_eq!(text(|p| p.codes.clear()), "patient: codes: empty");
        let module = PatientEmbedding::<f64>::new(5, 3, 4, 2, &mut Random::seed(0));
        assert_eq!(module.forward(&[]).unwrap_err().to_string(), "patient: patients: empty");
    }

    #[test]
    fn visits_that_go_back_in_time_are_refused() {
        assert_eq!(text(|p| p.visits = vec![2, 2, 1]), "patient: visits: 1 stands after 2");
    }

    #[test]
    fn codes_visits_and_places_outside_their_tables_are_refused() {
        assert_eq!(text(|p| p.codes[1] = 5), "patient: codes: index 5 is outside a table of 5");
        assert_eq!(text(|p| p.visits[2] = 3), "patient: visits: index 3 is outside a table of 3");
        assert_eq!(text(|p| p.places[2] = 4), "patient: places: index 4 is outside a table of 4");
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        assert_eq!(text(|p| p.visits.truncate(2)), "patient: visits: expected shape [3], got [2]");
        assert_eq!(text(|p| p.places.push(0)), "patient: places: expected shape [3], got [4]");
    }
}
