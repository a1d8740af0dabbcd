//! Synthetic speech: `spoken`.
//!
//! Nobody said any of this. A picture of a word shows what a spectrogram of it could look like: the resonances of a mouth as
//! bands that move through the sounds of the word, and the hiss of its consonants. Speakers differ in the length of their
//! vocal tract, which moves all bands, and in how fast their high bands fade. Whoever shows it says that it is synthetic.

use std::ops::Range;

use mmt_tensor::{Random, Real};
use ndarray::Array2;

use super::captions::NUMBERS;
use super::digits::Part;
use super::phones::{Phone, sounds};

/// Frames of a picture.
pub const FRAMES: usize = 16;
/// Bands of a picture, equally wide on the mel scale from 0 to 4000 Hz.
pub const BANDS: usize = 20;
/// Speakers.
pub const SPEAKERS: usize = 30;
/// The seed from which the thirty speakers are drawn.
const SEED: u64 = 1876;
/// The upper end of the highest band, in hertz.
const HIGHEST: f64 = 4000.0;
/// Half the width of a resonance and of a hiss, in bands.
const WIDTHS: [f64; 2] = [0.9, 2.5];

/// The speakers of a part: 24 for training, six others for tests.
pub fn speakers(part: Part) -> Range<usize> {
    match part {
        Part::Train => 0..24,
        Part::Test => 24..SPEAKERS,
    }
}

/// How a speaker sounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speaker {
    /// What all resonances are divided by: 0.85 to 1.15, the length of the vocal tract.
    pub length: f64,
    /// How much of a band's strength the highest band loses: 0 to 0.6.
    pub tilt: f64,
}

impl Speaker {
    /// A speaker by number.
    ///
    /// # Panics
    /// If `number` is not below [`SPEAKERS`].
    pub fn number(number: usize) -> Self {
        assert!(number < SPEAKERS, "a speaker");
        let random = &mut Random::seed(SEED + number as u64);
        Speaker { length: 0.85 + 0.3 * random.unit(), tilt: 0.6 * random.unit() }
    }
}

/// A word that a speaker says in one of countless ways; synthetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Utterance {
    /// The digit whose name it is.
    pub word: usize,
    /// The speaker, a number below [`SPEAKERS`].
    pub speaker: usize,
    /// The frame in which the word begins: 0 to 2.
    pub onset: f64,
    /// The frames that the word takes: 11 to 14.
    pub duration: f64,
}

impl Utterance {
    /// A word that is given, by a speaker of one part.
    ///
    /// # Panics
    /// If `word` is not below 10.
    pub fn draw(word: usize, part: Part, random: &mut Random) -> Self {
        assert!(word < NUMBERS.len(), "a digit");
        let speakers = speakers(part);
        Utterance {
            word,
            speaker: speakers.start + random.below(speakers.len()),
            onset: 2.0 * random.unit(),
            duration: 11.0 + 3.0 * random.unit(),
        }
    }

    /// The picture without noise, from 0 (silence) to 1: `[16, 20]`
    pub fn picture<R: Real>(&self) -> Array2<R> {
        let speaker = Speaker::number(self.speaker);
        let sounds = sounds(self.word);
        let mut picture = Array2::zeros((FRAMES, BANDS));
        for frame in 0..FRAMES {
            let time = (frame as f64 + 0.5 - self.onset) / self.duration;
            if !(0.0..1.0).contains(&time) {
                continue;
            }
            let phone = between(sounds, time);
            for band in 0..BANDS {
                picture[(frame, band)] = R::of(strength(&phone, &speaker, band));
            }
        }
        picture
    }

    /// The picture with normal noise of a standard deviation: `[16, 20]`
    pub fn noisy<R: Real>(&self, noise: f64, random: &mut Random) -> Array2<R> {
        self.picture::<R>() + random.normal::<R, _>((FRAMES, BANDS), noise)
    }
}

/// The sound at a time from 0 to 1: every sound lasts as long, and each goes over into the next from its middle on.
fn between(sounds: &[Phone], time: f64) -> Phone {
    let at = (time * sounds.len() as f64 - 0.5).clamp(0.0, (sounds.len() - 1) as f64);
    let (first, part) = (at as usize, at.fract());
    let (a, b) = (&sounds[first], &sounds[(first + 1).min(sounds.len() - 1)]);
    let mix = |x: f64, y: f64| x + part * (y - x);
    Phone {
        resonances: std::array::from_fn(|i| mix(a.resonances[i], b.resonances[i])),
        voice: mix(a.voice, b.voice),
        hiss: mix(a.hiss, b.hiss),
        center: mix(a.center, b.center),
    }
}

/// What a band shows of a sound: bumps at its resonances, each half as strong as the one below, and its hiss; at most 1.
fn strength(phone: &Phone, speaker: &Speaker, band: usize) -> f64 {
    let bump = |hertz: f64, width: f64| {
        let distance = (band as f64 + 0.5 - place(hertz / speaker.length)) / width;
        Real::exp(-0.5 * distance * distance)
    };
    let voice: f64 = (phone.resonances.iter().zip([1.0, 0.5, 0.25]))
        .fold(0.0, |sum, (&hertz, part)| sum + part * bump(hertz, WIDTHS[0]));
    let tilt = 1.0 - speaker.tilt * band as f64 / (BANDS - 1) as f64;
    (tilt * (phone.voice * voice + phone.hiss * bump(phone.center, WIDTHS[1]))).min(1.0)
}

