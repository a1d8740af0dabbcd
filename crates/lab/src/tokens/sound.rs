//! The spectrogram of a sound and its patches.

use std::path::Path;

use mmt_golden::file::FileError;
use mmt_tensor::{Error, Random, Result};
use mmt_tokenizers::audio::{FrameConfig, LogMel, LogMelConfig, Sound, SpectrogramPatches};
use ndarray::{Array1, Array2, Array3, Axis, s};

use super::shrink::{part, shrink};
use crate::pictures::write_png;
use crate::sounds::read_wav_and_end;

/// Seconds of a sound that are read.
pub const SECONDS: usize = 30;

/// Bands and frames of a patch, and from one to the next, as in AST.
const PATCH: [usize; 2] = [16, 10];

/// The highest rate: the tables of a Fourier transform grow with its square.
const HIGHEST: u32 = 192_000;

/// A sound as the patches that eq-2.17-spectrogram-patch maps to tokens.
#[derive(Clone, Debug)]
pub struct SoundTokens {
    /// Samples per second.
    pub rate: u32,
    /// Of the file.
    pub channels: usize,
    /// Of the file, per channel.
    pub samples: usize,
    /// How many of them were read.
    pub shown: usize,
    /// Samples of a frame, and from one to the next.
    pub frame: [usize; 2],
    /// eq-2.16-log-mel: `[frames, bands]`
    pub spectrogram: Array2<f64>,
    /// Patches from low to high bands and from early to late; none of a sound of less than 16 frames.
    pub grid: Option<[usize; 2]>,
    mono: Array1<f64>,
}

impl SoundTokens {
    /// Lines of a patch, and from one to the next.
    pub const PATCH: [usize; 2] = PATCH;

    /// Reads a sound, at most the first [`SECONDS`] of it.
    ///
    /// # Errors
    /// [`FileError`] as [`read_wav`](crate::sounds::read_wav()); at the byte where the sound ends if it does not fill a
    /// frame; for a rate above 192 kHz and for one so low that there is no band.
    pub fn read(path: &Path) -> std::result::Result<Self, FileError> {
        let (sound, end) = read_wav_and_end(path)?;
        let refused = |error: Error| {
            let offset =
                matches!(error, Error::InvalidHyperparameter { at: "frames: samples", .. }).then_some(end);
            FileError { path: path.to_path_buf(), offset, why: error.to_string() }
        };
        if sound.rate > HIGHEST {
            let why = format!("a rate of {} Hz is above {HIGHEST}", sound.rate);
            return Err(FileError { path: path.to_path_buf(), offset: None, why });
        }
        of_sound(&sound).map_err(refused)
    }

    /// How loud each of `rows x columns` parts is, from 0 for the least to 1 for the loudest; time runs along a row, and low bands are in the last one.
    pub fn loudness(&self, rows: usize, columns: usize) -> Array2<f64> {
        let mut parts = shrink(&self.spectrogram.t(), rows, columns);
        parts.invert_axis(Axis(0));
        let (low, high) =
            parts.iter().fold((f64::MAX, f64::MIN), |(low, high), &x| (low.min(x), high.max(x)));
        // Means of equal numbers differ by their rounding.
        parts.mapv(|x| if high - low > 1e-9 { (x - low) / (high - low) } else { 0.0 })
    }

    /// The lowest and the highest sample of each of `columns` parts of the time.
    pub fn wave(&self, columns: usize) -> Vec<[f64; 2]> {
        let range = |i| {
            let part = self.mono.slice(s![part(i, columns, self.mono.len())]);
            part.iter().fold([0.0_f64, 0.0], |[low, high], &x| [low.min(x), high.max(x)])
        };
        (0..columns).map(range).collect()
    }

    /// The spectrogram as the bytes of a PNG file in colors, a pixel for every band and frame, at most 1000 frames wide.
    pub fn png(&self) -> Vec<u8> {
        let (frames, bands) = self.spectrogram.dim();
        let loud = self.loudness(bands, frames.min(1000));
        let pixel = |(y, x, c)| heat(loud[(y, x)])[c];
        write_png(&Array3::from_shape_fn((bands, loud.ncols(), 3), pixel))
    }
}

