//! A topology with parameters, forward and backward.

use std::collections::BTreeMap;

use mmt_blocks::{LinearTape, Mask};
use mmt_tensor::{Error, Real, Result, check_finite, check_shape, tree};
use ndarray::{Array1, Array2, Axis};

use super::pieces::{pick, stacked, tiled};
use super::shape::sequence;
use super::{Inputs, Node, Part, Shape, Sizes, Topology, shapes};
use crate::early_sum::weighted_sum;
use crate::{BidirectionalTape, CrossTape, StreamTape};

/// A topology with its parameters. An id that stands at several nodes is one entry of the map.
#[derive(Clone, Debug)]
pub struct Program<R> {
    /// By id.
    pub parts: BTreeMap<String, Part<R>>,
    /// What is computed.
    pub topology: Topology,
    /// The sizes of the blocks.
    pub sizes: Sizes,
}

tree!(Program { parts; topology, sizes });

/// What a node leaves for the backward.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum NodeTape<R> {
    /// Nothing.
    None,
    /// Of a linear map.
    Lin(LinearTape<R>),
    /// Of blocks.
    Tf(StreamTape<R>),
    /// Of a block that looks at another sequence.
    Ca(CrossTape<R>),
    /// Of the bidirectional block.
    Bi(BidirectionalTape<R>),
}

/// What [`Program::backward`] reads.
#[derive(Clone, Debug)]
pub struct ProgramTape<R> {
    /// One for each node.
    pub nodes: Vec<NodeTape<R>>,
    /// The shape of every node.
    pub shapes: Vec<Shape>,
}

/// What a node gives: one matrix, or two for a pair.
pub(super) type Value<R> = Vec<Array2<R>>;

impl<R: Real> Program<R> {
    /// Every node once, in order.
    ///
    /// **eq-3-topology**
    /// ```math
    /// v_i = f_i\bigl( v_{r_1}, \dots, v_{r_k};\; \theta_{id(i)} \bigr), \qquad r_1, \dots, r_k < i
    /// ```
    ///
    /// `x: [n_m, d_m]` of each modality, by name → the outputs, each `[n, d]`
    ///
    /// A node computes what its page computes, so an expression gives the bits of the page that it spells out.
    ///
    /// Source: follows from the definitions of the pages of this crate.
    ///
    /// # Errors
    /// Those of [`shapes()`]; [`Error::UnknownId`] for an id without parameters, and
    /// [`Error::InvalidHyperparameter`] for an id with parameters of another kind; [`Error::ShapeMismatch`] and
    /// [`Error::NonFinite`] for an input that is not what its entry says; those of the blocks.
    pub fn forward(
        &self,
        x: &BTreeMap<String, Array2<R>>,
        inputs: &Inputs,
    ) -> Result<(Vec<Array2<R>>, ProgramTape<R>)> {
        let shapes = shapes(&self.topology, inputs, &self.sizes).map_err(|e| e.error)?;
        let (mut values, mut nodes): (Vec<Value<R>>, Vec<NodeTape<R>>) = (vec![], vec![]);
        for (i, node) in self.topology.nodes().iter().enumerate() {
            let (value, tape) = match node {
                Node::In { modality } => (vec![input(modality, x, &shapes, i)?], NodeTape::None),
                node => self.step(node, &values, &shapes)?,
            };
            values.push(value);
            nodes.push(tape);
        }
        let outputs = self.topology.outputs().iter().map(|&i| values[i][0].clone()).collect();
        Ok((outputs, ProgramTape { nodes, shapes }))
    }

