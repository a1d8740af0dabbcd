//! Whether a case of a bundle is the one that this program knows by its name.

use mmt_golden::Value;
use mmt_golden::compute::execute;
use mmt_golden::manifest::CaseEntry;
use mmt_golden::row::Row;
use mmt_tensor::AnyReal;

use crate::failure::{Code, Failure};

/// The naive backend trusts the settings and the shapes of a case. A bundle may come from anywhere: it is asked only for cases
/// whose settings and shapes are those of the catalogue.
pub fn known(case: &CaseEntry, rows: &[Row]) -> Result<(), Failure> {
    let why = |what: &str| {
        let message = format!("`{}`: {what}, so this program cannot compute it", case.id);
        Failure::new(Code::InvalidData, message)
    };
    let row = rows.iter().find(|row| row.id == case.id).ok_or_else(|| why("not a case of the catalogue"))?;
    if row.op != case.op || row.config != case.config || row.family() != case.family {
        return Err(why("another operation or other settings than in the catalogue"));
    }
    let op = mmt_catalog::op(row.op).ok_or_else(|| why("an operation without code"))?;
    let arrays = execute(row, &op, case.seed_bump, false, &|x, _| AnyReal::Single(x as f32))
        .map_err(|error| why(&error.to_string()))?;
    let same = arrays.len() == case.tensors.len()
        && arrays.iter().zip(&case.tensors).all(|((key, value), entry)| {
            let (shape, dtype) = match value {
                Value::Real(a) => (a.shape(), "F64"),
                Value::Int(a) => (a.shape(), "I64"),
                Value::Bool(a) => (a.shape(), "BOOL"),
            };
            entry.key.strip_prefix("main/") == Some(key) && entry.shape == shape && entry.dtype == dtype
        });
    if same { Ok(()) } else { Err(why("other arrays than in the catalogue")) }
}
