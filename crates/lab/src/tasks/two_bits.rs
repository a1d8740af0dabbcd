//! `two-bits`: one token of each modality carries a bit, the others are noise; the answer is whether the bits differ.
//!
//! Neither modality alone says anything, and neither does a sum of what each of them says: a mean of scores cannot express that
//! two bits differ.

use std::collections::BTreeMap;

use mmt_tensor::{Ragged, Random, Real};
use ndarray::Array2;

use super::{Form, Modality, Samples, Tokens};

/// Tokens of a modality.
const TOKENS: usize = 6;
/// Numbers of a token: whether it counts, its bit, and noise.
const NUMBERS: usize = 4;

pub fn modalities() -> Vec<Modality> {
    let form = Form::Frames { numbers: NUMBERS, longest: TOKENS };
    vec![Modality { name: "a", letter: "a", form }, Modality { name: "t", letter: "t", form }]
}

pub fn draw<R: Real>(count: usize, random: &mut Random) -> Samples<R> {
    let mut bits = [vec![], vec![]];
    let inputs = ["a", "t"].into_iter().zip(&mut bits).map(|(name, bits)| {
        let mut x = Array2::zeros((count * TOKENS, NUMBERS));
        for sample in 0..count {
            let (carrier, bit) = (random.below(TOKENS), random.below(2));
            for token in 0..TOKENS {
                let mut row = x.row_mut(sample * TOKENS + token);
                let shown = if token == carrier { bit } else { random.below(2) };
                let sign = |bit: usize| R::of(2.0 * bit as f64 - 1.0);
                row[0] = R::of(f64::from(u8::from(token == carrier)));
                row[1] = sign(shown);
                (2..NUMBERS).for_each(|i| row[i] = R::of(random.normal_number()));
            }
            bits.push(bit);
        }
        (name.to_string(), Tokens::Frames(x, Ragged::even(count, TOKENS)))
    });
    let inputs: BTreeMap<_, _> = inputs.collect();
    let answers = bits[0].iter().zip(&bits[1]).map(|(a, t)| a ^ t).collect();
    let (kinds, pictures) = (vec![0; count], vec![vec![]; count]);
    Samples { inputs, missing: BTreeMap::new(), answers, kinds, pictures }
}
