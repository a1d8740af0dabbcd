//! Trainings of several topologies from several seeds, side by side.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use mmt_fusion::topology::{cost, shapes};
use mmt_tensor::{Error, Tree, parallel};

use super::Plan;
use super::failed::{Failed, Result};
use super::series::{Curve, Series};
use crate::net::known::read;
use crate::net::{Net, SIZES};
use crate::tasks::Task;
use crate::training::test::{Test, test};
use crate::training::{Diverged, Settings, Trainer, begin, go_on};

/// Called with the steps that were taken since the last call, from any thread.
pub type Watch<'a> = &'a (dyn Fn(usize) + Sync);

/// All topologies and all seeds are tested on the samples of this seed, so that differences are paired.
pub const TEST: u64 = 4711;
/// Points of a curve.
const POINTS: usize = 15;
/// Samples at every point of a curve.
const CURVE_SAMPLES: usize = 500;
/// A training is worth a thread.
const COST: usize = 1 << 30;

/// A topology to be trained.
#[derive(Clone, Debug)]
pub struct Job {
    /// What it is called.
    pub name: String,
    /// A name or an expression.
    pub topology: String,
    /// For what.
    pub task: Task,
    /// How many batches.
    pub steps: usize,
    /// Samples of the test.
    pub test: usize,
    /// How likely a sample loses a modality in training.
    pub drop: f64,
    /// Modalities that are left out in a further test each.
    pub without: Vec<&'static str>,
}

impl Job {
    /// A named topology.
    pub fn new(name: &str, task: Task, steps: usize, test: usize) -> Self {
        let (name, topology) = (name.to_string(), name.to_string());
        Job { name, topology, task, steps, test, drop: 0.0, without: vec![] }
    }
}

/// Trains every job from every seed.
///
/// # Errors
/// A topology that does not fit; [`Failed::Diverged`] for the first of all trainings that diverge, the longest ones first.
pub fn train_all(jobs: &[Job], plan: &Plan, watch: Watch) -> Result<Vec<Series>> {
    let seeds = &plan.seeds;
    let settings = jobs.iter().map(settings).collect::<Result<Vec<_>>>()?;
    // The longest first, so that no thread is left with one of them at the end.
    let mut order: Vec<(usize, usize)> =
        (0..jobs.len()).flat_map(|job| (0..seeds.len()).map(move |seed| (job, seed))).collect();
    order.sort_by_key(|&(job, _)| std::cmp::Reverse(jobs[job].steps));
    let trained = parallel::map(order.len(), COST, |i| {
        let (job, seed) = order[i];
        let settings = Settings { seed: seeds[seed], ..settings[job].clone() };
        Ok((order[i], one(&jobs[job], &settings, watch)?))
    });
    let mut trained: BTreeMap<(usize, usize), Trained> = trained.into_iter().collect::<Result<_>>()?;
    (0..jobs.len())
        .map(|job| {
            let own = (0..seeds.len()).map(|seed| trained.remove(&(job, seed)).expect("trained"));
            series(&jobs[job], own.collect())
        })
        .collect()
}

struct Trained {
    net: Net<f32>,
    curve: Curve,
    test: Test,
    without: BTreeMap<&'static str, Test>,
}

fn settings(job: &Job) -> Result<Settings> {
    let known = read(&job.topology, job.task, &job.task.example_shapes(2, SIZES.width), &SIZES)
        .map_err(|why| Error::InvalidHyperparameter { at: "experiment: topology", why: why.to_string() })?;
    Ok(Settings { drop: job.drop, ..Settings::new(job.task, known.topology, job.steps, 0) })
}

