//! A model around any topology: tokens of every modality, the topology, and the scores of the answers.

pub mod embedder;
pub mod known;
pub mod looks;
mod pool;

use std::collections::BTreeMap;

use mmt_blocks::{LayerNorm, LayerNormTape, Linear, LinearTape};
use mmt_fusion::topology::{Inputs, Program, ProgramTape, Shape, Sizes, Topology};
use mmt_tensor::{Error, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use self::embedder::{Embedder, EmbedderTape};
use self::pool::{Pool, pools};
use crate::tasks::{Samples, Task};

/// The sizes of all trained models.
pub const SIZES: Sizes = Sizes { width: 32, heads: 4, hidden: 64 };

/// A topology between embeddings and a head.
///
/// Every output of the topology is normalized and becomes one vector per sample: its class token, or the mean of its tokens if it
/// has none. One head reads the mean of these vectors, which is the mean of the scores of each: late fusion for a topology whose
/// outputs never met.
#[derive(Clone, Debug)]
pub struct Net<R> {
    /// By modality.
    pub embed: BTreeMap<String, Embedder<R>>,
    /// The topology with its parameters.
    pub program: Program<R>,
    /// One for each output.
    pub norms: Vec<LayerNorm<R>>,
    /// From the mean of the outputs to the scores of the answers.
    pub head: Linear<R>,
    /// What it is trained for.
    pub task: Task,
}

tree!(Net { embed, program, norms, head; task });

/// What [`Net::backward`] reads.
#[derive(Clone, Debug)]
pub struct NetTape<R> {
    /// By modality.
    pub embed: BTreeMap<String, EmbedderTape<R>>,
    /// Of the topology.
    pub program: ProgramTape<R>,
    /// Of the norm of every output.
    pub norms: Vec<LayerNormTape<R>>,
    /// Of the head.
    pub head: LinearTape<R>,
    pools: Vec<Pool>,
}

impl<R: Real> Net<R> {
    /// A net with random parameters, for tokens of the shapes of `inputs`.
    ///
    /// # Errors
    /// A topology that does not fit the task or the sizes.
    pub fn new(
        task: Task,
        topology: Topology,
        sizes: Sizes,
        inputs: &Inputs,
        random: &mut Random,
    ) -> Result<Self> {
        let (outputs, read) = (topology.outputs().len(), topology.modalities());
        let program = Program::new(topology, inputs, sizes, random)?;
        let embed = (task.modalities().iter())
            .filter(|m| read.iter().any(|name| name == m.name))
            .map(|m| (m.name.to_string(), Embedder::new(&m.form, sizes.width, random)))
            .collect();
        let norms = (0..outputs).map(|_| LayerNorm::new(sizes.width, 1e-6)).collect();
        let head = Linear::new(sizes.width, task.answers(), random);
        Ok(Net { embed, program, norms, head, task })
    }

    /// The scores of the answers, one row per sample: `[B, answers]`
    ///
    /// # Errors
    /// [`Error::UnknownId`] for samples without a modality that the topology reads; those of embeddings, topology and head.
    pub fn forward(&self, samples: &Samples<R>) -> Result<(Array2<R>, NetTape<R>)> {
        let (mut x, mut inputs) = (BTreeMap::new(), Inputs::new());
        let mut embed = BTreeMap::new();
        for (name, embedder) in &self.embed {
            let unknown = || Error::UnknownId { at: "net: modality", id: name.clone() };
            let tokens = samples.inputs.get(name).ok_or_else(unknown)?;
            let (tokens, tape) = embedder.forward(tokens, samples.missing.get(name).map(Vec::as_slice))?;
            inputs.insert(name.clone(), (tape.rows.clone(), tokens.ncols()));
            x.insert(name.clone(), tokens);
            embed.insert(name.clone(), tape);
        }
        let (ys, program) = self.program.forward(&x, &inputs)?;
        let mut mean = Array2::zeros((samples.count(), self.head.weight.nrows()));
        let share = R::of(1.0) / R::of(ys.len() as f64);
        let mut norms = vec![];
        let pools = self.pools(&program)?;
        for ((y, pool), norm) in ys.iter().zip(&pools).zip(&self.norms) {
            let (z, tape) = norm.forward(&pool.gather(y))?;
            mean.scaled_add(share, &pool.means(&z));
            norms.push(tape);
        }
        let (scores, head) = self.head.forward(&mean)?;
        Ok((scores, NetTape { embed, program, norms, head, pools }))
    }

    /// Adds the gradients of all parameters, given that of the scores; words and pictures have none.
    ///
    /// # Panics
    /// If the tape belongs to other samples.
    pub fn backward(&self, samples: &Samples<R>, tape: &NetTape<R>, dscores: &ArrayRef2<R>, grad: &mut Self) {
        let dmean = self.head.backward(&tape.head, dscores, &mut grad.head);
        let dmean = dmean * (R::of(1.0) / R::of(self.norms.len() as f64));
        let mut dys = vec![];
        for (i, pool) in tape.pools.iter().enumerate() {
            let dz = pool.means_backward(&dmean);
            let dgathered = self.norms[i].backward(&tape.norms[i], &dz, &mut grad.norms[i]);
            dys.push(pool.scatter(&dgathered));
        }
        let dx = self.program.backward(&tape.program, &dys, &mut grad.program);
        for (name, dx) in dx {
            let own = grad.embed.get_mut(&name).expect("a gradient of every modality");
            self.embed[&name].backward(&samples.inputs[&name], &tape.embed[&name], dx, own);
        }
    }

    fn pools(&self, tape: &ProgramTape<R>) -> Result<Vec<Pool>> {
        let outputs = self.program.topology.outputs().iter().map(|&output| match &tape.shapes[output] {
            Shape::Sequence(sequence) | Shape::Pair(sequence, _) => sequence,
        });
        pools(outputs, self.task.class_token())
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::testing::{check_backward, shake};
    use mmt_tensor::{Dual, Tree};

    use super::*;
    use crate::data::digits::Part;
    use crate::net::known::read;

    const TINY: Sizes = Sizes { width: 4, heads: 2, hidden: 6 };

    fn net(task: Task, topology: &str, samples: &Samples<Dual>) -> Net<Dual> {
        let inputs = samples.shapes(task, TINY.width);
        let known = read(topology, task, &inputs, &TINY).unwrap();
        Net::new(task, known.topology, TINY, &inputs, &mut Random::seed(2)).unwrap()
    }

    #[test]
    fn all_gradients_of_every_topology_are_exact() {
        let topologies = [
            (Task::DigitsQa, "cross-concat"),
            (Task::DigitsQa, "late"),
            (Task::DigitsQa, "Tf(1, 1, In image)"),
            (Task::DigitsSpoken, "early-sum"),
            (Task::DigitsSpoken, "bottleneck"),
            (Task::DigitsThree, "others"),
            (Task::TwoBits, "Let u = Bi(1, In a, In t) in Tuple[Out(u, 0), Out(u, 1)]"),
        ];
        for (task, topology) in topologies {
            let mut samples = task.draw::<Dual>(2, Part::Train, &mut Random::seed(1));
            samples.missing.insert(task.modalities()[1].name.to_string(), vec![false, true]);
            check_backward(
                &shake(&net(task, topology, &samples), 3),
                |net| Ok(net.forward(&samples)?.0),
                |net, dscores| {
                    let (_, tape) = net.forward(&samples).unwrap();
                    let mut grad = net.zeros_like();
                    net.backward(&samples, &tape, dscores, &mut grad);
                    grad
                },
            );
        }
    }

    #[test]
    fn samples_without_a_modality_that_is_read_are_refused() {
        let task = Task::DigitsQa;
        let mut samples = task.draw::<Dual>(2, Part::Train, &mut Random::seed(1));
        let net = net(task, "early-concat", &samples);
        samples.inputs.remove("text");
        let error = net.forward(&samples).unwrap_err().to_string();
        assert_eq!(error, "net: modality: unknown: `text`");
    }
}
