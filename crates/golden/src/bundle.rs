//! A bundle in a folder: opened and verified.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, IxDyn};

use crate::digest::{sha256, text};
use crate::file::{self, Data, FileError, Tensors, read_bytes};
use crate::manifest::{CaseEntry, Manifest};
use crate::pack::{digests, is_tolerance, manifest};
use crate::row::Tier;

/// A bundle that was opened.
pub struct Bundle {
    /// Where it is.
    pub folder: PathBuf,
    /// What it says.
    pub manifest: Manifest,
}

impl Bundle {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// [`FileError`] if there is none, or if it is not one of this format and version.
    pub fn open(folder: &Path) -> Result<Bundle, FileError> {
        let path = folder.join("manifest.json");
        let manifest = Manifest::parse(&read_bytes(&path)?).map_err(|e| e.at(&path))?;
        Ok(Bundle { folder: folder.to_path_buf(), manifest })
    }

    /// The case of a name.
    pub fn case(&self, id: &str) -> Option<&CaseEntry> {
        self.manifest.cases.iter().find(|case| case.id == id)
    }

    /// Reads and verifies the file of a case: its size, its hash, and that it holds what the manifest says.
    ///
    /// # Errors
    /// [`FileError`] for the first thing that is not as the manifest says.
    pub fn read(&self, case: &CaseEntry) -> Result<Tensors, FileError> {
        let path = self.folder.join(&case.file);
        let fail = |why: String| FileError { path: path.clone(), offset: None, why };
        // Before anything is read: a file of another size is another file.
        let size = fs::metadata(&path).map_err(|e| fail(file::reason(&e)))?.len();
        if size != case.bytes {
            return Err(fail(format!("{size} bytes, the manifest says {}", case.bytes)));
        }
        let bytes = read_bytes(&path)?;
        let hash = text(sha256(&bytes));
        let tensors = file::parse(&bytes).map_err(|e| e.at(&path))?;
        if hash != case.sha256 {
            return Err(fail(format!("{hash}, the manifest says {}", case.sha256)));
        }
        self.agrees(case, &tensors).map_err(fail)?;
        Ok(tensors)
    }

    /// Whether the arrays of a file are those of its entry.
    fn agrees(&self, case: &CaseEntry, tensors: &Tensors) -> Result<(), String> {
        let [truth, tolerances] = digests(tensors.iter().map(|(name, stored)| (name, &stored.data)));
        if text(truth) != case.digest_truth || text(tolerances) != case.digest_tol {
            return Err("the digest of its arrays is not that of the manifest".to_string());
        }
        for entry in &case.tensors {
            let stored = tensors.get(&entry.key).ok_or_else(|| format!("`{}` is missing", entry.key))?;
            if stored.data.dtype() != entry.dtype || stored.data.shape() != entry.shape {
                let (dtype, shape) = (stored.data.dtype(), stored.data.shape());
                let said = format!("{} {:?}", entry.dtype, entry.shape);
                return Err(format!("`{}` is {dtype} {shape:?}, the manifest says {said}", entry.key));
            }
            for profile in entry.profiles.keys() {
                tolerance_of(tensors, &entry.key, profile, &entry.shape)?;
            }
        }
        let listed = case.tensors.len();
        let held = tensors.keys().filter(|name| !is_tolerance(name)).count();
        if held == listed { Ok(()) } else { Err(format!("{held} arrays, the manifest lists {listed}")) }
    }

    /// Whether the digests of the cases are those of the whole.
    ///
    /// # Errors
    /// [`FileError`] if they are not.
    pub fn check_digests(&self) -> Result<(), FileError> {
        let tier = Tier::of(&self.manifest.tier).unwrap_or(Tier::Core);
        let again = manifest(self.manifest.cases.clone(), tier, None);
        if again.digest_truth == self.manifest.digest_truth && again.digest_tol == self.manifest.digest_tol {
            return Ok(());
        }
        let (said, got) = match &self.manifest {
            m if m.digest_truth == again.digest_truth => (&m.digest_tol, &again.digest_tol),
            m => (&m.digest_truth, &again.digest_truth),
        };
        let why = format!("its digest is not that of its cases: expected {said}, got {got}");
        Err(FileError { path: self.folder.join("manifest.json"), offset: None, why })
    }
}

/// The tolerance of every element of an array.
///
/// # Errors
/// If it is missing, has a shape that cannot be that of the array, or is not a positive number, in one line.
pub fn tolerance_of(
    tensors: &Tensors,
    key: &str,
    profile: &str,
    shape: &[usize],
) -> Result<ArrayD<f64>, String> {
    let name = format!("main/tol/{profile}/{}", key.strip_prefix("main/").unwrap_or(key));
    let stored = tensors.get(&name).ok_or_else(|| format!("`{name}` is missing"))?;
    let Data::Bf16(bits) = &stored.data else {
        return Err(format!("`{name}` is {}, expected BF16", stored.data.dtype()));
    };
    let tolerance = bits.mapv(crate::half::of_bf16);
    if tolerance.iter().any(|t| !(t.is_finite() && *t > 0.0)) {
        return Err(format!("`{name}` holds a tolerance that is not a positive number"));
    }
    let wide = tolerance.broadcast(IxDyn(shape)).map(|view| view.to_owned());
    wide.ok_or_else(|| format!("`{name}` is {:?}, the array {shape:?}", bits.shape()))
}
