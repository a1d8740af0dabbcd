//! Evidence for `eq-1.25-adam`, and what the three forms of it share.

use mmt_golden::Cases;
use mmt_tensor::optim::{Adam, AdamConfig, AdamW, BertAdam, Norm, clip_norm, global_norm};
use mmt_tensor::testing::{assert_close, assert_printed, ramp};
use mmt_tensor::{Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

pub(super) type Model<R> = (Array2<R>, Array1<R>);

/// Any of the three.
pub(super) trait Optimizer<R, T> {
    fn step(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()>;
    fn moments(&self) -> (&T, &T);
}

macro_rules! optimizers {
    ($($name:ident),*) => {$(
        impl<R: Real, T: mmt_tensor::Tree<R>> Optimizer<R, T> for $name<T> {
            fn step(&mut self, model: &mut T, grad: &T, rate: f64) -> Result<()> {
                $name::step(self, model, grad, rate)
            }
            fn moments(&self) -> (&T, &T) {
                (&self.m, &self.v)
            }
        }
    )*};
}
optimizers!(Adam, AdamW, BertAdam);

/// The example of the specification: one number, `θ = 1`, rate 0.1, gradients 0.5 and then -0.25.
pub(super) fn two_steps(mut optimizer: impl Optimizer<f64, Array1<f64>>, printed: [&str; 2]) {
    let mut model = Array1::ones(1);
    for (g, printed) in [0.5, -0.25].into_iter().zip(printed) {
        optimizer.step(&mut model, &Array1::from(vec![g]), 0.1).unwrap();
        assert_printed(model[0], printed);
    }
}

/// Three steps on two arrays.
pub(super) fn three_steps<R: Real>(
    cases: &mut Cases<R>,
    name: &str,
    mut optimizer: impl Optimizer<R, Model<R>>,
) -> Result<()> {
    let start: Model<R> = (ramp(1, (3, 4)), ramp(2, 4));
    let mut model = start.clone();
    let grads: Vec<Model<R>> = (0..3).map(|t| (ramp(3 + t, (3, 4)), ramp(6 + t, 4))).collect();
    let case = cases.case(name).param("model", &start).input("grad", &grads);
    for (t, grad) in grads.iter().enumerate() {
        optimizer.step(&mut model, grad, 0.01)?;
        case.out(&format!("model.{t}"), &model);
    }
    let (m, v) = optimizer.moments();
    case.act("m", m).act("v", v);
    Ok(())
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    two_steps(Adam::new(&Array1::ones(1), AdamConfig::ADAM).unwrap(), ["0.900000002", "0.873366298708"]);
}

/// A step is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_first_step_has_the_size_of_the_rate,
    the_size_of_the_gradient_does_not_matter,
    a_step_is_the_formula,
    a_clipped_gradient_keeps_its_direction,
];

pub(super) fn draw(random: &mut Random) -> Model<f64> {
    let (shape, length) = ((1 + random.below(4), 1 + random.below(40)), 1 + random.below(5));
    (random.uniform(shape, 2.0), random.uniform(length, 2.0))
}

fn the_first_step_has_the_size_of_the_rate(random: &mut Random) {
    let (grad, rate) = (draw(random), 0.01 + random.unit());
    let mut model = (grad.0.mapv(|_| 0.0), grad.1.mapv(|_| 0.0));
    Adam::new(&model, AdamConfig::ADAM).unwrap().step(&mut model, &grad, rate).unwrap();
    let size = |g: f64| -rate * g / (g.abs() + 1e-8);
    assert_close(&model, &(grad.0.mapv(size), grad.1.mapv(size)), 1e-12);
}

fn the_size_of_the_gradient_does_not_matter(random: &mut Random) {
    let (start, grad, scale) = (draw(random), 1.0 + random.unit(), 1e-3 + 1e3 * random.unit());
    let run = |scale: f64| {
        let mut model = start.clone();
        let config = AdamConfig { eps: 0.0, ..AdamConfig::ADAM };
        let mut adam = Adam::new(&model, config).unwrap();
        for t in 1..4 {
            let g = scale * (grad + f64::from(t) * 0.1);
            let grads = (model.0.mapv(|_| g), model.1.mapv(|_| g));
            adam.step(&mut model, &grads, 0.1).unwrap();
        }
        model
    };
    assert_close(&run(scale), &run(1.0), 1e-12);
}

/// One number at a time, in the words of the paper.
fn a_step_is_the_formula(random: &mut Random) {
    let (mut model, rate) = (random.uniform::<f64, _>(3, 1.0), 0.01 + random.unit());
    let config =
        AdamConfig { beta_1: random.unit() * 0.99, beta_2: random.unit() * 0.99, ..AdamConfig::ADAM };
    let (mut expected, mut m, mut v) = (model.clone(), Array1::<f64>::zeros(3), Array1::<f64>::zeros(3));
    let mut adam = Adam::new(&model, config).unwrap();
    for t in 1..5 {
        let g: Array1<f64> = random.uniform(3, 1.0);
        adam.step(&mut model, &g, rate).unwrap();
        m = &m * config.beta_1 + &g * (1.0 - config.beta_1);
        v = &v * config.beta_2 + &g * &g * (1.0 - config.beta_2);
        for i in 0..3 {
            let m_hat = m[i] / (1.0 - config.beta_1.powi(t));
            let v_hat = v[i] / (1.0 - config.beta_2.powi(t));
            expected[i] -= rate * m_hat / (v_hat.sqrt() + config.eps);
        }
        assert_close(&model, &expected, 1e-12);
    }
}

fn a_clipped_gradient_keeps_its_direction(random: &mut Random) {
    let (mut grad, bound) = (draw(random), 0.1 + 3.0 * random.unit());
    for norm in [Norm::One, Norm::Two, Norm::Max] {
        let whole = grad.clone();
        let before = clip_norm(&mut grad, bound, norm).unwrap();
        let after = global_norm(&grad, norm).unwrap();
        assert!(after <= bound * (1.0 + 1e-12) && after <= before * (1.0 + 1e-12));
        let share = after / before;
        assert_close(&grad, &(&whole.0 * share, &whole.1 * share), 1e-12);
        if before < bound - 1e-5 {
            assert_eq!(grad, whole);
        }
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let model: Model<R> = (ramp(1, (3, 4)), ramp(2, 4));
    let config = AdamConfig { weight_decay: 0.1, ..AdamConfig::ADAM };
    three_steps(cases, "adam.coupled_decay.ramp", Adam::new(&model, config)?)
}
