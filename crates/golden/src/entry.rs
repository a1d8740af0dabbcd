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
        for tensor in &self.tensors {
            let known = tensor.key.split('/').nth(1).is_some_and(|s| SECTIONS.contains(&s));
            if !known {
                let key = tensor.key.replace(char::is_control, "?");
                return Err(format!("`{id}`: `{key}` is not the name of an array"));
            }
        }
        Ok(())
    }

    /// The array of a key.
    pub fn tensor(&self, key: &str) -> Option<&TensorEntry> {
        self.tensors.iter().find(|tensor| tensor.key == key)
    }
}

/// The second part of the name of an array.
const SECTIONS: [&str; 11] =
    ["in", "param", "buf", "cot", "out", "loss", "act", "grad_in", "grad_param", "grad_act", "opt"];

impl TensorEntry {
    /// `in`, `out`, ..
    pub fn section(&self) -> &str {
        self.key.split('/').nth(1).unwrap_or("")
    }
}
