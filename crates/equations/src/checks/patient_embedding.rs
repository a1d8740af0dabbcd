//! Evidence for `eq-2.14-patient-embedding`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Embedding, Encoder, Mask, NormOrder};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, shake, sums};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use mmt_tokenizers::EmbeddingSum;
use mmt_tokenizers::ehr::{PatientEmbedding, PatientInput, Serialization, TooLong};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

fn example<R: Real>() -> (PatientEmbedding<R>, PatientInput) {
    let table = |s, rows| Embedding { table: ramp(s, (rows, 4)) };
    let module = PatientEmbedding {
        code: table(1, 5),
        visit: table(3, 2),
        place: table(2, 6),
        sum: EmbeddingSum::new(4, 1e-12),
    };
    let (codes, visits, places) = (vec![1, 3, 1, 2], vec![0, 0, 1, 1], vec![0, 1, 2, 3]);
    (module, PatientInput { codes, visits, places })
}

/// Numbers of the specification, section 8A, under eq-1.28: this embedding is that of BERT with visits for segments and places
/// for positions, "backward: eq-1.28".
pub fn forward() {
    let (module, patient) = example::<f64>();
    let (x, tape) = module.forward(&[patient]).unwrap();
    assert_sums(&x, "0", "-2.706143085");
    let mut grad = module.zeros_like();
    module.backward(&tape, &ramp(4, (4, 4)), &mut grad);
    for (table, c3) in
        [(&grad.code, "1.82481244973"), (&grad.place, "1.7833636659"), (&grad.visit, "1.48630467791")]
    {
        let got = sums(&table.table);
        assert_printed(got[0], "0");
        assert_printed(got[1], "-2.806380679");
        assert_printed(got[2], c3);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let patients = patients();
    let module = PatientEmbedding::<Dual>::new(7, 4, 5, 3, &mut Random::seed(1));
    check_module(
        &module,
        Vec::<Array2<Dual>>::new(),
        |m, _| m.forward(&patients),
        |m, tape, dx, grad| {
            m.backward(tape, dx, grad);
            vec![]
        },
    );
}

fn patient(visits: &[Vec<usize>]) -> PatientInput {
    PatientInput::new(visits, Serialization::WithinVisit, 512, TooLong::Refuse)
        .expect("codes in every visit")
        .expect("not too long")
}

fn patients() -> Vec<PatientInput> {
    vec![patient(&[vec![5, 1, 5], vec![2], vec![1, 0]]), patient(&[vec![6, 4]])]
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    codes_of_one_visit_differ_by_what_they_are_and_where_they_stand,
    without_places_an_encoder_does_not_see_the_order_in_a_visit,
    without_places_an_encoder_sees_in_which_visit_a_code_is,
    with_places_an_encoder_sees_the_order_in_a_visit,
    patients_do_not_see_each_other,
];

/// Two visits of different codes.
fn draw(random: &mut Random) -> (PatientEmbedding<f64>, [Vec<usize>; 2]) {
    let module = shake(&PatientEmbedding::new(9, 4, 9, 4, &mut Random::seed(0)), random.below(1000) as u64);
    let (codes, first) = (random.permutation(9), 2 + random.below(4));
    (module, [codes[..first].to_vec(), codes[first..].to_vec()])
}

fn run(module: &PatientEmbedding<f64>, visits: &[Vec<usize>]) -> Array2<f64> {
    module.forward(&[patient(visits)]).unwrap().0
}

/// Med-BERT's encoder over the tokens of one patient, in small.
fn encoded(module: &PatientEmbedding<f64>, visits: &[Vec<usize>]) -> Array2<f64> {
    let config = BlockConfig {
        width: 4,
        heads: 2,
        hidden: 3,
        activation: Activation::GeluTanh,
        eps: 1e-12,
        attention: AttentionKind::Plain,
    };
    let encoder = Encoder::new(NormOrder::Post, 2, &config, &mut Random::seed(5)).unwrap();
    let x = run(module, visits);
    encoder.forward(&x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0
}

fn without_places(module: PatientEmbedding<f64>) -> PatientEmbedding<f64> {
    PatientEmbedding { place: module.place.zeros_like(), ..module }
}

/// The same code twice in a visit: the sums before the norm differ by two rows of the table of places.
fn codes_of_one_visit_differ_by_what_they_are_and_where_they_stand(random: &mut Random) {
    let (module, [visit, _]) = draw(random);
    let twice = vec![visit[0], visit[0]];
    let (_, tape) = module.forward(&[patient(&[twice])]).unwrap();
    let sum = &tape.sum.norm.x;
    let places = &module.place.table;
    let (got, want) = (&sum.row(1) - &sum.row(0), &places.row(1) - &places.row(0));
    assert_close(&got, &want, 1e-14);
}

/// Codes in another order: the same outputs, in that order.
fn without_places_an_encoder_does_not_see_the_order_in_a_visit(random: &mut Random) {
    let (module, [first, second]) = draw(random);
    let module = without_places(module);
    let order = random.permutation(first.len());
    let moved = order.iter().map(|&i| first[i]).collect();
    let rows: Vec<usize> = order.into_iter().chain(first.len()..9).collect();
    let before = encoded(&module, &[first, second.clone()]);
    let after = encoded(&module, &[moved, second]);
    assert_close(&after, &before.select(ndarray::Axis(0), &rows), 1e-9);
}

/// The last code of the first visit becomes the first of the second: the same sequence of codes.
fn without_places_an_encoder_sees_in_which_visit_a_code_is(random: &mut Random) {
    let (module, [mut first, mut second]) = draw(random);
    let module = without_places(module);
    let before = encoded(&module, &[first.clone(), second.clone()]);
    second.insert(0, first.pop().expect("two codes or more"));
    let after = encoded(&module, &[first, second]);
    assert!((&after - &before).iter().any(|difference| difference.abs() > 1e-6));
}

fn with_places_an_encoder_sees_the_order_in_a_visit(random: &mut Random) {
    let (module, [first, second]) = draw(random);
    let mut moved = first.clone();
    moved.swap(0, 1);
    let before = encoded(&module, &[first, second.clone()]);
    let after = encoded(&module, &[moved, second]);
    let last = before.nrows() - 1;
    assert!((&after.row(last) - &before.row(last)).iter().any(|difference| difference.abs() > 1e-9));
}

fn patients_do_not_see_each_other(random: &mut Random) {
    let (module, [first, second]) = draw(random);
    let (together, _) =
        module.forward(&[&first, &second].map(|visit| patient(std::slice::from_ref(visit)))).unwrap();
    let rows = ndarray::concatenate![ndarray::Axis(0), run(&module, &[first]), run(&module, &[second])];
    assert_eq!(together, rows);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, patient) = example::<R>();
    let list = |ids: &Vec<usize>| Array1::from(ids.clone());
    let (ids, visits, places) = (list(&patient.codes), list(&patient.visits), list(&patient.places));
    let (x, tape) = module.forward(&[patient])?;
    let (mut grad, dx) = (module.zeros_like(), ramp(4, (4, 4)));
    module.backward(&tape, &dx, &mut grad);
    (cases.case("patient-embedding.four-codes.ramp").param("", &module))
        .ids("codes", &ids)
        .ids("visits", &visits)
        .ids("places", &places)
        .out("x", &x)
        .cot("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
