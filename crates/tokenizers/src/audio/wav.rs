//! Sounds from the bytes of a WAV file.

use std::io::Cursor;

use hound::{SampleFormat, WavReader};
use mmt_tensor::{Error, Real, Result};
use ndarray::{Array1, Array2};

/// A recorded sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// Samples per second.
    pub rate: u32,
    /// `[n, channels]`, in `[-1, 1]`; floating-point files may go beyond.
    pub samples: Array2<f64>,
}

impl Sound {
    /// One channel: the mean of all.
    pub fn mono<R: Real>(&self) -> Array1<R> {
        let channels = R::of(self.samples.ncols() as f64);
        let mut mono = Array1::zeros(self.samples.nrows());
        for column in self.samples.columns() {
            mono.iter_mut().zip(column).for_each(|(mono, &x)| *mono += R::of(x));
        }
        mono.mapv_into(|sum| sum / channels)
    }
}

/// Reads whole numbers of 8, 16, 24 and 32 bits and floating-point numbers of 32 bits, uncompressed.
///
/// Whole numbers of `b` bits are divided by `2^(b - 1)`. Every sample becomes a number of eight bytes, so a file of 8 bits takes
/// eight times its size in memory. How many there are is what the bytes hold, whatever their header says.
///
/// # Errors
/// [`Error::InvalidFile`] for bytes that are not a WAV file, that end early, or that are compressed;
/// [`Error::EmptyInput`] for no sample; [`Error::NonFinite`] for NaN and infinities.
pub fn parse_wav(bytes: &[u8]) -> Result<Sound> {
    let mut cursor = Cursor::new(bytes);
    let read = read(&mut cursor);
    let offset = (cursor.position() as usize).min(bytes.len());
    let invalid = |why: String| Error::InvalidFile { at: "wav", offset, why };
    let (rate, channels, mut samples) = read.map_err(|e| invalid(one_line(&e)))?;
    if samples.is_empty() {
        return Err(Error::EmptyInput { at: "wav: samples" });
    }
    if !samples.len().is_multiple_of(channels) {
        return Err(invalid("the last sample has not all channels".to_string()));
    }
    if samples.iter().any(|x| !x.is_finite()) {
        return Err(Error::NonFinite { at: "wav: samples" });
    }
    samples.shrink_to_fit();
    let shape = (samples.len() / channels, channels);
    Ok(Sound { rate, samples: Array2::from_shape_vec(shape, samples).expect("whole rows") })
}

/// Rate, channels, and the samples of all channels in turn.
fn read(cursor: &mut Cursor<&[u8]>) -> std::result::Result<(u32, usize, Vec<f64>), hound::Error> {
    let mut reader = WavReader::new(cursor)?;
    let spec = reader.spec();
    if spec.sample_rate == 0 {
        return Err(hound::Error::FormatError("the rate is zero"));
    }
    let samples: std::result::Result<Vec<f64>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().map(|x| Ok(f64::from(x?))).collect(),
        SampleFormat::Int => {
            let full = (1_u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f64;
            reader.samples::<i32>().map(|x| Ok(f64::from(x?) / full)).collect()
        }
    };
    Ok((spec.sample_rate, usize::from(spec.channels.max(1)), samples?))
}

/// What is wrong, in the words of this library where those of the reader would say nothing.
fn one_line(error: &hound::Error) -> String {
    match error {
        hound::Error::IoError(_) => "the file ends early".to_string(),
        hound::Error::Unsupported => "samples of this kind are not supported".to_string(),
        hound::Error::FormatError("bits per sample is not 32") => {
            "floating-point samples of other than 32 bits are not supported".to_string()
        }
        other => other.to_string().replace(|c: char| c.is_control(), " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with these bytes as its samples.
    fn file(format: u16, channels: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let (rate, block) = (8000_u32, channels * bits.div_ceil(8));
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend(format.to_le_bytes());
        bytes.extend(channels.to_le_bytes());
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * u32::from(block)).to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(bits.to_le_bytes());
        bytes.extend(b"data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn values(bytes: &[u8]) -> Vec<f64> {
        parse_wav(bytes).unwrap().samples.into_raw_vec_and_offset().0
    }

    fn text(bytes: &[u8]) -> String {
        parse_wav(bytes).unwrap_err().to_string()
    }

    #[test]
    fn whole_numbers_of_all_sizes_are_shares_of_the_largest() {
        assert_eq!(values(&file(1, 1, 8, &[0, 128, 192])), [-1.0, 0.0, 0.5]);
        assert_eq!(values(&file(1, 1, 16, &[0, 128, 0, 64])), [-1.0, 0.5]);
        assert_eq!(values(&file(1, 1, 24, &[0, 0, 128, 0, 0, 32])), [-1.0, 0.25]);
        assert_eq!(values(&file(1, 1, 32, &[0, 0, 0, 128, 0, 0, 0, 16])), [-1.0, 0.125]);
        assert_eq!(values(&file(3, 1, 32, &1.5_f32.to_le_bytes())), [1.5]);
    }

    #[test]
    fn channels_are_columns_and_their_mean_is_one() {
        let sound = parse_wav(&file(1, 2, 16, &[0, 64, 0, 128, 0, 32, 0, 32])).unwrap();
        assert_eq!(sound.rate, 8000);
        assert_eq!(sound.samples, ndarray::array![[0.5, -1.0], [0.25, 0.25]]);
        assert_eq!(sound.mono::<f64>(), ndarray::array![-0.25, 0.25]);
    }

    #[test]
    fn what_is_no_wav_file_is_refused_with_the_place() {
        assert_eq!(text(b""), "wav: byte 0: the file ends early");
        assert_eq!(text(b"RIFX\0\0\0\0WAVE"), "wav: byte 4: Ill-formed WAVE file: no RIFF tag found");
        assert_eq!(text(&file(1, 1, 16, &[])), "wav: samples: empty");
        let mut cut = file(1, 1, 16, &[1, 2, 3, 4]);
        cut.truncate(46);
        assert_eq!(text(&cut), "wav: byte 46: the file ends early");
        let nan = file(3, 1, 32, &f32::NAN.to_le_bytes());
        assert_eq!(text(&nan), "wav: samples: not a finite number");
        let compressed = file(2, 1, 16, &[1, 2]);
        assert_eq!(text(&compressed), "wav: byte 36: samples of this kind are not supported");
    }

    /// Headers that lie about sizes, and files cut anywhere, give a sound or an error.
    #[test]
    fn hostile_files_do_not_panic() {
        let good = file(1, 2, 16, &[7; 16]);
        for end in 0..good.len() {
            assert!(parse_wav(&good[..end]).is_err(), "{end} bytes");
        }
        for at in 0..44 {
            for value in [0, 1, 3, 8, 17, 127, 128, 254, 255] {
                let mut bytes = good.clone();
                bytes[at] = value;
                if let Err(error) = parse_wav(&bytes) {
                    assert!(!error.to_string().contains('\n'));
                }
                // All four bytes of a field at once.
                bytes[at..(at + 4).min(44)].fill(value);
                let _ = parse_wav(&bytes);
            }
        }
    }
}
