//! Evidence for `eq-1.25-adamw`.

use mmt_golden::Cases;
use mmt_tensor::optim::{Adam, AdamConfig, AdamW, decay_weights};
use mmt_tensor::testing::{assert_close, ramp};
use mmt_tensor::{Random, Real, Result};
use ndarray::Array1;

use super::adam::{Model, draw, three_steps, two_steps};
use crate::{Property, properties};

/// Numbers of the specification, section 8A.
pub fn forward() {
    two_steps(AdamW::new(&Array1::ones(1), AdamConfig::ADAMW).unwrap(), ["0.899000002", "0.871467298706"]);
}

/// A step is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_decay_it_is_adam,
    the_decay_does_not_depend_on_the_gradient,
    a_name_can_be_spared,
    bits_do_not_depend_on_the_shape,
];

fn without_decay_it_is_adam(random: &mut Random) {
    let start = draw(random);
    let (mut a, mut b) = (start.clone(), start);
    let mut adam = Adam::new(&a, AdamConfig::ADAM).unwrap();
    let mut adamw = AdamW::new(&b, AdamConfig::ADAM).unwrap();
    for _ in 0..3 {
        let grad = (random.uniform(a.0.dim(), 1.0), random.uniform(a.1.dim(), 1.0));
        adam.step(&mut a, &grad, 0.1).unwrap();
        adamw.step(&mut b, &grad, 0.1).unwrap();
    }
    assert_eq!(a, b);
}

fn the_decay_does_not_depend_on_the_gradient(random: &mut Random) {
    let (start, rate) = (draw(random), 0.1 * random.unit());
    let config = AdamConfig { weight_decay: random.unit(), ..AdamConfig::ADAMW };
    let grad = (random.uniform(start.0.dim(), 1.0), random.uniform(start.1.dim(), 1.0));
    let run = |config| {
        let mut model = start.clone();
        AdamW::new(&model, config).unwrap().step(&mut model, &grad, rate).unwrap();
        model
    };
    let (with, without) = (run(config), run(AdamConfig::ADAM));
    let pull = rate * config.weight_decay;
    assert_close(&(&without.0 - &with.0), &(&start.0 * pull), 1e-12);
    assert_close(&(&without.1 - &with.1), &(&start.1 * pull), 1e-12);
}

fn a_name_can_be_spared(random: &mut Random) {
    let layer = |random: &mut Random| mmt_blocks::Linear::<f64> {
        weight: random.uniform((2, 3), 1.0),
        bias: Some(random.uniform(3, 1.0)),
    };
    let (mut model, grad) = (layer(random), layer(random));
    let (mut spared, mut all) = (model.clone(), model.clone());
    let config = AdamConfig { weight_decay: 0.5, ..AdamConfig::ADAMW };
    let step = |model: &mut mmt_blocks::Linear<f64>, config| {
        AdamW::new(model, config).unwrap().step(model, &grad, 0.1).unwrap();
    };
    step(&mut spared, AdamConfig { decays: decay_weights, ..config });
    step(&mut all, config);
    step(&mut model, AdamConfig { weight_decay: 0.0, ..config });
    assert_eq!((&spared.weight, &spared.bias), (&all.weight, &model.bias));
    assert!(spared.weight != model.weight);
}

/// Long enough to be cut into chunks and given to threads.
fn bits_do_not_depend_on_the_shape(random: &mut Random) {
    let n = 40_000;
    let (start, grad): (Array1<f32>, Array1<f32>) = (random.uniform(n, 1.0), random.uniform(n, 1.0));
    let mut whole = start.clone();
    AdamW::new(&whole, AdamConfig::ADAMW).unwrap().step(&mut whole, &grad, 0.1).unwrap();
    let cut = random.below(n);
    let part =
        |a: &Array1<f32>| (a.slice(ndarray::s![..cut]).to_owned(), a.slice(ndarray::s![cut..]).to_owned());
    let mut parts = part(&start);
    AdamW::new(&parts, AdamConfig::ADAMW).unwrap().step(&mut parts, &part(&grad), 0.1).unwrap();
    assert_eq!(parts, part(&whole));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let model: Model<R> = (ramp(1, (3, 4)), ramp(2, 4));
    let config = AdamConfig { weight_decay: 0.1, ..AdamConfig::ADAMW };
    three_steps(cases, "adamw.decay.ramp", AdamW::new(&model, config)?)
}
