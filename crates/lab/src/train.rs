//! The training loop.

use mmt_tensor::optim::{AdamConfig, AdamW, Norm, Schedule, clip_norm, decay_weights};
use mmt_tensor::{Random, Real, Result, Tree, check_setting};

use crate::Trainable;
use crate::answers::{mean_cross_entropy, right};
use crate::batch::{Batch, Modalities, vocabulary};
use crate::data::digits::Part;
use crate::data::digits_qa;
use crate::model::{Answerer, AnswererConfig};

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainConfig {
    /// What the model gets to see.
    pub modalities: Modalities,
    /// How many batches.
    pub steps: usize,
    /// Examples in a batch, all of them fresh.
    pub batch: usize,
    /// The largest rate of the one-cycle schedule.
    pub rate: f64,
    /// The decay of weight matrices.
    pub weight_decay: f64,
    /// Gradients above this norm are shortened to it.
    pub max_norm: f64,
    /// Of the weights and of the examples.
    pub seed: u64,
}

impl TrainConfig {
    /// What `mmt tour` begins with.
    pub fn new(modalities: Modalities, steps: usize, seed: u64) -> Self {
        TrainConfig { modalities, steps, batch: 64, rate: 3e-3, weight_decay: 0.01, max_norm: 1.0, seed }
    }

    /// Steps until the rate is largest.
    pub fn warmup(&self) -> usize {
        self.steps / 5
    }

    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no step, an empty batch or a rate
    /// that is not positive.
    pub fn check(&self) -> Result<()> {
        let TrainConfig { steps, batch, rate, .. } = *self;
        check_setting("train: steps", steps > 0, || "must be positive, got 0".to_string())?;
        check_setting("train: batch", batch > 0, || "must be positive, got 0".to_string())?;
        check_setting("train: rate", rate > 0.0 && rate.is_finite(), || {
            format!("must be positive, got {rate}")
        })
    }
}

/// What is known after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Counted from 1.
    pub step: usize,
    /// Of the batch, before the step.
    pub loss: f64,
    /// Right answers in the batch, 0 to 1.
    pub right: f64,
    /// The rate of the step.
    pub rate: f64,
    /// Of all gradients together, before they are shortened.
    pub grad_norm: f64,
}

/// The sizes of the model of `digits-qa`.
pub fn sizes() -> AnswererConfig {
    AnswererConfig {
        width: 32,
        heads: 4,
        hidden: 64,
        depth: 2,
        patch: 4,
        patches: 8,
        words: vocabulary().size(),
        longest: 7,
        answers: 10,
    }
}

/// Trains a new model on fresh questions about the training part, with AdamW and the one-cycle schedule.
///
/// `watch` is called after every step. The same configuration gives the same bits for any number of threads.
///
/// # Errors
/// Those of [`TrainConfig::check`]; [`Error::NonFinite`](mmt_tensor::Error::NonFinite) if the training diverges.
pub fn train<R: Trainable>(config: &TrainConfig, mut watch: impl FnMut(&Step)) -> Result<Answerer<R>> {
    R::train(config, &mut watch)
}

pub(crate) fn run<R: Real>(config: &TrainConfig, watch: &mut dyn FnMut(&Step)) -> Result<Answerer<R>> {
    let TrainConfig { modalities, steps, batch, rate, weight_decay, max_norm, seed } = *config;
    config.check()?;
    let mut random = Random::seed(seed);
    let mut model = Answerer::<R>::new(&sizes(), &mut random)?;
    let mut grad = model.zeros_like();
    let decay = AdamConfig { weight_decay, decays: decay_weights, ..AdamConfig::ADAMW };
    let mut adamw = AdamW::new(&model, decay)?;
    let schedule = Schedule::OneCycle { warmup: config.warmup(), total: steps, start: 0.04, end: 0.0 };
    let words = vocabulary();
    for step in 1..=steps {
        let examples = digits_qa::draw(batch, Part::Train, &mut random);
        let batch = Batch::new(&examples, modalities, &words)?;
        let (scores, tape) = model.forward(&batch)?;
        let (loss, dscores) = mean_cross_entropy(&scores, &batch.answers)?;
        grad.set_to_zero();
        model.backward(&batch, &tape, &dscores, &mut grad);
        let grad_norm = clip_norm(&mut grad, max_norm, Norm::Two)?.to_f64();
        let rate = rate * schedule.factor(step - 1)?;
        adamw.step(&mut model, &grad, rate)?;
        let right = right(&scores, &batch.answers) as f64 / examples.len() as f64;
        watch(&Step { step, loss: loss.to_f64(), right, rate, grad_norm });
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{evaluate, test_questions};

    fn run(threads: usize, modalities: Modalities) -> (Vec<Step>, Answerer<f32>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut steps = vec![];
            let model = train(&TrainConfig::new(modalities, 6, 1), |step| steps.push(*step)).unwrap();
            (steps, model)
        })
    }

    #[test]
    fn training_gives_the_same_bits_for_any_number_of_threads() {
        for modalities in [Modalities::Text, Modalities::Image, Modalities::Both] {
            let (steps, model) = run(1, modalities);
            for threads in [2, 3] {
                let (other_steps, other) = run(threads, modalities);
                assert_eq!(steps, other_steps, "{modalities:?}, {threads} threads");
                for ((name, a), (_, b)) in model.arrays().iter().zip(other.arrays()) {
                    assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_short_training_beats_guessing() {
        let config = TrainConfig::new(Modalities::Both, 250, 5);
        let mut losses = vec![];
        let model: Answerer<f32> = train(&config, |step| losses.push(step.loss)).unwrap();
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        assert!(mean(&losses[230..]) < 0.7 * mean(&losses[..20]), "{losses:?}");
        let test = evaluate(&model, &test_questions(500, 6), Modalities::Both).unwrap();
        assert!(test.accuracy > 0.3, "{test:?}");
        assert_eq!(test.shares.len(), 2);
    }

    #[test]
    fn settings_without_sense_are_refused() {
        let start = TrainConfig::new(Modalities::Text, 5, 1);
        let text = |config: TrainConfig| train::<f32>(&config, |_| {}).unwrap_err().to_string();
        assert_eq!(text(TrainConfig { steps: 0, ..start }), "train: steps: must be positive, got 0");
        assert_eq!(text(TrainConfig { batch: 0, ..start }), "train: batch: must be positive, got 0");
        assert_eq!(text(TrainConfig { rate: 0.0, ..start }), "train: rate: must be positive, got 0");
        assert_eq!(text(TrainConfig { rate: f64::NAN, ..start }), "train: rate: must be positive, got NaN");
    }
}
