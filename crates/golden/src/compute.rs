//! The truth of a case and its tolerances.

use std::collections::BTreeMap;

use mmt_tensor::{AnyReal, Dd, DdReversed, Mca, Profile, Real, Result};
use ndarray::{ArrayD, IxDyn};

use crate::case::Value;
use crate::digest::sha256;
use crate::file::Data;
use crate::row::{Level, Op, Row};
use crate::run::Run;
use crate::tolerance::{Tolerance, certain, one_pattern, power, tolerance};

/// Runs of each algorithm whose spread is taken.
pub const SAMPLES: u32 = 16;

/// Draws of the inputs that are tried before a case is given up.
const BUMPS: u32 = 32;

/// The order of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As every program of ours adds.
    Forward,
    /// From the last term to the first.
    Reverse,
}

/// An array of a case with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Computed {
    /// `in/x`, `out/y`, ..
    pub key: String,
    /// The numbers, true to the last bit.
    pub data: Data,
    /// Of results, for every profile of the case.
    pub tolerances: BTreeMap<Profile, Tolerance>,
    /// The size of the rows that share a tolerance; `None` if every element has its own.
    pub row: Option<usize>,
    /// Whether the truth is lost in what single precision adds.
    pub noise: bool,
}

/// A case as it goes into a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// How often its inputs were drawn again.
    pub bump: u32,
    /// The ways in which it was sampled.
    pub variants: Vec<&'static str>,
    /// In the order in which they were computed.
    pub arrays: Vec<Computed>,
}

/// Whether a key is that of a result: everything but what a program is given.
pub fn is_result(key: &str) -> bool {
    !["in/", "param/", "buf/", "cot/"].iter().any(|section| key.starts_with(section))
}

/// The names of the ways in which an operation is sampled: as ours computes it, with sums one by one, `1 - erf` in place of
/// `erfc` and powers of `β` that are rounded, and with weights of attention that are computed again for the gradient.
fn variants(op: &Op) -> &'static [&'static str] {
    if op.attends { &["probs_saved", "in_order", "lse_recompute"] } else { &["plain", "in_order"] }
}

/// Computes a case: its truth, and with `profiles` the tolerances of those of them that the case is about.
///
/// # Errors
/// What an operation refuses, and a case none of whose draws can be rounded with certainty, in one line.
pub fn compute(
    row: &Row,
    op: &Op,
    order: Order,
    profiles: &[Profile],
) -> std::result::Result<Answer, String> {
    let say = |error: mmt_tensor::Error| format!("{}: {error}", row.id);
    for bump in 0..BUMPS {
        let truth = truth(row, op, order, bump).map_err(say)?;
        let wanted: Vec<Profile> = row.profiles().into_iter().filter(|p| profiles.contains(p)).collect();
        // The truth alone asks for the spread of our own way alone.
        let ways = if wanted.is_empty() { 1 } else { variants(op).len() };
        let [own, single] = spread(row, op, bump, Profile::F32, &truth, ways).map_err(say)?;
        // What the truth may be off by is a matter of our own way alone.
        let Some(mut arrays) = rounded(&truth, &own) else { continue };
        for profile in wanted {
            let sigma = match profile {
                // To first order the spread is in proportion to the unit.
                Profile::F64 => single.iter().map(|s| s.iter().map(|s| s * power(-29)).collect()).collect(),
                Profile::F32 => single.clone(),
                _ => spread(row, op, bump, profile, &truth, ways).map_err(say)?[1].clone(),
            };
            add_tolerances(&mut arrays, profile, &sigma, row.level);
        }
        return Ok(Answer { bump, variants: variants(op).to_vec(), arrays });
    }
    Err(format!("{}: no draw of its inputs can be rounded with certainty", row.id))
}

/// What a computation gives.
pub type Arrays = Vec<(String, Value<AnyReal>)>;

/// Runs the operation of a case in the number type that `number` makes inputs of.
pub fn execute(
    row: &Row,
    op: &Op,
    bump: u32,
    tiled: bool,
    number: &dyn Fn(f64, u64) -> AnyReal,
) -> Result<Arrays> {
    let mut run = Run::new(row, bump, number);
    run.tiled = tiled;
    (op.run)(&mut run)?;
    Ok(run.arrays)
}

/// The values of a case in double-double numbers.
fn truth(row: &Row, op: &Op, order: Order, bump: u32) -> Result<Arrays> {
    match order {
        Order::Forward => execute(row, op, bump, false, &|x, _| AnyReal::True(Dd::of(x))),
        Order::Reverse => execute(row, op, bump, false, &|x, _| AnyReal::Reversed(DdReversed::of(x))),
    }
}

