//! The spectrogram of a sound, as the ear hears it.

use mmt_tensor::ops::matmul;
use mmt_tensor::parallel::{map_elements, zip_elements};
use mmt_tensor::{Real, Result, check_finite, check_setting, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, Zip};

use super::dft::{Window, fourier_tables, window};
use super::frames::{FrameConfig, cut_frames, cut_frames_backward};
use super::mel_filters::{MelTriangles, mel_filters};

/// Rough operations of a logarithm.
const LOGARITHM: usize = 20;

/// What keeps the logarithm of silence finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LogFloor {
    /// `max(E, ε)`: Kaldi and AST, with the ε of single precision.
    Max(f64),
    /// `E + ε`: VGGish, with 0.01.
    Plus(f64),
}

/// The settings of a [`LogMel`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogMelConfig {
    /// Samples per second.
    pub rate: f64,
    /// How frames are cut.
    pub frames: FrameConfig,
    /// How they fade.
    pub window: Window,
    /// Samples of the Fourier transform, at least those of a frame.
    pub transform: usize,
    /// Bands.
    pub mels: usize,
    /// Lowest and highest frequency, in hertz.
    pub range: [f64; 2],
    /// The form of the filters.
    pub triangles: MelTriangles,
    /// Under the logarithm.
    pub floor: LogFloor,
}

impl LogMelConfig {
    /// That of AST for sounds of 16 kHz: frames of 25 ms every 10 ms, 128 bands.
    ///
    /// Source: Gong, Chung & Glass 2021, *AST: Audio Spectrogram Transformer*, section 2.1, and the feature extractor of
    /// Hugging Face transformers.
    pub fn ast() -> Self {
        LogMelConfig {
            rate: 16_000.0,
            frames: FrameConfig { frame: 400, hop: 160, remove_mean: true, emphasis: 0.97 },
            window: Window::Hann,
            transform: 512,
            mels: 128,
            range: [20.0, 8000.0],
            triangles: MelTriangles::Mel,
            floor: LogFloor::Max(1.192_092_955_078_125e-7),
        }
    }
}

/// The tables of a spectrogram: constants without gradients.
#[derive(Clone, Debug)]
pub struct LogMel<R> {
    /// The settings.
    pub config: LogMelConfig,
    /// `w: [n]`
    pub window: Array1<R>,
    /// `C, S: [n, k]`, real and imaginary part of the Fourier transform.
    pub fourier: [Array2<R>; 2],
    /// `M: [k, mels]`
    pub filters: Array2<R>,
}

/// What [`LogMel::backward`] reads.
#[derive(Clone, Debug)]
pub struct LogMelTape<R> {
    /// `A: [frames, k]`, the real part of the spectrum.
    pub real: Array2<R>,
    /// `B: [frames, k]`, the imaginary part.
    pub imaginary: Array2<R>,
    /// `E: [frames, mels]`
    pub energies: Array2<R>,
    /// Samples of the sound.
    pub samples: usize,
}

tree!(LogMelTape { real, imaginary, energies; samples });

impl<R: Real> LogMel<R> {
    /// Computes the tables.
    ///
    /// # Errors
    /// As [`fourier_tables`] and [`mel_filters`];
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for a floor that is not positive.
    pub fn new(config: LogMelConfig) -> Result<Self> {
        let (LogFloor::Max(eps) | LogFloor::Plus(eps)) = config.floor;
        check_setting("log mel: floor", R::of(eps) > R::of(0.0) && eps.is_finite(), || {
            format!("must be positive, got {eps}")
        })?;
        let window = window(config.frames.frame, config.window)?;
        let fourier = fourier_tables(config.frames.frame, config.transform)?;
        let filters =
            mel_filters(config.transform, config.rate, config.mels, config.range, config.triangles)?;
        Ok(LogMel { config, window, fourier, filters })
    }

    /// The logarithm of the energy in every band of every frame.
    ///
    /// **eq-2.16-log-mel**
    /// ```math
    /// A = s\,C, \qquad B = s\,S, \qquad
    /// E = (A \odot A + B \odot B)\, M, \qquad
    /// L = \ln \max(E, \epsilon)
    /// ```
    ///
    /// `x: [samples]` → `L: [frames, mels]`, with the frames `s: [frames, n]` of [`cut_frames`]
    ///
    /// The Fourier transform is a product with the tables of [`fourier_tables`], `M` are eq-2.16-mel-filters. With
    /// [`LogFloor::Plus`] it is `ln(E + ε)`.
    ///
    /// Source: Davis & Mermelstein 1980, *Comparison of parametric representations for monosyllabic word recognition*,
    /// section II; settings: see [`LogMelConfig::ast`].
    ///
    /// # Errors
    /// As [`cut_frames`]; [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for tables that were replaced by others
    /// that do not fit; [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for energies that overflow.
    pub fn forward(&self, x: &ArrayRef1<R>) -> Result<(Array2<R>, LogMelTape<R>)> {
        self.check_tables()?;
        let s = cut_frames(x, &self.window, &self.config.frames)?;
        let (real, imaginary) = (matmul(&s, &self.fourier[0]), matmul(&s, &self.fourier[1]));
        let power = zip_elements(
            &real,
            &imaginary,
            1,
            #[inline(always)]
            |a, b| a * a + b * b,
        );
        let energies = matmul(&power, &self.filters);
        check_finite("log mel: energies", &energies)?;
        let log = match self.config.floor {
            LogFloor::Max(eps) => map_elements(
                &energies,
                LOGARITHM,
                #[inline(always)]
                move |e| e.max(R::of(eps)).ln(),
            ),
            LogFloor::Plus(eps) => map_elements(
                &energies,
                LOGARITHM,
                #[inline(always)]
                move |e| (e + R::of(eps)).ln(),
            ),
        };
        Ok((log, LogMelTape { real, imaginary, energies, samples: x.len() }))
    }

