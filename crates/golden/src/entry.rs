//! What a manifest says about a case and its arrays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct CaseEntry {
    pub id: String,
    pub family: String,
    pub level: String,
    pub tier: String,
    pub op: String,
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
    pub digest_truth: String,
    pub digest_tol: String,
    pub since: String,
    pub status: String,
    pub config: Value,
    pub grid: String,
    pub regimes: Vec<String>,
    pub seed_bump: u32,
    pub variants: Vec<String>,
    pub samples: u32,
    pub layouts: Vec<String>,
    pub tensors: Vec<TensorEntry>,
    pub equation: Option<String>,
    pub notes: Vec<String>,
}

/// An array of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TensorEntry {
    pub key: String,
    pub dtype: String,
    pub shape: Vec<usize>,
    pub class: String,
    pub required_at: String,
    pub tol_shape: String,
    /// Whether it is an input with a gradient.
    pub diff: bool,
    pub profiles: BTreeMap<String, TensorProfile>,
}

/// What is known about an array in one arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct TensorProfile {
    pub max_tol: f64,
    pub rms_sigma: f64,
    pub snr: f64,
    pub power: String,
}

impl CaseEntry {
    pub(crate) fn check(&self) -> Result<(), String> {
        let id = &self.id;
        let plain = |text: &str, more: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
        };
        if !plain(id, "_.") || !id.contains('.') {
            return Err(format!("`{}` is not the name of a case", id.replace(char::is_control, "?")));
        }
        let outside = self.file.starts_with('/') || self.file.split('/').any(|part| part == "..");
        if outside || !plain(&self.file, "_./-") || !self.file.ends_with(".safetensors") {
            let file = self.file.replace(char::is_control, "?");
            return Err(format!("`{id}`: `{file}` is not the name of a file of the bundle"));
        }
        self.tensors.iter().try_for_each(TensorEntry::check).map_err(|why| format!("`{id}`: {why}"))
    }

    /// The array of a key.
    pub fn tensor(&self, key: &str) -> Option<&TensorEntry> {
        self.tensors.iter().find(|tensor| tensor.key == key)
    }
}

/// The second part of the name of an array.
const SECTIONS: [&str; 11] =
    ["in", "param", "buf", "cot", "out", "loss", "act", "grad_in", "grad_param", "grad_act", "opt"];

/// When an array has to be there.
const LEVELS: [&str; 7] = ["never", "L0", "L1", "L2", "L3", "L4", "L5"];

/// What an array is.
const CLASSES: [&str; 4] = ["input", "float", "exact", "noise"];

impl TensorEntry {
    /// Words that no reader knows would leave an array unasked for.
    fn check(&self) -> Result<(), String> {
        let key = self.key.replace(char::is_control, "?");
        let word = |word: &str, known: &[&str]| match known.contains(&word) {
            true => Ok(()),
            false => Err(format!(
                "`{key}`: `{}` is none of {}",
                word.replace(char::is_control, "?"),
                known.join(", ")
            )),
        };
        if !SECTIONS.contains(&self.section()) {
            return Err(format!("`{key}` is not the name of an array"));
        }
        word(&self.required_at, &LEVELS)?;
        word(&self.class, &CLASSES)?;
        for profile in self.profiles.values() {
            word(&profile.power, &["strong", "weak"])?;
            if profile.rms_sigma < 0.0 {
                return Err(format!("`{key}`: a deviation of {}", profile.rms_sigma));
            }
        }
        Ok(())
    }

    /// `in`, `out`, ..
    pub fn section(&self) -> &str {
        self.key.split('/').nth(1).unwrap_or("")
    }
}
