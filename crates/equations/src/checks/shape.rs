//! Evidence for `eq-3-shape`.

use mmt_fusion::topology::{Inputs, Shape, Sizes, kinds, parse, shapes};
use mmt_golden::Cases;
use mmt_tensor::{Ragged, Random, Real, Result};
use ndarray::{Array1, array};

use super::topology_kit::{Drawn, SMALL, checked, draw, one};
use crate::{Property, properties};

fn sequence(text: &str, inputs: &Inputs) -> (usize, usize, Vec<(String, usize)>) {
    let (topology, shapes) = checked(text, inputs, &SMALL);
    let Shape::Sequence(shape) = &shapes[topology.outputs()[0]] else { panic!("a sequence") };
    let segments = shape.segments.iter();
    let own = segments.map(|s| (s.origin.iter().cloned().collect::<Vec<_>>().join("+"), s.rows.tokens()));
    (shape.tokens(), shape.width, own.collect())
}

fn three() -> Inputs {
    let mut inputs = one(&[("a", 3), ("t", 4), ("b", 4)], 4);
    inputs.insert("w".to_string(), (Ragged::one(2), 10));
    inputs
}

fn refused(text: &str, sizes: Sizes) -> String {
    let parsed = parse(text).unwrap();
    match shapes(&parsed.topology, &three(), &sizes) {
        Err(e) => format!("{}: {}", &text[parsed.places[e.node].clone()], e.error),
        Ok(shapes) => kinds(&parsed.topology, &shapes, &sizes).unwrap_err().to_string(),
    }
}

/// By hand: every rule once, and every mistake.
pub fn forward() {
    let own = |list: &[(&str, usize)]| list.iter().map(|(tag, n)| (tag.to_string(), *n)).collect::<Vec<_>>();
    for (text, tokens, segments) in [
        ("In a", 3, own(&[("a", 3)])),
        ("Learn(f, 2)", 2, own(&[("", 2)])),
        ("Lin(l, In w)", 2, own(&[("w", 2)])),
        ("Cat[In a, Learn(f, 2), In t]", 9, own(&[("a", 3), ("", 2), ("t", 4)])),
        ("Seg(Cat[In a, Learn(f, 2), In t], [t, _])", 6, own(&[("", 2), ("t", 4)])),
        ("Sum[(1, In b), (1, In t)]", 4, own(&[("b+t", 4)])),
        ("Sum[(1, Cat[In a, Learn(f, 1)]), (1, In t)]", 4, own(&[("a+t", 4)])),
        ("Mean[Cat[In a, In t], Cat[In a, In b]]", 7, own(&[("a", 3), ("b+t", 4)])),
        ("Ca(1, In a, In t)", 3, own(&[("a", 3)])),
        ("Out(Bi(1, In a, In t), 1)", 4, own(&[("t", 4)])),
        ("Tf(1, 2, Cat[In a, In t])", 7, own(&[("a", 3), ("t", 4)])),
    ] {
        assert_eq!(sequence(text, &three()), (tokens, 4, segments), "{text}");
    }
    for (text, error) in [
        ("In z", "In z: topology: input: unknown: `z`"),
        ("Seg(In a, [t])", "Seg(In a, [t]): topology: segment: unknown: `t`"),
        (
            "Seg(Sum[(1, In b), (1, In t)], [b])",
            "Seg(Sum[(1, In b), (1, In t)], [b]): topology: segment: unknown: `b`",
        ),
        ("Seg(Cat[In a, In a], [a])", "Seg(Cat[In a, In a], [a]): two segments are called `a`"),
        (
            "Sum[(1, In a), (1, In t)]",
            "Sum[(1, In a), (1, In t)]: topology: sum: expected shape [3, 4], got [4, 4]",
        ),
        ("Cat[In a, In w]", "Cat[In a, In w]: topology: concatenation: expected shape [4], got [10]"),
        ("Mean[In a, In t]", "Mean[In a, In t]: topology: mean: expected shape [3, 4], got [4, 4]"),
        ("Bi(1, In a, In t)", "Bi(1, In a, In t): topology: expected a sequence, and this is a pair"),
        ("Out(In a, 0)", "Out(In a, 0): topology: expected a pair, and this is a sequence"),
        (
            "Out(Bi(1, In a, In t), 2)",
            "Out(Bi(1, In a, In t), 2): topology: output of a pair: index 2 is outside a table of 2",
        ),
        ("Learn(f, 0)", "Learn(f, 0): topology: learned tokens: must be from 1 to 16777216, got 0"),
        ("Tf(1, 0, In a)", "Tf(1, 0, In a): topology: layers: must be from 1 to 16777216, got 0"),
        (
            "Bi(1, In a, In w)",
            "Bi(1, In a, In w): topology: width of the second stream: expected shape [4], got [10]",
        ),
        (
            "Cat[Tf(1, 1, In a), Tf(1, 2, In t)]",
            "topology: parameters: `1` has two shapes: Tf { layers: 1, width: 4 } and Tf { layers: 2, width: 4 }",
        ),
    ] {
        assert_eq!(refused(text, SMALL), error, "{text}");
    }
    assert_eq!(
        refused("Tf(1, 1, In a)", Sizes { heads: 3, ..SMALL }),
        "Tf(1, 1, In a): 3 heads do not divide a width of 4"
    );
    let zero = refused("In a", Sizes { width: 0, ..SMALL });
    assert_eq!(zero, "In a: topology: width: must be from 1 to 16777216, got 0");
    let twice: String = (0..40).map(|i| format!("Let x{} = Cat[x{i}, x{i}] in ", i + 1)).collect();
    let huge = parse(&format!("Let x0 = In a in {twice}x40")).unwrap();
    let error = shapes(&huge.topology, &three(), &SMALL).unwrap_err().error.to_string();
    assert!(error.starts_with("topology: concatenation: ") && error.ends_with("are too many"), "{error}");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![shapes_before_and_after_agree];

/// Four random topologies for each seed: with 64 seeds, 256.
fn shapes_before_and_after_agree(random: &mut Random) {
    for _ in 0..4 {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let known = shapes(&program.topology, &inputs, &SMALL).unwrap();
        let (y, tape) = program.forward(&x, &inputs).unwrap();
        assert_eq!(tape.shapes, known);
        for (y, &i) in y.iter().zip(program.topology.outputs()) {
            let Shape::Sequence(shape) = &known[i] else { panic!("outputs are sequences") };
            assert_eq!(y.dim(), (shape.tokens(), shape.width));
        }
    }
}

/// Golden cases: tokens and width of every node of an expression.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (_, shapes) = checked("Tf(1, 2, Cat[In a, Learn(f, 2), Lin(l, In w)])", &three(), &SMALL);
    let size = |shape: &Shape| match shape {
        Shape::Sequence(s) | Shape::Pair(s, _) => R::of(s.tokens() as f64),
    };
    let tokens: Array1<R> = shapes.iter().map(size).collect();
    cases.case("fusion.shape.nodes").ids("lengths", &array![3, 2, 2]).out("tokens", &tokens);
    Ok(())
}
