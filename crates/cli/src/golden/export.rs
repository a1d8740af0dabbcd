//! `mmt golden export`: the bundle for programs that read other files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mmt_golden::file::{self, Data};
use mmt_golden::half::{of_bf16, of_f16};
use mmt_golden::npy::{Npy, npz};
use mmt_golden::together::write_together;
use serde_json::json;

use super::{open, select};
use crate::failure::{Code, Done, Failure};
use crate::terminal::Terminal;

/// Write the cases of a bundle as other files into the folder of --out
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("form").required(true))]
pub struct Args {
    /// Folder of the bundle
    bundle: PathBuf,
    /// As NumPy archives, with tolerances in single precision
    #[arg(long, group = "form")]
    npz: bool,
    /// As safetensors in single precision
    #[arg(long, group = "form")]
    f32: bool,
    /// Only the cases whose names fit: `*` stands for any letters, `?` for one
    #[arg(long, value_name = "GLOB", default_value = "*")]
    case: String,
}

/// Runs the verb.
pub fn run(args: &Args, terminal: &Terminal) -> Done {
    let bundle = open(&args.bundle)?;
    let out = terminal.options.out();
    let mut files = vec![];
    for case in select(&bundle, &args.case)? {
        let tensors = bundle.read(case)?;
        let arrays: BTreeMap<String, Data> =
            tensors.into_iter().map(|(name, stored)| (name, single(stored.data, args.f32))).collect();
        let too_long = |why: String| Failure::new(Code::InvalidData, format!("{}: {why}", case.id));
        files.push(if args.npz {
            let list = arrays.into_iter().map(|(name, data)| (name, array(data))).collect();
            (format!("{}.npz", case.id), npz(&list))
        } else {
            let bytes = file::bytes_of(&arrays).map_err(|error| too_long(error.to_string()))?;
            (format!("{}.safetensors", case.id), bytes)
        });
    }
    let count = files.len();
    write_together(out, &files)?;
    terminal.event("exported", json!({"cases": count, "out": out.display().to_string()}))?;
    terminal.line(format_args!("{count} cases in {}", out.display()))?;
    Ok(Code::Ok)
}

/// Numbers in single precision if that is asked for, tolerances in any case: NumPy has no bf16.
fn single(data: Data, all: bool) -> Data {
    match data {
        Data::F64(a) if all => Data::F32(a.mapv(|x| x as f32)),
        Data::Bf16(a) => Data::F32(a.mapv(|bits| of_bf16(bits) as f32)),
        Data::F16(a) => Data::F32(a.mapv(|bits| of_f16(bits) as f32)),
        other => other,
    }
}

fn array(data: Data) -> Npy {
    match data {
        Data::F64(a) => Npy::F64(a),
        Data::F32(a) => Npy::F32(a),
        Data::I64(a) => Npy::I64(a),
        Data::Bool(a) => Npy::Bool(a),
        Data::Bf16(a) => Npy::F32(a.mapv(|bits| of_bf16(bits) as f32)),
        Data::F16(a) => Npy::F32(a.mapv(|bits| of_f16(bits) as f32)),
    }
}