fn of_sound(sound: &Sound) -> Result<SoundTokens> {
    let (samples, channels) = sound.samples.dim();
    let config = spectrogram(f64::from(sound.rate));
    let FrameConfig { frame, hop, .. } = config.frames;
    let shown = samples.min((sound.rate as usize).saturating_mul(SECONDS));
    if shown < frame {
        let why = format!("{shown} samples do not fill a frame of {frame}");
        return Err(Error::InvalidHyperparameter { at: "frames: samples", why });
    }
    let mono: Array1<f64> = sound.mono();
    let mono = mono.slice(s![..shown]).to_owned();
    let (l, _) = LogMel::<f64>::new(config)?.forward(&mono)?;
    let [size, stride] = PATCH;
    let grid = if l.nrows() < size {
        None
    } else {
        let patches = SpectrogramPatches::<f64>::new([size; 2], [stride; 2], 1, &mut Random::seed(0));
        let (tokens, _) = patches.forward(&l.view().insert_axis(Axis(0)))?;
        let high = (l.ncols() - size) / stride + 1;
        Some([high, tokens.nrows() / high])
    };
    Ok(SoundTokens {
        rate: sound.rate,
        channels,
        samples,
        shown,
        frame: [frame, hop],
        spectrogram: l,
        grid,
        mono,
    })
}

/// Frames of 25 ms every 10 ms and 64 bands up to half the rate; otherwise as in AST.
fn spectrogram(rate: f64) -> LogMelConfig {
    let ast = LogMelConfig::ast();
    let frame = ((0.025 * rate).round() as usize).max(2);
    let frames = FrameConfig { frame, hop: ((0.01 * rate).round() as usize).max(1), ..ast.frames };
    LogMelConfig {
        rate,
        frames,
        transform: frame.next_power_of_two(),
        mels: 64,
        range: [20.0, rate / 2.0],
        ..ast
    }
}

/// From night over purple and orange to cream.
fn heat(x: f64) -> [u8; 3] {
    const COLORS: [[f64; 3]; 6] = [
        [13.0, 14.0, 34.0],
        [58.0, 24.0, 102.0],
        [137.0, 34.0, 106.0],
        [214.0, 70.0, 75.0],
        [251.0, 155.0, 6.0],
        [252.0, 247.0, 200.0],
    ];
    let at = x.clamp(0.0, 1.0) * (COLORS.len() - 1) as f64;
    let i = (at as usize).min(COLORS.len() - 2);
    let rest = at - i as f64;
    std::array::from_fn(|c| (COLORS[i][c] + rest * (COLORS[i + 1][c] - COLORS[i][c])).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of a tone, then half a second of silence.
    fn tone() -> SoundTokens {
        let sample =
            |i: usize| if i < 8000 { if (i / 10).is_multiple_of(2) { 0.5 } else { -0.25 } } else { 0.0 };
        of_sound(&Sound { rate: 8000, samples: Array2::from_shape_fn((12_000, 1), |(i, _)| sample(i)) })
            .unwrap()
    }

    #[test]
    fn every_rate_has_a_spectrogram() {
        for rate in [8000.0, 16_000.0, 22_050.0, 44_100.0, 48_000.0] {
            assert!(LogMel::<f64>::new(spectrogram(rate)).is_ok(), "{rate}");
        }
    }

    #[test]
    fn a_tone_is_loud_where_it_sounds() {
        let tone = tone();
        assert_eq!((tone.spectrogram.dim(), tone.frame, tone.grid), ((148, 64), [200, 80], Some([5, 14])));
        let loud = tone.loudness(4, 3);
        assert_eq!(loud.dim(), (4, 3));
        assert!(loud[(3, 0)] > loud[(3, 2)] + 0.3 && loud[(2, 1)] > loud[(2, 2)], "{loud}");
        assert_eq!(tone.wave(3), [[-0.25, 0.5], [-0.25, 0.5], [0.0, 0.0]]);
    }

    #[test]
    fn silence_is_not_loud() {
        let silence = of_sound(&Sound { rate: 8000, samples: Array2::zeros((900, 2)) }).unwrap();
        assert!(silence.loudness(2, 2).iter().all(|x| *x == 0.0));
        assert_eq!(silence.grid, None);
        assert!(!silence.png().is_empty());
    }

    #[test]
    fn colors_run_from_night_to_cream() {
        assert_eq!([heat(0.0), heat(1.0), heat(2.0)], [[13, 14, 34], [252, 247, 200], [252, 247, 200]]);
        assert_eq!(heat(0.2), [58, 24, 102]);
    }
}
