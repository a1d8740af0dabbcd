//! A stored case: records of numbers that another library computed.

use std::collections::BTreeMap;
use std::path::Path;

use mmt_golden::file::{self, Data, FileError, Malformed, Stored, Tensors};
use mmt_tensor::Real;
use ndarray::{Array, ArrayD, Dimension};
use serde::Deserialize;
use serde_json::Value;

use super::word_pieces;

/// Two files of a folder: `<name>.json` says what was computed, `<name>.safetensors` holds the numbers.
#[derive(Clone, Debug)]
pub struct Case {
    /// `op_softmax_s`
    pub name: String,
    /// In the order of the file.
    pub records: Vec<Record>,
}

/// One computation.
#[derive(Clone, Debug)]
pub struct Record {
    /// `softmax_dim0`
    pub name: String,
    /// The function or module of the other library.
    pub system: String,
    /// Its settings.
    pub config: Value,
    /// `in/x`, `param/weight`, `cot/y`, `out/y`, `act/..`, `loss/loss`, `grad_in/x`, `grad_param/weight`
    pub arrays: Tensors,
}

/// Why a record has no numbers of ours.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// mmt has no such function; what is missing.
    Unsupported(String),
    /// mmt refuses the input.
    Refused(mmt_tensor::Error),
    /// The record contradicts itself.
    Invalid(Malformed),
}

impl From<mmt_tensor::Error> for Trouble {
    fn from(error: mmt_tensor::Error) -> Self {
        Trouble::Refused(error)
    }
}

/// What a lookup in a record gives.
pub type Found<T> = Result<T, Trouble>;

#[derive(Deserialize)]
struct Page {
    case: String,
    records: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    system: String,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    tensors: BTreeMap<String, BTreeMap<String, (String, Vec<usize>)>>,
}

impl Case {
    /// Reads both files of a case.
    ///
    /// # Errors
    /// [`FileError`] if a file cannot be read, is not what its format asks for, holds a number that is not finite
    /// outside the tables of `buf`, or if the page and the numbers disagree about a type or a shape.
    pub fn read(folder: &Path, name: &str) -> Result<Case, FileError> {
        let path = folder.join(format!("{name}.json"));
        let page = page(&file::read_bytes(&path)?, name).map_err(|e| e.at(&path))?;
        let path = folder.join(format!("{name}.safetensors"));
        records(page, file::read(&path)?).map_err(|e| e.at(&path))
    }

    /// The path of the numbers of a case.
    pub fn path(folder: &Path, name: &str) -> std::path::PathBuf {
        folder.join(format!("{name}.safetensors"))
    }
}

fn page(bytes: &[u8], name: &str) -> Result<Page, Malformed> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Malformed { offset: e.valid_up_to(), why: "the page is not UTF-8".to_string() })?;
    let page: Page = serde_json::from_str(text).map_err(|e| file::json_error(text, &e, 0))?;
    if page.case != name {
        let offset = text.find("\"case\"").unwrap_or(0);
        return Err(Malformed { offset, why: format!("the page of `{}` under another name", page.case) });
    }
    Ok(page)
}

/// Gives every record its arrays, and requires page and file to say the same.
fn records(page: Page, mut tensors: Tensors) -> Result<Case, Malformed> {
    for (name, stored) in &tensors {
        if name.split('/').nth(1) != Some("buf") {
            stored.check_finite(name)?;
        }
    }
    let mut records: Vec<Record> = Vec::new();
    for entry in page.records {
        let mut arrays = Tensors::new();
        for (role, listed) in entry.tensors {
            for (name, (dtype, shape)) in listed {
                let key = format!("{}/{role}/{name}", entry.name);
                let missing =
                    || Malformed { offset: 0, why: format!("the page lists `{key}`, the file has none") };
                let stored = tensors.remove(&key).ok_or_else(missing)?;
                same_kind(&key, &stored, &dtype, &shape)?;
                arrays.insert(format!("{role}/{name}"), stored);
            }
        }
        if word_pieces::is_one(&entry.system, &entry.config) {
            arrays.extend(word_pieces::results(&entry.name, &entry.config)?);
        }
        records.push(Record { name: entry.name, system: entry.system, config: entry.config, arrays });
    }
    match tensors.into_iter().next() {
        None => Ok(Case { name: page.case, records }),
        Some((key, stored)) => {
            Err(Malformed { offset: stored.offset, why: format!("the page does not list `{key}`") })
        }
    }
}

fn same_kind(key: &str, stored: &Stored, dtype: &str, shape: &[usize]) -> Result<(), Malformed> {
    let known = match &stored.data {
        Data::F64(_) => "float64",
        Data::F32(_) => "float32",
        Data::Bf16(_) => "bfloat16",
        Data::F16(_) => "float16",
        Data::I64(_) => "int64",
        Data::Bool(_) => "bool",
    };
    if known == dtype && stored.data.shape() == shape {
        return Ok(());
    }
    let got = stored.data.shape();
    Err(Malformed {
        offset: stored.offset,
        why: format!("`{key}` is {known} {got:?}, the page says {dtype} {shape:?}"),
    })
}

