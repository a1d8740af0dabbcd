//! From tokens to one vector, dropout, and steps of optimizers.

use mmt_blocks::{ClassToken, Linear, Pooler};
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::ops::{self, dropout_backward};
use mmt_tensor::optim::{AdamConfig, AdamW, Norm, Sgd, clip_norm as clip, decay_weights};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::{Array2, IxDyn};
use serde_json::{Value, json};

use crate::shapes::{rows_of, samples};

pub const OPS: &[Op] = &[op!(class_token), op!(pooler), op!(dropout), op!(adamw), op!(sgd), op!(clip_norm)];

/// A learned token before all others, and a learned vector for every place.
fn class_token<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, d] = run.sizes(["batch", "n", "d"]);
    let x = run.input("x", (b, n, d), 1.0);
    let module = run.module("", ClassToken::new(n, d, &mut Random::seed(0)));
    let z = module.forward(&rows_of(&x), &samples(b, n))?;
    run.keep_as("out/z", &z, &[b, n + 1, d]);
    let dz = run.cot("z", (b, n + 1, d));
    let mut grad = module.zeros_like();
    let dx = module.backward(&rows_of(&dz), &samples(b, n), &mut grad);
    run.keep_as("grad_in/x", &dx, &[b, n, d]);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The first token through a dense layer.
fn pooler<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, d] = run.sizes(["batch", "n", "d"]);
    let h = run.input("h", (b, n, d), 1.0);
    let module = run.module("", Pooler::new(d, &mut Random::seed(0)));
    let (p, tape) = module.forward(&rows_of(&h), &samples(b, n))?;
    run.keep("out/p", &p);
    let dp = run.cot("p", (b, d));
    let mut grad = module.zeros_like();
    let dh = module.backward(&tape, &dp, &mut grad);
    run.keep_as("grad_in/h", &dh, &[b, n, d]);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Dropout by a mask that is given.
fn dropout<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d] = run.sizes(["n", "d"]);
    let (x, p) = (run.input("x", (n, d), 1.0), run.real("p"));
    let mask = run.flags("mask", n * d, 1.0 - p);
    let mask = run.known_mask("mask", &[n, d], mask);
    let mask = Array2::from_shape_vec((n, d), mask).expect("a flag for every number");
    run.keep("out/y", &ops::dropout(&x, &mask, p)?);
    let dy = run.cot("y", (n, d));
    run.keep("grad_in/x", &dropout_backward(&mask, p, &dy));
    Ok(())
}

/// A matrix and a vector, and their gradient.
fn model<R: Real>(run: &mut Run<R>) -> (Linear<R>, Linear<R>) {
    let [a, b] = run.sizes(["a", "b"]);
    let model = run.module("", Linear::new(a, b, &mut Random::seed(0)));
    let mut grad = model.zeros_like();
    for (name, mut array) in grad.arrays_mut() {
        let shape = array.shape().to_vec();
        array.assign(&run.draw(&format!("in/grad.{name}"), IxDyn(&shape), Fill::normal(1.0)));
    }
    (model, grad)
}

/// Steps of AdamW with the same gradient.
fn adamw<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (mut model, grad) = model(run);
    let config = AdamConfig {
        beta_1: run.real("beta_1"),
        beta_2: run.real("beta_2"),
        eps: run.real("eps"),
        weight_decay: run.real("weight_decay"),
        decays: decay_weights,
    };
    let mut optimizer = AdamW::new(&model, config)?;
    for _ in 0..run.whole("steps") {
        optimizer.step(&mut model, &grad, run.real("lr"))?;
    }
    run.keep_tree("opt", "", &model);
    run.keep_tree("opt", "m", &optimizer.m);
    run.keep_tree("opt", "v", &optimizer.v);
    Ok(())
}

/// Steps of gradient descent with momentum.
fn sgd<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (mut model, grad) = model(run);
    let mut optimizer = Sgd::new(&model, run.real("momentum"), run.real("weight_decay"))?;
    for _ in 0..run.whole("steps") {
        optimizer.step(&mut model, &grad, run.real("lr"))?;
    }
    run.keep_tree("opt", "", &model);
    run.keep_tree("opt", "sum", &optimizer.sum);
    Ok(())
}

