//! A topology after its trainings.

use std::collections::BTreeMap;

use crate::net::Net;
use crate::stats::mean;
use crate::training::test::Test;

/// Accuracy over steps, on samples that training never shows.
pub type Curve = Vec<(usize, f64)>;

/// A topology after its trainings.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// The expression.
    pub topology: String,
    /// Numbers that are learned.
    pub parameters: usize,
    /// Operations of the topology's products for one sample, forward.
    pub flops: u128,
    /// From each seed.
    pub curves: Vec<Curve>,
    /// From each seed.
    pub tests: Vec<Test>,
    /// By the modality that is left out, from each seed.
    pub without: BTreeMap<&'static str, Vec<Test>>,
    /// From each seed.
    pub nets: Vec<Net<f32>>,
}

impl Series {
    /// From each seed, 1 for every right answer and 0 for every wrong one.
    pub fn values(&self) -> Vec<Vec<f64>> {
        self.tests.iter().map(Test::values).collect()
    }

    /// The same without a modality.
    pub fn values_without(&self, modality: &str) -> Vec<Vec<f64>> {
        self.without.get(modality).map_or(vec![], |tests| tests.iter().map(Test::values).collect())
    }

    /// The pictures of every sample of the test, the same for all seeds.
    pub fn pictures(&self) -> &[Vec<usize>] {
        self.tests.first().map_or(&[], |test| &test.pictures)
    }

    /// The mean accuracy.
    pub fn accuracy(&self) -> f64 {
        mean(&self.accuracies())
    }

    /// The accuracy from each seed.
    pub fn accuracies(&self) -> Vec<f64> {
        self.tests.iter().map(Test::accuracy).collect()
    }

    /// The mean accuracy without a modality.
    pub fn accuracy_without(&self, modality: &str) -> f64 {
        self.without
            .get(modality)
            .map_or(f64::NAN, |tests| mean(&tests.iter().map(Test::accuracy).collect::<Vec<_>>()))
    }
}
