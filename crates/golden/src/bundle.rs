//! A bundle in a folder: written, opened, verified.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mmt_tensor::Profile;
use ndarray::{ArrayD, IxDyn};

use crate::compute::{Answer, Computed, SAMPLES, is_result};
use crate::digest::{of_all, of_array, parse, sha256, text};
use crate::file::{self, Data, FileError, Tensors, read_bytes};
use crate::manifest::{
    CaseEntry, Generator, Manifest, ProfileEntry, SCHEMA, TensorEntry, TensorProfile, VERSION,
};
use crate::row::{Row, Tier};
use crate::tolerance::{KAPPA_RMS, kappa};

/// A case in memory: what the manifest says about it, and the bytes of its file.
pub struct Packed {
    /// Its entry.
    pub entry: CaseEntry,
    /// Its file.
    pub bytes: Vec<u8>,
}

/// The arrays of a file by name, with the tolerances beside the results.
fn arrays(answer: &Answer) -> BTreeMap<String, Data> {
    let mut arrays = BTreeMap::new();
    for array in &answer.arrays {
        arrays.insert(format!("main/{}", array.key), array.data.clone());
        for (profile, tolerance) in &array.tolerances {
            let mut shape = array.data.shape().to_vec();
            if let (Some(_), Some(last)) = (array.row, shape.last_mut()) {
                *last = 1;
            }
            let bits = ArrayD::from_shape_vec(IxDyn(&shape), tolerance.bits.clone());
            let data = Data::Bf16(bits.expect("a tolerance for every element or row"));
            arrays.insert(format!("main/tol/{}/{}", profile.name(), array.key), data);
        }
    }
    arrays
}

/// Whether a name is that of a tolerance.
pub fn is_tolerance(name: &str) -> bool {
    name.split('/').nth(1) == Some("tol")
}

/// The digests of the truth and of the tolerances of a case.
pub fn digests<'a>(arrays: impl Iterator<Item = (&'a String, &'a Data)>) -> [[u8; 32]; 2] {
    let mut lists = [vec![], vec![]];
    for (name, data) in arrays {
        lists[usize::from(is_tolerance(name))].push(of_array(name, data));
    }
    lists.map(of_all)
}

/// Packs a case that was computed.
///
/// # Errors
/// A tolerance that is not finite, or a header that is too large, in one line.
pub fn pack(row: &Row, answer: &Answer) -> Result<Packed, String> {
    let arrays = arrays(answer);
    for (name, data) in arrays.iter().filter(|(name, _)| is_tolerance(name)) {
        let Data::Bf16(bits) = data else { continue };
        if bits.iter().any(|&b| !crate::half::of_bf16(b).is_finite()) {
            return Err(format!("{}: `{name}` is not finite", row.id));
        }
    }
    let bytes = file::bytes_of(&arrays).map_err(|e| format!("{}: {e}", row.id))?;
    let [truth, tolerances] = digests(arrays.iter());
    let (output, gradient) = row.level.required();
    let owned = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    let entry = CaseEntry {
        id: row.id.clone(),
        family: row.family().to_string(),
        level: row.level.name().to_string(),
        tier: row.tier.name().to_string(),
        op: row.op.to_string(),
        file: row.file(),
        bytes: bytes.len() as u64,
        sha256: text(sha256(&bytes)),
        digest_truth: text(truth),
        digest_tol: text(tolerances),
        since: VERSION.to_string(),
        status: "active".to_string(),
        config: row.config.clone(),
        grid: row.grid.name().to_string(),
        regimes: owned(&row.regimes),
        seed_bump: answer.bump,
        variants: owned(&answer.variants),
        samples: SAMPLES,
        layouts: owned(&["contiguous"]),
        tensors: answer.arrays.iter().map(|array| tensor(array, answer, output, gradient)).collect(),
        equation: (!row.equation.is_empty()).then(|| row.equation.to_string()),
        notes: vec![],
    };
    Ok(Packed { entry, bytes })
}

fn tensor(array: &Computed, answer: &Answer, output: &str, gradient: &str) -> TensorEntry {
    let section = array.key.split('/').next().unwrap_or("");
    let required_at = match section {
        "out" | "loss" | "opt" => output,
        "grad_in" | "grad_param" => gradient,
        _ => "never",
    };
    let class = match (&array.data, is_result(&array.key)) {
        (_, false) => "input",
        (Data::F64(_), true) if array.noise => "noise",
        (Data::F64(_), true) => "float",
        _ => "exact",
    };
    let tol_shape = match (array.tolerances.is_empty(), array.row) {
        (true, _) => "none",
        (false, Some(_)) => "row",
        (false, None) => "element",
    };
    let name = array.key.split_once('/').map_or("", |(_, name)| name);
    let diff = ["in", "param"].contains(&section)
        && answer.arrays.iter().any(|other| other.key == format!("grad_{section}/{name}"));
    let profile = |(profile, t): (&Profile, &crate::tolerance::Tolerance)| {
        let power = if t.weak { "weak" } else { "strong" }.to_string();
        (
            profile.name().to_string(),
            TensorProfile { max_tol: t.max, rms_sigma: t.rms_sigma, snr: t.snr, power },
        )
    };
    TensorEntry {
        key: format!("main/{}", array.key),
        dtype: array.data.dtype().to_string(),
        shape: array.data.shape().to_vec(),
        class: class.to_string(),
        required_at: required_at.to_string(),
        tol_shape: tol_shape.to_string(),
        diff,
        profiles: array.tolerances.iter().map(profile).collect(),
    }
}

/// The manifest of cases; `shard` if they are a part of a bundle.
pub fn manifest(mut cases: Vec<CaseEntry>, tier: Tier, shard: Option<String>) -> Manifest {
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let all =
        |digest: fn(&CaseEntry) -> &str| text(of_all(cases.iter().filter_map(|case| parse(digest(case)))));
    Manifest {
        schema: SCHEMA.to_string(),
        version: VERSION.to_string(),
        generator: Generator {
            name: "mmt-golden".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
        },
        digest_truth: all(|case| &case.digest_truth),
        digest_tol: all(|case| &case.digest_tol),
        tier: tier.name().to_string(),
        shard,
        profiles: Profile::ALL.into_iter().map(profile_entry).collect(),
        cases,
    }
}

fn profile_entry(profile: Profile) -> (String, ProfileEntry) {
    let power = |bits: i32| format!("2^{bits}");
    let entry = ProfileEntry {
        u_compute: power(-profile.compute_bits()),
        u_operand: profile.operand_bits().map(|bits| power(-bits)),
        u_store: power(-profile.store_bits()),
        kappa: kappa(profile),
        kappa_rms: KAPPA_RMS,
        tiny: power(profile.smallest_exponent()),
    };
    (profile.name().to_string(), entry)
}

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
        let path = self.folder.join("manifest.json");
        Err(FileError { path, offset: None, why: "its digest is not that of its cases".to_string() })
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