/// A gradient that is scaled down to a length.
fn clip_norm<R: Real>(run: &mut Run<R>) -> Result<()> {
    let (_, mut grad) = model(run);
    run.arrays.retain(|(key, _)| !key.starts_with("param/"));
    let norm = clip(&mut grad, run.real("max_norm"), Norm::Two)?;
    run.keep_number("opt/norm", norm);
    run.keep_tree("opt", "grad", &grad);
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    [pool_rows(), optim_rows()].concat()
}

fn pool_rows() -> Vec<Row> {
    let row = |name: &str, op, equation, config: Value, sizes: &[(&'static str, usize)]| {
        Row::new(name, op, equation, config).sizes(sizes)
    };
    let tokens = |b, n, d| [("batch", b), ("n", n), ("d", d)];
    let field = [("batch", 2), ("channels", 5), ("height", 7), ("width", 3)];
    let drop = |name: &str, p: f64, n, d| {
        row(name, "dropout", "eq-0.8-dropout", json!({"p": p}), &[("n", n), ("d", d)]).regimes(&["normal"])
    };
    vec![
        row("pool.class_token.normal", "class_token", "eq-1.26-vit", json!({}), &tokens(2, 5, 8)).smoke(),
        row("pool.class_token.odd", "class_token", "eq-1.26-vit", json!({}), &tokens(3, 17, 9))
            .regimes(&["normal", "odd"]),
        row("pool.first.normal", "pooler", "eq-1.31-pooler", json!({}), &tokens(3, 5, 8)),
        row("pool.first.large", "pooler", "eq-1.31-pooler", json!({}), &tokens(3, 5, 8))
            .fill("in/h", Fill::normal(6.0))
            .regimes(&["large"]),
        row("pool.average.normal", "global_avg_pool", "eq-0.10-global-avg-pool", json!({}), &field),
        drop("drop.mask.half", 0.5, 7, 9).smoke(),
        drop("drop.mask.tenth", 0.1, 9, 17),
        drop("drop.mask.most", 0.75, 9, 9),
        drop("drop.mask.none", 0.0, 5, 9),
    ]
}

fn optim_rows() -> Vec<Row> {
    let adam = |name: &str, eps: f64, decay: f64, steps: usize| {
        let config = json!({"lr": 0.001, "beta_1": 0.9, "beta_2": 0.999, "eps": eps,
            "weight_decay": decay, "steps": steps});
        Row::new(format!("optim.adamw.{name}"), "adamw", "eq-1.25-adamw", config).sizes(&[("a", 5), ("b", 7)])
    };
    let sgd = |name: &str, momentum: f64, decay: f64, steps: usize| {
        let config = json!({"lr": 0.1, "momentum": momentum, "weight_decay": decay, "steps": steps});
        Row::new(format!("optim.sgd.{name}"), "sgd", "", config).sizes(&[("a", 5), ("b", 7)])
    };
    let clip = |name: &str, max: f64| {
        Row::new(format!("optim.clip.{name}"), "clip_norm", "", json!({"max_norm": max}))
            .sizes(&[("a", 5), ("b", 7)])
    };
    let small = |row: Row| {
        row.fill("in/grad.weight", Fill::normal(0.004))
            .fill("in/grad.bias", Fill::normal(0.004))
            .regimes(&["tiny"])
    };
    let zero = |row: Row| {
        row.fill("in/grad.weight", Fill::Constant(0.0))
            .fill("in/grad.bias", Fill::Constant(0.0))
            .regimes(&["zero"])
    };
    let mut bold = adam("bold", 1e-4, 0.5, 3);
    bold.config["lr"] = json!(0.5);
    vec![
        // Few numbers: the first moment of some would lie exactly between two numbers of double precision.
        adam("step1", 1e-8, 0.01, 1).sizes(&[("a", 3), ("b", 4)]).smoke(),
        adam("step20", 1e-8, 0.01, 20),
        adam("eps4", 1e-4, 0.01, 3),
        adam("nodecay", 1e-8, 0.0, 3),
        adam("decay", 1e-8, 0.3, 3),
        small(adam("tiny", 1e-2, 0.01, 3)),
        zero(adam("zero", 1e-8, 0.01, 2)),
        bold,
        sgd("plain", 0.0, 0.0, 1).note("what momentum and decay are added to"),
        sgd("momentum", 0.9, 0.0, 5),
        sgd("decay", 0.9, 0.01, 3),
        clip("shorter", 1.0),
        clip("longer", 100.0),
        small(clip("tiny", 1.0)),
    ]
}
