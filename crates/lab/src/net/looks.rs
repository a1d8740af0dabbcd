//! What the tokens of a sample look at: the weights of every layer, by modality.

use std::ops::Range;

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

    /// Where the tokens of a modality stand among queries or keys: one range for each of its segments.
    pub fn places(list: &[(String, usize)], modality: &str) -> Vec<Range<usize>> {
        let mut at = 0;
        let placed = list.iter().map(|(name, n)| {
            at += n;
            (name, at - n..at)
        });
        placed.filter(|(name, _)| *name == modality).map(|(_, place)| place).collect()
    }

    /// Whether one modality looks at another one here.
    pub fn sees(&self, who: &str, whom: &str) -> bool {
        !Look::places(&self.queries, who).is_empty() && !Look::places(&self.keys, whom).is_empty()
    }

    /// How much a query looks at each token of a modality, by weights of the form of [`heads`](Self::heads). A modality that stands
    /// there several times is looked at each time: the weights of a token are added up.
    pub fn weights(&self, p: &Array2<f64>, query: usize, modality: &str) -> Vec<f64> {
        let mut list = vec![];
        for place in Look::places(&self.keys, modality) {
            list.resize(list.len().max(place.len()), 0.0);
            list.iter_mut().zip(place).for_each(|(sum, key)| *sum += p[(query, key)]);
        }
        list
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

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;

    use super::*;
    use crate::data::digits::Part;
    use crate::net::known::read;
    use crate::net::{Net, SIZES};
    use crate::tasks::Task;

    #[test]
    fn every_segment_of_a_modality_counts() {
        let task = Task::DigitsQa;
        let samples = task.draw::<f32>(2, Part::Train, &mut Random::seed(1));
        let inputs = samples.shapes(task, SIZES.width);
        let text = "Ca(1, In text, Cat[In image, In text, In image])";
        let known = read(text, task, &inputs, &SIZES).unwrap();
        let net = Net::new(task, known.topology, SIZES, &inputs, &mut Random::seed(2)).unwrap();
        let (_, tape) = net.forward(&samples).unwrap();
        let look = &looks(&net.program.topology, &tape.program, 1)[0];
        let words = look.queries[0].1;
        assert_eq!(Look::places(&look.keys, "image"), [0..8, 8 + words..16 + words]);
        assert_eq!(Look::places(&look.keys, "text").first(), Some(&(8..8 + words)));
        assert!(look.sees("text", "image") && !look.sees("image", "text") && !look.sees("text", "_"));
        let mean = look.mean();
        let [image, text, none] = ["image", "text", "_"].map(|m| look.weights(&mean, 0, m));
        assert_eq!([image.len(), text.len(), none.len()], [8, words, 0]);
        // The weights of a query add up to one: no segment was forgotten.
        let all = image.iter().chain(&text).fold(0.0, |sum, w| sum + w);
        assert!((all - 1.0).abs() < 1e-6, "{all}");
        assert!((image[3] - mean[(0, 3)] - mean[(0, 11 + words)]).abs() < 1e-12);
    }
}
