//! The topologies that are trained: named ones of two or three layers, and any expression over the modalities of a task.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use mmt_fusion::topology::{Inputs, Node, Sequence, Shape, Sizes, Topology, cost, parse, shapes};
use mmt_tensor::{Random, Real};

use crate::data::digits::Part;
use crate::tasks::{Modality, Samples, Task};

/// Name and expression, in letters: those of [`Modality::letter`].
pub const TRAINED: [(&str, &str); 13] = [
    ("early-sum", "Tf(1, 2, Sum[(0.5, In a), (0.5, In t)])"),
    ("early-concat", "Tf(1, 2, Cat[In a, In t])"),
    ("hier-m2o", "Tf(3, 1, Cat[Tf(1, 1, In a), Tf(2, 1, In t)])"),
    ("hier-o2m", "Let u = Tf(1, 1, Cat[In a, In t]) in Tuple[Tf(2, 1, Seg(u, [a])), Tf(3, 1, Seg(u, [t]))]"),
    ("cross", "Let x = Ca(1, In a, In t) in Let y = Ca(2, In t, In a) in Tuple[Ca(3, x, y), Ca(4, y, x)]"),
    ("cross-concat", "Tf(3, 1, Cat[Ca(1, In a, In t), Ca(2, In t, In a)])"),
    (
        "bottleneck",
        "Let f = Learn(f, 4) in Let x = Tf(1, 1, Cat[In a, f]) in Let y = Tf(2, 1, Cat[In t, f]) in \
         Let g = Mean[Seg(x, [_]), Seg(y, [_])] in \
         Tuple[Seg(Tf(3, 1, Cat[Seg(x, [a]), g]), [a]), Seg(Tf(4, 1, Cat[Seg(y, [t]), g]), [t])]",
    ),
    (
        "bottleneck-2",
        "Let f = Learn(f, 2) in Let x = Tf(1, 1, Cat[In a, f]) in Let y = Tf(2, 1, Cat[In t, f]) in \
         Let g = Mean[Seg(x, [_]), Seg(y, [_])] in \
         Tuple[Seg(Tf(3, 1, Cat[Seg(x, [a]), g]), [a]), Seg(Tf(4, 1, Cat[Seg(y, [t]), g]), [t])]",
    ),
    ("bidirectional", "Let u = Bi(1, In a, In t) in Tf(2, 1, Cat[Out(u, 0), Out(u, 1)])"),
    ("late", "Tuple[Tf(1, 2, In a), Tf(2, 2, In t)]"),
    ("early-concat-3", "Tf(1, 2, Cat[In v, In a, In p])"),
    (
        "others",
        "Let v = Ca(1, In v, Cat[In p, In a]) in Let p = Ca(2, In p, Cat[In v, In a]) in \
         Let a = Ca(3, In a, Cat[In v, In p]) in Tf(4, 1, Cat[v, a, p])",
    ),
    ("late-3", "Tuple[Tf(1, 2, In v), Tf(2, 2, In a), Tf(3, 2, In p)]"),
];

/// No net has more parameters: each takes sixteen bytes while it is trained.
const LARGEST: u128 = 1 << 24;

/// No sample takes more numbers, on the tape and from node to node: a batch of 64 takes half a gigabyte of them.
const LONGEST: u128 = 1 << 21;

/// A topology that fits a task.
#[derive(Clone, Debug)]
pub struct Known {
    /// The name it was asked for by, or nothing.
    pub name: Option<String>,
    /// In the names of the task, without what nobody reads, in the order in which its text is read: what a file that holds
    /// the text gives again, to the order of the nodes.
    pub topology: Topology,
    /// Numbers that a sample takes, on the tape and from node to node.
    pub activations: u128,
}

/// What is wrong with a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The expression that was read.
    pub text: String,
    /// Where the mistake is.
    pub at: Range<usize>,
    /// What it is.
    pub why: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let place: String = self.text[self.at.clone()].chars().take(60).collect();
        if place.is_empty() { f.write_str(&self.why) } else { write!(f, "{place}: {}", self.why) }
    }
}

