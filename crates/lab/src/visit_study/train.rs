//! The training of the study.

use mmt_tensor::ops::{Reduction, binary_cross_entropy_backward};
use mmt_tensor::optim::{AdamConfig, AdamW, Norm, Schedule, clip_norm, decay_weights};
use mmt_tensor::{Random, Result, Tree};
use mmt_tokenizers::ehr::PatientInput;
use ndarray::Array2;

use super::input::{Reads, Told, next, sequence};
use super::model::Foreteller;
use crate::answers::mean_cross_entropy;
use crate::data::ehr::{CODES, Patient};

const BATCH: usize = 64;
/// How often every patient is read.
const EPOCHS: usize = 30;
const RATE: f64 = 3e-3;

/// A model for what is told, from a seed of the weights and of the order of the patients; `weight` is that of the groups in the
/// loss.
pub fn train(
    patients: &[Patient],
    told: Told,
    reads: Reads,
    weight: f32,
    seed: u64,
) -> Result<Foreteller<f32>> {
    let random = &mut Random::seed(seed);
    let mut model = Foreteller::<f32>::new(random)?;
    let decay = AdamConfig { weight_decay: 0.01, decays: decay_weights, ..AdamConfig::ADAMW };
    let mut adamw = AdamW::new(&model, decay)?;
    let steps = EPOCHS * patients.len().div_ceil(BATCH);
    let schedule = Schedule::OneCycle { warmup: steps / 5, total: steps, start: 0.04, end: 0.0 };
    let mut step = 0;
    for _ in 0..EPOCHS {
        for batch in random.permutation(patients.len()).chunks(BATCH) {
            let batch: Vec<&Patient> = batch.iter().map(|&i| &patients[i]).collect();
            let mut grad = gradient(&model, &batch, (told, reads), weight)?;
            clip_norm(&mut grad, 1.0, Norm::Two)?;
            adamw.step(&mut model, &grad, RATE * schedule.factor(step)?)?;
            step += 1;
        }
    }
    Ok(model)
}

/// Gradient of `48 ℓ_codes + λ ℓ_groups`: eq-0.6-bce-with-logits, a mean over patients and codes, so that the first term is the
/// sum over the 48 codes of a patient, and eq-0.4 of the groups with its `weight` λ.
fn gradient(
    model: &Foreteller<f32>,
    batch: &[&Patient],
    (told, reads): (Told, Reads),
    weight: f32,
) -> Result<Foreteller<f32>> {
    let inputs: Vec<PatientInput> = batch.iter().map(|p| sequence(p, told, reads)).collect();
    let mut wanted = Array2::zeros((batch.len(), CODES));
    for (i, patient) in batch.iter().enumerate() {
        next(patient).iter().for_each(|&code| wanted[(i, code)] = 1.0);
    }
    let groups: Vec<usize> = batch.iter().map(|patient| patient.acute_group()).collect();
    let (foretold, tape) = model.forward(&inputs)?;
    let dcodes = binary_cross_entropy_backward(&foretold.codes, &wanted, Reduction::Mean, CODES as f32);
    let (_, dgroups) = mean_cross_entropy(&foretold.groups, &groups)?;
    let mut grad = model.zeros_like();
    model.backward(&tape, (&dcodes, &(dgroups * weight)), &mut grad);
    Ok(grad)
}
