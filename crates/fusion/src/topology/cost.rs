//! What a topology costs: products, parameters, memory of activations.

use std::ops::Add;

use mmt_tensor::Ragged;

use super::kinds::{Kind, kind};
use super::shape::{Sequence, Shape, sequence};
use super::{Node, Sizes, Topology, kinds};

/// Exact counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Operations of all matrix products of the forward, two for each multiply-add; the backward takes twice as many.
    pub flops: u128,
    /// Numbers that the forward keeps for the backward.
    pub activations: u128,
    /// Numbers that are learned.
    pub parameters: u128,
}

impl Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost {
            flops: self.flops + other.flops,
            activations: self.activations + other.activations,
            parameters: self.parameters + other.parameters,
        }
    }
}

/// The cost of every node, and of all together.
///
/// Costs add up over the nodes; parameters that several nodes share count once, and stand with the first.
///
/// # Errors
/// As [`kinds()`].
pub fn cost(topology: &Topology, shapes: &[Shape], sizes: &Sizes) -> mmt_tensor::Result<(Vec<Cost>, Cost)> {
    kinds(topology, shapes, sizes)?;
    let mut seen: Vec<&str> = vec![];
    let mut list = vec![];
    for node in topology.nodes() {
        let mut cost = of_node(node, shapes, sizes);
        if let Some(id) = node.id() {
            if seen.contains(&id) {
                cost.parameters = 0;
            }
            seen.push(id);
        }
        list.push(cost);
    }
    let all = list.iter().fold(Cost::default(), |sum, &cost| sum + cost);
    Ok((list, all))
}

fn of_node(node: &Node, shapes: &[Shape], sizes: &Sizes) -> Cost {
    let at = |x: usize| sequence(shapes, x).expect("a topology whose shapes are known");
    let parameters = kind(node, shapes, sizes).map_or(0, |kind| parameters(&kind, sizes));
    let (flops, activations) = match *node {
        Node::Lin { x, .. } => {
            let (n, d) = (at(x).tokens() as u128, at(x).width as u128);
            (2 * n * d * sizes.width as u128, n * d)
        }
        Node::Tf { layers, x, .. } => {
            let (rows, d) = (at(x).rows(), at(x).width);
            let l = layers as u128;
            (l * block_flops(sizes, (d, d), &rows, &rows), l * block_memory(sizes, (d, d), &rows, &rows))
        }
        Node::Ca { q, kv, .. } => {
            let (q, kv) = (at(q), at(kv));
            let widths = (q.width, kv.width);
            (
                block_flops(sizes, widths, &q.rows(), &kv.rows()),
                cross_memory(sizes, widths, &q.rows(), &kv.rows()),
            )
        }
        Node::Bi { a, b, .. } => {
            let rows = both(at(a), at(b));
            let d = at(a).width;
            let outputs = 2 * rows.tokens() as u128 * d as u128;
            (block_flops(sizes, (d, d), &rows, &rows), block_memory(sizes, (d, d), &rows, &rows) + outputs)
        }
        _ => (0, 0),
    };
    Cost { flops, activations, parameters }
}

/// Operations of the products of a block.
///
/// **eq-3-cost**
/// ```math
/// F(N) = 8 N d^2 + 4 N^2 d + 4 N d f, \qquad
/// X(N_q, N_k) = 4 N_q d^2 + 4 N_k d^2 + 4 N_q N_k d + 4 N_q d f, \qquad F(N) = X(N, N)
/// ```
///
/// queries, keys, widths → operations, two for each multiply-add
///
/// `F` is a block of self-attention on `N` tokens, `X` a block of `N_q` queries over `N_k` keys; a context of width `d_k` has
/// `4 N_k d_k d` in place of `4 N_k d²`. Lengths are per sample. A topology costs the sum of its nodes. Norms, softmaxes and
/// nonlinearities are not counted; the backward takes twice as many operations. A bidirectional block costs as much as one over
/// both sequences together. In one layer a bottleneck of `B` tokens is cheaper than full attention exactly if, with `f = 4 d`,
/// ```math
/// N_a N_b > B\, (N_a + N_b + B + 6 d) .
/// ```
///
/// Source: counted from the formulas of the blocks; Nagrani et al. 2021, *Attention Bottlenecks for Multimodal Fusion*, section
/// 3.2, for the order of growth.
pub fn block_flops(sizes: &Sizes, (d, context): (usize, usize), rows: &Ragged, of: &Ragged) -> u128 {
    let (d, context, f) = (d as u128, context as u128, sizes.hidden as u128);
    let (n, m) = (rows.tokens() as u128, of.tokens() as u128);
    4 * n * d * d + 4 * m * context * d + 4 * pairs(rows, of) * d + 4 * n * d * f
}

