//! From computed cases to the bytes of their files and the manifest.

use std::collections::BTreeMap;

use mmt_tensor::Profile;
use ndarray::{ArrayD, IxDyn};

use crate::compute::{Answer, Computed, SAMPLES, is_result};
use crate::digest::{of_all, of_array, parse, sha256, text};
use crate::file::{self, Data};
use crate::manifest::{
    CaseEntry, Generator, Manifest, ProfileEntry, SCHEMA, TensorEntry, TensorProfile, VERSION, unsealed,
};
use crate::row::{Level, Row, Tier};
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
        layouts: owned(layouts(row.level)),
        tensors: answer.arrays.iter().map(|array| tensor(array, answer, output, gradient)).collect(),
        equation: (!row.equation.is_empty()).then(|| row.equation.to_string()),
        notes: owned(&row.notes),
    };
    Ok(Packed { entry, bytes })
}

/// The ways in which the inputs of a case lie in memory when it is run. Blocks and what is made of them lay out their own arrays.
fn layouts(level: Level) -> &'static [&'static str] {
    if level == Level::Op { &["contiguous", "transposed", "sliced", "aliased"] } else { &["contiguous"] }
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
            TensorProfile { max_tol: short(t.max), rms_sigma: short(t.rms_sigma), snr: short(t.snr), power },
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

/// Four digits: a statistic needs no more, and every reader of JSON gets the same number.
fn short(x: f64) -> f64 {
    format!("{x:.3e}").parse().unwrap_or(x)
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
        digest_manifest: unsealed(),
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
