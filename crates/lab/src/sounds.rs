//! Sounds from WAV files.

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Error;
use mmt_tokenizers::audio::{Sound, parse_wav};

/// The sound of a file; see [`parse_wav`].
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the byte if it is not a WAV file or ends early.
pub fn read_wav(path: &Path) -> Result<Sound, FileError> {
    read_wav_and_end(path).map(|(sound, _)| sound)
}

/// [`read_wav`] and the byte at which the file ends, for those who find the sound too short.
pub(crate) fn read_wav_and_end(path: &Path) -> Result<(Sound, usize), FileError> {
    let fail = |offset, why| FileError { path: path.to_path_buf(), offset, why };
    let bytes = file::read_bytes(path)?;
    let sound = parse_wav(&bytes).map_err(|error| match error {
        Error::InvalidFile { offset, why, .. } => fail(Some(offset), why),
        other => fail(Some(bytes.len()), other.to_string()),
    })?;
    Ok((sound, bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_is_refused_with_its_path() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let text =
            |name| read_wav(&Path::new(root).join(name)).unwrap_err().to_string().replace(root, "lab/");
        assert_eq!(text("none.wav"), "lab/none.wav: no such file or directory");
        let expected = "lab/Cargo.toml: byte 4: Ill-formed WAVE file: no RIFF tag found";
        assert_eq!(text("Cargo.toml"), expected);
    }
}
