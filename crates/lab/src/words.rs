//! Vocabularies and vectors of words from files.

use std::path::Path;

use mmt_golden::file::{self, FileError};
use mmt_tensor::Error;
use mmt_tokenizers::text::{Reading, VectorFile, Vocabulary, WordPiece};

/// The tokenizer of a `vocab.txt`.
///
/// # Errors
/// [`FileError`] if the file cannot be read, if a line of it is not a piece, and if a mark such as `[UNK]` is missing.
pub fn read_word_piece(path: &Path, reading: Reading) -> Result<WordPiece, FileError> {
    let bytes = file::read_bytes(path)?;
    let words = Vocabulary::parse(&bytes).and_then(|words| WordPiece::new(words, reading));
    words.map_err(|error| {
        let why = match error {
            Error::UnknownId { id, .. } => format!("vocabulary: no line is `{id}`"),
            other => other.to_string(),
        };
        FileError { path: path.to_path_buf(), offset: None, why }
    })
}

/// The vectors of a file of word2vec or GloVe.
///
/// # Errors
/// [`FileError`] if the file cannot be read, and with the number of the line if one of it is not a word with its numbers.
pub fn read_vectors(path: &Path) -> Result<VectorFile<f32>, FileError> {
    let vectors = VectorFile::parse(&file::read_bytes(path)?);
    vectors.map_err(|e| FileError { path: path.to_path_buf(), offset: None, why: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let error = read_word_piece(&Path::new(root).join(path), Reading::UNCASED).unwrap_err();
        error.to_string().replace(root, "lab/")
    }

    #[test]
    fn a_vocabulary_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/word_piece/vocab.txt");
        let words = read_word_piece(&path, Reading::UNCASED).unwrap();
        assert_eq!(words.encode("Unaffable", None, 9).unwrap().input.ids, [101, 14477, 20961, 3468, 102]);
    }

    #[test]
    fn files_that_are_no_vocabulary_are_refused_with_path_and_line() {
        assert_eq!(text("src"), "lab/src: not a file");
        assert_eq!(text("none.txt"), "lab/none.txt: no such file or directory");
        let expected = r#"lab/Cargo.toml: vocabulary: line 2: "name = \"mmt-lab\"" is not one word"#;
        assert_eq!(text("Cargo.toml"), expected);
    }

    #[test]
    fn files_that_hold_no_vectors_are_refused_with_path_and_line() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let text = |path: &str| {
            read_vectors(&Path::new(root).join(path)).unwrap_err().to_string().replace(root, "lab/")
        };
        assert_eq!(text("none.txt"), "lab/none.txt: no such file or directory");
        assert_eq!(text("Cargo.toml"), r#"lab/Cargo.toml: vectors: line 1: no numbers after "[package]""#);
    }
}
