//! Evidence for `eq-3-prov`.

use std::collections::BTreeSet;

use mmt_fusion::topology::{Shape, provenance};
use mmt_golden::Cases;
use mmt_tensor::{Random, Real, Result};
use ndarray::{Array1, array, s};

use super::topology_kit::{Drawn, SMALL, checked, draw, one};
use crate::{Property, properties};

/// The modalities that influence each segment of the outputs.
fn known(text: &str) -> Vec<Vec<String>> {
    let inputs = one(&[("a", 3), ("t", 4), ("b", 3)], 4);
    let (topology, shapes) = checked(text, &inputs, &SMALL);
    let all = provenance(&topology, &shapes);
    let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join("");
    topology.outputs().iter().map(|&i| all[i][0].iter().map(join).collect()).collect()
}

/// By hand: every rule.
pub fn forward() {
    for (text, want) in [
        ("Cat[In a, In t, Learn(f, 2)]", vec![vec!["a", "t", ""]]),
        ("Tf(1, 1, Cat[In a, In t, Learn(f, 2)])", vec![vec!["at", "at", "at"]]),
        ("Seg(Tf(1, 1, Cat[In a, In t]), [t])", vec![vec!["at"]]),
        ("Sum[(1, In a), (1, In b)]", vec![vec!["ab"]]),
        ("Mean[Learn(f, 3), In b]", vec![vec!["b"]]),
        ("Ca(1, Cat[In a, Learn(f, 1)], In t)", vec![vec!["at", "t"]]),
        ("Let u = Bi(1, In a, In t) in Tuple[Out(u, 0), Out(u, 1)]", vec![vec!["at"], vec!["at"]]),
        ("Tuple[Tf(1, 2, In a), Tf(2, 2, In t)]", vec![vec!["a"], vec!["t"]]),
        ("Lin(1, Ca(1, In a, In b))", vec![vec!["ab"]]),
    ] {
        assert_eq!(known(text), want, "{text}");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![a_segment_changes_exactly_with_what_it_knows];

/// Other numbers for one modality: the rows of a segment change if and only if it knows the modality. Four random topologies for
/// each seed: with 64 seeds, 256.
fn a_segment_changes_exactly_with_what_it_knows(random: &mut Random) {
    for _ in 0..4 {
        let Drawn { program, inputs, x } = draw::<f64>(random);
        let (y, tape) = program.forward(&x, &inputs).unwrap();
        let known = provenance(&program.topology, &tape.shapes);
        for modality in inputs.keys() {
            let mut other = x.clone();
            other.insert(modality.clone(), random.uniform(x[modality].dim(), 1.0));
            let (z, _) = program.forward(&other, &inputs).unwrap();
            for ((y, z), &i) in y.iter().zip(&z).zip(program.topology.outputs()) {
                let Shape::Sequence(shape) = &tape.shapes[i] else { panic!("a sequence") };
                for (segment, rows) in segments(shape).into_iter().enumerate() {
                    let same = rows.iter().all(|&row| y.slice(s![row, ..]) == z.slice(s![row, ..]));
                    let influences = known[i][0][segment].contains(modality);
                    assert_eq!(!same, influences, "{}: `{modality}`, segment {segment}", program.topology);
                }
            }
        }
    }
}

/// The rows of every segment.
fn segments(shape: &mmt_fusion::topology::Sequence) -> Vec<Vec<usize>> {
    let mut rows = vec![vec![]; shape.segments.len()];
    let mut at = 0;
    for sample in 0..shape.rows().samples() {
        for (segment, rows) in shape.segments.iter().zip(&mut rows) {
            let n = segment.rows.length(sample);
            rows.extend(at..at + n);
            at += n;
        }
    }
    rows
}

/// Golden cases: how many modalities each segment knows.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let count = |text: &str| known(text)[0].iter().map(|set| R::of(set.len() as f64)).collect::<Array1<R>>();
    let all = count("Cat[Seg(Tf(1, 1, Cat[In a, In t]), [a]), In b, Learn(f, 2)]");
    cases.case("fusion.provenance.segments").ids("lengths", &array![3, 4, 3]).out("known", &all);
    Ok(())
}
