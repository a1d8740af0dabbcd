//! Training from the first step at the full rate, or with a warm-up.

use mmt_tensor::ops::sum::sum;
use mmt_tensor::ops::{OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::optim::{Adam, AdamConfig, Schedule};
use mmt_tensor::{Ragged, Random, Real, Result, Tree, check_setting};
use ndarray::{ArrayRef2, ArrayView1};

use super::{Reverser, reversed};
use crate::{Activation, AttentionKind, BlockConfig, NormOrder};

/// How a [`Reverser`] is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmUpConfig {
    /// Where the norms stand.
    pub order: NormOrder,
    /// Layers.
    pub depth: usize,
    /// `d`
    pub width: usize,
    /// Different words.
    pub words: usize,
    /// Words of a sequence.
    pub length: usize,
    /// Sequences of a batch, all of them fresh.
    pub batch: usize,
    /// How many batches.
    pub steps: usize,
    /// `α`, the rate after the warm-up.
    pub rate: f64,
    /// `w`, steps of the warm-up; 0 for none.
    pub warm_up: usize,
    /// The last steps that are averaged.
    pub last: usize,
    /// Of the weights and of the sequences.
    pub seed: u64,
}

impl WarmUpConfig {
    /// The protocol of the measured numbers: 16 words, sequences of 8, batches of 32, width 32, 6 layers, 400 steps of
    /// which the last 40 are averaged, no warm-up.
    pub fn new(order: NormOrder, rate: f64, seed: u64) -> Self {
        WarmUpConfig {
            order,
            depth: 6,
            width: 32,
            words: 16,
            length: 8,
            batch: 32,
            steps: 400,
            rate,
            warm_up: 0,
            last: 40,
            seed,
        }
    }

    fn check(&self) -> Result<()> {
        let positive = |at, n: usize| check_setting(at, n > 0, || "must be positive, got 0".to_string());
        positive("warm_up: words", self.words)?;
        positive("warm_up: length", self.length)?;
        positive("warm_up: batch", self.batch)?;
        check_setting("warm_up: rate", self.rate > 0.0 && self.rate.is_finite(), || {
            format!("must be positive, got {}", self.rate)
        })?;
        check_setting("warm_up: last", (1..=self.steps).contains(&self.last), || {
            format!("must be in 1..={}, got {}", self.steps, self.last)
        })
    }
}

/// What a training came to.
#[derive(Clone, Debug, PartialEq)]
pub struct WarmUpRun {
    /// The mean loss of the last steps.
    pub loss: f64,
    /// The share of right words in the last steps.
    pub accuracy: f64,
    /// The loss of every step.
    pub losses: Vec<f64>,
}