/// `σ` of every element of every array, in the order of the arrays of the truth, of our own way and of the first `ways`; nothing
/// for what is no result.
fn spread(
    row: &Row,
    op: &Op,
    bump: u32,
    profile: Profile,
    truth: &[(String, Value<AnyReal>)],
    ways: usize,
) -> Result<[Vec<Vec<f64>>; 2]> {
    let mut own = vec![];
    let mut sigma: Vec<Vec<f64>> = truth.iter().map(|(_, value)| vec![0.0; reals(value)]).collect();
    for (v, variant) in variants(op).iter().take(ways).enumerate() {
        let mut squares: Vec<Vec<f64>> = sigma.iter().map(|s| vec![0.0; s.len()]).collect();
        for sample in 0..SAMPLES {
            let seed = seed(&row.id, profile, variant, sample);
            let input = |x, key| Mca::input(x, profile, key ^ seed);
            let number =
                |x, key| AnyReal::Sampled(if v == 1 { input(x, key).in_order() } else { input(x, key) });
            add_squares(&mut squares, truth, &execute(row, op, bump, v == 2, &number)?);
        }
        for (sigma, squares) in sigma.iter_mut().flatten().zip(squares.iter().flatten()) {
            *sigma = sigma.max((squares / f64::from(SAMPLES)).sqrt());
        }
        if v == 0 {
            own = sigma.clone();
        }
    }
    Ok([own, sigma])
}

fn reals(value: &Value<AnyReal>) -> usize {
    if let Value::Real(a) = value { a.len() } else { 0 }
}

/// The first 8 bytes of the hash of what is sampled.
fn seed(id: &str, profile: Profile, variant: &str, sample: u32) -> u64 {
    let hash = sha256(format!("{id}/{}/{variant}/{sample}", profile.name()).as_bytes());
    hash[..8].iter().fold(0, |seed, &byte| (seed << 8) | u64::from(byte))
}

/// Adds `(t - truth)²`. An array that a way of computing does not have, such as the weights of attention in tiles, adds
/// nothing.
fn add_squares(
    squares: &mut [Vec<f64>],
    truth: &[(String, Value<AnyReal>)],
    sample: &[(String, Value<AnyReal>)],
) {
    let mut rest = sample;
    for ((key, value), squares) in truth.iter().zip(squares) {
        let Some(at) = rest.iter().position(|(name, _)| name == key) else { continue };
        let (Value::Real(want), (_, Value::Real(got))) = (value, &rest[at]) else { continue };
        for ((sum, want), got) in squares.iter_mut().zip(want).zip(got) {
            let off = got.to_f64() - want.to_f64();
            *sum += off * off;
        }
        rest = &rest[at + 1..];
    }
}

/// Every value rounded once; `None` if one of them cannot be rounded with certainty.
fn rounded(truth: &[(String, Value<AnyReal>)], single: &[Vec<f64>]) -> Option<Vec<Computed>> {
    let array = |((key, value), sigma): (&(String, Value<AnyReal>), &Vec<f64>)| {
        let data = match value {
            Value::Int(a) => Data::I64(a.clone()),
            Value::Bool(a) => Data::Bool(a.clone()),
            // Inputs are what they are.
            Value::Real(a) if !is_result(key) => Data::F64(a.mapv(|x| one_pattern(x.to_f64()))),
            Value::Real(a) => {
                let numbers: Option<Vec<f64>> =
                    a.iter().zip(sigma).map(|(&y, &sigma)| certain(y.dd(), sigma)).collect();
                Data::F64(ArrayD::from_shape_vec(IxDyn(a.shape()), numbers?).expect("as many as before"))
            }
        };
        Some(Computed { key: key.clone(), data, tolerances: BTreeMap::new(), row: None, noise: false })
    };
    truth.iter().zip(single).map(array).collect()
}

fn add_tolerances(arrays: &mut [Computed], profile: Profile, sigma: &[Vec<f64>], level: Level) {
    for (array, sigma) in arrays.iter_mut().zip(sigma) {
        let Data::F64(truth) = &array.data else { continue };
        if !is_result(&array.key) {
            continue;
        }
        let by_rows = level >= Level::Topology && truth.ndim() > 0;
        array.row = by_rows.then(|| truth.shape()[truth.ndim() - 1]);
        let truth = truth.as_slice().expect("standard layout");
        let tolerance = tolerance(profile, truth, sigma, array.row);
        if profile == Profile::F32 {
            let size = crate::tolerance::rms(truth.iter().copied());
            array.noise = tolerance.rms_sigma > 0.0 && tolerance.rms_sigma >= 0.1 * size;
        }
        array.tolerances.insert(profile, tolerance);
    }
}
