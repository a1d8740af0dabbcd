//! What a trained net can do.

use mmt_tensor::{Random, Real, Result, check_setting};

use crate::Trainable;
use crate::answers::best;
use crate::data::digits::Part;
use crate::net::Net;
use crate::stats::{self, Estimate};
use crate::tasks::{Samples, Task};

/// Samples that are answered at once.
const BATCH: usize = 250;

/// The result of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Whether each answer was right.
    pub right: Vec<bool>,
    /// The kind of each sample.
    pub kinds: Vec<usize>,
    /// The rows of the data set that each sample shows, as in [`Samples::pictures`].
    pub pictures: Vec<Vec<usize>>,
}

impl Test {
    /// Right answers, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.right.iter().filter(|right| **right).count() as f64 / self.right.len().max(1) as f64
    }

    /// 1 for every right answer and 0 for every wrong one.
    pub fn values(&self) -> Vec<f64> {
        self.right.iter().map(|&right| f64::from(u8::from(right))).collect()
    }

    /// The accuracy with its interval: about other pictures, not about another training.
    pub fn estimate(&self) -> Estimate {
        stats::accuracy(&[self.values()], &self.pictures)
    }

    /// Right answers among the samples of a kind, 0 to 1.
    pub fn accuracy_of(&self, kind: usize) -> f64 {
        let own: Vec<bool> =
            self.right.iter().zip(&self.kinds).filter(|(_, k)| **k == kind).map(|(r, _)| *r).collect();
        own.iter().filter(|right| **right).count() as f64 / own.len().max(1) as f64
    }
}

/// Samples that training never shows: other handwriting, other speakers.
fn test_samples<R: Real>(task: Task, count: usize, seed: u64) -> Vec<Samples<R>> {
    let random = &mut Random::seed(seed);
    let size = |i: usize| BATCH.min(count - i * BATCH);
    (0..count.div_ceil(BATCH)).map(|i| task.draw(size(i), Part::Test, random)).collect()
}

/// Asks a net for the answers to `count` samples, with modalities hidden from it.
///
/// # Errors
/// Those of the net; no sample.
pub fn test<R: Trainable>(net: &Net<R>, count: usize, seed: u64, hidden: &[&str]) -> Result<Test> {
    R::test(net, count, seed, hidden)
}

pub(crate) fn run<R: Real>(net: &Net<R>, count: usize, seed: u64, hidden: &[&str]) -> Result<Test> {
    check_setting("test: samples", count > 0, || "must be positive, got 0".to_string())?;
    let (mut right, mut kinds, mut pictures) = (vec![], vec![], vec![]);
    for mut samples in test_samples(net.task, count, seed) {
        hidden.iter().for_each(|modality| samples.hide(modality));
        right.extend(answered(net, &samples)?);
        kinds.extend(samples.kinds);
        pictures.extend(samples.pictures);
    }
    Ok(Test { right, kinds, pictures })
}

/// Whether each answer of a net is right.
pub(crate) fn answered<R: Real>(net: &Net<R>, samples: &Samples<R>) -> Result<Vec<bool>> {
    let (scores, _) = net.forward(samples)?;
    Ok(best(&scores).iter().zip(&samples.answers).map(|(best, answer)| best == answer).collect())
}
