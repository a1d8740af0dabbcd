//! The Free Spoken Digit Dataset, from a folder that the user has.
//!
//! Its license (CC BY-SA 4.0) asks that what is derived from it, features too, is shared under the same terms; so none of it is
//! inside the program.

use std::fs;
use std::path::{Path, PathBuf};

use mmt_golden::file::{FileError, reason};
use mmt_tensor::ops::adaptive_windows;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::{Error, Result};
use mmt_tokenizers::audio::{FrameConfig, LogFloor, LogMel, LogMelConfig, MelTriangles, Window};
use ndarray::{Array2, ArrayRef1, s};

use crate::data::digits::Part;
use crate::sounds::read_wav;

/// Its six speakers.
pub const SPEAKERS: [&str; 6] = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"];
/// Recordings of a digit by a speaker.
pub const TAKES: usize = 50;
/// All recordings.
pub const COUNT: usize = 10 * SPEAKERS.len() * TAKES;
/// Samples per second.
pub const RATE: u32 = 8000;
/// Takes 0 to 4 are for tests: the official split.
const TEST_TAKES: usize = 5;
/// Frames and bands of the features, those of the data set `spoken`.
pub const SHAPE: [usize; 2] = [16, 20];

/// Which recording a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Take {
    /// What is said.
    pub digit: usize,
    /// Who says it: a row of [`SPEAKERS`].
    pub speaker: usize,
    /// Which of the fifty times.
    pub number: usize,
}

/// A recording as tokens are made of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Which one.
    pub take: Take,
    /// Its length.
    pub samples: usize,
    /// The logarithms of energies: `[16, 20]`
    pub features: Array2<f32>,
}

impl Take {
    /// `7_jackson_32.wav`
    pub fn file_name(self) -> String {
        format!("{}_{}_{}.wav", self.digit, SPEAKERS[self.speaker], self.number)
    }

    /// The part to which the official split gives it.
    pub fn part(self) -> Part {
        if self.number < TEST_TAKES { Part::Test } else { Part::Train }
    }

    /// All takes, by digit, speaker and number.
    pub fn all() -> impl Iterator<Item = Take> {
        let of = |i| Take {
            digit: i / (SPEAKERS.len() * TAKES),
            speaker: i / TAKES % SPEAKERS.len(),
            number: i % TAKES,
        };
        (0..COUNT).map(of)
    }
}

/// Reads all recordings of a folder, in the order of [`Take::all`]. Files whose names begin with a dot are not looked at.
///
/// # Errors
/// [`FileError`] for a folder that cannot be read, a file that has the name of no recording, a recording that is missing,
/// and one that is no WAV file, has another rate than 8000, more than one channel, or fewer than 256 samples.
pub fn read_recordings(folder: &Path) -> std::result::Result<Vec<Recording>, FileError> {
    check_names(folder)?;
    let log_mel = log_mel();
    let read = |take: Take| {
        let path = folder.join(take.file_name());
        let sound = read_wav(&path)?;
        let fail = |why| FileError { path: path.clone(), offset: None, why };
        if sound.rate != RATE {
            return Err(fail(format!("{} samples per second, expected {RATE}", sound.rate)));
        }
        if sound.samples.ncols() != 1 {
            return Err(fail(format!("{} channels, expected one", sound.samples.ncols())));
        }
        let features = features(&log_mel, &sound.mono::<f32>()).map_err(|error| fail(error.to_string()))?;
        Ok(Recording { take, samples: sound.samples.nrows(), features })
    };
    Take::all().map(read).collect()
}

/// Whether the folder has the files of all recordings, and no others.
fn check_names(folder: &Path) -> std::result::Result<(), FileError> {
    let fail = |path: PathBuf, why: String| FileError { path, offset: None, why };
    let entries = fs::read_dir(folder).map_err(|e| fail(folder.to_path_buf(), reason(&e)))?;
    let mut names = std::collections::BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(|e| fail(folder.to_path_buf(), reason(&e)))?.file_name();
        names.extend((!name.as_encoded_bytes().starts_with(b".")).then_some(name));
    }
    let mut missing = Vec::new();
    for name in Take::all().map(Take::file_name) {
        if !names.remove(name.as_ref() as &std::ffi::OsStr) {
            missing.push(name);
        }
    }
    if let Some(name) = names.first() {
        let why = "not the name of a recording, such as 7_jackson_32.wav".to_string();
        return Err(fail(folder.join(name), why));
    }
    match missing.first() {
        Some(name) => Err(fail(
            folder.join(name),
            format!("missing; {} of {COUNT} recordings are not here", missing.len()),
        )),
        None => Ok(()),
    }
}

/// Frames of 32 ms every 16 ms, 20 bands from 0 to 4000 Hz.
fn log_mel() -> LogMel<f32> {
    LogMel::new(LogMelConfig {
        rate: f64::from(RATE),
        frames: FrameConfig { frame: 256, hop: 128, remove_mean: true, emphasis: 0.97 },
        window: Window::Hann,
        transform: 256,
        mels: SHAPE[1],
        range: [0.0, f64::from(RATE) / 2.0],
        triangles: MelTriangles::Mel,
        floor: LogFloor::Max(1.192_092_955_078_125e-7),
    })
    .expect("valid settings")
}