/// The expression of a name: one of [`TRAINED`], or a modality, which stands for two layers over it alone.
pub fn expression(name: &str, task: Task) -> Option<String> {
    let named = TRAINED.iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_string());
    let alone = |m: &Modality| (m.name == name).then(|| format!("Tf(1, 2, In {name})"));
    named.or_else(|| task.modalities().iter().find_map(alone))
}

/// Reads a name or an expression over the modalities of a task, by name or by letter, and checks that it fits inputs of these
/// shapes.
///
/// # Errors
/// [`Misfit`] with the place in the expression.
pub fn read(what: &str, task: Task, inputs: &Inputs, sizes: &Sizes) -> Result<Known, Misfit> {
    let named = expression(what, task);
    let name = named.as_ref().map(|_| what.to_string());
    let text = named.unwrap_or_else(|| what.to_string());
    let wrong = |at: Range<usize>, why: String| Misfit { text: text.clone(), at, why };
    let parsed = parse(&text).map_err(|e| wrong(e.offset.min(text.len())..text.len(), e.why.clone()))?;
    let topology = in_names_of(&parsed.topology, task);
    for (i, node) in topology.nodes().iter().enumerate() {
        if let Node::In { modality } = node
            && !inputs.contains_key(modality)
        {
            let own: Vec<&str> = task.modalities().iter().map(|m| m.name).collect();
            let why = format!("{} has no modality `{modality}`, but {}", task.name(), own.join(", "));
            return Err(wrong(parsed.places[i].clone(), why));
        }
    }
    let shapes = shapes(&topology, inputs, sizes).and_then(|shapes| topology.check_used().map(|()| shapes));
    let shapes = shapes.map_err(|e| wrong(parsed.places[e.node].clone(), e.error.to_string()))?;
    let (_, all) = cost(&topology, &shapes, sizes).map_err(|e| wrong(0..text.len(), e.to_string()))?;
    if all.parameters > LARGEST {
        let why = format!("{} parameters, and at most {LARGEST} are trained", all.parameters);
        return Err(wrong(0..text.len(), why));
    }
    let samples = inputs.values().map(|(rows, _)| rows.samples()).max().unwrap_or(1).max(1) as u128;
    let handed_on = shapes.iter().fold(0, |sum, shape| sum + numbers(shape));
    let activations = (all.activations + handed_on).div_ceil(samples);
    if activations > LONGEST {
        let why = format!("{activations} numbers for a sample, and at most {LONGEST} are kept");
        return Err(wrong(0..text.len(), why));
    }
    let printed = topology.to_string();
    let again =
        parse(&printed).map_err(|e| wrong(0..text.len(), format!("written as `{printed}`: {}", e.why)))?;
    Ok(Known { name, topology: again.topology, activations })
}

/// How many numbers a node hands on.
fn numbers(shape: &Shape) -> u128 {
    let of = |sequence: &Sequence| sequence.tokens() as u128 * sequence.width as u128;
    match shape {
        Shape::Sequence(one) => of(one),
        Shape::Pair(one, other) => of(one) + of(other),
    }
}

/// The same topology with the names of the modalities in place of their letters.
fn in_names_of(topology: &Topology, task: Task) -> Topology {
    let all = task.modalities();
    let named = |word: &String| {
        let is_name = all.iter().any(|m| m.name == word);
        let of_letter = all.iter().find(|m| !is_name && m.letter == word);
        of_letter.map_or_else(|| word.clone(), |m| m.name.to_string())
    };
    let nodes = topology.nodes().iter().map(|node| match node {
        Node::In { modality } => Node::In { modality: named(modality) },
        Node::Seg { x, tags } => Node::Seg { x: *x, tags: tags.iter().map(named).collect() },
        other => other.clone(),
    });
    Topology::new(nodes.collect(), topology.outputs().to_vec()).expect("the same references")
}

impl Task {
    /// The shapes of all modalities of the first `count` samples of seed 0, after their embedding.
    pub fn example_shapes(self, count: usize, width: usize) -> Inputs {
        self.draw::<f32>(count, Part::Train, &mut Random::seed(0)).shapes(self, width)
    }
}

