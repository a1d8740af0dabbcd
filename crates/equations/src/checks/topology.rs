//! Evidence for `eq-3-topology`.

use std::collections::BTreeMap;

use mmt_blocks::Mask;
use mmt_fusion::topology::{Inputs, Node, Part, Program, Sizes, Topology, parse};
use mmt_fusion::{
    Bottleneck, BottleneckLayer, Cross, CrossAttention, CrossConcat, EarlyConcat, EarlySum, HierMultiToOne,
    HierOneToMulti, LookAtOthers, Stream, SumWeights,
};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use super::fusion_kit::{Pair, cross, inputs, layout, pair, stream, test_cross, test_stream};
use super::topology_kit::{Drawn, SMALL, draw, of, one, topology};
use crate::{Property, properties};

type Values<R> = BTreeMap<String, Array2<R>>;

fn values<R: Real>(list: &[(&str, &Array2<R>)]) -> Values<R> {
    list.iter().map(|(name, x)| (name.to_string(), (*x).clone())).collect()
}

fn program<R>(text: &str, parts: Vec<(&str, Part<R>)>, width: usize, heads: usize) -> Program<R> {
    let parts = parts.into_iter().map(|(id, part)| (id.to_string(), part)).collect();
    Program { parts, topology: topology(text), sizes: Sizes { width, heads, hidden: width + 2 } }
}

