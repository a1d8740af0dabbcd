//! Files of one folder that appear together or not at all.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::file::{FileError, reason};

/// Writes every file of a list under a temporary name, and renames them when all are written; the folder is made if it is
/// missing.
///
/// # Errors
/// [`FileError`] for the first file that cannot be written. Then none of them has changed, and nothing else is left.
pub fn write_together(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(|e| fail(folder, &e))?;
    let paths: Vec<(PathBuf, PathBuf)> = (files.iter())
        .map(|(name, _)| (folder.join(format!(".{name}.{}", std::process::id())), folder.join(name)))
        .collect();
    let written = prepare(&paths, files).and_then(|()| {
        paths.iter().try_for_each(|(temporary, path)| fs::rename(temporary, path).map_err(|e| fail(path, &e)))
    });
    written.inspect_err(|_| {
        for (temporary, _) in &paths {
            // The first error says more than one about a name that is ours alone.
            let _ = fs::remove_file(temporary);
        }
    })
}

/// Writes under temporary names; a name that a folder has cannot be renamed to.
fn prepare(paths: &[(PathBuf, PathBuf)], files: &[(String, Vec<u8>)]) -> Result<(), FileError> {
    if let Some((_, path)) = paths.iter().find(|(_, path)| path.is_dir()) {
        return Err(fail(path, &io::Error::from(io::ErrorKind::IsADirectory)));
    }
    for ((temporary, path), (_, bytes)) in paths.iter().zip(files) {
        let mut file = File::create(temporary).map_err(|e| fail(path, &e))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| fail(path, &e))?;
    }
    Ok(())
}

fn fail(path: &Path, error: &io::Error) -> FileError {
    FileError { path: path.to_path_buf(), offset: None, why: format!("cannot be written: {}", reason(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        ["a.npy", "b.npy"].map(|name| (name.to_string(), bytes.to_vec())).to_vec()
    }

    #[test]
    fn all_files_appear_or_none() {
        let folder = std::env::temp_dir().join(format!("mmt-golden-together-{}", std::process::id()));
        let deep = folder.join("deep");
        write_together(&deep, &files(b"one")).unwrap();
        write_together(&deep, &files(b"two")).unwrap();
        assert_eq!(fs::read(deep.join("b.npy")).unwrap(), b"two");
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 2);

        fs::remove_file(deep.join("b.npy")).unwrap();
        fs::create_dir(deep.join("b.npy")).unwrap();
        let error = write_together(&deep, &files(b"three")).unwrap_err();
        assert_eq!(error.path, deep.join("b.npy"));
        assert_eq!(error.why, "cannot be written: is a directory");
        assert_eq!(fs::read(deep.join("a.npy")).unwrap(), b"two");
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 2);

        let error = write_together(&deep.join("a.npy"), &files(b"four")).unwrap_err();
        assert_eq!(error.path, deep.join("a.npy"));
        fs::remove_dir_all(folder).unwrap();
    }
}
