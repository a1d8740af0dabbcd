//! Which modalities can influence which tokens.

use std::collections::BTreeSet;

use super::shape::{Segment, Shape, is_kept, sequence};
use super::{Node, Topology};

/// The modalities that can influence every segment: for each sequence of a node (one, or two for a pair) and each segment.
pub type Influence = Vec<Vec<BTreeSet<String>>>;

/// Which modalities can influence which segment of which node.
///
/// **eq-3-prov**
/// ```math
/// \begin{aligned}
/// \pi(\operatorname{In}(m)) &= \{ m \}, \quad \pi(\operatorname{Learn}) = \varnothing &
/// \pi_s(\operatorname{Tf}(x)) &= \textstyle\bigcup_r \pi_r(x) \\
/// \pi_s(\operatorname{Sum}), \pi_s(\operatorname{Mean}) &= \textstyle\bigcup_i \pi_s(x_i) &
/// \pi_s(\operatorname{Ca}(q, kv)) &= \pi_s(q) \cup \textstyle\bigcup_r \pi_r(kv) \\
/// \operatorname{Cat}, \operatorname{Seg}, \operatorname{Lin}, \operatorname{Out} &: \text{unchanged} &
/// \pi_s(\operatorname{Bi}(a, b)) &= \textstyle\bigcup_r \pi_r(a) \cup \bigcup_r \pi_r(b)
/// \end{aligned}
/// ```
///
/// a topology and its shapes → a set of modalities for each segment of each node
///
/// The queries of a cross-attention do not see each other: a segment of `q` learns of all of `kv`, and of no other segment of `q`.
///
/// Sound and sharp: with random weights the derivative of a segment by a modality is not zero exactly if the modality is in the set.
/// A sum of other segments than its first term has, and a sum with a weight of zero, are counted as if all mattered.
///
/// Source: follows from the definitions of the pages of this crate.
pub fn provenance(topology: &Topology, shapes: &[Shape]) -> Vec<Influence> {
    let mut done: Vec<Influence> = vec![];
    for (i, node) in topology.nodes().iter().enumerate() {
        let one = |x: usize| done[x][0].clone();
        let all = |x: usize| -> BTreeSet<String> { done[x][0].iter().flatten().cloned().collect() };
        let influence = match node {
            Node::In { modality } => vec![vec![BTreeSet::from([modality.clone()])]],
            Node::Learn { .. } => vec![vec![BTreeSet::new()]],
            Node::Lin { x, .. } => vec![one(*x)],
            Node::Out { x, index } => vec![done[*x][*index].clone()],
            Node::Cat { parts } => vec![parts.iter().flat_map(|x| one(*x)).collect()],
            Node::Seg { x, tags } => {
                let segments = segments(shapes, *x);
                let kept = one(*x).into_iter().zip(segments).filter(|(_, segment)| is_kept(segment, tags));
                vec![kept.map(|(own, _)| own).collect()]
            }
            Node::Sum { terms } => {
                vec![merged(&terms.iter().map(|(_, x)| one(*x)).collect::<Vec<_>>(), i, shapes)]
            }
            Node::Mean { parts } => {
                vec![merged(&parts.iter().map(|x| one(*x)).collect::<Vec<_>>(), i, shapes)]
            }
            Node::Tf { x, .. } => vec![vec![all(*x); done[*x][0].len()]],
            Node::Ca { q, kv, .. } => {
                let context = all(*kv);
                vec![one(*q).iter().map(|own| own | &context).collect()]
            }
            Node::Bi { a, b, .. } => {
                let both = &all(*a) | &all(*b);
                vec![vec![both.clone(); done[*a][0].len()], vec![both; done[*b][0].len()]]
            }
        };
        done.push(influence);
    }
    done
}

/// Segment by segment, if all have the segments of the result; otherwise everything influences everything.
fn merged(parts: &[Vec<BTreeSet<String>>], node: usize, shapes: &[Shape]) -> Vec<BTreeSet<String>> {
    let count = segments(shapes, node).len();
    let all: BTreeSet<String> = parts.iter().flatten().flatten().cloned().collect();
    if parts.iter().any(|part| part.len() != count) {
        return vec![all; count];
    }
    (0..count).map(|s| parts.iter().flat_map(|part| part[s].iter().cloned()).collect()).collect()
}

fn segments(shapes: &[Shape], node: usize) -> &[Segment] {
    &sequence(shapes, node).expect("a topology whose shapes are known").segments
}