/// Numbers of the specification, section 3.12, from expressions.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (x, own) = (values(&[("a", &a), ("t", &b)]), one(&[("a", 3), ("t", 4)], 4));
    let tf = |i| Part::Tf(test_stream(i));
    let ca = |i| Part::Ca(test_cross(i));
    for (text, parts, z, da, db) in [
        (
            "Tf(1, 1, Cat[In a, In t])",
            vec![("1", tf(1))],
            "1.096390157055",
            "-0.427430531347",
            "-0.758671721950",
        ),
        (
            "Tf(3, 1, Cat[Tf(1, 1, In a), Tf(2, 1, In t)])",
            vec![("1", tf(1)), ("2", tf(2)), ("3", tf(3))],
            "0.976613729251",
            "-0.436766561552",
            "-0.741612619485",
        ),
        (
            "Tf(3, 1, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])",
            vec![("1", ca(1)), ("2", ca(2)), ("3", tf(3))],
            "1.010184239206",
            "-0.363361396790",
            "-0.767476188291",
        ),
    ] {
        let program = program(text, parts, 4, 2);
        let (y, tape) = program.forward(&x, &own).unwrap();
        assert_printed(checksum(&y[0]), z);
        let dx = program.backward(&tape, &[qres(3, (7, 4), 1.0)], &mut program.zeros_like());
        assert_printed(checksum(&dx["a"]), da);
        assert_printed(checksum(&dx["t"]), db);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// One expression with every kind of node and a block that is used twice; the random ones are among the properties.
fn backward() {
    let text = "Let f = Learn(f, 2) in Let u = Tf(s, 2, Cat[In a, f]) in \
                Let w = Bi(b, Tf(s, 2, Lin(l, In t)), Seg(u, [a])) in \
                Let m = Mean[Seg(u, [_]), f] in \
                Tuple[Ca(c, Sum[(0.5, Out(w, 1)), (2, In a)], Cat[Out(w, 0), m]), Out(w, 0)]";
    let mut own = one(&[("a", 3)], 4);
    own.insert("t".to_string(), (Ragged::one(2), 3));
    let Drawn { program, inputs, x } = of::<Dual>(topology(text), own, &mut Random::seed(1));
    check_backward(
        &(program, x),
        |(program, x)| Ok(program.forward(x, &inputs)?.0),
        |(program, x), dy| {
            let (_, tape) = program.forward(x, &inputs).expect("a valid point");
            let start = shake(program, 3);
            let mut grad = start.clone();
            let dx = program.backward(&tape, dy, &mut grad);
            grad.add_scaled(Dual::of(-1.0), &start);
            (grad, dx)
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    expressions_give_the_bits_of_their_pages,
    a_bottleneck_in_words_gives_the_bits_of_its_page,
    gradients_of_random_topologies_are_exact,
    what_is_shared_may_be_written_out,
    a_block_that_does_nothing_changes_nothing,
    printed_topologies_can_be_read_again,
    broken_texts_and_topologies_are_refused,
    samples_do_not_mix,
];

/// Outputs and gradients of an expression.
fn run(program: &Program<f64>, pair: &Pair, dy: &[Array2<f64>]) -> (Vec<Array2<f64>>, Values<f64>) {
    let inputs = [("a", &pair.la, pair.a.ncols()), ("t", &pair.lb, pair.b.ncols())]
        .map(|(name, layout, d)| (name.to_string(), (layout.rows(), d)));
    let x = values(&[("a", &pair.a), ("t", &pair.b)]);
    let (y, tape) = program.forward(&x, &inputs.into_iter().collect()).unwrap();
    (y, program.backward(&tape, dy, &mut program.zeros_like()))
}

fn expressions_give_the_bits_of_their_pages(random: &mut Random) {
    let pair = pair(random);
    let (a, b): ((&ArrayRef2<f64>, _), (&ArrayRef2<f64>, _)) = ((&pair.a, &pair.la), (&pair.b, &pair.lb));
    let tf: Vec<Stream<f64>> = (0..3).map(|_| stream(pair.d, pair.heads, random)).collect();
    let ca: Vec<Cross<f64>> = (0..2).map(|_| cross(pair.d, pair.d, pair.heads, random)).collect();
    let draw = |x: &Array2<f64>, random: &mut Random| -> Array2<f64> { random.uniform(x.dim(), 1.0) };
    let (of_tf, of_ca) = (|i: usize| Part::Tf(tf[i].clone()), |i: usize| Part::Ca(ca[i].clone()));
    let named = |text, parts| program(text, parts, pair.d, pair.heads);
    let gradients = |dx: Values<f64>| (dx["a"].clone(), dx["t"].clone());

    let page = EarlyConcat { joint: tf[0].clone() };
    let (z, tape) = page.forward(a, b, &Mask::None).unwrap();
    let dz = draw(&z, random);
    let (y, dx) =
        run(&named("Tf(1, 1, Cat[In a, In t])", vec![("1", of_tf(0))]), &pair, std::slice::from_ref(&dz));
    assert_eq!((&y[0], gradients(dx)), (&z, page.backward(&tape, &dz, &mut page.zeros_like())));

    let page = HierMultiToOne { a: tf[0].clone(), b: tf[1].clone(), joint: tf[2].clone() };
    let (z, tape) = page.forward(a, b, &Mask::None).unwrap();
    let text = "Tf(3, 1, Cat[Tf(1, 1, In a), Tf(2, 1, In t)])";
    let parts = vec![("1", of_tf(0)), ("2", of_tf(1)), ("3", of_tf(2))];
    let (y, dx) = run(&named(text, parts.clone()), &pair, std::slice::from_ref(&dz));
    assert_eq!((&y[0], gradients(dx)), (&z, page.backward(&tape, &dz, &mut page.zeros_like())));

    let page = HierOneToMulti { joint: tf[0].clone(), a: tf[1].clone(), b: tf[2].clone() };
    let ((z_a, z_b), tape) = page.forward(a, b, &Mask::None).unwrap();
    let two = [draw(&z_a, random), draw(&z_b, random)];
    let text = "Let u = Tf(1, 1, Cat[In a, In t]) in Tuple[Tf(2, 1, Seg(u, [a])), Tf(3, 1, Seg(u, [t]))]";
    let (y, dx) = run(&named(text, parts), &pair, &two);
    let want = page.backward(&tape, (&two[0], &two[1]), &mut page.zeros_like());
    assert_eq!((y, gradients(dx)), (vec![z_a, z_b], want));

    let page = CrossAttention { a: ca[0].clone(), b: ca[1].clone() };
    let ((z_a, z_b), tape) = page.forward(a, b, (&Mask::None, &Mask::None)).unwrap();
    let parts = vec![("1", of_ca(0)), ("2", of_ca(1))];
    let (y, dx) = run(&named("Tuple[Ca(1, In a, In t), Ca(2, In t, In a)]", parts.clone()), &pair, &two);
    let want = page.backward(&tape, (&two[0], &two[1]), &mut page.zeros_like());
    assert_eq!((y, gradients(dx)), (vec![z_a.clone(), z_b.clone()], want));
    let others = LookAtOthers { streams: ca.clone() };
    assert_eq!(others.forward(&[a, b], &[]).unwrap().0, [z_a, z_b]);

    let page = CrossConcat { cross: page, joint: tf[2].clone() };
    let (z, tape) = page.forward(a, b, (&Mask::None, &Mask::None, &Mask::None)).unwrap();
    let parts = [parts, vec![("3", of_tf(2))]].concat();
    let text = "Tf(3, 1, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])";
    let (y, dx) = run(&named(text, parts), &pair, std::slice::from_ref(&dz));
    assert_eq!((&y[0], gradients(dx)), (&z, page.backward(&tape, &dz, &mut page.zeros_like())));

    let b = random.uniform(pair.a.dim(), 1.0);
    let page = EarlySum { weights: SumWeights::Fixed(vec![0.75, 0.5]), joint: tf[0].clone() };
    let (z, tape) = page.forward(&[&pair.a, &b], &pair.la.rows(), &Mask::None).unwrap();
    let dz = draw(&z, random);
    let sum = named("Tf(1, 1, Sum[(0.75, In a), (0.5, In t)])", vec![("1", of_tf(0))]);
    let (y, dx) = run(&sum, &Pair { b, lb: pair.la.clone(), ..pair.clone() }, std::slice::from_ref(&dz));
    let want = page.backward(&tape, &dz, &mut page.zeros_like());
    assert_eq!((&y[0], gradients(dx)), (&z, (want[0].clone(), want[1].clone())));
}

fn a_bottleneck_in_words_gives_the_bits_of_its_page(random: &mut Random) {
    let pair = pair(random);
    let tf: Vec<Stream<f64>> = (0..6).map(|_| stream(pair.d, pair.heads, random)).collect();
    let layer = |i: usize| BottleneckLayer { streams: vec![tf[i].clone(), tf[i + 1].clone()] };
    let page = Bottleneck {
        alone: vec![tf[0].clone(), tf[1].clone()],
        fused: vec![layer(2), layer(4)],
        tokens: random.uniform((2, pair.d), 1.0),
    };
    let ids = ["a", "t", "af1", "tf1", "af2", "tf2"].iter().zip(&tf);
    let mut parts: Vec<(&str, Part<f64>)> = ids.map(|(id, tf)| (*id, Part::Tf(tf.clone()))).collect();
    parts.push(("f", Part::Learn(page.tokens.clone())));
    let text = mmt_fusion::topology::bottleneck(1, 2, 2);
    let program = program(&text, parts, pair.d, pair.heads);
    let (z, tape) = page.forward(&[(&pair.a, &pair.la), (&pair.b, &pair.lb)]).unwrap();
    let dz: Vec<Array2<f64>> = z.iter().map(|z| random.uniform(z.dim(), 1.0)).collect();
    let (y, dx) = run(&program, &pair, &dz);
    assert_eq!(y, z);
    let want = page.backward(&tape, &dz, &mut page.zeros_like());
    assert_close(&vec![dx["a"].clone(), dx["t"].clone()], &want, 1e-12);
}

/// How many topologies a property draws for each seed: with 64 seeds, 256.
const MANY: usize = 4;

fn gradients_of_random_topologies_are_exact(random: &mut Random) {
    for _ in 0..MANY {
        let Drawn { program, inputs, x } = draw::<Dual>(random);
        let check = gradient_check(&program, &x, &inputs, random).unwrap();
        assert!(check.difference() <= 1e-11, "{}: {check:?}", program.topology);
    }
}

/// Both sides of the chain rule along one direction through all inputs and parameters at once.
#[derive(Clone, Copy, Debug)]
pub struct GradientCheck {
    /// How many numbers were moved.
    pub numbers: usize,
    /// `<J'dy, v>`, by hand.
    pub got: f64,
    /// `<dy, Jv>`, in dual numbers.
    pub expected: f64,
}

impl GradientCheck {
    /// Relative to `1 + |expected|`.
    pub fn difference(&self) -> f64 {
        (self.got - self.expected).abs() / (1.0 + self.expected.abs())
    }
}

/// Holds the gradients of a program against dual numbers.
///
/// # Errors
/// Those of [`Program::forward`].
pub fn gradient_check(
    program: &Program<Dual>,
    x: &Values<Dual>,
    inputs: &Inputs,
    random: &mut Random,
) -> Result<GradientCheck> {
    let mut moved = (program.clone(), x.clone());
    for (_, mut a) in moved.arrays_mut() {
        let v: ndarray::ArrayD<f64> = random.uniform(a.raw_dim(), 1.0);
        a.zip_mut_with(&v, |x, &tangent| *x = Dual { value: x.value, tangent });
    }
    let (y, _) = moved.0.forward(&moved.1, inputs)?;
    let dy: Vec<Array2<Dual>> = y.iter().map(|y| random.uniform(y.dim(), 1.0)).collect();
    let (_, tape) = program.forward(x, inputs)?;
    let mut grad = program.zeros_like();
    let mut dx = program.backward(&tape, &dy, &mut grad);
    for (modality, x) in x {
        dx.entry(modality.clone()).or_insert_with(|| x * Dual::of(0.0));
    }
    let expected = inner(&dy.arrays(), &y.arrays(), |dy, y| dy.value * y.tangent);
    let got = inner(&(grad, dx).arrays(), &moved.arrays(), |d, x| d.value * x.tangent);
    Ok(GradientCheck { numbers: moved.count(), got, expected })
}

type Named<'a> = [(String, ndarray::ArrayViewD<'a, Dual>)];

fn inner(x: &Named, y: &Named, f: fn(Dual, Dual) -> f64) -> f64 {
    let pairs = x
        .iter()
        .zip(y)
        .flat_map(|((_, x), (_, y))| x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect::<Vec<_>>());
    pairs.sum()
}

/// Every node copied for every use, with its id.
fn written_out(topology: &Topology) -> Topology {
    fn copy(topology: &Topology, i: usize, nodes: &mut Vec<Node>) -> usize {
        let mut node = topology.nodes()[i].clone();
        let reads: Vec<usize> = node.reads().into_iter().map(|x| copy(topology, x, nodes)).collect();
        match &mut node {
            Node::In { .. } | Node::Learn { .. } => {}
            Node::Lin { x, .. } | Node::Seg { x, .. } | Node::Tf { x, .. } | Node::Out { x, .. } => {
                *x = reads[0]
            }
            Node::Sum { terms } => terms.iter_mut().zip(&reads).for_each(|(term, &x)| term.1 = x),
            Node::Cat { parts } | Node::Mean { parts } => parts.clone_from(&reads),
            Node::Ca { q, kv, .. } => (*q, *kv) = (reads[0], reads[1]),
            Node::Bi { a, b, .. } => (*a, *b) = (reads[0], reads[1]),
        }
        nodes.push(node);
        nodes.len() - 1
    }
    let mut nodes = vec![];
    let outputs = topology.outputs().iter().map(|&i| copy(topology, i, &mut nodes)).collect();
    Topology::new(nodes, outputs).unwrap()
}

fn what_is_shared_may_be_written_out(random: &mut Random) {
    for _ in 0..MANY {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let long = Program { topology: written_out(&program.topology), ..program.clone() };
        let ((y, tape), (z, long_tape)) =
            (program.forward(&x, &inputs).unwrap(), long.forward(&x, &inputs).unwrap());
        assert_eq!(y, z);
        let dy: Vec<Array2<f64>> = y.iter().map(|y| random.uniform(y.dim(), 1.0)).collect();
        let (mut grad, mut long_grad) = (program.zeros_like(), long.zeros_like());
        let dx = program.backward(&tape, &dy, &mut grad);
        let mut long_dx = long.backward(&long_tape, &dy, &mut long_grad);
        for (m, x) in &dx {
            long_dx.entry(m.clone()).or_insert_with(|| x * 0.0);
        }
        assert_close(&(grad.parts, dx), &(long_grad.parts, long_dx), 1e-9);
    }
}

/// All its output projections are zero.
fn a_block_that_does_nothing_changes_nothing(random: &mut Random) {
    for _ in 0..MANY {
        let Drawn { mut program, inputs, x } = draw::<f64>(random);
        let (y, _) = program.forward(&x, &inputs).unwrap();
        let output = program.topology.outputs()[0];
        if !y[0].ncols().is_multiple_of(SMALL.heads) {
            continue;
        }
        let mut nodes = program.topology.nodes().to_vec();
        nodes.push(Node::Tf { id: "none".to_string(), layers: 1, x: output });
        let last = nodes.len() - 1;
        let longer = Topology::new(nodes, vec![last]).unwrap();
        let mut fresh = Program::<f64>::new(longer, &inputs, SMALL, random).unwrap();
        let mut none = fresh.parts.remove("none").expect("the block");
        for (name, mut a) in none.arrays_mut() {
            if name.contains("w_o") || name.contains("w_2") {
                a.fill(0.0);
            }
        }
        program.parts.insert("none".to_string(), none);
        let longer = Program { topology: fresh.topology, ..program };
        assert_eq!(longer.forward(&x, &inputs).unwrap().0[0], y[0]);
    }
}

fn printed_topologies_can_be_read_again(random: &mut Random) {
    for _ in 0..MANY {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let text = program.topology.to_string();
        let again = topology(&text);
        assert_eq!(again.to_string(), text);
        let other = Program { topology: again, ..program.clone() };
        assert_eq!(other.forward(&x, &inputs).unwrap().0, program.forward(&x, &inputs).unwrap().0);
    }
}

/// A letter of the text is changed, or a node reads something else: an answer or an error, and no panic.
fn broken_texts_and_topologies_are_refused(random: &mut Random) {
    for _ in 0..MANY {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let mut text: Vec<char> = program.topology.to_string().chars().collect();
        for _ in 0..1 + random.below(3) {
            let at = random.below(text.len());
            text[at] = ['(', ')', '[', ']', ',', 'x', '9', ' ', 'é'][random.below(9)];
        }
        if let Ok(parsed) = parse(&text.iter().collect::<String>()) {
            let other = Program { topology: parsed.topology, ..program.clone() };
            let _ = other.forward(&x, &inputs);
        }
        let mut nodes = program.topology.nodes().to_vec();
        let late = nodes.len();
        nodes.insert(0, Node::Tf { id: "p0".to_string(), layers: 1, x: late });
        assert!(Topology::new(nodes, vec![0]).is_err(), "a forward reference");
        let mut nodes = program.topology.nodes().to_vec();
        nodes.push(Node::Seg { x: 0, tags: vec!["nobody".to_string()] });
        nodes.push(Node::Out { x: 0, index: 0 });
        for last in [late, late + 1] {
            let some = Topology::new(nodes[..=last].to_vec(), vec![last]).unwrap();
            assert!(Program { topology: some, ..program.clone() }.forward(&x, &inputs).is_err());
        }
        let mut lost = x.clone();
        lost.pop_first();
        assert!(program.forward(&lost, &inputs).is_err(), "an input without numbers");
    }
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { program, inputs, x } = draw::<f64>(random);
    let (y, tape) = program.forward(&x, &inputs).unwrap();
    let samples = inputs.values().next().expect("an input").0.samples();
    let sample = random.below(samples);
    let own = |(m, x): (&String, &Array2<f64>)| (m.clone(), inputs[m].0.of(x, sample).to_owned());
    let alone: Values<f64> = x.iter().map(own).collect();
    let lengths = alone.iter().map(|(m, x)| (m.clone(), (Ragged::one(x.nrows()), x.ncols()))).collect();
    let (z, _) = program.forward(&alone, &lengths).unwrap();
    for ((y, z), &i) in y.iter().zip(&z).zip(program.topology.outputs()) {
        let mmt_fusion::topology::Shape::Sequence(shape) = &tape.shapes[i] else { panic!("a sequence") };
        assert_eq!(shape.rows().of(y, sample), z);
    }
    assert_eq!(layout("a", &[1]).samples(), 1);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = inputs::<R>();
    let (x, own) = (values(&[("a", &a), ("t", &b)]), one(&[("a", 3), ("t", 4)], 4));
    let parts = vec![("1", Part::Ca(test_cross::<R>(1))), ("2", Part::Tf(test_stream(2)))];
    let text =
        "Let u = Tf(2, 1, Cat[Ca(1, In a, In t), In t]) in Tuple[Seg(u, [a]), Ca(1, In t, Seg(u, [a]))]";
    let program = program(text, parts, 4, 2);
    let (y, tape) = program.forward(&x, &own)?;
    let dy: Vec<Array2<R>> = vec![qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0)];
    let mut grad = program.zeros_like();
    let dx = program.backward(&tape, &dy, &mut grad);
    (cases.case("fusion.topology.qres").input("x", &x).param("", &program).out("y", &y).cot("y", &dy))
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
