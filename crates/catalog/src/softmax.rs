//! Softmax and its kin.

use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Real, Result, ops};
use ndarray::{Array2, Zip};
use serde_json::json;

pub const OPS: &[Op] = &[op!(softmax), op!(log_softmax), op!(log_sum_exp)];

/// Of every row; hidden entries are exactly zero.
fn softmax<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, k] = run.sizes(["n", "k"]);
    let x = run.input("x", (n, k), 2.0);
    let mut seen = x.clone();
    if run.flag("masked") {
        // The first entry of a row is always seen.
        let mut mask: Vec<bool> = run.flags("mask", n * k, 0.6);
        mask.iter_mut().step_by(k).for_each(|keep| *keep = true);
        let mask = run.known_mask("mask", &[n, k], mask);
        let mask = Array2::from_shape_vec((n, k), mask).expect("a flag for every entry");
        Zip::from(&mut seen).and(&mask).for_each(|x, &keep| {
            if !keep {
                *x = R::of(f64::NEG_INFINITY);
            }
        });
    }
    let p = ops::softmax(&seen)?;
    run.keep("out/p", &p);
    let dp = run.cot("p", (n, k));
    run.keep("grad_in/x", &ops::softmax_backward(&p, &dp));
    Ok(())
}

/// The logarithm of the softmax.
fn log_softmax<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, k] = run.sizes(["n", "k"]);
    let z = run.input("z", (n, k), 2.0);
    let l = ops::log_softmax(&z)?;
    run.keep("out/l", &l);
    let dl = run.cot("l", (n, k));
    run.keep("grad_in/z", &ops::log_softmax_backward(&l, &dl));
    Ok(())
}

/// The logarithm of a sum of exponentials.
fn log_sum_exp<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, k] = run.sizes(["n", "k"]);
    let z = run.input("z", (n, k), 2.0);
    let s = ops::log_sum_exp(&z)?;
    run.keep("out/s", &s);
    let ds = run.cot("s", n);
    run.keep("grad_in/z", &ops::log_sum_exp_backward(&z, &s, &ds));
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, op: &'static str, equation: &'static str, n: usize, k: usize| {
        let config = if op == "softmax" { json!({"masked": name.starts_with("masked")}) } else { json!({}) };
        Row::new(format!("softmax.{name}"), op, equation, config).sizes(&[("n", n), ("k", k)])
    };
    let plain = |name: &str, n, k| row(name, "softmax", "eq-0.2-softmax", n, k);
    let log = |name: &str, n, k| row(name, "log_softmax", "eq-0.3-log-softmax", n, k);
    let sum = |name: &str, n, k| row(name, "log_sum_exp", "eq-0.3-logsumexp", n, k);
    vec![
        plain("rows.normal", 5, 9).smoke(),
        plain("rows.odd", 7, 129).regimes(&["normal", "odd"]),
        plain("rows.large", 5, 17).fill("in/x", Fill::normal(60.0)).regimes(&["large"]),
        plain("rows.huge", 5, 9).fill("in/x", Fill::normal(12000.0)).regimes(&["huge"]),
        plain("rows.tiny", 5, 9).fill("in/x", Fill::normal(0.004)).regimes(&["tiny"]),
        plain("rows.ties", 6, 8).fill("in/x", Fill::Ties { rows: 1, std: 2.0 }).regimes(&["ties"]),
        plain("rows.len1", 5, 1).regimes(&["normal", "len1"]),
        plain("rows.long", 1, 16385).regimes(&["normal", "long", "odd", "faint"]),
        plain("masked.normal", 7, 12),
        log("log.normal", 5, 9),
        log("log.large", 5, 17).fill("in/z", Fill::normal(20.0)).regimes(&["large"]),
        sum("sum.normal", 7, 9),
        sum("sum.large", 5, 33).fill("in/z", Fill::normal(60.0)).regimes(&["large", "odd"]),
    ]
}
