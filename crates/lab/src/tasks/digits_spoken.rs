//! `digits-spoken`: one digit in two weak modalities.
//!
//! A square of 3x3 pixels of the picture is blank and its pixels are noisy; the voice is synthetic and noisy, and in tests it
//! belongs to speakers that training never hears.

use std::collections::BTreeMap;

use mmt_tensor::{Ragged, Random, Real};
use ndarray::{Array2, Array3, Axis, concatenate};

use super::questions::pictures;
use super::{Form, Modality, Samples, Tokens};
use crate::data::digits::{self, Part, SIZE};
use crate::data::spoken::{BANDS, FRAMES, Utterance};

/// Rows and columns that are hidden.
const HIDDEN: usize = 3;
/// The standard deviation of the noise of pixels.
const PIXEL_NOISE: f64 = 0.1;
/// The standard deviation of the noise of the voice: that at which the voice alone is about as good as the picture alone, of the
/// six in `docs/experiments.md`.
pub const VOICE_NOISE: f64 = 0.5;

pub fn modalities() -> Vec<Modality> {
    vec![
        Modality { name: "image", letter: "a", form: Form::Picture { patch: 2, patches: 16 } },
        Modality { name: "spoken", letter: "t", form: Form::Frames { numbers: BANDS, longest: FRAMES } },
    ]
}

pub fn draw<R: Real>(count: usize, part: Part, random: &mut Random) -> Samples<R> {
    draw_in(VOICE_NOISE, count, part, random)
}

/// Samples with another noise of the voice.
pub fn draw_in<R: Real>(noise: f64, count: usize, part: Part, random: &mut Random) -> Samples<R> {
    let rows = part.rows();
    let seen: Vec<usize> = (0..count).map(|_| rows.start + random.below(rows.len())).collect();
    let answers: Vec<usize> = seen.iter().map(|&row| digits::label(row)).collect();
    let images: Vec<Array3<R>> = seen.iter().map(|&row| degraded(row, random)).collect();
    let inputs = [("image", pictures(&images)), ("spoken", voices(&answers, noise, part, random))];
    Samples {
        inputs: inputs.into_iter().map(|(name, tokens)| (name.to_string(), tokens)).collect(),
        missing: BTreeMap::new(),
        kinds: vec![0; count],
        pictures: seen.into_iter().map(|row| vec![row]).collect(),
        answers,
    }
}

/// A digit with a blank square and noise.
fn degraded<R: Real>(row: usize, random: &mut Random) -> Array3<R> {
    let mut image = digits::image::<R>(row);
    let (top, left) = (random.below(SIZE - HIDDEN + 1), random.below(SIZE - HIDDEN + 1));
    for y in top..top + HIDDEN {
        for x in left..left + HIDDEN {
            image[(y, x, 0)] = R::of(0.0);
        }
    }
    image + random.normal::<R, _>((SIZE, SIZE, 1), PIXEL_NOISE)
}

/// Words said by speakers of a part, in noise.
pub fn voices<R: Real>(words: &[usize], noise: f64, part: Part, random: &mut Random) -> Tokens<R> {
    let said: Vec<Array2<R>> =
        (words.iter()).map(|&word| Utterance::draw(word, part, random).noisy(noise, random)).collect();
    let views: Vec<_> = said.iter().map(|picture| picture.view()).collect();
    let frames = concatenate(Axis(0), &views).expect("as many bands");
    Tokens::Frames(frames, Ragged::even(words.len(), FRAMES))
}
