//! `digits-qa`: two digits side by side and a question about them.

use std::collections::BTreeMap;

use mmt_tensor::{Ragged, Random, Real};
use mmt_tokenizers::text::Vocabulary;
use ndarray::{Array3, Array4, Axis, stack};

use super::{Form, Modality, Samples, Tokens};
use crate::batch::{CLS, vocabulary};
use crate::data::digits::Part;
use crate::data::digits_qa::{self, Example};

pub const KINDS: [&str; 4] = ["left", "right", "larger", "smaller"];

pub fn modalities() -> Vec<Modality> {
    let image = Form::Picture { patch: 4, patches: 8 };
    let text = Form::Words { vocabulary: vocabulary().size(), longest: 7 };
    vec![
        Modality { name: "image", letter: "a", form: image },
        Modality { name: "text", letter: "t", form: text },
    ]
}

pub fn draw<R: Real>(count: usize, part: Part, random: &mut Random) -> Samples<R> {
    of_questions(&digits_qa::draw(count, part, random))
}

pub fn of_questions<R: Real>(examples: &[Example]) -> Samples<R> {
    let words = vocabulary();
    let texts: Vec<&str> = examples.iter().map(|e| e.question.text()).collect();
    let images: Vec<Array3<R>> = examples.iter().map(|e| e.pair.image()).collect();
    let inputs = [("image", pictures(&images)), ("text", sentences(&texts, &words))];
    Samples {
        inputs: inputs.into_iter().map(|(name, tokens)| (name.to_string(), tokens)).collect(),
        missing: BTreeMap::new(),
        answers: examples.iter().map(|e| e.answer()).collect(),
        kinds: examples.iter().map(|e| e.question as usize).collect(),
        pictures: examples.iter().map(|e| vec![e.pair.left, e.pair.right]).collect(),
    }
}

/// `[CLS]` and the words of every text.
pub fn sentences<R>(texts: &[&str], words: &Vocabulary) -> Tokens<R> {
    let encode = |text: &&str| words.encode(&format!("{CLS} {text}")).expect("words of the vocabulary");
    let ids: Vec<Vec<usize>> = texts.iter().map(encode).collect();
    let rows = Ragged::of_lengths(ids.iter().map(Vec::len));
    Tokens::Words(ids.concat(), rows)
}

/// Pictures of one size in one array.
pub fn pictures<R: Real>(images: &[Array3<R>]) -> Tokens<R> {
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    let images: Array4<R> = stack(Axis(0), &views).expect("pictures of one size");
    Tokens::Images(images)
}