impl Record {
    /// The array of a key, in the type of the run and with the axes of `D`.
    pub fn real<R: Real, D: Dimension>(&self, key: &str) -> Found<Array<R, D>> {
        let stored = self.stored(key)?;
        let wrong = || {
            self.invalid(
                stored.offset,
                format!("`{key}` is {} {:?}", stored.data.dtype(), stored.data.shape()),
            )
        };
        stored.real::<R>().and_then(|a| a.into_dimensionality().ok()).ok_or_else(wrong)
    }

    /// [`real`](Record::real), or `None` if the record has no such array.
    pub fn optional<R: Real, D: Dimension>(&self, key: &str) -> Found<Option<Array<R, D>>> {
        if self.arrays.contains_key(key) { self.real(key).map(Some) } else { Ok(None) }
    }

    /// [`real`](Record::real) of a given shape: a gradient has that of what it is the gradient of.
    pub fn shaped<R: Real, D: Dimension>(&self, key: &str, shape: &[usize]) -> Found<Array<R, D>> {
        let a = self.real::<R, D>(key)?;
        if a.shape() == shape {
            return Ok(a);
        }
        let offset = self.stored(key)?.offset;
        Err(self.invalid(offset, format!("`{key}` is {:?}, expected {shape:?}", a.shape())))
    }

    /// Whole numbers.
    pub fn whole(&self, key: &str) -> Found<ArrayD<i64>> {
        let stored = self.stored(key)?;
        match &stored.data {
            Data::I64(a) => Ok(a.clone()),
            other => Err(self.invalid(stored.offset, format!("`{key}` is {}, expected I64", other.dtype()))),
        }
    }

    /// Rows of a table.
    pub fn ids(&self, key: &str) -> Found<ArrayD<usize>> {
        let (whole, offset) = (self.whole(key)?, self.stored(key)?.offset);
        let ids: Option<Vec<usize>> = whole.iter().map(|&i| usize::try_from(i).ok()).collect();
        let ids = ids.ok_or_else(|| self.invalid(offset, format!("`{key}` holds a negative id")))?;
        Ok(ArrayD::from_shape_vec(whole.raw_dim(), ids).expect("as many ids as before"))
    }

    /// A mask.
    pub fn mask<D: Dimension>(&self, key: &str) -> Found<Array<bool, D>> {
        let stored = self.stored(key)?;
        let wrong = || {
            self.invalid(
                stored.offset,
                format!("`{key}` is {} {:?}", stored.data.dtype(), stored.data.shape()),
            )
        };
        match &stored.data {
            Data::Bool(a) => a.clone().into_dimensionality().map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }

    /// Whether the record has this array.
    pub fn has(&self, key: &str) -> bool {
        self.arrays.contains_key(key)
    }

    /// A number among the settings.
    pub fn number(&self, key: &str) -> Found<f64> {
        let number = self.config.get(key).and_then(Value::as_f64);
        number.ok_or_else(|| {
            self.invalid(0, format!("record `{}` has no number `{key}` in its settings", self.name))
        })
    }

    /// A number among the settings, or what the library takes if it is not said.
    pub fn number_or(&self, key: &str, default: f64) -> Found<f64> {
        if self.config.get(key).is_some() { self.number(key) } else { Ok(default) }
    }

    /// A size among the settings.
    pub fn size(&self, key: &str) -> Found<usize> {
        let size = self.config.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        size.ok_or_else(|| {
            self.invalid(0, format!("record `{}` has no size `{key}` in its settings", self.name))
        })
    }

    /// One size per axis among the settings, where one number stands for all axes.
    pub fn sizes<const N: usize>(&self, key: &str, default: usize) -> Found<[usize; N]> {
        let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        let wrong =
            || self.invalid(0, format!("record `{}` has no sizes `{key}` in its settings", self.name));
        match self.config.get(key) {
            None => Ok([default; N]),
            Some(Value::Array(list)) => {
                let sizes: Option<Vec<usize>> = list.iter().map(whole).collect();
                sizes.and_then(|s| s.try_into().ok()).ok_or_else(wrong)
            }
            Some(one) => whole(one).map(|n| [n; N]).ok_or_else(wrong),
        }
    }

    /// Two numbers among the settings, or what the library takes if they are not said.
    pub fn pair(&self, key: &str, default: [f64; 2]) -> Found<[f64; 2]> {
        let Some(value) = self.config.get(key) else { return Ok(default) };
        match value.as_array().map(|list| list.iter().map(Value::as_f64).collect::<Vec<_>>()).as_deref() {
            Some([Some(a), Some(b)]) => Ok([*a, *b]),
            _ => Err(self.invalid(0, format!("record `{}` has no pair `{key}` in its settings", self.name))),
        }
    }

    /// A switch among the settings; off if it is not said.
    pub fn flag(&self, key: &str) -> bool {
        self.config.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A word among the settings; empty if it is not said.
    pub fn word(&self, key: &str) -> &str {
        self.config.get(key).and_then(Value::as_str).unwrap_or("")
    }

    /// The record contradicts itself at this byte of its numbers.
    pub fn invalid(&self, offset: usize, why: String) -> Trouble {
        Trouble::Invalid(Malformed { offset, why: format!("record `{}`: {why}", self.name) })
    }

    fn stored(&self, key: &str) -> Found<&Stored> {
        self.arrays.get(key).ok_or_else(|| self.invalid(0, format!("has no `{key}`")))
    }
}
