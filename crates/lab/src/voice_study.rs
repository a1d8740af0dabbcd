//! How good the synthetic voice of `digits-spoken` is alone, in how much noise, and how good the picture is.
//!
//! What an experiment about two weak modalities presumes is that they are weak, and about equally so. This measures one modality
//! at a time and no combination of them.

use mmt_fusion::topology::Topology;
use mmt_tensor::{Error, Random, Result, parallel};

use crate::data::digits::Part;
use crate::net::SIZES;
use crate::net::known::read;
use crate::tasks::Task;
use crate::tasks::digits_spoken::{VOICE_NOISE, draw_in};
use crate::training::test::answered;
use crate::training::{Settings, Trainer};

/// Batches of a training, as many as in `x1`.
const STEPS: usize = 608;
/// Samples of the test.
const SAMPLES: usize = 1000;
/// The samples of the test, which are not those of an experiment.
const TEST: u64 = 0x0e57;
/// A training is worth a thread.
const COST: usize = 1 << 30;

/// The accuracy of the voice alone in every noise, and of the picture alone, from every seed.
///
/// # Errors
/// Those of a training.
pub fn voice_study(noises: &[f64], seeds: &[u64]) -> Result<(Vec<Vec<f64>>, Vec<f64>)> {
    let voice = |noise: &f64| (alone("spoken"), *noise);
    let models: Vec<(Result<Topology>, f64)> =
        noises.iter().map(voice).chain([(alone("image"), VOICE_NOISE)]).collect();
    let all = parallel::try_map(models.len() * seeds.len(), COST, |i| {
        let (topology, noise) = &models[i / seeds.len()];
        accuracy(topology.clone()?, *noise, seeds[i % seeds.len()])
    })?;
    let mut rows: Vec<Vec<f64>> = all.chunks(seeds.len()).map(<[f64]>::to_vec).collect();
    let picture = rows.pop().ok_or(Error::EmptyInput { at: "voice study: seeds" })?;
    Ok((rows, picture))
}

/// Two layers over one modality.
fn alone(modality: &str) -> Result<Topology> {
    let task = Task::DigitsSpoken;
    let known = read(modality, task, &task.example_shapes(2, SIZES.width), &SIZES);
    let wrong = |why| Error::InvalidHyperparameter { at: "voice study: topology", why };
    Ok(known.map_err(|misfit| wrong(misfit.to_string()))?.topology)
}

/// Trains from a seed and tests on other handwriting and other speakers.
fn accuracy(topology: Topology, noise: f64, seed: u64) -> Result<f64> {
    let settings = Settings::new(Task::DigitsSpoken, topology, STEPS, seed);
    let mut trainer = Trainer::<f32>::new(&settings)?;
    let random = &mut Random::seed(seed.wrapping_add(TEST));
    for step in 1..=STEPS {
        let samples = draw_in(noise, settings.batch, Part::Train, random);
        let rate = trainer.rate();
        trainer.learn(&samples, step, rate)?;
    }
    let samples = draw_in(noise, SAMPLES, Part::Test, &mut Random::seed(TEST));
    let right = answered(&trainer.net, &samples)?;
    Ok(right.iter().filter(|right| **right).count() as f64 / SAMPLES as f64)
}
