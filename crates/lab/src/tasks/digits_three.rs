//! `digits-three`: a digit that is seen, another one that is heard, and a question about both in words.
//!
//! No two of the three modalities are enough: without the question two answers are possible, and without one of the digits the
//! question about it can only be guessed.

use std::collections::BTreeMap;

use mmt_tensor::{Random, Real};
use mmt_tokenizers::text::Vocabulary;
use ndarray::Array3;

use super::digits_spoken::{VOICE_NOISE, voices};
use super::questions::{pictures, sentences};
use super::{Form, Modality, Samples};
use crate::batch::vocabulary_of;
use crate::data::digits::{self, Part};
use crate::data::spoken::{BANDS, FRAMES};

pub const KINDS: [&str; 4] = ["seen", "heard", "larger", "smaller"];

/// The questions, in the order of their kinds.
const QUESTIONS: [&str; 4] =
    ["which digit is seen", "which digit is heard", "which digit is larger", "which digit is smaller"];

pub fn modalities() -> Vec<Modality> {
    let text = Form::Words { vocabulary: vocabulary().size(), longest: 5 };
    vec![
        Modality { name: "image", letter: "v", form: Form::Picture { patch: 4, patches: 4 } },
        Modality { name: "spoken", letter: "a", form: Form::Frames { numbers: BANDS, longest: FRAMES } },
        Modality { name: "text", letter: "p", form: text },
    ]
}

fn vocabulary() -> Vocabulary {
    vocabulary_of(&QUESTIONS)
}

pub fn draw<R: Real>(count: usize, part: Part, random: &mut Random) -> Samples<R> {
    let rows = part.rows();
    let (mut images, mut heard, mut kinds, mut answers) = (vec![], vec![], vec![], vec![]);
    let mut shown = vec![];
    for _ in 0..count {
        let row = rows.start + random.below(rows.len());
        let seen = digits::label(row);
        // Any digit but the one that is seen.
        let said = (seen + 1 + random.below(9)) % 10;
        let kind = random.below(4);
        images.push(digits::image::<R>(row) as Array3<R>);
        shown.push(vec![row]);
        heard.push(said);
        kinds.push(kind);
        answers.push([seen, said, seen.max(said), seen.min(said)][kind]);
    }
    let texts: Vec<&str> = kinds.iter().map(|&kind| QUESTIONS[kind]).collect();
    let inputs = [
        ("image", pictures(&images)),
        ("spoken", voices(&heard, VOICE_NOISE, part, random)),
        ("text", sentences(&texts, &vocabulary())),
    ];
    Samples {
        inputs: inputs.into_iter().map(|(name, tokens)| (name.to_string(), tokens)).collect(),
        missing: BTreeMap::new(),
        answers,
        kinds,
        pictures: shown,
    }
}
