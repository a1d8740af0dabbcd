//! The warm-up experiment: four ways to train the same task, several seeds each.

use mmt_blocks::NormOrder;
use mmt_blocks::depth::{WarmUpConfig, warm_up};
use mmt_tensor::{Error, Real, Result};

/// One way to train, with all its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Where the norms stand.
    pub order: NormOrder,
    /// Steps of the warm-up.
    pub warm_up: usize,
    /// What every seed came to.
    pub outcomes: Vec<Outcome>,
}

/// What a training came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Mean loss and share of right words over the last steps.
    Trained {
        /// Natural logarithm.
        loss: f64,
        /// 0 to 1.
        accuracy: f64,
    },
    /// A number was not finite: a failure, not a loss.
    Diverged,
}

impl Outcome {
    /// The share of right words; none after a divergence.
    pub fn accuracy(self) -> f64 {
        match self {
            Outcome::Trained { accuracy, .. } => accuracy,
            Outcome::Diverged => 0.0,
        }
    }
}

/// Steps of the warm-up, where there is one.
pub const WARM_UP: usize = 200;

/// Trains Post-LN and Pre-LN without and with a warm-up of [`WARM_UP`] steps, from every seed.
///
/// The protocol is that of eq-1.17-warm-up: `config` gives the rest, its order, warm-up and seed are replaced. `watch` is
/// called after every run. Measured in single precision at a rate of 0.01 with 6 layers, 400 steps and the seeds 1, 2
/// and 3, loss and accuracy of the last 40 steps:
///
/// | | seed 1 | seed 2 | seed 3 |
/// |---|---|---|---|
/// | Post-LN | 2.780, 0.061 | 2.778, 0.062 | 2.709, 0.089 |
/// | Post-LN, warm-up | 0.078, 0.979 | 0.013, 0.998 | 0.008, 0.999 |
/// | Pre-LN | 0.000, 1.000 | 0.000, 1.000 | 0.000, 1.000 |
/// | Pre-LN, warm-up | 0.000, 1.000 | 0.000, 1.000 | 0.000, 1.000 |
///
/// # Errors
/// Those of [`warm_up`](mmt_blocks::depth::warm_up()) but for a divergence, which is an outcome;
/// [`Error::EmptyInput`] for no seed.
pub fn warm_up_experiment<R: Real>(
    config: &WarmUpConfig,
    seeds: &[u64],
    mut watch: impl FnMut(NormOrder, usize, u64, Outcome),
) -> Result<Vec<Arm>> {
    if seeds.is_empty() {
        return Err(Error::EmptyInput { at: "warm_up_experiment: seeds" });
    }
    let mut arms = vec![];
    for order in [NormOrder::Post, NormOrder::Pre] {
        for steps in [0, WARM_UP] {
            let mut outcomes = vec![];
            for &seed in seeds {
                let outcome = run::<R>(&WarmUpConfig { order, warm_up: steps, seed, ..*config })?;
                watch(order, steps, seed, outcome);
                outcomes.push(outcome);
            }
            arms.push(Arm { order, warm_up: steps, outcomes });
        }
    }
    Ok(arms)
}

fn run<R: Real>(config: &WarmUpConfig) -> Result<Outcome> {
    match warm_up::<R>(config) {
        Ok(run) => Ok(Outcome::Trained { loss: run.loss, accuracy: run.accuracy }),
        Err(Error::NonFinite { .. }) => Ok(Outcome::Diverged),
        Err(error) => Err(error),
    }
}

/// Whether the claim is seen: Post-LN without a warm-up stays below 0.5, the three others come above 0.95, for at least two
/// thirds of the seeds.
pub fn claim_is_seen(arms: &[Arm]) -> bool {
    let holds = |seed: usize| {
        arms.iter().all(|arm| match (arm.order, arm.warm_up) {
            (NormOrder::Post, 0) => arm.outcomes[seed].accuracy() < 0.5,
            _ => arm.outcomes[seed].accuracy() > 0.95,
        })
    };
    let seeds = arms.iter().map(|arm| arm.outcomes.len()).min().unwrap_or(0);
    seeds > 0 && 3 * (0..seeds).filter(|&seed| holds(seed)).count() >= 2 * seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arms(accuracies: [[f64; 3]; 4]) -> Vec<Arm> {
        let arm = |(i, list): (usize, [f64; 3])| Arm {
            order: if i < 2 { NormOrder::Post } else { NormOrder::Pre },
            warm_up: if i % 2 == 0 { 0 } else { WARM_UP },
            outcomes: list.map(|accuracy| Outcome::Trained { loss: 1.0, accuracy }).to_vec(),
        };
        accuracies.into_iter().enumerate().map(arm).collect()
    }

    #[test]
    fn two_of_three_seeds_are_enough() {
        let good = [[0.06; 3], [0.98; 3], [1.0; 3], [1.0; 3]];
        assert!(claim_is_seen(&arms(good)));
        assert!(claim_is_seen(&arms([[0.06, 0.7, 0.06], good[1], good[2], good[3]])));
        assert!(!claim_is_seen(&arms([[0.06, 0.7, 0.06], [0.9, 0.98, 0.98], good[2], good[3]])));
        assert!(!claim_is_seen(&arms([[1.0; 3], good[1], good[2], good[3]])));
        assert!(!claim_is_seen(&[]));
        let mut diverged = arms(good);
        diverged[0].outcomes = vec![Outcome::Diverged; 3];
        assert!(claim_is_seen(&diverged));
        diverged[2].outcomes = vec![Outcome::Diverged; 3];
        assert!(!claim_is_seen(&diverged));
    }

    #[test]
    fn every_arm_is_trained_from_every_seed() {
        let tiny = WarmUpConfig {
            depth: 1,
            width: 8,
            words: 4,
            length: 3,
            batch: 4,
            steps: 3,
            last: 2,
            ..WarmUpConfig::new(NormOrder::Pre, 1e-2, 0)
        };
        let mut seen = 0;
        let arms = warm_up_experiment::<f32>(&tiny, &[1, 2], |_, _, _, _| seen += 1).unwrap();
        assert_eq!((arms.len(), seen), (4, 8));
        assert!(arms.iter().all(|arm| arm.outcomes.len() == 2));
        assert_ne!(arms[0].outcomes, arms[1].outcomes);
        let wild = WarmUpConfig { rate: 1e30, ..tiny };
        let arms = warm_up_experiment::<f32>(&wild, &[1], |_, _, _, _| {}).unwrap();
        assert_eq!(arms[2].outcomes, [Outcome::Diverged]);
        let error = warm_up_experiment::<f32>(&tiny, &[], |_, _, _, _| {}).unwrap_err();
        assert_eq!(error.to_string(), "warm_up_experiment: seeds: empty");
        let error = warm_up_experiment::<f32>(&WarmUpConfig { batch: 0, ..tiny }, &[1], |_, _, _, _| {});
        assert_eq!(error.unwrap_err().to_string(), "warm_up: batch: must be positive, got 0");
    }
}
