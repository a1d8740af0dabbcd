//! Random topologies, well typed and ill typed.
//!
//! 256 of each in a normal run, and as many as `PROPTEST_CASES` says.

use std::collections::BTreeMap;

use mmt_equations::checks::topology::gradient_check;
use mmt_fusion::topology::{
    Inputs, Node, Program, Shape, Sizes, Topology, cost, counted, kinds, parse, random_topology, shapes,
};
use mmt_tensor::testing::shake;
use mmt_tensor::{Dual, Ragged, Random, Real};
use ndarray::Array2;
use proptest::prelude::*;

const SIZES: Sizes = Sizes { width: 4, heads: 2, hidden: 6 };

/// One to three modalities in one or two samples, some of another width.
fn inputs(random: &mut Random) -> Inputs {
    let (samples, count) = (1 + random.below(2), 1 + random.below(3));
    let one = |modality: &&str| {
        let lengths: Vec<usize> = (0..samples).map(|_| 1 + random.below(4)).collect();
        let width = if random.below(4) == 0 { 6 } else { 4 };
        (modality.to_string(), (Ragged::of_lengths(lengths), width))
    };
    ["a", "t", "v"][..count].iter().map(one).collect()
}

fn tokens<R: Real>(inputs: &Inputs, random: &mut Random) -> BTreeMap<String, Array2<R>> {
    let one =
        |(m, (rows, d)): (&String, &(Ragged, usize))| (m.clone(), random.uniform((rows.tokens(), *d), 1.0));
    inputs.iter().map(one).collect()
}

/// Whether anything refuses a topology: the list of nodes, shapes or parameters.
fn is_refused(nodes: Vec<Node>, outputs: Vec<usize>, inputs: &Inputs) -> bool {
    let Ok(topology) = Topology::new(nodes, outputs) else { return true };
    match shapes(&topology, inputs, &SIZES) {
        Err(_) => true,
        Ok(shapes) => kinds(&topology, &shapes, &SIZES).is_err(),
    }
}

/// A node that fits nowhere, behind the nodes of a topology.
fn mistake(topology: &Topology, shapes: &[Shape], inputs: &Inputs, random: &mut Random) -> Vec<Node> {
    let mut nodes = topology.nodes().to_vec();
    let end = nodes.len();
    let sequence = |i: &usize| matches!(shapes[*i], Shape::Sequence(_));
    let any = (0..end).filter(sequence).nth(random.below(inputs.len())).unwrap_or(0);
    let (rows, width) = (inputs.values().next().expect("a modality").0.clone(), SIZES.width);
    let learned = |id: &str, tokens| Node::Learn { id: id.to_string(), tokens };
    let samples = rows.samples();
    assert!(samples > 0 && width > 0);
    match random.below(9) {
        0 => nodes.push(Node::In { modality: "smell".to_string() }),
        1 => nodes.push(Node::Tf { id: "new".to_string(), layers: 1, x: end }),
        2 => nodes.push(Node::Tf { id: "new".to_string(), layers: 0, x: any }),
        3 => nodes.push(Node::Seg { x: any, tags: vec!["smell".to_string()] }),
        4 => nodes.push(Node::Out { x: any, index: random.below(2) }),
        5 => nodes.push(Node::Sum { terms: vec![(f64::NAN, any)] }),
        6 => nodes.push(Node::Cat { parts: vec![] }),
        7 => {
            nodes.extend([learned("new", 2), learned("more", 3)]);
            nodes.push(Node::Mean { parts: vec![end, end + 1] });
        }
        _ => nodes.extend([learned("new", 2), learned("new", 3)]),
    }
    nodes
}

/// A node with references that may point anywhere.
fn wild(nodes: usize, random: &mut Random) -> Node {
    let mut x = || random.below(nodes + 1);
    let (a, b) = (x(), x());
    let id = format!("p{}", random.below(3));
    match random.below(10) {
        0 => Node::In { modality: ["a", "t", "v", "smell"][random.below(4)].to_string() },
        1 => Node::Learn { id, tokens: random.below(3) },
        2 => Node::Lin { id, x: a },
        3 => Node::Sum { terms: vec![(f64::INFINITY, a), (0.0, b)][random.below(2)..].to_vec() },
        4 => Node::Cat { parts: vec![a, b] },
        5 => Node::Seg { x: a, tags: vec!["_".to_string(), "a".to_string()] },
        6 => Node::Tf { id, layers: random.below(3), x: a },
        7 => Node::Ca { id, q: a, kv: b },
        8 => Node::Bi { id, a, b },
        _ => Node::Out { x: a, index: random.below(3) },
    }
}

