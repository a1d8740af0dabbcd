//! Every row of the register, and everything it stands for, as tests: `1.1::eq-1.1-attention::backward`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mmt_equations::{Equation, Property, register};
use mmt_golden::Cases;
use mmt_tensor::Random;
use proptest::test_runner::{Config, TestRunner};

fn main() -> ExitCode {
    let trials = register().flat_map(trials).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// One test for each kind of evidence of a row, and one for each of its properties.
fn trials(row: &'static Equation) -> Vec<Trial> {
    let name = |what: &str| format!("{}::{}::{what}", row.section, row.id);
    let mut trials = vec![
        Trial::test(name("forward"), || checked(row.forward)),
        Trial::test(name("golden"), || checked(|| golden(row))),
    ];
    trials.extend(row.backward.map(|backward| Trial::test(name("backward"), move || checked(backward))));
    trials.extend(row.properties.iter().map(|property| Trial::test(name(property.0), || drawn(property))));
    trials
}

/// A panic of a check as a failed test.
fn checked(check: impl FnOnce()) -> Result<(), Failed> {
    catch_unwind(AssertUnwindSafe(check)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text").into()
    })
}

/// A property for many seeds; the smallest seed that breaks it is reported.
fn drawn((_, property): &Property) -> Result<(), Failed> {
    let config =
        Config { cases: Config::default().cases.min(64), failure_persistence: None, ..Config::default() };
    let run = |seed| {
        property(&mut Random::seed(seed));
        Ok(())
    };
    TestRunner::new(config).run(&proptest::num::u64::ANY, run).map_err(|error| error.to_string().into())
}

fn golden(row: &Equation) {
    let mut cases = Cases::default();
    (row.golden.f64)(&mut cases).expect("a valid case");
    assert!(!cases.list.is_empty(), "{} has no golden case", row.id);
}
