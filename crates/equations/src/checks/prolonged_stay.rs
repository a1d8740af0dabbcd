//! Evidence for `eq-2.14-prolonged-stay`.

use mmt_blocks::Linear;
use mmt_golden::Cases;
use mmt_objectives::{PatientPool, ProlongedStay, is_prolonged};
use mmt_tensor::testing::{assert_close, check_module, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis, arr0, array};

use crate::{Property, properties};

const POOLS: [PatientPool; 3] = [PatientPool::Mean, PatientPool::First, PatientPool::Sum];

/// The threshold that the specification, section 8, names, and its rule by hand: codes 1 and 3 of a patient have mean 2, first 1
/// and sum 4. With scores `(0, p)` and a long stay the loss is `log(1 + e^{-p})`.
pub fn forward() {
    assert_eq!([7.0, 7.01].map(|days| is_prolonged(&[days, 1.0]).unwrap()), [false, true]);
    for (pool, p) in POOLS.into_iter().zip([2.0, 1.0, 4.0]) {
        let classifier = Linear { weight: array![[0.0, 1.0]], bias: None };
        let module = ProlongedStay::<f64> { classifier, pool };
        let (loss, _) = module.forward(&array![[1.0], [3.0]], &Ragged::one(2), &[true]).unwrap();
        assert_close(&loss, &Real::ln_1p(Real::exp(-p)), 1e-14);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let rows = Ragged::of_lengths([3, 1, 2]);
    for pool in POOLS {
        let module = ProlongedStay { pool, ..ProlongedStay::<Dual>::new(4, &mut Random::seed(1)) };
        check_module(
            &module,
            ramp(1, (6, 4)),
            |m, x: &Array2<Dual>| m.forward(x, &rows, &[true, false, true]),
            |m, tape, &dl, grad| m.backward(tape, dl, grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    scores_that_know_nothing_cost_the_logarithm_of_two,
    the_order_of_codes_does_not_matter_to_mean_and_sum,
    only_the_first_code_has_a_gradient_if_it_stands_for_all,
    a_code_that_is_repeated_changes_the_sum_and_not_the_mean,
];

fn draw(random: &mut Random) -> (ProlongedStay<f64>, Array2<f64>) {
    let d = 1 + random.below(5);
    let module = shake(&ProlongedStay::new(d, random), random.below(1000) as u64);
    let rows = 2 + random.below(5);
    (module, random.uniform((rows, d), 1.0))
}

fn loss(module: &ProlongedStay<f64>, x: &Array2<f64>) -> f64 {
    module.forward(x, &Ragged::one(x.nrows()), &[true]).unwrap().0
}

fn scores_that_know_nothing_cost_the_logarithm_of_two(random: &mut Random) {
    let (module, x) = draw(random);
    assert_close(&loss(&module.zeros_like(), &x), &std::f64::consts::LN_2, 1e-15);
}

fn the_order_of_codes_does_not_matter_to_mean_and_sum(random: &mut Random) {
    let (module, x) = draw(random);
    let moved = x.select(Axis(0), &random.permutation(x.nrows()));
    for pool in [PatientPool::Mean, PatientPool::Sum] {
        let module = ProlongedStay { pool, ..module.clone() };
        assert_close(&loss(&module, &moved), &loss(&module, &x), 1e-13);
    }
}

fn only_the_first_code_has_a_gradient_if_it_stands_for_all(random: &mut Random) {
    let (module, x) = draw(random);
    let module = ProlongedStay { pool: PatientPool::First, ..module };
    let (_, tape) = module.forward(&x, &Ragged::one(x.nrows()), &[false]).unwrap();
    let dx = module.backward(&tape, 1.0, &mut module.zeros_like());
    assert!(dx.iter().skip(x.ncols()).all(|&g| g == 0.0));
}

fn a_code_that_is_repeated_changes_the_sum_and_not_the_mean(random: &mut Random) {
    let (module, x) = draw(random);
    let (once, twice) = (x.select(Axis(0), &[0]), x.select(Axis(0), &[0, 0]));
    assert_close(&loss(&module, &twice), &loss(&module, &once), 1e-14);
    let sum = ProlongedStay { pool: PatientPool::Sum, ..module.clone() };
    assert_close(&loss(&sum, &twice), &loss(&module, &(once * 2.0)), 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (x, rows): (Array2<R>, _) = (ramp(1, (6, 4)), Ragged::of_lengths([3, 1, 2]));
    let module = ProlongedStay {
        classifier: Linear { weight: ramp(2, (4, 2)), bias: Some(ramp(3, 2)) },
        pool: PatientPool::Mean,
    };
    let (l, tape) = module.forward(&x, &rows, &[true, false, true])?;
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, R::of(1.0), &mut grad);
    (cases.case("prolonged-stay.three-patients.ramp").input("x", &x).param("", &module))
        .ids("codes", &array![3, 1, 2])
        .mask("prolonged", &array![true, false, true])
        .loss("loss", &arr0(l))
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