    fn step(&self, node: &Node, values: &[Value<R>], shapes: &[Shape]) -> Result<(Value<R>, NodeTape<R>)> {
        let at = |x: usize| -> &Array2<R> { &values[x][0] };
        let of = |x: usize| sequence(shapes, x).expect("checked");
        let value = match node {
            Node::In { .. } => unreachable!("inputs are no steps"),
            Node::Learn { id, tokens } => match self.part(id)? {
                Part::Learn(learned) => {
                    check_shape("topology: learned tokens", learned.shape(), &[*tokens, self.sizes.width])?;
                    tiled(learned, samples(shapes))
                }
                _ => return other_kind(id),
            },
            Node::Lin { id, x } => {
                let Part::Lin(linear) = self.part(id)? else { return other_kind(id) };
                let (y, tape) = linear.forward(at(*x))?;
                return Ok((vec![y], NodeTape::Lin(tape)));
            }
            Node::Sum { terms } => {
                let alpha: Array1<R> = terms.iter().map(|(w, _)| R::of(*w)).collect();
                weighted_sum(&terms.iter().map(|(_, x)| &**at(*x)).collect::<Vec<_>>(), &alpha)?
            }
            Node::Mean { parts } => mean(&parts.iter().map(|&x| at(x)).collect::<Vec<_>>()),
            Node::Cat { parts } => stacked(&parts.iter().map(|&x| (at(x), of(x).rows())).collect::<Vec<_>>()),
            Node::Seg { x, tags } => pick(at(*x), of(*x), tags),
            Node::Out { x, index } => values[*x][*index].clone(),
            Node::Tf { id, layers, x } => {
                let Part::Tf(stream) = self.part(id)? else { return other_kind(id) };
                check_shape("topology: layers", &[stream.layers()], &[*layers])?;
                let (y, tape) = stream.forward(at(*x), &of(*x).rows(), &Mask::None)?;
                return Ok((vec![y], NodeTape::Tf(tape)));
            }
            Node::Ca { id, q, kv } => {
                let Part::Ca(block) = self.part(id)? else { return other_kind(id) };
                let (rows, context) = (of(*q).rows(), of(*kv).rows());
                let (y, tape) = block.forward(at(*q), at(*kv), &rows, &context, &Mask::None)?;
                return Ok((vec![y], NodeTape::Ca(tape)));
            }
            Node::Bi { id, a, b } => {
                let Part::Bi(block) = self.part(id)? else { return other_kind(id) };
                let (rows_a, rows_b) = (of(*a).rows(), of(*b).rows());
                let (y, tape) =
                    block.forward_rows((at(*a), &rows_a), (at(*b), &rows_b), (&Mask::None, &Mask::None))?;
                return Ok((vec![y.0, y.1], NodeTape::Bi(tape)));
            }
        };
        Ok((vec![value], NodeTape::None))
    }

    fn part(&self, id: &str) -> Result<&Part<R>> {
        self.parts.get(id).ok_or_else(|| Error::UnknownId { at: "topology: parameters", id: id.to_string() })
    }
}

fn other_kind<T>(id: &str) -> Result<T> {
    let why = format!("`{id}` holds parameters of another kind");
    Err(Error::InvalidHyperparameter { at: "topology: parameters", why })
}

fn input<R: Real>(
    modality: &str,
    x: &BTreeMap<String, Array2<R>>,
    shapes: &[Shape],
    node: usize,
) -> Result<Array2<R>> {
    let unknown = || Error::UnknownId { at: "topology: input", id: modality.to_string() };
    let x = x.get(modality).ok_or_else(unknown)?;
    let own = sequence(shapes, node)?;
    check_shape("topology: input", x.shape(), &[own.tokens(), own.width])?;
    check_finite("topology: input", x)?;
    Ok(x.clone())
}

fn samples(shapes: &[Shape]) -> usize {
    let (Shape::Sequence(first) | Shape::Pair(first, _)) = &shapes[0];
    first.segments[0].rows.samples()
}

/// `(1/k) Σ x`, added in order.
fn mean<R: Real>(parts: &[&Array2<R>]) -> Array2<R> {
    let share = R::of(1.0) / R::of(parts.len() as f64);
    let mut mean = Array2::zeros((parts[0].len_of(Axis(0)), parts[0].ncols()));
    for part in parts {
        mean.zip_mut_with(part, |mean, &x| *mean += share * x);
    }
    mean
}
