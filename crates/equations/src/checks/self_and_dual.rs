//! Evidence for `eq-2.13-self-and-dual`.

use mmt_golden::Cases;
use mmt_objectives::SelfAndDual;
use mmt_tensor::ops::{Reduction, binary_cross_entropy};
use mmt_tensor::testing::{assert_close, check_module, ramp, shake};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, arr0};

use crate::{Property, properties};

fn module<R: Real>() -> SelfAndDual<R> {
    shake(&SelfAndDual::new(4, 3, 5, &mut Random::seed(1)), 2)
}

fn set<R: Real>(visits: usize, codes: usize) -> Array2<R> {
    Array2::from_shape_fn((visits, codes), |(b, c)| R::of(f64::from(u8::from((b + 2 * c) % 3 == 0))))
}

/// The specification prints no numbers; a second way: heads that know nothing cost `log 2` each, and one head alone is its
/// cross entropy. The numbers of the released code are in the stored cases of other libraries.
pub fn forward() {
    let (v, y_d, y_r) = (ramp::<f64, _>(1, (2, 4)), set(2, 3), set(2, 5));
    let nothing = module::<f64>().zeros_like();
    let (loss, _) = nothing.forward((&v, &v), (&y_d, &y_r)).unwrap();
    assert_close(&loss, &(4.0 * std::f64::consts::LN_2), 1e-14);
    let one = SelfAndDual { rd: module::<f64>().rd, ..nothing };
    let (loss, tape) = one.forward((&v, &v), (&y_d, &y_r)).unwrap();
    let rd = binary_cross_entropy(&tape.rd.z, &y_d, Reduction::Mean).unwrap();
    assert_close(&loss, &(3.0 * std::f64::consts::LN_2 + rd), 1e-14);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (y_d, y_r) = (set::<Dual>(3, 3), set::<Dual>(3, 5));
    check_module(
        &module::<Dual>(),
        (ramp(1, (3, 4)), ramp(2, (3, 4))),
        |m, (v_d, v_r): &(Array2<Dual>, Array2<Dual>)| m.forward((v_d, v_r), (&y_d, &y_r)),
        |m, tape, &dl, grad| m.backward(tape, (&y_d, &y_r), dl, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    exchanged_halves_and_heads_give_the_same_loss,
    the_loss_is_positive_and_finite,
    each_half_answers_for_both,
];

struct Drawn {
    module: SelfAndDual<f64>,
    v: [Array2<f64>; 2],
    y: [Array2<f64>; 2],
}

fn draw(random: &mut Random) -> Drawn {
    let (b, d, n_d, n_r) =
        (1 + random.below(4), 1 + random.below(5), 1 + random.below(5), 1 + random.below(5));
    let mut set = |codes| random.keep((b, codes), 0.5).mapv(|there| f64::from(u8::from(there)));
    let y = [set(n_d), set(n_r)];
    let module = shake(&SelfAndDual::new(d, n_d, n_r, random), random.below(1000) as u64);
    Drawn { module, v: [random.uniform((b, d), 1.0), random.uniform((b, d), 1.0)], y }
}

fn exchanged_halves_and_heads_give_the_same_loss(random: &mut Random) {
    let Drawn { module, v, y } = draw(random);
    let (loss, _) = module.forward((&v[0], &v[1]), (&y[0], &y[1])).unwrap();
    let SelfAndDual { dd, rd, dr, rr } = module;
    let other = SelfAndDual { dd: rr, rd: dr, dr: rd, rr: dd };
    let (exchanged, _) = other.forward((&v[1], &v[0]), (&y[1], &y[0])).unwrap();
    assert_close(&exchanged, &loss, 1e-14);
}

fn the_loss_is_positive_and_finite(random: &mut Random) {
    let Drawn { module, v, y } = draw(random);
    let (loss, _) = module.forward((&v[0], &v[1]), (&y[0], &y[1])).unwrap();
    assert!(loss > 0.0 && loss.is_finite());
}

/// Without the heads of the diagnoses' vector, that vector has no gradient.
fn each_half_answers_for_both(random: &mut Random) {
    let Drawn { module, v, y } = draw(random);
    let module = SelfAndDual { dd: module.dd.zeros_like(), dr: module.dr.zeros_like(), ..module };
    let (_, tape) = module.forward((&v[0], &v[1]), (&y[0], &y[1])).unwrap();
    let (dv_d, _) = module.backward(&tape, (&y[0], &y[1]), 1.0, &mut module.zeros_like());
    assert!(dv_d.iter().all(|&g| g == 0.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, v_d, v_r): (_, Array2<R>, Array2<R>) = (module::<R>(), ramp(1, (2, 4)), ramp(2, (2, 4)));
    let (y_d, y_r) = (set::<R>(2, 3), set::<R>(2, 5));
    let (loss, tape) = module.forward((&v_d, &v_r), (&y_d, &y_r))?;
    let mut grad = module.zeros_like();
    let (dd, dr) = module.backward(&tape, (&y_d, &y_r), R::of(1.0), &mut grad);
    (cases.case("self-and-dual.two-visits.ramp").input("v_d", &v_d).input("v_r", &v_r).param("", &module))
        .input("y_d", &y_d)
        .input("y_r", &y_r)
        .act("", &tape)
        .loss("loss", &arr0(loss))
        .grad_in("v_d", &dd)
        .grad_in("v_r", &dr)
        .grad_param("", &grad);
    Ok(())
}
