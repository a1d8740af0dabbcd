//! Golden cases and the stored numbers of other libraries: where both speak of a function, they say the same.
//!
//! The inputs of every record of `tests/parity` go into the operation of the catalogue that makes the golden cases of its
//! function, in double-double numbers and in single precision, and into the naive backend that the bundle is tested with.
//! Outputs and gradients have to be those of the record. What is not compared is listed with a reason, on both sides.

mod attention;
mod layers;
mod losses;
mod ops;
mod reasons;
mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mmt_parity::Precision;
use mmt_parity::case::{Case, Record};
use mmt_parity::select;
use task::{Task, Worst};

/// What the catalogue is asked for a record; empty if it has no such function.
fn tasks(case: &str, record: &Record) -> Vec<Task> {
    match case {
        "op_softmax_s"
        | "op_activation_s"
        | "op_norm_s"
        | "op_position_s"
        | "op_linear_embedding_s"
        | "op_conv_s"
        | "op_pool_s"
        | "op_roi_s"
        | "op_large_s"
        | "op_sdpa_s" => ops::tasks(record),
        "op_mha_s" => attention::module(record),
        "op_losses_s" => losses::tasks(record),
        "optim_s" => losses::optimizer(record),
        "layer_encoder_s" => vec![layers::encoder(record)],
        "layer_decoder_s" => vec![layers::decoder(record)],
        _ => vec![],
    }
}

fn records() -> Vec<(String, Record)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity");
    let cases = select(&folder, "*").unwrap().into_iter().map(|name| Case::read(&folder, &name).unwrap());
    cases.flat_map(|case| case.records.into_iter().map(move |record| (case.name.clone(), record))).collect()
}

#[test]
fn golden_cases_and_stored_numbers_agree() {
    let (mut compared, mut apart) = (0, vec![]);
    for (case, record) in records() {
        for task in tasks(&case, &record) {
            let name = format!("{case}/{} by {}", record.name, task.op);
            let mut told = |what: &str, Worst { units, key }: Worst| {
                if units > 1.0 {
                    apart.push(format!("{name}, {what}: {key} is {units:.3e} times off"));
                }
            };
            told("in f64", task.catalogue(&case, &record.name, Precision::F64));
            told("in f32", task.catalogue(&case, &record.name, Precision::F32));
            told("the naive backend", task.naive(&case, &record.name));
            compared += 1;
        }
    }
    assert!(apart.is_empty(), "{}", apart.join("\n"));
    assert!(compared >= 90, "only {compared} comparisons");
}

#[test]
fn what_is_not_compared_has_a_reason() {
    let mut excused: BTreeMap<String, usize> = BTreeMap::new();
    for name in reasons::RECORDS.iter().flat_map(|(_, names)| names.iter()) {
        assert!(excused.insert(name.to_string(), 0).is_none(), "{name} is listed twice");
    }
    let (mut missing, mut needless, mut ops) = (vec![], vec![], BTreeSet::new());
    for (case, record) in records() {
        let list = tasks(&case, &record);
        ops.extend(list.iter().map(|task| task.op));
        let names = [format!("{case}/{}", record.name), format!("{case}/*")];
        let reason = names.iter().find(|name| excused.contains_key(*name));
        match (list.is_empty(), reason) {
            (true, None) => missing.push(format!("{} ({})", names[0], record.system)),
            (false, Some(_)) => needless.push(names[0].clone()),
            (_, reason) => reason.into_iter().for_each(|name| *excused.get_mut(name).unwrap() += 1),
        }
    }
    assert!(missing.is_empty(), "stored numbers that no golden operation is held against: {missing:?}");
    assert!(needless.is_empty(), "a reason for what is compared: {needless:?}");
    let unknown: Vec<_> = excused.iter().filter(|(_, used)| **used == 0).map(|(name, _)| name).collect();
    assert!(unknown.is_empty(), "no such record: {unknown:?}");
    every_operation_is_compared_or_excused(&ops);
}

fn every_operation_is_compared_or_excused(compared: &BTreeSet<&str>) {
    let excused: BTreeSet<&str> =
        reasons::OPERATIONS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
    let mut equations: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in mmt_catalog::rows() {
        equations.entry(row.op).or_default().insert(row.equation);
    }
    let missing: Vec<_> =
        equations.iter().filter(|(op, _)| !compared.contains(*op) && !excused.contains(*op)).collect();
    assert!(missing.is_empty(), "golden operations that no stored number is held against: {missing:?}");
    let needless: Vec<_> =
        excused.iter().filter(|op| compared.contains(*op) || !equations.contains_key(*op)).collect();
    assert!(needless.is_empty(), "a reason for an operation that is compared, or is none: {needless:?}");
}