/// Where a frequency lies among the bands, on the mel scale.
fn place(hertz: f64) -> f64 {
    let mel = |hertz: f64| Real::ln_1p(hertz / 700.0);
    BANDS as f64 * mel(hertz) / mel(HIGHEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utterances(part: Part, count: usize, seed: u64) -> Vec<Utterance> {
        let random = &mut Random::seed(seed);
        (0..count).map(|i| Utterance::draw(i % 10, part, random)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_pictures() {
        let list = utterances(Part::Train, 50, 1);
        assert_eq!(list, utterances(Part::Train, 50, 1));
        assert_ne!(list, utterances(Part::Train, 50, 2));
        let noisy = |seed| list[7].noisy::<f32>(0.5, &mut Random::seed(seed));
        assert_eq!(noisy(1), noisy(1));
        assert_ne!(noisy(1), noisy(2));
        assert_eq!(list[7].noisy::<f32>(0.0, &mut Random::seed(1)), list[7].picture::<f32>());
    }

    #[test]
    fn pictures_are_from_silence_to_one_and_every_word_is_heard() {
        for utterance in utterances(Part::Train, 300, 3).into_iter().chain(utterances(Part::Test, 300, 3)) {
            let picture = utterance.picture::<f64>();
            assert_eq!(picture.dim(), (16, 20));
            assert!(picture.iter().all(|x| (0.0..=1.0).contains(x)));
            let loud = picture.rows().into_iter().filter(|row| row.iter().any(|&x| x > 0.3)).count();
            assert!((6..=14).contains(&loud), "{loud} frames of {utterance:?}");
        }
    }

    #[test]
    fn no_speaker_is_in_both_parts_and_no_two_are_alike() {
        assert_eq!(speakers(Part::Train).len() + speakers(Part::Test).len(), 30);
        assert_eq!(speakers(Part::Train).end, speakers(Part::Test).start);
        let all: Vec<_> = (0..SPEAKERS).map(Speaker::number).collect();
        for (i, speaker) in all.iter().enumerate() {
            assert!((0.85..1.15).contains(&speaker.length) && (0.0..0.6).contains(&speaker.tilt));
            assert!(all[..i].iter().all(|other| other != speaker));
        }
        for part in [Part::Train, Part::Test] {
            assert!(utterances(part, 300, 4).iter().all(|u| speakers(part).contains(&u.speaker)));
        }
    }

    #[test]
    fn a_longer_vocal_tract_lowers_the_resonances_and_a_tilt_weakens_high_bands() {
        let phone = between(sounds(2), 0.9);
        let center = |length: f64| {
            let speaker = Speaker { length, tilt: 0.0 };
            (0..BANDS).map(|band| band as f64 * strength(&phone, &speaker, band)).sum::<f64>()
                / (0..BANDS).map(|band| strength(&phone, &speaker, band)).sum::<f64>()
        };
        assert!(center(0.85) > center(1.0) + 0.3 && center(1.0) > center(1.15) + 0.3);
        let at = |tilt, band| strength(&phone, &Speaker { length: 1.0, tilt }, band);
        assert_eq!(at(0.0, 0), at(0.5, 0));
        assert_eq!(0.5 * at(0.0, BANDS - 1), at(0.5, BANDS - 1));
    }

    /// How many of 600 pictures of speakers that were not heard are closest to the mean picture of their word.
    fn recognized(noise: f64) -> usize {
        let random = &mut Random::seed(5);
        let mut means = vec![Array2::<f64>::zeros((FRAMES, BANDS)); 10];
        for utterance in utterances(Part::Train, 1000, 6) {
            means[utterance.word] += &(utterance.picture::<f64>() / 100.0);
        }
        let mut right = 0;
        for utterance in utterances(Part::Test, 600, 7) {
            let picture = utterance.noisy::<f64>(noise, random);
            let distance = |mean: &Array2<f64>| -> f64 {
                mean.iter().zip(&picture).map(|(a, b)| (a - b) * (a - b)).sum()
            };
            let all: Vec<f64> = means.iter().map(distance).collect();
            let nearest = (0..10).min_by(|&a, &b| all[a].total_cmp(&all[b])).unwrap();
            right += usize::from(nearest == utterance.word);
        }
        right
    }

    /// A modality that is good and not perfect: words of unseen speakers are told apart, and noise makes it hard.
    #[test]
    fn words_of_other_speakers_are_recognized_and_less_so_in_noise() {
        let [clean, noisy, louder] = [0.0, 0.5, 3.0].map(recognized);
        assert!(clean > 540, "{clean} of 600");
        assert!((300..560).contains(&noisy) && noisy < clean, "{noisy} of 600");
        assert!((60..300).contains(&louder), "{louder} of 600");
    }
}