fn outputs(topology: &Topology, shapes: &[Shape]) -> Vec<Shape> {
    topology.outputs().iter().map(|&output| shapes[output].clone()).collect()
}

/// The outputs of the text of a topology: its nodes may be numbered otherwise.
fn read_back(topology: &Topology, inputs: &Inputs) -> Vec<Shape> {
    let read = parse(&topology.to_string()).unwrap().topology;
    outputs(&read, &shapes(&read, inputs, &SIZES).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Shapes as inferred, costs as predicted, gradients as dual numbers say, and the text reads back.
    #[test]
    fn well_typed_topologies_do_what_they_say(seed: u64) {
        let random = &mut Random::seed(seed);
        let inputs = inputs(random);
        let topology = random_topology(&inputs, &SIZES, 1 + random.below(8), random);
        let shapes = shapes(&topology, &inputs, &SIZES).unwrap();
        prop_assert_eq!(read_back(&topology, &inputs), outputs(&topology, &shapes));
        let program = Program::<Dual>::new(topology, &inputs, SIZES, random).unwrap();
        let program = shake(&program, random.below(1 << 20) as u64);
        let x = tokens(&inputs, random);
        let (y, tape) = program.forward(&x, &inputs).unwrap();
        for (y, &output) in y.iter().zip(program.topology.outputs()) {
            let Shape::Sequence(own) = &shapes[output] else { panic!("a pair as output") };
            prop_assert_eq!(y.dim(), (own.tokens(), own.width));
        }
        let (_, all) = cost(&program.topology, &shapes, &SIZES).unwrap();
        let found = counted(&program, &tape);
        prop_assert_eq!((found.flops, found.activations), (all.flops, all.activations));
        let check = gradient_check(&program, &x, &inputs, random).unwrap();
        prop_assert!(check.difference() < 1e-11, "{}: {}", program.topology, check.difference());
    }

    #[test]
    fn ill_typed_topologies_are_refused(seed: u64) {
        let random = &mut Random::seed(seed);
        let inputs = inputs(random);
        let topology = random_topology(&inputs, &SIZES, 1 + random.below(6), random);
        let shapes = shapes(&topology, &inputs, &SIZES).unwrap();
        let nodes = mistake(&topology, &shapes, &inputs, random);
        let last = nodes.len() - 1;
        prop_assert!(is_refused(nodes.clone(), vec![last], &inputs), "{nodes:?}");
    }

    /// Whatever the nodes are, they are refused or have shapes; none panics.
    #[test]
    fn lists_of_any_nodes_do_not_panic(seed: u64) {
        let random = &mut Random::seed(seed);
        let inputs = inputs(random);
        let count = 1 + random.below(8);
        let nodes: Vec<Node> = (0..count).map(|i| wild(i, random)).collect();
        is_refused(nodes, vec![random.below(count + 1)], &inputs);
    }

    /// Text with a piece cut out, doubled or changed is read or refused with a place inside it.
    #[test]
    fn changed_text_does_not_panic(seed: u64) {
        let random = &mut Random::seed(seed);
        let inputs = inputs(random);
        let text = random_topology(&inputs, &SIZES, 1 + random.below(8), random).to_string();
        let mut letters: Vec<char> = text.chars().collect();
        for _ in 0..=random.below(3) {
            let at = random.below(letters.len().max(1)).min(letters.len());
            match random.below(3) {
                0 if at < letters.len() => drop(letters.remove(at)),
                1 => letters.insert(at, ['(', ')', '[', ',', 'ü', '-', '9'][random.below(7)]),
                _ => letters.truncate(at),
            }
        }
        let changed: String = letters.into_iter().collect();
        if let Err(error) = parse(&changed) {
            prop_assert!(error.offset <= changed.len() && changed.is_char_boundary(error.offset));
        }
    }
}
