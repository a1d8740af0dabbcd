//! Cases of tokenizers.

use std::collections::BTreeSet;

use mmt_tensor::Random;
use mmt_tensor::ops::linear;
use mmt_tokenizers::audio::{LogMel, LogMelConfig};
use mmt_tokenizers::image::{Order, PatchEmbedding, patchify};
use mmt_tokenizers::text::{Reading, Vocabulary, WordPiece};
use ndarray::{Array1, Array4};

use super::{Case, case, job};
use crate::data::text::exchanges;

/// Patches of 16 images, and the product alone; a minute of sound; a megabyte of text.
pub fn tokenizers(list: &mut Vec<Case>) {
    let flops = 2.0 * (16 * 196 * 768 * 768) as f64;
    list.push(case("patch_embed", "fwd", flops, || {
        let (embedding, images) = patches();
        job(move || embedding.forward(&images))
    }));
    list.push(case("patch_embed_product", "fwd", flops, || {
        let (embedding, images) = patches();
        let rows = patchify(&images, 16, Order::Hwc).expect("16 divides 224");
        job(move || linear(&rows, &embedding.project.weight, embedding.project.bias.as_deref()))
    }));
    list.push(case("log_mel_60s", "fwd", 0.0, || {
        let log_mel = LogMel::<f32>::new(LogMelConfig::ast()).expect("valid settings");
        let sound: Array1<f32> = Random::seed(1).uniform(60 * 16_000, 0.5);
        job(move || log_mel.forward(&sound))
    }));
    list.push(case("word_piece_1mb", "fwd", 0.0, || {
        let (words, text) = text();
        job(move || words.pieces(&text))
    }));
}

fn patches() -> (PatchEmbedding<f32>, Array4<f32>) {
    let mut random = Random::seed(1);
    let embedding = PatchEmbedding::new(16, 3, 768, Order::Hwc, &mut random);
    (embedding, random.uniform((16, 224, 224, 3), 1.0))
}

/// A megabyte of the sentences of the data set `text`, and pieces for every other of its words; the rest falls into letters.
fn text() -> (WordPiece, String) {
    let all: Vec<&str> =
        exchanges(1).iter().flat_map(|e| [&e.question[..], &e.answer[..]].concat()).collect();
    let sentences = all.join(" ");
    let text = sentences.repeat(1 + 1_000_000 / sentences.len());
    let letters = ('a'..='z').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    let known: BTreeSet<&str> = all.into_iter().filter(|word| word.len() > 1).collect();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(String::from);
    let words: Vec<String> =
        special.into_iter().chain(letters).chain(known.into_iter().step_by(2).map(String::from)).collect();
    let vocabulary = Vocabulary::new(words.iter().map(String::as_str)).expect("different words");
    (WordPiece::new(vocabulary, Reading::UNCASED).expect("all special pieces"), text)
}
