//! Evidence for `eq-2.8-clip-token`.

use mmt_golden::Cases;
use mmt_tensor::testing::ramp;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::video::{
    ClipConfig, ClipFeatures, LastClip, ShortNodes, VisualWords, VisualWordsConfig, clip_tokens, cut_clips,
};
use ndarray::{Array1, Array2, Array4, Axis, concatenate, s};

use super::clip_features;
use crate::{Property, properties};

const CLIP: ClipConfig = ClipConfig { frames: 6, last: LastClip::Drop };

/// A tree over the features of clips, two levels of three.
fn words(features: &Array2<f64>) -> VisualWords<f64> {
    let config = VisualWordsConfig { k: 3, depth: 2, iterations: 50, short: ShortNodes::Allow };
    VisualWords::train(features, &config, &mut Random::seed(1)).unwrap()
}

fn network() -> ClipFeatures<f64> {
    clip_features::example()
}

/// A dark clip, a bright one and the dark one again, with a tree whose two centers are their features; and the number of
/// clips in 95 frames by the numbers of VideoBERT.
pub fn forward() {
    let (dark, bright) = (Array4::zeros((6, 16, 16, 1)), Array4::from_elem((6, 16, 16, 1), 1.0));
    let video = concatenate![Axis(0), dark, bright, dark, dark.slice(s![..3, .., .., ..])];
    let features = network().forward(&cut_clips(&video, CLIP).unwrap()).unwrap().0;
    let words = VisualWords::from_centers(2, vec![features.select(Axis(0), &[1, 0])]).unwrap();
    assert_eq!(clip_tokens(&video, CLIP, &network(), &words).unwrap(), [1, 0, 1]);
    let padded = ClipConfig { last: LastClip::Pad, ..CLIP };
    assert_eq!(clip_tokens(&video, padded, &network(), &words).unwrap(), [1, 0, 1, 1]);
    let long = Array4::<f64>::zeros((95, 1, 1, 3));
    let clips = |last| cut_clips(&long, ClipConfig { frames: 30, last }).unwrap().dim();
    assert_eq!(clips(LastClip::Drop), (3, 3, 30, 1, 1));
    assert_eq!(clips(LastClip::Pad), (4, 3, 30, 1, 1));
}

/// Ids are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    another_clip_of_the_same_word_changes_nothing,
    a_shift_by_a_clip_shifts_the_ids,
    frames_that_do_not_fill_a_clip_do_not_matter,
    clips_do_not_feel_each_other,
];

/// A video of some clips, each with a brightness of its own, and its words.
fn draw(random: &mut Random) -> (Array4<f64>, VisualWords<f64>) {
    let clips = 2 + random.below(4);
    let noise: Array4<f64> = random.uniform((6 * clips, 6, 6, 1), 0.3);
    let light: Array1<f64> = random.uniform(clips, 2.0);
    let video = Array4::from_shape_fn(noise.dim(), |(t, i, j, c)| noise[(t, i, j, c)] + light[t / 6]);
    let features = network().forward(&cut_clips(&video, CLIP).unwrap()).unwrap().0;
    (video, words(&features))
}

fn tokens(video: &Array4<f64>, words: &VisualWords<f64>) -> Vec<usize> {
    clip_tokens(video, CLIP, &network(), words).unwrap()
}

fn clip(video: &Array4<f64>, i: usize) -> Array4<f64> {
    video.slice(s![6 * i..6 * (i + 1), .., .., ..]).to_owned()
}

/// Inside a cell of the tree features can move freely.
fn another_clip_of_the_same_word_changes_nothing(random: &mut Random) {
    let (video, words) = draw(random);
    let before = tokens(&video, &words);
    let i = random.below(before.len());
    for j in 0..before.len() {
        let mut other = video.clone();
        other.slice_mut(s![6 * i..6 * (i + 1), .., .., ..]).assign(&clip(&video, j));
        assert_eq!(tokens(&other, &words) == before, before[i] == before[j]);
    }
}

fn a_shift_by_a_clip_shifts_the_ids(random: &mut Random) {
    let (video, words) = draw(random);
    let before = tokens(&video, &words);
    let shifted = concatenate![Axis(0), clip(&video, before.len() - 1), video];
    let after = tokens(&shifted, &words);
    assert_eq!(after[1..], before);
    assert_eq!(after[0], before[before.len() - 1]);
}

fn frames_that_do_not_fill_a_clip_do_not_matter(random: &mut Random) {
    let (video, words) = draw(random);
    let more = clip(&video, 0).slice(s![..1 + random.below(5), .., .., ..]).to_owned();
    assert_eq!(tokens(&concatenate![Axis(0), video, more], &words), tokens(&video, &words));
}

fn clips_do_not_feel_each_other(random: &mut Random) {
    let (video, words) = draw(random);
    let all = tokens(&video, &words);
    let i = random.below(all.len());
    assert_eq!(tokens(&clip(&video, i), &words), [all[i]]);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let video: Array4<R> = ramp(1, (13, 8, 8, 1));
    let network = clip_features::example::<R>();
    let clips = cut_clips(&video, CLIP)?;
    let (features, _) = network.forward(&clips)?;
    let words = VisualWords::from_centers(2, vec![features.clone()])?;
    let ids = Array1::from(clip_tokens(&video, CLIP, &network, &words)?).mapv(|id| R::of(id as f64));
    (cases.case("clip.token.tiny").input("video", &video).param("", &network))
        .buf("centers", &features)
        .out("ids", &ids);
    Ok(())
}
