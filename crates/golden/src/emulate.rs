//! What programs of ours answer to a case, to be held against it.

use mmt_tensor::{AnyReal, Emu, Profile, Result};

use crate::case::Value;
use crate::compute::{Arrays, execute, is_result};
use crate::file::Data;
use crate::row::{Op, Row};

/// What a program that rounds as hardware does would answer; with `tiled`, in the other way of computing attention.
///
/// # Errors
/// What the operation refuses.
pub fn emulate(row: &Row, op: &Op, bump: u32, profile: Profile, tiled: bool) -> Result<Vec<(String, Data)>> {
    let arrays = execute(row, op, bump, tiled, &|x, _| AnyReal::Emulated(Emu::input(x, profile)))?;
    Ok(results(arrays))
}

/// What the program itself answers in single precision.
///
/// # Errors
/// What the operation refuses.
pub fn single(row: &Row, op: &Op, bump: u32, tiled: bool) -> Result<Vec<(String, Data)>> {
    Ok(results(execute(row, op, bump, tiled, &|x, _| AnyReal::Single(x as f32))?))
}

/// The results of a run as numbers of double precision, which hold all others.
fn results(arrays: Arrays) -> Vec<(String, Data)> {
    let results = arrays.into_iter().filter(|(key, _)| is_result(key));
    let data = |value| match value {
        Value::Real(a) => Data::of(&a),
        Value::Int(a) => Data::I64(a),
        Value::Bool(a) => Data::Bool(a),
    };
    results.map(|(key, value)| (key, data(value))).collect()
}