fn one(job: &Job, settings: &Settings, watch: Watch) -> Result<Trained> {
    let mut trainer = begin::<f32>(settings)?;
    let (every, mut curve, mut failed) = (settings.steps.div_ceil(POINTS).max(1), vec![], Ok(()));
    let tested = |trainer: &Trainer<f32>, samples: usize, hidden: &[&str]| {
        let result = test(&trainer.net, samples, TEST, hidden);
        result.map_err(|error| diverged(job, settings, after(trainer, error)))
    };
    let done = go_on(&mut trainer, |trainer| {
        let step = trainer.log.len();
        if !step.is_multiple_of(every) && step != settings.steps {
            return ControlFlow::Continue(());
        }
        let since = curve.last().map_or(0, |(step, _)| *step);
        match tested(trainer, CURVE_SAMPLES.min(job.test), &[]) {
            Ok(test) => curve.push((step, test.accuracy())),
            Err(error) => failed = Err(error),
        }
        watch(step - since);
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    failed?;
    done.map_err(|stopped| diverged(job, settings, stopped))?;
    let all = tested(&trainer, job.test, &[])?;
    let without = job.without.iter().map(|&m| Ok((m, tested(&trainer, job.test, &[m])?)));
    Ok(Trained { curve, test: all, without: without.collect::<Result<_>>()?, net: trainer.net })
}

/// Numbers that were finite when the last step was taken, and in a test are not any more.
fn after(trainer: &Trainer<f32>, error: Error) -> Diverged {
    let rate = trainer.log.last().map_or(0.0, |step| step.rate);
    Diverged { step: trainer.log.len(), error, rate }
}

fn diverged(job: &Job, settings: &Settings, diverged: Diverged) -> Failed {
    Failed::Diverged { name: job.name.clone(), seed: settings.seed, diverged }
}

fn series(job: &Job, trained: Vec<Trained>) -> Result<Series> {
    let (mut curves, mut tests, mut without, mut nets) = (vec![], vec![], BTreeMap::new(), vec![]);
    for one in trained {
        curves.push(one.curve);
        tests.push(one.test);
        for (modality, test) in one.without {
            without.entry(modality).or_insert_with(Vec::new).push(test);
        }
        nets.push(one.net);
    }
    let Some(net) = nets.first() else {
        return Err(Error::EmptyInput { at: "experiment: seeds" }.into());
    };
    let topology = &net.program.topology;
    let shapes = shapes(topology, &job.task.example_shapes(1, SIZES.width), &SIZES).map_err(|e| e.error)?;
    let (_, all) = cost(topology, &shapes, &SIZES)?;
    Ok(Series {
        name: job.name.clone(),
        topology: topology.to_string(),
        parameters: net.count(),
        flops: all.flops,
        curves,
        tests,
        without,
        nets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mean;

    fn job(name: &str) -> Job {
        Job::new(name, Task::TwoBits, 3, 40)
    }

    #[test]
    fn a_training_that_diverges_says_which_and_when() {
        let wild = |steps: usize| {
            let job = Job { steps, ..job("late") };
            let settings = Settings { rate: 1e30, seed: 7, ..settings(&job).unwrap() };
            one(&job, &settings, &|_| {}).err().unwrap().to_string()
        };
        // In a test after a step, and in a step: with sixty steps every fourth one is followed by a test.
        let expected = "late, seed 7: the training diverges in step 1, at a rate of ";
        assert!(wild(3).starts_with(expected), "{}", wild(3));
        let expected = "late, seed 7: the training diverges in step 2, at a rate of ";
        assert!(wild(60).starts_with(expected), "{}", wild(60));
    }

    #[test]
    fn every_job_is_trained_from_every_seed() {
        let plan = Plan { seeds: vec![1, 2] };
        let jobs = [Job { without: vec!["t"], ..job("late") }, Job { steps: 5, ..job("early-concat") }];
        let all = train_all(&jobs, &plan, &|_| {}).unwrap();
        assert_eq!(all.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["late", "early-concat"]);
        for series in &all {
            assert_eq!([series.tests.len(), series.curves.len(), series.nets.len()], [2; 3]);
            assert_eq!(series.values()[1].len(), series.pictures().len());
            assert_eq!(series.accuracies()[0], mean(&series.values()[0]));
        }
        assert_eq!(all[0].values_without("t").len(), 2);
        assert!(all[1].values_without("t").is_empty() && all[1].accuracy_without("t").is_nan());
        let one = train_all(&jobs[..1], &Plan { seeds: vec![2] }, &|_| {}).unwrap();
        assert_eq!(one[0].tests[0], all[0].tests[1]);
        let none = train_all(&jobs, &Plan { seeds: vec![] }, &|_| {}).unwrap_err();
        assert_eq!(none.to_string(), "experiment: seeds: empty");
    }
}
