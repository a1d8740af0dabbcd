//! Files appear whole or not at all.

use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// Writes a file under a temporary name beside `path`, then renames it; missing directories are made.
///
/// # Errors
/// What the system says. The temporary file is removed then.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let temporary = temporary(path);
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

/// `tour.html` gives `.tour.html.1234`, in the same directory: a rename must not cross file systems.
fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}", process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let dir = std::env::temp_dir().join(format!("mmt-report-{}", process::id()));
        let path = dir.join("deep/page.html");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(write(&path.join("below-a-file"), b"three").is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
