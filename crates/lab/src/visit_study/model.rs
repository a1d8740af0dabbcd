//! The sequence of a patient, layers over it, and two answers from its first token.

use mmt_blocks::{
    Activation, AttentionKind, BlockConfig, Encoder, EncoderTape, Linear, LinearTape, Mask, NormOrder,
};
use mmt_tensor::{Ragged, Random, Real, Result, tree};
use mmt_tokenizers::ehr::{PatientEmbedding, PatientEmbeddingTape, PatientInput};
use ndarray::{Array2, ArrayRef2, Axis};

use super::input::{PLACE_ROWS, ROWS, Reads, Told, VISIT_ROWS, sequence};
use crate::data::ehr::{CODES, GROUPS, Patient};

const WIDTH: usize = 32;

/// eq-2.14-patient-embedding, Pre-LN blocks and two linear maps.
#[derive(Clone, Debug)]
pub struct Foreteller<R> {
    pub embedding: PatientEmbedding<R>,
    pub encoder: Encoder<R>,
    pub codes: Linear<R>,
    pub groups: Linear<R>,
}

tree!(Foreteller { embedding, encoder, codes, groups });

/// What [`Foreteller::backward`] reads.
#[derive(Clone, Debug)]
pub struct ForetellerTape<R> {
    embedding: PatientEmbeddingTape<R>,
    encoder: EncoderTape<R>,
    codes: LinearTape<R>,
    groups: LinearTape<R>,
    rows: Ragged,
}

/// The logits of every code and of every group, a row per patient.
#[derive(Clone, Debug, PartialEq)]
pub struct Foretold<R> {
    pub codes: Array2<R>,
    pub groups: Array2<R>,
}

impl<R: Real> Foreteller<R> {
    pub fn new(random: &mut Random) -> Result<Self> {
        let block = BlockConfig {
            width: WIDTH,
            heads: 4,
            hidden: 2 * WIDTH,
            activation: Activation::Gelu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        };
        Ok(Foreteller {
            embedding: PatientEmbedding::new(ROWS, VISIT_ROWS, PLACE_ROWS, WIDTH, random),
            encoder: Encoder::new(NormOrder::Pre, 2, &block, random)?,
            codes: Linear::new(WIDTH, CODES, random),
            groups: Linear::new(WIDTH, GROUPS, random),
        })
    }

    pub fn forward(&self, patients: &[PatientInput]) -> Result<(Foretold<R>, ForetellerTape<R>)> {
        let rows = Ragged::of_lengths(patients.iter().map(|patient| patient.codes.len()));
        let (x, embedding) = self.embedding.forward(patients)?;
        let (z, encoder) = self.encoder.forward(&x, &rows, &Mask::None)?;
        let first = z.select(Axis(0), &firsts(&rows));
        let (codes, codes_tape) = self.codes.forward(&first)?;
        let (groups, groups_tape) = self.groups.forward(&first)?;
        let tape = ForetellerTape { embedding, encoder, codes: codes_tape, groups: groups_tape, rows };
        Ok((Foretold { codes, groups }, tape))
    }

    /// Adds the gradients of all parameters; what is told has none.
    pub fn backward(
        &self,
        tape: &ForetellerTape<R>,
        (dcodes, dgroups): (&ArrayRef2<R>, &ArrayRef2<R>),
        grad: &mut Self,
    ) {
        let dfirst = self.codes.backward(&tape.codes, dcodes, &mut grad.codes)
            + self.groups.backward(&tape.groups, dgroups, &mut grad.groups);
        let mut dz = Array2::zeros((tape.rows.tokens(), dfirst.ncols()));
        for (row, dfirst) in firsts(&tape.rows).into_iter().zip(dfirst.rows()) {
            dz.row_mut(row).assign(&dfirst);
        }
        let dx = self.encoder.backward(&tape.encoder, &dz, &mut grad.encoder);
        self.embedding.backward(&tape.embedding, &dx, &mut grad.embedding);
    }

    /// What it foretells for patients.
    pub fn scores(&self, patients: &[Patient], told: Told, reads: Reads) -> Result<Foretold<R>> {
        let inputs: Vec<PatientInput> = patients.iter().map(|p| sequence(p, told, reads)).collect();
        Ok(self.forward(&inputs)?.0)
    }
}

fn firsts(rows: &Ragged) -> Vec<usize> {
    rows.ranges().map(|range| range.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ehr;
    use mmt_tensor::testing::{check_backward, shake};
    use mmt_tensor::{Dual, Tree};

    #[test]
    fn all_gradients_of_the_model_are_exact() {
        let patients = ehr::patients(2, &mut Random::seed(1));
        let inputs: Vec<_> = patients.iter().map(|p| sequence(p, Told::ALL[0], Reads::Places)).collect();
        let start = Foreteller::<Dual>::new(&mut Random::seed(2)).unwrap();
        check_backward(
            &shake(&start, 3),
            |model| {
                let (foretold, _) = model.forward(&inputs)?;
                Ok((foretold.codes, foretold.groups))
            },
            |model, (dcodes, dgroups)| {
                let (_, tape) = model.forward(&inputs).unwrap();
                let mut grad = model.zeros_like();
                model.backward(&tape, (dcodes, dgroups), &mut grad);
                grad
            },
        );
    }
}
