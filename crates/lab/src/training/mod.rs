//! Training of a net on a task: the loop, its checkpoints, and the test after it.

pub mod checkpoint;
mod diverged;
pub mod test;

use std::ops::ControlFlow;

use mmt_fusion::topology::{Sizes, Topology};
use mmt_tensor::optim::{AdamConfig, AdamW, Norm, Schedule, clip_norm, decay_weights};
use mmt_tensor::{Random, Real, Result, Tree, check_setting};

pub use self::diverged::Diverged;
use crate::Trainable;
use crate::answers::{mean_cross_entropy, right};
use crate::data::digits::Part;
use crate::net::{Net, SIZES};
use crate::tasks::{Samples, Task};
use crate::train::Step;

/// How a net is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// For what.
    pub task: Task,
    /// How modalities meet.
    pub topology: Topology,
    /// Of the blocks.
    pub sizes: Sizes,
    /// How many batches.
    pub steps: usize,
    /// Samples in a batch, all of them fresh.
    pub batch: usize,
    /// The largest rate of the one-cycle schedule.
    pub rate: f64,
    /// The decay of weight matrices.
    pub weight_decay: f64,
    /// Gradients above this norm are shortened to it.
    pub max_norm: f64,
    /// How likely a sample loses one of its modalities.
    pub drop: f64,
    /// Of the weights and of the samples.
    pub seed: u64,
}

impl Settings {
    /// What `mmt train` and the experiments begin with.
    pub fn new(task: Task, topology: Topology, steps: usize, seed: u64) -> Self {
        Settings {
            task,
            topology,
            sizes: SIZES,
            steps,
            batch: 64,
            rate: 3e-3,
            weight_decay: 0.01,
            max_norm: 1.0,
            drop: 0.0,
            seed,
        }
    }

    /// Steps until the rate is largest.
    pub fn warmup(&self) -> usize {
        self.steps / 5
    }

    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for no step, an empty batch, a rate or a norm that is not positive, a negative
    /// decay, and a probability that is none.
    pub fn check(&self) -> Result<()> {
        let Settings { steps, batch, rate, weight_decay, max_norm, drop, .. } = *self;
        let check = |at, x: f64, fits: bool, what: &str| {
            check_setting(at, fits && x.is_finite(), || format!("must {what}, got {x}"))
        };
        check("train: steps", steps as f64, steps > 0, "be positive")?;
        check("train: batch", batch as f64, batch > 0, "be positive")?;
        check("train: rate", rate, rate > 0.0, "be positive")?;
        check("train: max_norm", max_norm, max_norm > 0.0, "be positive")?;
        check("train: weight_decay", weight_decay, weight_decay >= 0.0, "not be negative")?;
        check("train: drop", drop, (0.0..=1.0).contains(&drop), "be between 0 and 1")
    }
}

/// A training between two steps: everything that the next step depends on.
#[derive(Clone, Debug)]
pub struct Trainer<R> {
    /// How it is trained.
    pub settings: Settings,
    /// What was learned so far.
    pub net: Net<R>,
    /// The moments of the gradients.
    pub adamw: AdamW<Net<R>>,
    /// Where the samples come from.
    pub random: Random,
    /// All steps so far.
    pub log: Vec<Step>,
    grad: Net<R>,
}

/// The stream of the samples is not that of the weights, so that all topologies see the same samples.
const SAMPLES: u64 = 0x5a3b_1e5f;
/// Nor that of what they lose, so that trainings with and without it do.
const LOSSES: u64 = 0x7d16_90c3;

/// A training before its first step.
///
/// # Errors
/// Those of [`Settings::check`] and of a topology that does not fit the task.
pub fn begin<R: Trainable>(settings: &Settings) -> Result<Trainer<R>> {
    R::begin(settings)
}

/// Takes the steps that are left, or until `watch` breaks off. The same settings give the same bits for any number of threads,
/// and however often the training is broken off and goes on.
///
/// # Errors
/// [`Diverged`] if a number is not finite.
pub fn go_on<R: Trainable>(
    trainer: &mut Trainer<R>,
    mut watch: impl FnMut(&Trainer<R>) -> ControlFlow<()>,
) -> std::result::Result<(), Diverged> {
    R::go_on(trainer, &mut watch)
}