/// Numbers that a block of self-attention keeps for its backward.
///
/// **eq-3-mem**
/// ```math
/// M(N) = 8 N d + 2 N f + h N^2, \qquad M_x(N_q, N_k) = 6 N_q d + 3 N_k d + h N_q N_k + 2 N_q f
/// ```
///
/// queries, keys, widths, heads → numbers
///
/// For `N` tokens: the input, two normalized copies, queries, keys, values, the output of the heads and the sum after it, each
/// `N d`; twice the hidden width of the network; and the weights of `h` heads. `M_x` has the keys and values of a context instead.
/// A bidirectional block keeps `M(N_a + N_b) + 2 (N_a + N_b) d`: the outputs of both its attentions beside their mean.
/// In tiles, `h N_q` logarithms of sums take the place of the weights. Full attention keeps `h (N_a + N_b)²` weights, a
/// bottleneck `h Σ_m (N_m + B)²`: half of it for equal lengths and few of its own tokens, which is more than it saves in operations.
///
/// Source: counted from the tapes of the blocks.
pub fn block_memory(sizes: &Sizes, (d, _): (usize, usize), rows: &Ragged, of: &Ragged) -> u128 {
    let (d, f, h, n) = (d as u128, sizes.hidden as u128, sizes.heads as u128, rows.tokens() as u128);
    8 * n * d + 2 * n * f + h * pairs(rows, of)
}

/// [`block_memory`] of a block that looks at another sequence.
fn cross_memory(sizes: &Sizes, (d, context): (usize, usize), rows: &Ragged, of: &Ragged) -> u128 {
    let (d, f, h) = (d as u128, sizes.hidden as u128, sizes.heads as u128);
    let (n, m) = (rows.tokens() as u128, of.tokens() as u128);
    6 * n * d + m * (context as u128 + 2 * d) + h * pairs(rows, of) + 2 * n * f
}

/// Numbers that are learned.
fn parameters(kind: &Kind, sizes: &Sizes) -> u128 {
    let f = sizes.hidden as u128;
    let network = |d: u128| 2 * d * f + f + d + 4 * d;
    match *kind {
        Kind::Learn { tokens, width } => (tokens * width) as u128,
        Kind::Lin { from, to } => ((from + 1) * to) as u128,
        Kind::Tf { layers, width } => {
            let d = width as u128;
            layers as u128 * (4 * d * d + 4 * d + network(d))
        }
        Kind::Ca { width, context } => {
            let (d, context) = (width as u128, context as u128);
            2 * d * d + 2 * context * d + 4 * d + network(d)
        }
        Kind::Bi { width } => {
            let d = width as u128;
            7 * (d * d + d) + 2 * network(d)
        }
    }
}

/// `Σ_b N_b M_b`: pairs of a query and a key of one sample.
fn pairs(rows: &Ragged, of: &Ragged) -> u128 {
    rows.lengths().zip(of.lengths()).map(|(n, m)| n as u128 * m as u128).sum()
}

/// The lengths of both sequences together.
fn both(a: &Sequence, b: &Sequence) -> Ragged {
    let (a, b) = (a.rows(), b.rows());
    Ragged::of_lengths(a.lengths().zip(b.lengths()).map(|(n, m)| n + m).collect::<Vec<_>>())
}
