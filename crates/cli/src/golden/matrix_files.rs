//! The files of a kill matrix, whole and in parts.

use std::fs;
use std::path::{Path, PathBuf};

use mmt_buggy::kill::{self, Matrix, Task};
use mmt_golden::file::{FileError, read_bytes, reason};
use mmt_golden::together::write_together;
use mmt_golden::write::Shard;

use crate::failure::Failure;

/// Writes `kill.json`, `kill.md` and `kill.svg`.
pub fn save(folder: &Path, matrix: &Matrix) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::unwritten(folder, &error))?;
    let files = [
        ("kill.json".to_string(), json(matrix)),
        ("kill.md".to_string(), kill::markdown(matrix).into_bytes()),
        ("kill.svg".to_string(), kill::figure(matrix).into_bytes()),
    ];
    write_together(folder, &files).map_err(Failure::from)
}

fn json(matrix: &Matrix) -> Vec<u8> {
    (serde_json::to_string_pretty(&kill::json(matrix)).expect("numbers and words") + "\n").into_bytes()
}

fn name(shard: Shard) -> String {
    format!("kill.{}-of-{}.json", shard.index + 1, shard.count)
}

/// Writes a part. If all others are there, joins them, and writes the whole in their place; what is in the files then.
pub fn save_part(
    folder: &Path,
    part: Matrix,
    shard: Shard,
    tasks: &[(Task, String)],
) -> Result<Matrix, Failure> {
    fs::create_dir_all(folder).map_err(|error| Failure::unwritten(folder, &error))?;
    write_together(folder, &[(name(shard), json(&part))])?;
    let parts = (0..shard.count).map(|index| folder.join(name(Shard { index, ..shard })));
    let parts: Vec<PathBuf> = parts.collect();
    if !parts.iter().all(|path| path.exists()) {
        return Ok(part);
    }
    let read: Result<Vec<Matrix>, FileError> = parts.iter().map(|path| parse(path)).collect();
    let fail = |why: String| FileError { path: folder.to_path_buf(), offset: None, why };
    let whole = kill::join(&read?, tasks).map_err(fail)?;
    save(folder, &whole)?;
    for path in parts {
        fs::remove_file(&path).map_err(|e| FileError { path, offset: None, why: reason(&e) })?;
    }
    Ok(whole)
}

fn parse(path: &Path) -> Result<Matrix, FileError> {
    let bytes = read_bytes(path)?;
    let fail = |why: String| FileError { path: path.to_path_buf(), offset: None, why };
    let text = std::str::from_utf8(&bytes).map_err(|_| fail("not UTF-8".to_string()))?;
    kill::parse(text).map_err(|why| fail(why.replace(char::is_control, "?")))
}
