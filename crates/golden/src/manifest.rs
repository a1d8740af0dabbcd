//! What a bundle says about itself.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest;
pub use crate::entry::{CaseEntry, TensorEntry, TensorProfile};
use crate::file::{FileError, Malformed, json_error};

/// The format.
pub const SCHEMA: &str = "mmt-golden/1";

/// The content: the first number changes with any bit of the truth, the second with cases and tolerances.
pub const VERSION: &str = "1.0.0";

/// `manifest.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`]
    pub schema: String,
    /// [`VERSION`]
    pub version: String,
    /// What wrote it.
    pub generator: Generator,
    /// Of all true values and inputs.
    pub digest_truth: String,
    /// Of all tolerances.
    pub digest_tol: String,
    /// Of the text of the manifest: of its bytes, with zeros in place of these 64 digits.
    pub digest_manifest: String,
    /// Its size: `"smoke"`, `"core"`, ..
    pub tier: String,
    /// The part of it that is here: `"2/3"`; nothing if it is all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The arithmetics that programs may claim.
    pub profiles: BTreeMap<String, ProfileEntry>,
    /// Sorted by name.
    pub cases: Vec<CaseEntry>,
}

/// What wrote a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// `"mmt-golden"`
    #[serde(rename = "crate")]
    pub name: String,
    /// Of the program.
    pub version: String,
}

/// An arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileEntry {
    /// Of an operation: `"2^-24"`.
    pub u_compute: String,
    /// Of a factor of a product, if it is rounded.
    pub u_operand: Option<String>,
    /// Of a number in memory.
    pub u_store: String,
    /// `κ`
    pub kappa: f64,
    /// `κ` of the mean.
    pub kappa_rms: f64,
    /// The smallest normal number in memory.
    pub tiny: String,
}

/// What is wrong with a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The byte at which it is seen; `None` for what the text says as a whole.
    pub offset: Option<usize>,
    /// One line.
    pub why: String,
}

impl Unreadable {
    /// The error of a file with this content.
    pub fn at(self, path: &Path) -> FileError {
        FileError { path: path.to_path_buf(), offset: self.offset, why: self.why }
    }
}

impl From<Malformed> for Unreadable {
    fn from(Malformed { offset, why }: Malformed) -> Self {
        Unreadable { offset: Some(offset), why }
    }
}

impl Manifest {
    /// Reads and checks the text of a manifest.
    ///
    /// # Errors
    /// [`Unreadable`] for another format or version, what the schema does not allow, names of files that leave the bundle, and
    /// names that come twice.
    pub fn parse(bytes: &[u8]) -> Result<Manifest, Unreadable> {
        let wrong = |why: String| Unreadable { offset: None, why };
        let text = std::str::from_utf8(bytes).map_err(|e| Malformed {
            offset: e.valid_up_to(),
            why: "the manifest is not UTF-8".to_string(),
        })?;
        let value: Value = serde_json::from_str(text).map_err(|e| json_error(text, &e, 0))?;
        // Before anything else, so that a newer format gives this line and not one about a field.
        let says = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("nothing").to_string();
        if says("schema") != SCHEMA {
            return Err(wrong(format!("the format is {}, this program reads {SCHEMA}", says("schema"))));
        }
        let major = |version: &str| version.split('.').next().map(str::to_string);
        if major(&says("version")) != major(VERSION) {
            return Err(wrong(format!(
                "version {} of the bundle, this program reads {VERSION}",
                says("version")
            )));
        }
        let manifest: Manifest = serde_json::from_str(text).map_err(|e| json_error(text, &e, 0))?;
        manifest.check().map_err(wrong)?;
        let said = &manifest.digest_manifest;
        match digest_of(text, said) {
            Some(got) if got == *said => Ok(manifest),
            Some(got) => Err(wrong(format!("the digest of the manifest: expected {said}, got {got}"))),
            None => Err(wrong(format!(
                "the digest of the manifest: {} is none",
                said.replace(char::is_control, "?")
            ))),
        }
    }

    fn check(&self) -> Result<(), String> {
        for pair in self.cases.windows(2) {
            if pair[0].id >= pair[1].id {
                return Err(format!("`{}` comes twice or out of order", pair[1].id));
            }
        }
        self.cases.iter().try_for_each(CaseEntry::check)
    }

    /// The text of the manifest, a line for every array, with its digest.
    pub fn text(&self) -> String {
        sealed(&self.lines(), &self.digest_manifest)
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        let head = serde_json::to_value(Manifest { cases: vec![], ..self.clone() }).unwrap_or_default();
        text.push_str("{\n");
        for (key, value) in head.as_object().into_iter().flatten().filter(|(key, _)| *key != "cases") {
            text.push_str(&format!(" {}: {value},\n", Value::from(key.as_str())));
        }
        text.push_str(" \"cases\": [");
        for (i, case) in self.cases.iter().enumerate() {
            text.push_str(if i == 0 { "\n  " } else { ",\n  " });
            let head = one(&CaseEntry { tensors: vec![], ..case.clone() });
            let lines: Vec<String> = case.tensors.iter().map(|t| format!("   {}", one(t))).collect();
            text.push_str(&head.replacen(
                "\"tensors\":[]",
                &format!("\"tensors\":[\n{}]", lines.join(",\n")),
                1,
            ));
        }
        text.push_str("\n ]\n}\n");
        text
    }
}

/// The digest of a manifest that is not written yet.
pub fn unsealed() -> String {
    format!("sha256:{}", "0".repeat(64))
}

/// The text of a manifest that says `said` of itself with its true digest in that place.
pub fn sealed(text: &str, said: &str) -> String {
    digest_of(text, said).map_or(text.to_string(), |digest| text.replace(said, &digest))
}

/// The digest of a text with zeros in place of the digits of `said`; nothing if that is no digest.
fn digest_of(text: &str, said: &str) -> Option<String> {
    digest::parse(said)?;
    Some(digest::text(digest::sha256(text.replace(said, &unsealed()).as_bytes())))
}

/// A value as one line of JSON.
fn one(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers, texts and lists")
}