/// Every recording has 16 frames, whatever its length: means over sixteen parts of its time, which overlap by a frame where
/// they do not come out even.
fn features(log_mel: &LogMel<f32>, sound: &ArrayRef1<f32>) -> Result<Array2<f32>> {
    let (log, _) = log_mel.forward(sound)?;
    let mut features = Array2::zeros(SHAPE);
    for (mut row, window) in features.rows_mut().into_iter().zip(adaptive_windows(log.nrows(), SHAPE[0])?) {
        let frames = window.len() as f32;
        row.assign(&(column_sums(&log.slice(s![window, ..])) / frames));
    }
    if features.iter().any(|x| !x.is_finite()) {
        return Err(Error::NonFinite { at: "fsdd: features" });
    }
    Ok(features)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A WAV file with these samples of 16 bits.
    fn wav(rate: u32, channels: u16, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(channels) * 2).to_le_bytes());
        bytes.extend((channels * 2).to_le_bytes());
        bytes.extend(b"\x10\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn tone(samples: usize) -> Vec<i16> {
        (0..samples).map(|i| if i % 8 < 4 { 8000 } else { -8000 }).collect()
    }

    #[test]
    fn takes_have_names_and_parts() {
        let all: Vec<_> = Take::all().collect();
        assert_eq!((all.len(), COUNT), (3000, 3000));
        assert!(all.is_sorted() && all.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(all[0].file_name(), "0_george_0.wav");
        assert_eq!(all[2999].file_name(), "9_yweweler_49.wav");
        assert_eq!(all.iter().filter(|take| take.part() == Part::Test).count(), 300);
        assert_eq!([4, 5].map(|number| Take { number, ..all[0] }.part()), [Part::Test, Part::Train]);
    }

    /// Energies of a tone of 1000 Hz lie in its band, for a sound shorter than the sixteen frames and a long one.
    #[test]
    fn features_of_any_length_have_one_shape() {
        for samples in [256, 1148, 18_262] {
            let sound = ndarray::Array1::from_iter(tone(samples).into_iter().map(|x| f32::from(x) / 32768.0));
            let features = features(&log_mel(), &sound).unwrap();
            assert_eq!(features.dim(), (16, 20));
            for row in features.rows() {
                let loudest = (0..20).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
                assert_eq!(loudest, 9, "{row}");
            }
        }
        let error = features(&log_mel(), &ndarray::Array1::zeros(255)).unwrap_err();
        assert_eq!(error.to_string(), "frames: samples: 255 samples do not fill a frame of 256");
    }

    #[test]
    fn a_whole_folder_is_read_and_anything_else_is_refused() {
        let folder = std::env::temp_dir().join(format!("mmt-fsdd-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let text =
            || read_recordings(&folder).unwrap_err().to_string().replace(&*folder.to_string_lossy(), "dir");
        assert_eq!(text(), "dir/0_george_0.wav: missing; 3000 of 3000 recordings are not here");
        let good = wav(RATE, 1, &tone(300));
        Take::all().for_each(|take| fs::write(folder.join(take.file_name()), &good).unwrap());
        fs::write(folder.join(".hidden"), "").unwrap();
        let read = read_recordings(&folder).unwrap();
        assert_eq!(read.len(), 3000);
        assert_eq!((read[0].samples, read[2999].take.file_name()), (300, "9_yweweler_49.wav".to_string()));

        for name in ["00_george_0.wav", "7_jackson_50.wav", "7_mary_3.wav", "read.me"] {
            fs::write(folder.join(name), &good).unwrap();
            assert_eq!(text(), format!("dir/{name}: not the name of a recording, such as 7_jackson_32.wav"));
            fs::remove_file(folder.join(name)).unwrap();
        }
        let path = folder.join("0_george_1.wav");
        let replaced = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            text().replace("dir/0_george_1.wav: ", "")
        };
        assert_eq!(replaced(&wav(16_000, 1, &tone(300))), "16000 samples per second, expected 8000");
        assert_eq!(replaced(&wav(RATE, 2, &tone(600))), "2 channels, expected one");
        let short = "frames: samples: 100 samples do not fill a frame of 256";
        assert_eq!(replaced(&wav(RATE, 1, &tone(100))), short);
        assert_eq!(replaced(&good[..200]), "byte 200: the file ends early");
        assert_eq!(replaced(b"no sound"), "byte 4: Ill-formed WAVE file: no RIFF tag found");
        fs::remove_file(&path).unwrap();
        assert_eq!(text(), "dir/0_george_1.wav: missing; 1 of 3000 recordings are not here");
        fs::create_dir(&path).unwrap();
        assert_eq!(text(), "dir/0_george_1.wav: not a file");
        fs::remove_dir_all(&folder).unwrap();
        assert!(text().starts_with("dir: "));
    }
}