impl<R: Real> Samples<R> {
    /// The shapes of all modalities after their embedding.
    pub fn shapes(&self, task: Task, width: usize) -> Inputs {
        let shape = |m: &Modality| (m.name.to_string(), (self.inputs[m.name].rows(&m.form), width));
        task.modalities().iter().map(shape).collect::<BTreeMap<_, _>>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::SIZES;

    fn try_read(what: &str, task: Task) -> Result<Known, Misfit> {
        let samples = task.draw::<f32>(8, Part::Train, &mut Random::seed(1));
        read(what, task, &samples.shapes(task, SIZES.width), &SIZES)
    }

    fn refused(what: &str, task: Task) -> String {
        try_read(what, task).unwrap_err().to_string()
    }

    #[test]
    fn every_named_topology_fits_a_task() {
        for (name, _) in TRAINED {
            assert!(Task::ALL.iter().any(|&task| try_read(name, task).is_ok()), "{name}");
        }
        let known = try_read("image", Task::DigitsQa).unwrap();
        assert_eq!(known.topology.to_string(), "Tf(1, 2, In image)");
    }

    #[test]
    fn letters_and_names_mean_the_same() {
        let letters = try_read("Seg(Tf(1, 2, Cat[In a, In t]), [t])", Task::DigitsQa).unwrap();
        let names = try_read("Seg(Tf(1, 2, Cat[In image, In text]), [text])", Task::DigitsQa).unwrap();
        assert_eq!(letters.topology, names.topology);
    }

    #[test]
    fn a_topology_is_that_of_its_text() {
        for text in [
            "Let y = In text in Tf(1, 2, Cat[In image, y])",
            "Let d = Tf(z,1,In text) in Let w = Tf(p,1,In image) in Tf(k,1,Cat[Sum[(0.5,w),(0.5,w)],d])",
        ] {
            let known = try_read(text, Task::DigitsQa).unwrap();
            let again = try_read(&known.topology.to_string(), Task::DigitsQa).unwrap();
            assert_eq!(again.topology, known.topology, "{text}");
            assert_eq!(again.topology.modalities(), known.topology.modalities());
        }
        let unread = try_read("Let f = Learn(f, 2) in Tf(1, 2, In image)", Task::DigitsQa).unwrap();
        assert_eq!(unread.topology.to_string(), "Tf(1, 2, In image)");
        let deep: String =
            (0..120).map(|i| format!("Let n{} = Tf(p{i}, 1, Lin(l{i}, n{i})) in ", i + 1)).collect();
        let deep = deep.replace(", n0)", ", In image)") + "Tf(q, 1, n120)";
        assert!(refused(&deep, Task::DigitsQa).contains("deeper than"), "{}", refused(&deep, Task::DigitsQa));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_place() {
        let qa = Task::DigitsQa;
        assert_eq!(
            refused("Tf(1, 2, Cat[In image, In smell])", qa),
            "In smell: digits-qa has no modality `smell`, but image, text"
        );
        assert_eq!(
            refused("Tf(1, 2, Sum[(1, In image), (1, In text)])", qa).split(": expected").next(),
            Some("Sum[(1, In image), (1, In text)]: topology: sum")
        );
        assert_eq!(refused("Tf(1, 2, Cat[In image", qa), "expected `]`");
        assert_eq!(
            refused("Let u = Tf(x, 1, In text) in Tf(1, 2, In image)", qa),
            "In text: topology: input: expected every input to reach an output, and nothing reads this one"
        );
        assert_eq!(
            refused("Tf(1, 16000000, In image)", qa),
            "Tf(1, 16000000, In image): 136704000000 parameters, and at most 16777216 are trained"
        );
        let long = refused("Tf(1, 1, Cat[In image, Learn(f, 200000)])", qa);
        assert!(long.contains(" numbers for a sample, and at most 2097152 are kept"), "{long}");
        let mut doubled: String = (0..12).map(|i| format!("Let n{} = Cat[n{i}, n{i}] in ", i + 1)).collect();
        doubled = doubled.replace("n0", "In image") + "Lin(l, n12)";
        let doubled = refused(&doubled, qa);
        assert!(doubled.contains(" numbers for a sample"), "{doubled}");
        assert_eq!(
            refused("Tf(1, 2, Tf(1, 1, In image))", qa).split(": topology").nth(1),
            Some(
                ": parameters: `1` has two shapes: Tf { layers: 1, width: 32 } and Tf { layers: 2, width: 32 }"
            )
        );
    }
}