    /// Gradient of [`forward`](Self::forward): returns `x̄`.
    ///
    /// **eq-2.16-log-mel, backward**
    /// ```math
    /// \bar E = \frac{\bar L}{E} \odot [E > \epsilon], \qquad
    /// \bar P = \bar E M^\top, \qquad
    /// \bar s = 2\, (A \odot \bar P)\, C^\top + 2\, (B \odot \bar P)\, S^\top
    /// ```
    ///
    /// Derivation: with `P = A ⊙ A + B ⊙ B`,
    /// ```math
    /// \dot L = \frac{\dot E}{E} \odot [E > \epsilon], \qquad
    /// \dot E = \dot P M, \qquad
    /// \dot P = 2 A \odot (\dot s C) + 2 B \odot (\dot s S)
    /// ```
    /// and each line is transposed; silence below the floor has no gradient. With [`LogFloor::Plus`], `Ē = L̄ / (E + ε)`.
    /// From `s̄` to `x̄` it is [`cut_frames_backward`].
    pub fn backward(&self, tape: &LogMelTape<R>, dl: &ArrayRef2<R>) -> Array1<R> {
        let denergies = Zip::from(&tape.energies).and(dl).map_collect(|&e, &dl| match self.config.floor {
            LogFloor::Max(eps) if e > R::of(eps) => dl / e,
            LogFloor::Max(_) => R::of(0.0),
            LogFloor::Plus(eps) => dl / (e + R::of(eps)),
        });
        let dpower = matmul(&denergies, &self.filters.t());
        let double =
            |part: &Array2<R>| Zip::from(part).and(&dpower).map_collect(|&a, &dp| R::of(2.0) * a * dp);
        let mut ds = matmul(&double(&tape.real), &self.fourier[0].t());
        ds += &matmul(&double(&tape.imaginary), &self.fourier[1].t());
        cut_frames_backward(tape.samples, &self.window, &ds, &self.config.frames)
    }

    /// All fields are public, and a table may come from elsewhere.
    fn check_tables(&self) -> Result<()> {
        let (n, k) = (self.config.frames.frame, self.fourier[0].ncols());
        check_shape("log mel: window", self.window.shape(), &[n])?;
        check_shape("log mel: real part", self.fourier[0].shape(), &[n, k])?;
        check_shape("log mel: imaginary part", self.fourier[1].shape(), &[n, k])?;
        check_shape("log mel: filters", self.filters.shape(), &[k, self.config.mels])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_settings_are_refused() {
        let text = |config| LogMel::<f64>::new(config).unwrap_err().to_string();
        let config = LogMelConfig::ast();
        let floor = LogMelConfig { floor: LogFloor::Max(0.0), ..config };
        assert_eq!(text(floor), "log mel: floor: must be positive, got 0");
        let floor = LogMelConfig { floor: LogFloor::Plus(f64::NAN), ..config };
        assert_eq!(text(floor), "log mel: floor: must be positive, got NaN");
        let transform = LogMelConfig { transform: 256, ..config };
        assert_eq!(text(transform), "fourier: n: 256 samples are fewer than a frame of 400");
        let range = LogMelConfig { range: [20.0, 9000.0], ..config };
        assert_eq!(text(range), "mel filters: range: must lie within 0 to 8000, got 20 to 9000");
    }

    #[test]
    fn tables_that_do_not_fit_are_refused() {
        let good = LogMel::<f64>::new(LogMelConfig::ast()).unwrap();
        let text = |module: LogMel<f64>| module.forward(&Array1::zeros(800)).unwrap_err().to_string();
        let window = LogMel { window: Array1::zeros(399), ..good.clone() };
        assert_eq!(text(window), "log mel: window: expected shape [400], got [399]");
        let short =
            LogMel { fourier: [Array2::zeros((399, 257)), Array2::zeros((400, 257))], ..good.clone() };
        assert_eq!(text(short), "log mel: real part: expected shape [400, 257], got [399, 257]");
        let narrow =
            LogMel { fourier: [Array2::zeros((400, 257)), Array2::zeros((400, 256))], ..good.clone() };
        assert_eq!(text(narrow), "log mel: imaginary part: expected shape [400, 257], got [400, 256]");
        let filters = LogMel { filters: Array2::zeros((256, 128)), ..good };
        assert_eq!(text(filters), "log mel: filters: expected shape [257, 128], got [256, 128]");
    }

    #[test]
    fn wrong_sounds_are_refused() {
        let module = LogMel::<f64>::new(LogMelConfig::ast()).unwrap();
        let text = |x: Array1<f64>| module.forward(&x).unwrap_err().to_string();
        assert_eq!(text(Array1::zeros(0)), "frames: samples: empty");
        assert_eq!(text(Array1::zeros(399)), "frames: samples: 399 samples do not fill a frame of 400");
        assert_eq!(text(Array1::from_elem(400, f64::NAN)), "frames: samples: not a finite number");
        let loud = Array1::from_shape_fn(400, |i| if i % 2 == 0 { 1e200 } else { -1e200 });
        assert_eq!(text(loud), "log mel: energies: not a finite number");
    }
}
