//! How large a case and a bundle are.

/// How much of a model a case covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One operation.
    Op,
    /// A block of a Transformer.
    Block,
    /// Several streams.
    Topology,
    /// A loss with its head.
    Objective,
    /// A whole model.
    Model,
    /// A few steps of a training.
    Trajectory,
}

impl Level {
    /// From the smallest to the largest.
    pub const ALL: [Level; 6] =
        [Level::Op, Level::Block, Level::Topology, Level::Objective, Level::Model, Level::Trajectory];

    /// As the manifest says it.
    pub fn name(self) -> &'static str {
        ["op", "block", "topology", "objective", "model", "trajectory"][self as usize]
    }

    /// The folder of its files.
    pub fn folder(self) -> &'static str {
        ["ops", "blocks", "topologies", "objectives", "models", "trajectories"][self as usize]
    }

    /// The conformance level at which outputs, and at which gradients are required.
    pub fn required(self) -> (&'static str, &'static str) {
        match self {
            Level::Op => ("L0", "L1"),
            Level::Block => ("L2", "L2"),
            Level::Topology | Level::Objective => ("L3", "L3"),
            Level::Model => ("L4", "L4"),
            Level::Trajectory => ("L5", "L5"),
        }
    }
}

/// The smallest bundle that a case is in; each holds the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// A case of every family, committed.
    Smoke,
    /// Operations, blocks, topologies, objectives.
    Core,
    /// And models and trajectories.
    Full,
    /// Large sizes, made locally.
    Stress,
}

impl Tier {
    /// From the smallest to the largest.
    pub const ALL: [Tier; 4] = [Tier::Smoke, Tier::Core, Tier::Full, Tier::Stress];

    /// As the manifest says it.
    pub fn name(self) -> &'static str {
        ["smoke", "core", "full", "stress"][self as usize]
    }

    /// The tier of a name.
    pub fn of(name: &str) -> Option<Self> {
        Tier::ALL.into_iter().find(|tier| tier.name() == name)
    }
}
