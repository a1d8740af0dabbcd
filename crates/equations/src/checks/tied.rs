//! The smallest model with tied weights, which the evidence for `eq-1.30-mlm-head` is about.

use mmt_blocks::{Activation, Embedding, LayerNorm, Linear, TiedDecoder, TiedDecoderTape};
use mmt_objectives::{Denominator, masked_tokens, masked_tokens_backward};
use mmt_tensor::testing::ramp;
use mmt_tensor::{Real, Result, tree};
use ndarray::Array2;

/// A table of words that is read twice, by the lookup and by the head: the smallest model with tied weights.
#[derive(Clone, Debug)]
pub(super) struct Tied<R> {
    pub(super) word: Embedding<R>,
    pub(super) head: TiedDecoder<R>,
}

tree!(Tied { word, head });

pub(super) struct TiedTape<R> {
    ids: Vec<usize>,
    head: TiedDecoderTape<R>,
}

impl<R: Real> Tied<R> {
    pub(super) fn forward(&self, ids: &[usize], chosen: &[usize]) -> Result<(Array2<R>, TiedTape<R>)> {
        let (z, head) = self.head.forward(&self.word.forward(ids)?, &self.word.table, chosen)?;
        Ok((z, TiedTape { ids: ids.to_vec(), head }))
    }

    pub(super) fn backward(&self, tape: &TiedTape<R>, dz: &Array2<R>, grad: &mut Self) {
        let e = &self.word.table;
        let dh = self.head.backward(&tape.head, e, dz, &mut grad.head, &mut grad.word.table);
        self.word.backward(&tape.ids, &dh, &mut grad.word);
    }
}

/// The model of the specification, whose numbers are those of the exact form.
pub(super) fn example<R: Real>(activation: Activation) -> Tied<R> {
    Tied {
        word: Embedding { table: ramp(4, (5, 4)) },
        head: TiedDecoder {
            transform: Linear { weight: ramp(2, (4, 4)), bias: Some(ramp(3, 4)) },
            norm: LayerNorm::new(4, 1e-12),
            bias: ramp(5, 5),
            activation,
        },
    }
}

/// The loss of the scores of two words, and its gradient.
pub(super) fn cost<R: Real>(z: &Array2<R>) -> Result<(R, Array2<R>)> {
    let labels = [Some(2), Some(0)];
    let (loss, tape) = masked_tokens(z, &labels, Denominator::Count)?;
    Ok((loss, masked_tokens_backward(&tape, z, &labels, Denominator::Count, R::of(1.0))))
}
