//! Evidence for `eq-1.25-bert-adam`.

use mmt_golden::Cases;
use mmt_tensor::optim::{Adam, AdamConfig, BertAdam, Norm, decay_all, global_norm};
use mmt_tensor::testing::{assert_close, ramp};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::Array1;

use super::adam::{Model, draw, three_steps, two_steps};
use crate::{Property, properties};

/// As released, with every parameter decaying.
const CONFIG: AdamConfig = AdamConfig { decays: decay_all, ..AdamConfig::BERT };

/// Numbers of the specification, section 8A.
pub fn forward() {
    two_steps(BertAdam::new(&Array1::ones(1), CONFIG, 1.0).unwrap(), ["0.682792232718", "0.568933478252"]);
}

/// A step is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_first_step_is_too_large,
    a_long_gradient_is_shortened,
    without_correction_and_clip_it_is_adam
];

fn the_first_step_is_too_large(random: &mut Random) {
    let grad: Array1<f64> = random.uniform(3, 0.5);
    let mut model = Array1::zeros(3);
    BertAdam::new(&model, CONFIG, 1.0).unwrap().step(&mut model, &grad, 0.1).unwrap();
    let step = |g: f64| -0.1 * 0.1 * g / (0.001f64.sqrt() * g.abs() + 1e-6);
    assert_close(&model, &grad.mapv(step), 1e-12);
    for (step, g) in model.iter().zip(&grad).filter(|(_, g)| g.abs() > 0.1) {
        assert!((step.abs() / 0.1 - 3.16).abs() < 0.01, "{step} for {g}");
    }
}

fn a_long_gradient_is_shortened(random: &mut Random) {
    let (start, mut grad) = (draw(random), draw(random));
    grad = (random.uniform(start.0.dim(), 1.0), random.uniform(start.1.dim(), grad.1[0].abs() + 0.1));
    let norm: f64 = global_norm(&grad, Norm::Two).unwrap();
    let run = |grad: &Model<f64>, bound| {
        let mut model = start.clone();
        BertAdam::new(&model, CONFIG, bound).unwrap().step(&mut model, grad, 0.1).unwrap();
        model
    };
    let mut short = grad.clone();
    short.add_scaled(-0.5, &grad);
    assert_close(&run(&grad, norm / 2.0), &run(&short, norm), 1e-12);
    assert_eq!(run(&grad, norm), run(&grad, 2.0 * norm));
}

/// After many steps the correction is gone.
fn without_correction_and_clip_it_is_adam(random: &mut Random) {
    let config = AdamConfig { beta_1: 0.5, beta_2: 0.5, weight_decay: 0.0, ..CONFIG };
    let start: Array1<f64> = random.uniform(3, 1.0);
    let mut adam = Adam::new(&start, config).unwrap();
    let mut bert = BertAdam::new(&start, config, 1e9).unwrap();
    let (mut a, mut b) = (start.clone(), start);
    for _ in 0..60 {
        let grad = random.uniform(3, 1.0);
        (a, b) = (Array1::zeros(3), Array1::zeros(3));
        adam.step(&mut a, &grad, 0.1).unwrap();
        bert.step(&mut b, &grad, 0.1).unwrap();
    }
    assert_close(&a, &b, 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let model: Model<R> = (ramp(1, (3, 4)), ramp(2, 4));
    three_steps(cases, "bert_adam.clipped.ramp", BertAdam::new(&model, CONFIG, 1.0)?)
}
