//! What the evidence of the algebra shares: inputs, drawn programs, and texts of published systems.

use std::collections::BTreeMap;

use mmt_fusion::topology::{Inputs, Named, Program, Shape, Sizes, Topology, parse, random_topology, shapes};
use mmt_tensor::testing::shake;
use mmt_tensor::{Ragged, Random, Real};
use ndarray::Array2;

pub(crate) const SMALL: Sizes = Sizes { width: 4, heads: 2, hidden: 6 };

/// One sample of each modality, of the width of the model.
pub(crate) fn one(lengths: &[(&str, usize)], width: usize) -> Inputs {
    lengths.iter().map(|&(m, n)| (m.to_string(), (Ragged::one(n), width))).collect()
}

pub(crate) fn topology(text: &str) -> Topology {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).topology
}

pub(crate) fn checked(text: &str, inputs: &Inputs, sizes: &Sizes) -> (Topology, Vec<Shape>) {
    let topology = topology(text);
    let shapes = shapes(&topology, inputs, sizes).unwrap_or_else(|e| panic!("{text}: {}", e.error));
    (topology, shapes)
}

/// A program with the values of its inputs.
pub(crate) struct Drawn<R> {
    pub program: Program<R>,
    pub inputs: Inputs,
    pub x: BTreeMap<String, Array2<R>>,
}

/// One to three modalities in one or two samples, some of another width, in up to eight steps.
pub(crate) fn draw<R: Real>(random: &mut Random) -> Drawn<R> {
    let (samples, count, steps) = (1 + random.below(2), 1 + random.below(3), 1 + random.below(8));
    let mut inputs = Inputs::new();
    for modality in &["a", "t", "v"][..count] {
        let lengths: Vec<usize> = (0..samples).map(|_| 1 + random.below(4)).collect();
        let width = if random.below(4) == 0 { 3 } else { 4 };
        inputs.insert(modality.to_string(), (Ragged::of_lengths(lengths), width));
    }
    let topology = random_topology(&inputs, &SMALL, steps, random);
    of(topology, inputs, random)
}

/// A program with random parameters everywhere.
pub(crate) fn of<R: Real>(topology: Topology, inputs: Inputs, random: &mut Random) -> Drawn<R> {
    let program = Program::new(topology, &inputs, SMALL, random).expect("a well-typed topology");
    let program = shake(&program, random.below(1 << 20) as u64);
    let x =
        inputs.iter().map(|(m, (rows, d))| (m.clone(), random.uniform((rows.tokens(), *d), 1.0))).collect();
    Drawn { program, inputs, x }
}

/// The expression of a topology that has a name.
pub(crate) fn named(name: &str) -> String {
    (Named::find(name).expect("a named topology").text)()
}
