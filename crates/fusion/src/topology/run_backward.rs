//! The gradients of a program.

use std::collections::BTreeMap;

use mmt_tensor::Real;
use ndarray::{Array2, ArrayRef2};

use super::pieces::{put, tiled_backward, unstacked};
use super::run::{NodeTape, Value};
use super::shape::{Sequence, sequence};
use super::{Node, Part, Program, ProgramTape, Shape};

impl<R: Real> Program<R> {
    /// Gradients of [`forward`](Self::forward): returns those of the inputs, adds to those of the parameters.
    ///
    /// **eq-3-topology, backward**
    /// ```math
    /// \bar v_j = \sum_{i,\, k:\; r_k(i) = j} \Bigl( \frac{\partial f_i}{\partial v_{r_k}} \Bigr)^{\!\top} \bar v_i, \qquad
    /// \bar\theta_{id} = \sum_{i:\; id(i) = id} \Bigl( \frac{\partial f_i}{\partial \theta} \Bigr)^{\!\top} \bar v_i
    /// ```
    ///
    /// Derivation: visited from the last to the first, a node has the whole of its gradient before it hands it on, because only later
    /// nodes read it. A value that `k` nodes read gets the sum of `k` gradients, and so do parameters that `k` nodes share.
    pub fn backward(
        &self,
        tape: &ProgramTape<R>,
        dy: &[Array2<R>],
        grad: &mut Self,
    ) -> BTreeMap<String, Array2<R>> {
        let mut dvalues: Vec<Gradients<R>> = tape.shapes.iter().map(none).collect();
        for (&output, dy) in self.topology.outputs().iter().zip(dy) {
            add(&mut dvalues[output][0], dy.clone());
        }
        let mut dx: BTreeMap<String, Option<Array2<R>>> = BTreeMap::new();
        for (i, node) in self.topology.nodes().iter().enumerate().rev() {
            let dv = whole(std::mem::take(&mut dvalues[i]), &tape.shapes[i]);
            if let Node::In { modality } = node {
                let [dv] = <[Array2<R>; 1]>::try_from(dv).expect("one sequence");
                add(dx.entry(modality.clone()).or_default(), dv);
                continue;
            }
            for (x, which, d) in self.step_backward(node, &tape.nodes[i], &tape.shapes, &dv, grad) {
                add(&mut dvalues[x][which], d);
            }
        }
        dx.into_iter().map(|(modality, dx)| (modality, dx.expect("added above"))).collect()
    }

    /// What a node hands on: to which node, to which of a pair, and how much.
    fn step_backward(
        &self,
        node: &Node,
        tape: &NodeTape<R>,
        shapes: &[Shape],
        dv: &[Array2<R>],
        grad: &mut Self,
    ) -> Vec<(usize, usize, Array2<R>)> {
        let part =
            node.id().map(|id| (&self.parts[id], grad.parts.get_mut(id).expect("a gradient of every part")));
        match (node, tape, part) {
            (Node::Learn { .. }, _, Some((_, Part::Learn(grad)))) => {
                tiled_backward(&dv[0], grad);
                vec![]
            }
            (Node::Lin { x, .. }, NodeTape::Lin(tape), Some((Part::Lin(own), Part::Lin(grad)))) => {
                vec![(*x, 0, own.backward(tape, &dv[0], grad))]
            }
            (Node::Tf { x, .. }, NodeTape::Tf(tape), Some((Part::Tf(own), Part::Tf(grad)))) => {
                vec![(*x, 0, own.backward(tape, &dv[0], grad))]
            }
            (Node::Ca { q, kv, .. }, NodeTape::Ca(tape), Some((Part::Ca(own), Part::Ca(grad)))) => {
                let (dq, dkv) = own.backward(tape, &dv[0], grad);
                vec![(*q, 0, dq), (*kv, 0, dkv)]
            }
            (Node::Bi { a, b, .. }, NodeTape::Bi(tape), Some((Part::Bi(own), Part::Bi(grad)))) => {
                let (da, db) = own.backward(tape, (&dv[0], &dv[1]), grad);
                vec![(*a, 0, da), (*b, 0, db)]
            }
            (Node::Sum { terms }, ..) => {
                terms.iter().map(|&(w, x)| (x, 0, scaled(&dv[0], R::of(w)))).collect()
            }
            (Node::Mean { parts }, ..) => {
                let share = R::of(1.0) / R::of(parts.len() as f64);
                parts.iter().map(|&x| (x, 0, scaled(&dv[0], share))).collect()
            }
            (Node::Cat { parts }, ..) => {
                let rows: Vec<_> =
                    parts.iter().map(|&x| sequence(shapes, x).expect("checked").rows()).collect();
                parts.iter().zip(unstacked(&dv[0], &rows)).map(|(&x, d)| (x, 0, d)).collect()
            }
            (Node::Seg { x, tags }, ..) => {
                vec![(*x, 0, put(&dv[0], sequence(shapes, *x).expect("checked"), tags))]
            }
            (Node::Out { x, index }, ..) => vec![(*x, *index, dv[0].clone())],
            _ => panic!("topology, tape and gradient belong together"),
        }
    }
}

/// The gradient of a value, or of both of a pair, as far as it was handed on.
type Gradients<R> = Vec<Option<Array2<R>>>;

fn none<R>(shape: &Shape) -> Gradients<R> {
    match shape {
        Shape::Sequence(_) => vec![None],
        Shape::Pair(..) => vec![None, None],
    }
}

/// The first gradient is the sum so far.
fn add<R: Real>(sum: &mut Option<Array2<R>>, d: Array2<R>) {
    match sum {
        Some(sum) => *sum += &d,
        None => *sum = Some(d),
    }
}

/// Zero where nothing was handed on.
fn whole<R: Real>(gradients: Gradients<R>, shape: &Shape) -> Value<R> {
    let sequences = match shape {
        Shape::Sequence(one) => vec![one],
        Shape::Pair(a, b) => vec![a, b],
    };
    let zeros = |s: &Sequence| Array2::zeros((s.tokens(), s.width));
    gradients.into_iter().zip(sequences).map(|(d, s)| d.unwrap_or_else(|| zeros(s))).collect()
}

fn scaled<R: Real>(x: &ArrayRef2<R>, by: R) -> Array2<R> {
    x.mapv(|x| by * x)
}
