//! What the tokens of a sample look at: the weights of every layer, by modality.

use mmt_blocks::HeadsTape;
use mmt_fusion::CrossTape;
use mmt_fusion::topology::{Node, NodeTape, ProgramTape, Sequence, Shape, Topology};
use mmt_tensor::Real;
use ndarray::Array2;

/// The weights of one layer for one sample.
#[derive(Clone, Debug)]
pub struct Look {
    /// The node of the topology.
    pub node: usize,
    /// Which of its blocks, from 0 on.
    pub layer: usize,
    /// Who asks: modalities in order, with their numbers of tokens; `_` for learned tokens.
    pub queries: Vec<(String, usize)>,
    /// Who is looked at.
    pub keys: Vec<(String, usize)>,
    /// A matrix for each head: `[queries, keys]`
    pub heads: Vec<Array2<f64>>,
}

impl Look {
    /// The mean of the heads.
    pub fn mean(&self) -> Array2<f64> {
        let mut mean = Array2::zeros(self.heads[0].dim());
        self.heads.iter().for_each(|p| mean.scaled_add(1.0 / self.heads.len() as f64, p));
        mean
    }

    /// Where the tokens of a modality stand among queries or keys.
    pub fn place(list: &[(String, usize)], modality: &str) -> Option<std::ops::Range<usize>> {
        let mut at = 0;
        for (name, n) in list {
            if name == modality {
                return Some(at..at + n);
            }
            at += n;
        }
        None
    }
}

/// The weights of all layers of self-attention and of attention to another sequence, in the order of the topology. The
/// bidirectional block is given by the weights within and between its two streams.
pub fn looks<R: Real>(topology: &Topology, tape: &ProgramTape<R>, sample: usize) -> Vec<Look> {
    let mut list = vec![];
    let shape = |i: usize| match &tape.shapes[i] {
        Shape::Sequence(sequence) | Shape::Pair(sequence, _) => sequence,
    };
    for (i, (node, kept)) in topology.nodes().iter().zip(&tape.nodes).enumerate() {
        let mut push = |layer: usize, q: &Sequence, kv: &Sequence, heads: &HeadsTape<R>| {
            list.push(Look {
                node: i,
                layer,
                queries: names(q, sample),
                keys: names(kv, sample),
                heads: of_sample(heads, sample, q.rows().samples()),
            });
        };
        match (node, kept) {
            (Node::Tf { x, .. }, NodeTape::Tf(kept)) => {
                (0..kept.layers()).for_each(|l| push(l, shape(*x), shape(*x), kept.heads(l)));
            }
            (Node::Ca { q, kv, .. }, NodeTape::Ca(CrossTape::Block(kept))) => {
                push(0, shape(*q), shape(*kv), &kept.attn.heads);
            }
            (Node::Bi { a, b, .. }, NodeTape::Bi(kept)) => {
                for (own, other, attn) in [(*a, *b, &kept.attn.a), (*b, *a, &kept.attn.b)] {
                    push(0, shape(own), shape(own), &attn.own);
                    push(0, shape(own), shape(other), &attn.other);
                }
            }
            _ => {}
        }
    }
    list
}

fn names(sequence: &Sequence, sample: usize) -> Vec<(String, usize)> {
    let name = |origin: Vec<&str>| if origin.is_empty() { "_".to_string() } else { origin.join("+") };
    let segments = sequence.segments.iter();
    segments.map(|s| (name(s.origin.iter().map(String::as_str).collect()), s.rows.length(sample))).collect()
}

fn of_sample<R: Real>(heads: &HeadsTape<R>, sample: usize, samples: usize) -> Vec<Array2<f64>> {
    let count = heads.p.len() / samples;
    heads.p[sample * count..(sample + 1) * count].iter().map(|p| p.mapv(Real::to_f64)).collect()
}
