//! The order of visits matters, the order of codes inside a visit does not: exactly, on the synthetic patients.
//!
//! G-BERT reads a visit as a set. Med-BERT reads the place of a code in its visit, so it does see that order; without the
//! table of places it does not. Both see which visit came when.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Encoder, Mask, NormOrder};
use mmt_lab::data::ehr::{self, CATEGORIES, CODES, Patient};
use mmt_objectives::NextMedication;
use mmt_tensor::testing::shake;
use mmt_tensor::{Ragged, Random, Tree};
use mmt_tokenizers::ehr::{
    CodeSet, PatientEmbedding, PatientInput, Serialization, TooLong, VisitConfig, VisitEncoder,
};
use ndarray::{Array1, Array2, Axis};

/// Diagnoses and medications of every visit.
type Visits = Vec<(Vec<usize>, Vec<usize>)>;

fn visits(patient: &Patient) -> Visits {
    patient.visits.iter().map(|visit| (visit.diagnoses.clone(), visit.medications.clone())).collect()
}

fn moved(list: &[usize], random: &mut Random) -> Vec<usize> {
    random.permutation(list.len()).into_iter().map(|i| list[i]).collect()
}

/// Every visit with its codes in another order.
fn inside_moved(visits: &Visits, random: &mut Random) -> Visits {
    visits.iter().map(|(d, m)| (moved(d, random), moved(m, random))).collect()
}

/// The last two visits exchanged.
fn exchanged(visits: &Visits) -> Visits {
    let mut other = visits.clone();
    let n = other.len();
    other.swap(n - 2, n - 1);
    other
}

/// G-BERT in small: a set of each kind per visit, and the scores of the medications of the last visit.
struct GBert {
    encoder: VisitEncoder<f32>,
    head: NextMedication<f32>,
}

impl GBert {
    fn new() -> Self {
        let random = &mut Random::seed(1);
        let (medications, diagnoses) = (ehr::medications(), ehr::diagnoses());
        let config = VisitConfig { width: 16, depth: 2, heads: 4, graph_heads: 4, hidden: 16 };
        let encoder = VisitEncoder::new(&[&medications, &diagnoses], &config, random).unwrap();
        GBert { encoder: shake(&encoder, 2), head: NextMedication::new(16, CATEGORIES, random) }
    }

    fn scores(&self, visits: &Visits) -> Array1<f32> {
        let ids = |codes: &[usize], first: usize| codes.iter().map(|code| first + code).collect::<Vec<_>>();
        let first = VisitEncoder::<f32>::CODES;
        let diagnoses = visits.iter().map(|(d, _)| CodeSet::new(&ids(d, first + CATEGORIES), 0));
        let medications = visits.iter().map(|(_, m)| CodeSet::new(&ids(m, first), 1));
        let sets: Vec<CodeSet> = diagnoses.chain(medications).collect();
        let (v, _) = self.encoder.forward(&sets).unwrap();
        let (v_d, v_r) = v.view().split_at(Axis(0), visits.len());
        let (z, _) = self.head.forward(&v_d, &v_r, &Ragged::one(visits.len())).unwrap();
        z.row(z.nrows() - 1).to_owned()
    }
}

/// Med-BERT in small: the mean of the outputs.
struct MedBert {
    embedding: PatientEmbedding<f64>,
    encoder: Encoder<f64>,
}

impl MedBert {
    fn new() -> Self {
        let random = &mut Random::seed(1);
        let block = BlockConfig {
            width: 12,
            heads: 3,
            hidden: 4,
            activation: Activation::GeluTanh,
            eps: 1e-12,
            attention: AttentionKind::Plain,
        };
        let encoder = Encoder::new(NormOrder::Post, 2, &block, random).unwrap();
        MedBert { embedding: shake(&PatientEmbedding::new(CODES, 10, 10, 12, random), 2), encoder }
    }

    fn without_places(self) -> Self {
        let place = self.embedding.place.zeros_like();
        MedBert { embedding: PatientEmbedding { place, ..self.embedding }, ..self }
    }

    fn without_visits(self) -> Self {
        let visit = self.embedding.visit.zeros_like();
        MedBert { embedding: PatientEmbedding { visit, ..self.embedding }, ..self }
    }

    fn vector(&self, visits: &Visits) -> Array1<f64> {
        let codes: Vec<Vec<usize>> = visits.iter().map(|(diagnoses, _)| diagnoses.clone()).collect();
        let within = Serialization::WithinVisit;
        let input = PatientInput::new(&codes, within, 512, TooLong::Refuse).unwrap().unwrap();
        let (x, _) = self.embedding.forward(&[input]).unwrap();
        let rows = Ragged::one(x.nrows());
        let y: Array2<f64> = self.encoder.forward(&x, &rows, &Mask::None).unwrap().0;
        y.fold_axis(Axis(0), 0.0, |sum, y| sum + y) / rows.tokens() as f64
    }
}

fn differs(a: &Array1<f64>, b: &Array1<f64>) -> bool {
    a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-9)
}

/// Patients in whom both changes change something: a visit of several codes, and different last visits.
fn patients() -> (Vec<Visits>, Random) {
    let mut random = Random::seed(3);
    let all: Vec<Visits> = ehr::patients(60, &mut random).iter().map(visits).collect();
    let kept = all.into_iter().filter(|visits| {
        let [.., before, last] = &visits[..] else { return false };
        before.0 != last.0 && visits.iter().any(|(diagnoses, _)| diagnoses.len() > 1)
    });
    (kept.take(20).collect(), random)
}

#[test]
fn a_model_of_sets_gives_the_same_bits_for_any_order_inside_visits() {
    let (model, (patients, mut random)) = (GBert::new(), patients());
    assert_eq!(patients.len(), 20);
    for visits in patients {
        let scores = model.scores(&visits);
        for _ in 0..3 {
            assert_eq!(model.scores(&inside_moved(&visits, &mut random)), scores);
        }
    }
}

#[test]
fn a_model_of_sets_sees_the_order_of_visits() {
    let (model, (patients, _)) = (GBert::new(), patients());
    for visits in patients {
        assert_ne!(model.scores(&exchanged(&visits)), model.scores(&visits));
    }
}

#[test]
fn a_model_with_places_sees_the_order_inside_visits_and_without_them_it_does_not() {
    let (with, without) = (MedBert::new(), MedBert::new().without_places());
    let (patients, _) = patients();
    for visits in patients {
        let mut turned = visits.clone();
        turned.iter_mut().for_each(|(diagnoses, _)| diagnoses.reverse());
        assert!(differs(&with.vector(&turned), &with.vector(&visits)));
        assert!(!differs(&without.vector(&turned), &without.vector(&visits)));
    }
}

#[test]
fn a_model_with_numbers_of_visits_sees_their_order_and_without_them_it_does_not() {
    let (with, without) = (MedBert::new().without_places(), MedBert::new().without_places().without_visits());
    let (patients, _) = patients();
    for visits in patients {
        assert!(differs(&with.vector(&exchanged(&visits)), &with.vector(&visits)));
        assert!(!differs(&without.vector(&exchanged(&visits)), &without.vector(&visits)));
    }
}
