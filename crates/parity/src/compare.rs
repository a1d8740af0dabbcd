//! How far our numbers may be from those of another library.

use std::collections::BTreeMap;

use mmt_golden::file::Data;
use mmt_tensor::{Real, Tree};
use ndarray::{ArrayD, ArrayRef, Dimension};

use super::case::Record;

/// What mmt computed for a record, under the keys of the record: `out/y`, `grad_in/x`, ...
#[derive(Clone, Debug)]
pub struct Answer<R> {
    /// By key.
    pub arrays: BTreeMap<String, ArrayD<R>>,
}

impl<R: Real> Answer<R> {
    /// Nothing yet.
    pub fn new() -> Self {
        Answer { arrays: BTreeMap::new() }
    }

    /// Adds an array.
    pub fn with<D: Dimension>(mut self, key: &str, a: &ArrayRef<R, D>) -> Self {
        self.arrays.insert(key.to_string(), a.to_owned().into_dyn());
        self
    }

    /// Adds a number.
    pub fn with_number(self, key: &str, x: R) -> Self {
        self.with(key, &ndarray::arr0(x))
    }

    /// Adds every array of a tree, its name appended to `key`.
    pub fn with_tree(mut self, key: &str, tree: &impl Tree<R>) -> Self {
        self.arrays.extend(tree.arrays().into_iter().map(|(name, a)| (format!("{key}{name}"), a.to_owned())));
        self
    }
}

impl<R: Real> Default for Answer<R> {
    fn default() -> Self {
        Answer::new()
    }
}

/// The number type of a run, which decides how close is close enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// Single.
    F32,
    /// Double, as the stored numbers.
    F64,
}

impl Precision {
    /// `"f32"` or `"f64"`.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }

    /// `r` of the test `max |got - want| <= r (s + S/10)`.
    ///
    /// A formula with another constant is wrong by 1e-7 or more; other orders of addition cost 1e-14. Single precision
    /// is judged by what the libraries' own single-precision runs lose, at worst 1.6e-6 of an output and 9e-6 of a
    /// gradient. Two records are exceptions, each with its reason.
    pub fn tolerance(self, case: &str, record: &str, role: &str) -> f64 {
        match (self, case, record, role) {
            // The library rounds its table to f32.
            (Precision::F64, "op_position_s", "sinusoid_1d", "out") => 1e-7,
            // A row of nearly equal numbers: the library's own f32 run is off by 3.3e-4.
            (Precision::F32, "op_norm_s", "layer_norm_tiny_variance", "out") => 1e-3,
            (Precision::F64, _, _, "grad_in" | "grad_param") => 1e-11,
            (Precision::F64, ..) => 1e-12,
            (Precision::F32, _, _, "grad_in" | "grad_param") => 3e-5,
            (Precision::F32, ..) => 5e-6,
        }
    }
}

/// The entry of a record that is furthest off.
#[derive(Clone, Debug, PartialEq)]
pub struct Worst {
    /// `grad_in/x`
    pub key: String,
    /// The error divided by what is allowed: above 1 is a failure.
    pub units: f64,
    /// Where in the array; empty for a single number.
    pub index: Vec<usize>,
    /// What mmt computed.
    pub got: f64,
    /// What is stored.
    pub want: f64,
}

/// Outcome of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The worst entry; `None` if nothing was compared.
    pub worst: Option<Worst>,
    /// Stored arrays that mmt did not compute.
    pub missing: Vec<String>,
    /// How many arrays were compared.
    pub arrays: usize,
}

/// Roles that hold results.
const RESULTS: [&str; 5] = ["out", "act", "loss", "grad_in", "grad_param"];

