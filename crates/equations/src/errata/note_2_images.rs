//! Errata of sections 2.1 and 2.3 of the note: images and videos.

use mmt_tensor::{Random, Result};
use mmt_tokenizers::image::{
    ImageBox, Order, PatchEmbedding, RegionEmbedding, RegionFeatures, region_geometry,
};
use mmt_tokenizers::video::{
    ClipConfig, ClipFeatures, ClipFeaturesConfig, LastClip, VisualWords, clip_tokens, cut_clips,
};
use ndarray::{Array2, Array4, Axis, concatenate};

use super::{Erratum, Outcome, judge};

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C12",
        section: "2.1",
        claim: "the P²C numbers of a patch are pulled into a vector: there is one such vector",
        correction: "the order is a choice that belongs to the weights: (row, column, channel) in the code of ViT, (channel, \
                     row, column) in a convolution of PyTorch; weights of one order read patches of the other wrongly",
        source: "Dosovitskiy et al. 2021, released code, vit_jax/models_vit.py; PyTorch, Conv2d",
        equation: "eq-2.1-patch",
        as_written: one_vector,
        as_corrected: two_orders,
    },
    Erratum {
        id: "ERR-C15",
        section: "2.1",
        claim: "in ViLBERT a convolutional network turns a region of interest into its embedding",
        correction: "the network is frozen and only describes the region; what is trained is a linear map of its feature and \
                     one of its place and area, added and normalized, so that regions that look the same are told apart",
        source: "Lu et al. 2019, ViLBERT, section 3.1 and released code, BertImageEmbeddings",
        equation: "eq-2.3-region-embedding",
        as_written: looks_alone,
        as_corrected: looks_and_place,
    },
    Erratum {
        id: "ERR-C18",
        section: "2.3",
        claim: "in VideoBERT the token of a clip is the feature that a 3D convolutional network gives it",
        correction: "the feature is replaced by the nearest of 12⁴ = 20736 visual words, whose embedding is learned like that \
                     of a word of text",
        source: "Sun et al. 2019, VideoBERT, section 4.2 and 4.3",
        equation: "eq-2.8-clip-token",
        as_written: features_are_tokens,
        as_corrected: words_are_tokens,
    },
];

/// How far apart two matrices are.
fn distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// How far tokens of one order are from those of the other, with the same weights and with permuted ones.
fn orders() -> Result<[f64; 2]> {
    let mut random = Random::seed(1);
    let images: Array4<f64> = random.uniform((1, 8, 8, 3), 1.0);
    let hwc = PatchEmbedding::new(4, 3, 5, Order::Hwc, &mut random);
    let same = PatchEmbedding { order: Order::Chw, ..hwc.clone() };
    let mut permuted = same.clone();
    let row = |k: usize, pixel: usize| hwc.project.weight.row(pixel * 3 + k).to_owned();
    for (k, pixel) in (0..3).flat_map(|k| (0..16).map(move |pixel| (k, pixel))) {
        permuted.project.weight.row_mut(k * 16 + pixel).assign(&row(k, pixel));
    }
    let tokens = hwc.forward(&images)?.0;
    Ok([distance(&same.forward(&images)?.0, &tokens), distance(&permuted.forward(&images)?.0, &tokens)])
}

fn one_vector() -> Outcome {
    let [same, _] = orders().map_err(|e| e.to_string())?;
    judge(same < 1e-12, format!("with the same weights, tokens of the two orders are up to {same:.2} apart"))
}

fn two_orders() -> Outcome {
    let [same, permuted] = orders().map_err(|e| e.to_string())?;
    judge(
        permuted < 1e-12 && same > 0.1,
        format!("tokens are up to {same:.2} apart with the same weights, {permuted:.0e} with permuted ones"),
    )
}

/// Two regions of a gray image that look the same: how far apart their features and their tokens are.
fn regions() -> Result<[f64; 2]> {
    let mut random = Random::seed(1);
    let image = Array4::from_elem((1, 3, 96, 96), 0.5);
    let boxes = [[32.0, 32.0, 40.0, 40.0], [52.0, 48.0, 60.0, 56.0]];
    let boxes = boxes.map(|corners| ImageBox { image: 0, corners });
    let (v, _) = RegionFeatures::<f64>::new(&[8, 16], &mut random).forward(&image, &boxes)?;
    let g = region_geometry(&boxes, &[[96.0, 96.0]])?;
    let (x, _) = RegionEmbedding::new(16, 8, 1e-12, &mut random).forward(&v, &g)?;
    let apart = |a: &Array2<f64>| distance(&a.select(Axis(0), &[0]), &a.select(Axis(0), &[1]));
    Ok([apart(&v), apart(&x)])
}

fn looks_alone() -> Outcome {
    let [features, tokens] = regions().map_err(|e| e.to_string())?;
    judge(
        tokens < 1e-12,
        format!("features of two equal regions are {features:.0e} apart, and their tokens {tokens:.2}"),
    )
}

fn looks_and_place() -> Outcome {
    let [features, tokens] = regions().map_err(|e| e.to_string())?;
    judge(
        features < 1e-12 && tokens > 0.01,
        format!("two regions with features {features:.0e} apart have tokens {tokens:.2} apart"),
    )
}

/// Two clips that differ a little: how far apart their features are, and the words of both.
fn clips() -> Result<(f64, Vec<usize>)> {
    let mut random = Random::seed(1);
    let network = ClipFeatures::<f64>::new(&ClipFeaturesConfig::tiny(), &mut random);
    let clip = |light: f64| Array4::from_elem((6, 16, 16, 1), light);
    let video = concatenate![Axis(0), clip(1.0), clip(1.1)];
    let config = ClipConfig { frames: 6, last: LastClip::Drop };
    let features = |video: &Array4<f64>| network.forward(&cut_clips(video, config)?);
    let (own, _) = features(&video)?;
    let (centers, _) = features(&concatenate![Axis(0), clip(1.0), clip(-1.0)])?;
    let words = VisualWords::from_centers(2, vec![centers])?;
    let apart = distance(&own.select(Axis(0), &[0]), &own.select(Axis(0), &[1]));
    Ok((apart, clip_tokens(&video, config, &network, &words)?))
}

fn features_are_tokens() -> Outcome {
    let (apart, words) = clips().map_err(|e| e.to_string())?;
    judge(
        words[0] != words[1],
        format!("two clips with features {apart:.3} apart have one token, word {}", words[0]),
    )
}

fn words_are_tokens() -> Outcome {
    let (apart, words) = clips().map_err(|e| e.to_string())?;
    judge(
        apart > 0.0 && words[0] == words[1],
        format!("clips with features {apart:.3} apart are both word {}", words[0]),
    )
}
