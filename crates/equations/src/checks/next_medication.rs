//! Evidence for `eq-2.13-next-medication`.

use mmt_blocks::Linear;
use mmt_golden::Cases;
use mmt_objectives::NextMedication;
use mmt_tensor::testing::{assert_close, check_module, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, arr0, array, s};

use crate::{Property, properties};

fn module<R: Real>() -> NextMedication<R> {
    shake(&NextMedication::new(3, 2, &mut Random::seed(1)), 2)
}

/// Two steps of the first patient, one of the third.
fn visits() -> Ragged {
    Ragged::of_lengths([3, 1, 2])
}

/// The specification prints no numbers; its rule by hand, for vectors of width 1 and weights of one: three visits with
/// diagnoses 1, 2, 4 and medications 3, 5, 7 have the features (1, 3, 2) and (1.5, 4, 4). The numbers of the released code are
/// in the stored cases of other libraries.
pub fn forward() {
    let one = || Linear { weight: array![[1.0]], bias: None };
    let module = NextMedication::<f64> {
        diagnoses: one(),
        medications: one(),
        hidden: None,
        out: Linear { weight: array![[1.0], [10.0], [100.0]], bias: None },
    };
    let (v_d, v_r) = (array![[1.0], [2.0], [4.0]], array![[3.0], [5.0], [7.0]]);
    let (z, tape) = module.forward(&v_d, &v_r, &Ragged::one(3)).unwrap();
    assert_eq!(z, array![[231.0], [441.5]]);
    let loss = module.loss(&tape, &array![[1.0], [0.0]]).unwrap();
    assert_close(&loss, &(441.5 / 2.0), 1e-12);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let paper = NextMedication {
        hidden: None,
        out: shake(&Linear::new(9, 2, &mut Random::seed(1)), 3),
        ..module::<Dual>()
    };
    for module in [module::<Dual>(), paper] {
        check_module(
            &module,
            (ramp(1, (6, 3)), ramp(2, (6, 3))),
            |m, (v_d, v_r): &(Array2<Dual>, Array2<Dual>)| m.forward(v_d, v_r, &visits()),
            |m, tape, dz, grad| m.backward(tape, dz, grad),
        );
        let y = array![[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]].mapv(Dual::of);
        check_module(
            &module,
            (ramp(1, (6, 3)), ramp(2, (6, 3))),
            |m, (v_d, v_r): &(Array2<Dual>, Array2<Dual>)| {
                let (_, tape) = m.forward(v_d, v_r, &visits())?;
                Ok((m.loss(&tape, &y)?, tape))
            },
            |m, tape, &dl, grad| m.backward(tape, &m.loss_backward(tape, &y, dl), grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_medications_of_a_step_are_not_read_for_it,
    what_comes_later_is_not_read,
    the_order_of_earlier_visits_does_not_matter,
    patients_do_not_see_each_other,
];

struct Drawn {
    module: NextMedication<f64>,
    v_d: Array2<f64>,
    v_r: Array2<f64>,
    visits: usize,
}

fn draw(random: &mut Random) -> Drawn {
    let visits = 3 + random.below(3);
    let (v_d, v_r) = (random.uniform((visits, 3), 1.0), random.uniform((visits, 3), 1.0));
    Drawn { module: module(), v_d, v_r, visits }
}

impl Drawn {
    fn run(&self) -> Array2<f64> {
        self.module.forward(&self.v_d, &self.v_r, &Ragged::one(self.visits)).unwrap().0
    }
}

/// No gradient of the scores of step `t` reaches the medications of step `t`, nor of any later one.
fn the_medications_of_a_step_are_not_read_for_it(random: &mut Random) {
    let drawn = draw(random);
    let (z, tape) = drawn.module.forward(&drawn.v_d, &drawn.v_r, &Ragged::one(drawn.visits)).unwrap();
    for step in 0..z.nrows() {
        let mut dz = Array2::zeros(z.dim());
        dz.row_mut(step).assign(&random.uniform(z.ncols(), 1.0));
        let (_, dr) = drawn.module.backward(&tape, &dz, &mut drawn.module.zeros_like());
        assert!(dr.slice(s![step + 1.., ..]).iter().all(|&g| g == 0.0), "step {step}");
    }
}

fn what_comes_later_is_not_read(random: &mut Random) {
    let mut drawn = draw(random);
    let before = drawn.run();
    let last = drawn.visits - 1;
    drawn.v_d.row_mut(last).mapv_inplace(|v| v + 1.0);
    drawn.v_r.row_mut(last).mapv_inplace(|v| v - 1.0);
    let after = drawn.run();
    assert_eq!(after.slice(s![..last - 1, ..]), before.slice(s![..last - 1, ..]));
}

/// Of the last step, a mean over all visits before it.
fn the_order_of_earlier_visits_does_not_matter(random: &mut Random) {
    let mut drawn = draw(random);
    let last = drawn.visits - 2;
    let before = drawn.run().row(last).to_owned();
    for v in [&mut drawn.v_d, &mut drawn.v_r] {
        let [first, second] = [0, 1].map(|i| v.row(i).to_owned());
        v.row_mut(0).assign(&second);
        v.row_mut(1).assign(&first);
    }
    assert_close(&drawn.run().row(last).to_owned(), &before, 1e-13);
}

fn patients_do_not_see_each_other(random: &mut Random) {
    let (a, b) = (draw(random), draw(random));
    let stack = |a: &Array2<f64>, b: &Array2<f64>| ndarray::concatenate![ndarray::Axis(0), *a, *b];
    let visits = Ragged::of_lengths([a.visits, b.visits]);
    let (z, _) = a.module.forward(&stack(&a.v_d, &b.v_d), &stack(&a.v_r, &b.v_r), &visits).unwrap();
    assert_eq!(z, stack(&a.run(), &b.run()));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (module, v_d, v_r): (_, Array2<R>, Array2<R>) = (module::<R>(), ramp(1, (6, 3)), ramp(2, (6, 3)));
    let y = array![[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]].mapv(R::of);
    let (z, tape) = module.forward(&v_d, &v_r, &visits())?;
    let (loss, mut grad) = (module.loss(&tape, &y)?, module.zeros_like());
    let (dd, dr) = module.backward(&tape, &module.loss_backward(&tape, &y, R::of(1.0)), &mut grad);
    (cases.case("next-medication.three-patients.ramp").input("v_d", &v_d).input("v_r", &v_r))
        .param("", &module)
        .input("y", &y)
        .ids("visits", &array![3, 1, 2])
        .out("z", &z)
        .loss("loss", &arr0(loss))
        .grad_in("v_d", &dd)
        .grad_in("v_r", &dr)
        .grad_param("", &grad);
    Ok(())
}