/// Compares every result of a record with ours; whole numbers exactly.
pub fn compare<R: Real>(case: &str, record: &Record, answer: &Answer<R>, precision: Precision) -> Comparison {
    let mut comparison = Comparison { worst: None, missing: Vec::new(), arrays: 0 };
    for role in RESULTS {
        let of_role = |key: &str| key.split('/').next() == Some(role);
        let mut wanted: Vec<(&String, ArrayD<f64>, bool)> = Vec::new();
        for (key, stored) in record.arrays.iter().filter(|(key, _)| of_role(key)) {
            match (stored.real(), &stored.data) {
                (Some(a), _) => wanted.push((key, a, false)),
                (None, Data::I64(a)) => wanted.push((key, a.mapv(|i| i as f64), true)),
                (None, _) => comparison.missing.push(key.clone()),
            }
        }
        let numbers = wanted.iter().filter(|(.., whole)| !whole);
        let largest = numbers.map(|(_, a, _)| magnitude(a)).fold(0.0, f64::max);
        let r = precision.tolerance(case, &record.name, role);
        for (key, want, whole) in wanted {
            let Some(got) = answer.arrays.get(key) else {
                comparison.missing.push(key.clone());
                continue;
            };
            comparison.arrays += 1;
            let allowed = if whole { 0.0 } else { r * (magnitude(&want) + 0.1 * largest) };
            let worst = furthest(key, got, &want, allowed);
            if comparison.worst.as_ref().is_none_or(|old| worst.units > old.units) {
                comparison.worst = Some(worst);
            }
        }
    }
    comparison
}

/// The largest absolute value.
fn magnitude(a: &ArrayD<f64>) -> f64 {
    a.iter().fold(0.0, |m, x| m.max(x.abs()))
}

/// The entry furthest from what is wanted. Another shape and a NaN are infinitely far.
fn furthest<R: Real>(key: &str, got: &ArrayD<R>, want: &ArrayD<f64>, allowed: f64) -> Worst {
    let none = Worst { key: key.to_string(), units: 0.0, index: Vec::new(), got: 0.0, want: 0.0 };
    if got.shape() != want.shape() {
        return Worst {
            units: f64::INFINITY,
            index: got.shape().to_vec(),
            got: f64::NAN,
            want: f64::NAN,
            ..none
        };
    }
    let mut worst: Option<Worst> = None;
    for ((index, &want), got) in want.indexed_iter().zip(got) {
        let got = got.to_f64();
        let error = (got - want).abs();
        let units = match error {
            0.0 => 0.0,
            _ if error.is_finite() && allowed > 0.0 => error / allowed,
            _ => f64::INFINITY,
        };
        if worst.as_ref().is_none_or(|old| units > old.units) {
            worst = Some(Worst { key: key.to_string(), units, index: index.slice().to_vec(), got, want });
        }
    }
    worst.unwrap_or(none)
}

#[cfg(test)]
mod tests {
    use ndarray::{arr0, arr1, array};

    use super::*;

    fn far(got: ArrayD<f64>, want: ArrayD<f64>, allowed: f64) -> (f64, Vec<usize>) {
        let worst = furthest("out/y", &got, &want, allowed);
        (worst.units, worst.index)
    }

    #[test]
    fn the_furthest_entry_is_named() {
        let (want, got) = (array![[1.0, 2.0], [3.0, 4.0]], array![[1.0, 2.5], [3.25, 4.0]]);
        assert_eq!(far(got.into_dyn(), want.into_dyn(), 0.25), (2.0, vec![0, 1]));
        assert_eq!(far(arr0(1.0).into_dyn(), arr0(1.0).into_dyn(), 0.0), (0.0, vec![]));
    }

    #[test]
    fn nan_other_shapes_and_noise_where_zero_is_exact_fail() {
        let one = arr1(&[0.0, 0.0]).into_dyn();
        assert_eq!(far(arr1(&[0.0, f64::NAN]).into_dyn(), one.clone(), 1.0), (f64::INFINITY, vec![1]));
        assert_eq!(far(arr1(&[0.0]).into_dyn(), one.clone(), 1.0).0, f64::INFINITY);
        assert_eq!(far(arr1(&[0.0, 1e-300]).into_dyn(), one, 0.0), (f64::INFINITY, vec![1]));
    }
}