impl<R: Real> Trainer<R> {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        settings.check()?;
        let Settings { task, sizes, seed, .. } = *settings;
        let example = task.draw::<R>(2, Part::Train, &mut Random::seed(seed));
        let inputs = example.shapes(task, sizes.width);
        let random = &mut Random::seed(seed);
        let net = Net::new(task, settings.topology.clone(), sizes, &inputs, random)?;
        let config =
            AdamConfig { weight_decay: settings.weight_decay, decays: decay_weights, ..AdamConfig::ADAMW };
        Ok(Trainer {
            settings: settings.clone(),
            grad: net.zeros_like(),
            adamw: AdamW::new(&net, config)?,
            net,
            random: Random::seed(seed ^ SAMPLES),
            log: vec![],
        })
    }

    pub(crate) fn run(
        &mut self,
        watch: &mut dyn FnMut(&Self) -> ControlFlow<()>,
    ) -> std::result::Result<(), Diverged> {
        while self.log.len() < self.settings.steps {
            let step = self.log.len() + 1;
            let rate = self.rate();
            self.step(step, rate).map_err(|error| Diverged { step, error, rate })?;
            if watch(self).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The rate of the next step.
    pub(crate) fn rate(&self) -> f64 {
        let Settings { steps, rate, .. } = self.settings;
        let warmup = self.settings.warmup();
        let schedule = Schedule::OneCycle { warmup, total: steps, start: 0.04, end: 0.0 };
        rate * schedule.factor(self.log.len()).expect("a warm-up shorter than all steps")
    }

    fn step(&mut self, step: usize, rate: f64) -> Result<()> {
        let Settings { task, batch, drop, .. } = self.settings;
        let mut samples = task.draw::<R>(batch, Part::Train, &mut self.random);
        samples.drop_at_random(drop, &self.settings.topology.modalities(), &mut self.losses(step));
        self.learn(&samples, step, rate)
    }

    /// Which samples of a step lose a modality: a stream of its own, from the number of the step.
    fn losses(&self, step: usize) -> Random {
        Random::seed(self.settings.seed ^ LOSSES ^ ((step as u64) << 32))
    }

    /// One step along the gradient of some samples.
    pub(crate) fn learn(&mut self, samples: &Samples<R>, step: usize, rate: f64) -> Result<()> {
        let (scores, tape) = self.net.forward(samples)?;
        let (loss, dscores) = mean_cross_entropy(&scores, &samples.answers)?;
        self.grad.set_to_zero();
        self.net.backward(samples, &tape, &dscores, &mut self.grad);
        let grad_norm = clip_norm(&mut self.grad, self.settings.max_norm, Norm::Two)?.to_f64();
        self.adamw.step(&mut self.net, &self.grad, rate)?;
        let right = right(&scores, &samples.answers) as f64 / samples.count() as f64;
        self.log.push(Step { step, loss: loss.to_f64(), right, rate, grad_norm });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::known::read;

    fn trained(drop: f64, steps: usize) -> Trainer<f32> {
        let task = Task::DigitsSpoken;
        let known = read("early-sum", task, &task.example_shapes(2, SIZES.width), &SIZES).unwrap();
        let settings = Settings { batch: 8, drop, ..Settings::new(task, known.topology, steps, 1) };
        let mut trainer = begin::<f32>(&settings).unwrap();
        go_on(&mut trainer, |_| ControlFlow::Continue(())).unwrap();
        trainer
    }

    #[test]
    fn trainings_that_lose_modalities_see_the_same_samples() {
        let [none, some] = [0.0, 0.5].map(|drop| trained(drop, 3));
        assert_eq!(none.random.state(), some.random.state());
        assert_ne!(none.log, some.log);
        let lost = |step| {
            let mut samples = Task::DigitsSpoken.draw::<f32>(8, Part::Train, &mut Random::seed(1));
            let modalities = some.settings.topology.modalities();
            samples.drop_at_random(0.5, &modalities, &mut some.losses(step));
            samples.missing
        };
        assert!(!lost(1).is_empty() && lost(1) == lost(1) && lost(1) != lost(2));
    }
}
