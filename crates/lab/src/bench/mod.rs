//! Benchmark cases: fixed names and shapes, so that two libraries, or two versions of one, can be timed side by side.

mod models;
mod operations;
mod tiny;
mod tokens;
mod topologies;
mod training;

use std::hint::black_box;
use std::time::{Duration, Instant};

use mmt_tensor::alloc;

/// Something to be timed: everything it needs is made beforehand.
pub type Job = Box<dyn FnMut()>;

/// One case and one pass of it.
pub struct Case {
    /// The name: `block_a`.
    pub name: String,
    /// `fwd` (forward), `fwdbwd` (forward, and the gradients of all inputs and parameters) or `step` (`fwdbwd` and
    /// AdamW; for the cases that are about AdamW, the update alone).
    pub pass: &'static str,
    /// Floating-point operations in matrix products of one call, a multiply-add counted as two; zero where
    /// products do not matter.
    pub flops: f64,
    /// Makes the inputs and returns what is timed.
    pub setup: Box<dyn Fn() -> Job>,
}

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// Median time of a call, in seconds.
    pub median: f64,
    /// Best time of a call, in seconds.
    pub best: f64,
    /// How many samples were taken.
    pub samples: usize,
    /// The most bytes that large arrays took at once, inputs and parameters included; zero unless the program
    /// installed [`alloc::Recycling`].
    pub peak_bytes: usize,
}

/// All cases, in a fixed order.
pub fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    operations::products(&mut list);
    operations::rows(&mut list);
    operations::losses(&mut list);
    operations::convolutions(&mut list);
    models::attention(&mut list);
    models::blocks(&mut list);
    operations::optimizers(&mut list);
    models::tiny(&mut list);
    tokens::tokenizers(&mut list);
    topologies::topologies(&mut list);
    list
}

impl Case {
    /// Calls the job again and again for about `budget`, at least seven times after three that are not counted. Calls
    /// of less than 0.2 ms are timed in groups.
    pub fn measure(&self, budget: Duration) -> Measurement {
        let before = alloc::live();
        alloc::reset_peak();
        let mut job = (self.setup)();
        (0..3).for_each(|_| job());
        let once = seconds(&mut job, 1);
        let group = if once < 2e-4 { (2e-4 / once.max(1e-9)) as usize + 1 } else { 1 };
        let (mut times, start) = (Vec::new(), Instant::now());
        while times.len() < 7 || start.elapsed() < budget {
            times.push(seconds(&mut job, group));
        }
        times.sort_by(f64::total_cmp);
        Measurement {
            median: times[times.len() / 2],
            best: times[0],
            samples: times.len(),
            peak_bytes: alloc::peak().saturating_sub(before),
        }
    }
}

/// Seconds per call of `calls` calls.
fn seconds(job: &mut Job, calls: usize) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|_| job());
    start.elapsed().as_secs_f64() / calls as f64
}

/// A case whose setup is `setup`.
fn case(name: impl Into<String>, pass: &'static str, flops: f64, setup: impl Fn() -> Job + 'static) -> Case {
    Case { name: name.into(), pass, flops, setup: Box::new(setup) }
}

/// A job that computes `f` and drops the result.
fn job<T>(mut f: impl FnMut() -> T + 'static) -> Job {
    Box::new(move || {
        black_box(f());
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_passes_are_unique() {
        let cases = cases();
        let names: BTreeSet<_> = cases.iter().map(|case| (case.name.clone(), case.pass)).collect();
        assert_eq!(names.len(), cases.len());
    }

    #[test]
    fn a_small_case_can_be_measured() {
        let cases = cases();
        let case = cases.iter().find(|case| case.name == "nn_32x64x64").expect("a small product");
        let measured = case.measure(Duration::ZERO);
        assert!(measured.samples >= 7 && measured.best > 0.0 && measured.best <= measured.median);
    }
}