/// Trains a new [`Reverser`], eq-1.17-warm-up, with Adam and constant rate after the warm-up.
///
/// Adam has `β = (0.9, 0.98)` and `ε = 1e-9`, eq-1.25-adam; gradients are not clipped; matrices are Xavier uniform. In
/// single precision and with 6 layers a run takes about three seconds on one core.
///
/// # Errors
/// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for sizes of zero, a rate that is not
/// positive, more last steps than steps; [`Error::NonFinite`](mmt_tensor::Error::NonFinite) if the training diverges: that
/// is a failure, not a number.
pub fn warm_up<R: Real>(config: &WarmUpConfig) -> Result<WarmUpRun> {
    config.check()?;
    let WarmUpConfig { order, depth, width, words, length, batch, steps, rate, last, .. } = *config;
    let block = BlockConfig {
        width,
        heads: 4,
        hidden: 2 * width,
        activation: Activation::Relu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let random = &mut Random::seed(config.seed);
    let mut model = Reverser::<R>::new(order, depth, (words, length), &block, random)?;
    let mut adam = Adam::new(&model, AdamConfig::TRANSFORMER)?;
    let (schedule, rows) = (Schedule::Warmup { warmup: config.warm_up }, Ragged::even(batch, length));
    let (mut losses, mut right) = (vec![], vec![]);
    for step in 0..steps {
        let ids: Vec<usize> = (0..rows.tokens()).map(|_| random.below(words)).collect();
        let labels: Vec<Option<usize>> = reversed(&ids, &rows)?.into_iter().map(Some).collect();
        let (scores, tape) = model.forward(&ids, &rows)?;
        let (loss, loss_tape) = cross_entropy(&scores, &labels, OnEmpty::Refuse)?;
        let dscores = cross_entropy_backward(&loss_tape, &scores, &labels, R::of(1.0));
        let mut grad = model.zeros_like();
        model.backward(&tape, &dscores, &mut grad);
        adam.step(&mut model, &grad, rate * schedule.factor(step)?)?;
        losses.push(loss.to_f64());
        right.push(share_right(&scores, &labels));
    }
    let mean = |list: &[f64]| sum(&list[steps - last..]) / last as f64;
    Ok(WarmUpRun { loss: mean(&losses), accuracy: mean(&right), losses })
}

/// The share of rows whose largest score, the first of several, is that of the label.
fn share_right<R: Real>(scores: &ArrayRef2<R>, labels: &[Option<usize>]) -> f64 {
    let best = |row: ArrayView1<R>| (0..row.len()).fold(0, |m, i| if row[i] > row[m] { i } else { m });
    let right =
        scores.rows().into_iter().zip(labels).filter(|(row, label)| Some(best(*row)) == **label).count();
    right as f64 / labels.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: WarmUpConfig = WarmUpConfig {
        order: NormOrder::Pre,
        depth: 1,
        width: 16,
        words: 4,
        length: 3,
        batch: 16,
        steps: 60,
        rate: 1e-2,
        warm_up: 10,
        last: 10,
        seed: 1,
    };

    #[test]
    fn a_short_training_learns_the_task() {
        for order in [NormOrder::Pre, NormOrder::Post] {
            let run = warm_up::<f32>(&WarmUpConfig { order, ..SMALL }).unwrap();
            assert_eq!(run.losses.len(), 60);
            assert!(run.losses[0] > 1.0 && run.loss < 0.5 * run.losses[0], "{run:?}");
            assert!(run.accuracy > 0.8, "{run:?}");
        }
    }

    #[test]
    fn settings_without_sense_are_refused() {
        let text = |config: WarmUpConfig| warm_up::<f32>(&config).unwrap_err().to_string();
        assert_eq!(text(WarmUpConfig { words: 0, ..SMALL }), "warm_up: words: must be positive, got 0");
        assert_eq!(text(WarmUpConfig { length: 0, ..SMALL }), "warm_up: length: must be positive, got 0");
        assert_eq!(text(WarmUpConfig { batch: 0, ..SMALL }), "warm_up: batch: must be positive, got 0");
        assert_eq!(text(WarmUpConfig { rate: 0.0, ..SMALL }), "warm_up: rate: must be positive, got 0");
        assert_eq!(
            text(WarmUpConfig { rate: f64::NAN, ..SMALL }),
            "warm_up: rate: must be positive, got NaN"
        );
        assert_eq!(text(WarmUpConfig { last: 61, ..SMALL }), "warm_up: last: must be in 1..=60, got 61");
        assert_eq!(text(WarmUpConfig { last: 0, ..SMALL }), "warm_up: last: must be in 1..=60, got 0");
        assert_eq!(text(WarmUpConfig { depth: 0, ..SMALL }), "encoder: depth: must be positive, got 0");
        assert_eq!(text(WarmUpConfig { width: 6, ..SMALL }), "4 heads do not divide a width of 6");
    }

    #[test]
    fn a_training_that_diverges_is_an_error() {
        let error = warm_up::<f32>(&WarmUpConfig { rate: 1e30, warm_up: 0, ..SMALL }).unwrap_err();
        assert!(matches!(error, mmt_tensor::Error::NonFinite { .. }), "{error}");
    }
}
