//! Norms.

use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Real, Result, Tree, ops};
use ndarray::{Array1, IxDyn};
use serde_json::{Value, json};

use crate::shapes::{keep_moments, rows_of};

pub const OPS: &[Op] = &[op!(layer_norm), op!(l2_normalize)];

/// Mean 0 and variance 1 for every row; with `affine` scaled and shifted.
fn layer_norm<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d] = run.sizes(["n", "d"]);
    let batch = if run.has_size("batch") { vec![run.size("batch"), n] } else { vec![n] };
    let shape = [batch.clone(), vec![d]].concat();
    let x = run.input("x", IxDyn(&shape), 1.0);
    let mut norm = mmt_blocks::LayerNorm::new(d, run.real("eps"));
    if run.flag("affine") {
        norm = run.module("", norm);
    }
    let (y, tape) = norm.forward(&rows_of(&x))?;
    keep_moments(run, "", &tape.moments, &batch);
    run.keep_as("out/y", &y, &shape);
    let dy = run.cot("y", IxDyn(&shape));
    let mut grad = norm.zeros_like();
    let dx = norm.backward(&tape, &rows_of(&dy), &mut grad);
    run.keep_as("grad_in/x", &dx, &shape);
    if run.flag("affine") {
        run.keep_tree("grad_param", "", &grad);
    }
    Ok(())
}

/// Rows of length one.
fn l2_normalize<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d] = run.sizes(["n", "d"]);
    let x = run.input("x", (n, d), 1.0);
    let eps = run.setting("eps").as_f64();
    let (u, tape) = ops::l2_normalize(&x, eps)?;
    let norms: &Array1<R> = &tape.norms;
    run.keep("act/norms", norms);
    run.keep("out/u", &u);
    let du = run.cot("u", (n, d));
    run.keep("grad_in/x", &ops::l2_normalize_backward(&tape, &du));
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, n: usize, d: usize, eps: f64, affine: bool| {
        let config = json!({"eps": eps, "affine": affine});
        Row::new(format!("norm.{name}"), "layer_norm", "eq-1.12-layernorm", config)
            .sizes(&[("n", n), ("d", d)])
    };
    let l2 = |name: &str, n: usize, d: usize, eps: Value| {
        Row::new(format!("norm.{name}"), "l2_normalize", "eq-0.7-l2-normalise", json!({"eps": eps}))
            .sizes(&[("n", n), ("d", d)])
    };
    let around = |mean: f64, std: f64| Fill::Normal { mean, std };
    vec![
        row("layer.normal", 5, 16, 1e-5, true).smoke(),
        row("layer.odd", 17, 33, 1e-5, true).regimes(&["normal", "odd"]),
        row("layer.wide", 3, 257, 1e-6, true).regimes(&["normal", "odd"]),
        row("layer.rank3", 5, 9, 1e-5, true).sizes(&[("batch", 3)]).regimes(&["normal", "rank3"]),
        row("layer.plain", 7, 12, 1e-5, false),
        row("layer.width2", 7, 2, 1e-5, true).regimes(&["normal", "len1"]),
        row("layer.offset24", 5, 24, 1e-5, true).fill("in/x", around(24.0, 0.5)).regimes(&["offset"]),
        row("layer.offset200", 5, 24, 1e-5, true).fill("in/x", around(200.0, 1.0)).regimes(&["offset"]),
        row("layer.smallvar", 7, 16, 1e-5, true).fill("in/x", around(0.0, 0.01)).regimes(&["smallvar"]),
        row("layer.tinyvar", 7, 16, 1e-5, true).fill("in/x", around(0.0, 0.003)).regimes(&["tinyvar"]),
        row("layer.g24", 7, 31, 1e-5, true).g24(),
        l2("l2.normal", 5, 9, json!(null)),
        l2("l2.floor", 7, 17, json!(1e-12)).regimes(&["normal", "odd"]),
        l2("l2.large", 5, 8, json!(1e-12)).fill("in/x", around(0.0, 8000.0)).regimes(&["large"]),
    ]
}
