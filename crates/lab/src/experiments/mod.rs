//! Claims as runnable experiments: data, protocol, bands.

mod bands;
mod failed;
mod identities;
mod jobs;
#[cfg(test)]
mod made_up;
mod outcome;
mod series;
mod sides;
mod x1;
mod x12;
mod x2;
mod x22;
mod x7;
mod x9;

pub use bands::Band;
pub use failed::{Failed, Result};
pub use jobs::Watch;
pub use outcome::{Example, Figure, Line, Outcome, Table};
pub use series::{Curve, Series};

/// How an experiment is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Of weights and samples; one training for each.
    pub seeds: Vec<u64>,
}

/// A claim, and how it is tested.
#[derive(Clone, Copy)]
pub struct Experiment {
    /// `x2-interaction`
    pub id: &'static str,
    /// What is claimed.
    pub claim: &'static str,
    /// Data and protocol.
    pub method: &'static str,
    /// Steps of all trainings from one seed, for a progress bar.
    pub steps: fn() -> usize,
    /// Runs it.
    pub run: fn(&Plan, Watch) -> Result<Outcome>,
}

/// All of them, by number.
pub const EXPERIMENTS: [Experiment; 6] =
    [x1::EXPERIMENT, x2::EXPERIMENT, x7::EXPERIMENT, x9::EXPERIMENT, x12::EXPERIMENT, x22::EXPERIMENT];

/// The experiments whose number or id begins with `prefix`: `x2` is `x2-interaction` and not `x22-three-modalities`.
pub fn find(prefix: &str) -> Vec<&'static Experiment> {
    let number = |e: &&Experiment| e.id.split('-').next() == Some(prefix);
    match EXPERIMENTS.iter().find(number) {
        Some(exact) => vec![exact],
        None => EXPERIMENTS.iter().filter(|e| e.id.starts_with(prefix)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_one_experiment() {
        let ids = |prefix: &str| find(prefix).iter().map(|e| e.id).collect::<Vec<_>>();
        assert_eq!(ids("x2"), ["x2-interaction"]);
        assert_eq!(ids("x22"), ["x22-three-modalities"]);
        assert_eq!(ids("x7-m"), ["x7-missing-modality"]);
        assert_eq!(ids("x1-fusion-av"), ["x1-fusion-av"]);
        assert!(ids("y").is_empty());
    }
}
