//! The cases of losses.

use mmt_golden::draw::Fill;
use mmt_golden::row::Row;
use serde_json::{Value, json};

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, op, equation, config: Value, n: usize, k: usize| {
        Row::new(format!("loss.{name}"), op, equation, config).sizes(&[("n", n), ("k", k)])
    };
    let ce = |name: &str, n, k| row(name, "cross_entropy", "eq-0.4-cross-entropy", json!({}), n, k);
    let two = |name: &str, op, equation, n, k| row(name, op, equation, json!({}), n, k);
    let beta =
        |name: &str, beta: f64| row(name, "smooth_l1", "eq-4-reg-smooth-l1", json!({"beta": beta}), 5, 9);
    let kd = |name: &str, temperature: f64, alpha: f64| {
        row(name, "distill", "eq-5-kd", json!({"temperature": temperature, "alpha": alpha}), 7, 9)
    };
    let bits = |name: &str, reduction: &str| {
        row(name, "bce", "eq-0.6-bce-with-logits", json!({"reduction": reduction}), 5, 7)
    };
    let smooth = |name: &str, eps: f64| {
        row(name, "label_smoothing", "eq-1.23-label-smoothing", json!({"eps": eps}), 7, 9)
    };
    vec![
        ce("ce.normal", 7, 9).smoke(),
        ce("ce.ignore", 17, 9).regimes(&["normal", "ignore"]),
        ce("ce.nothing", 5, 9)
            .regimes(&["normal", "nothing"])
            .note("no row counts: the loss is zero, and a mean over them would be no number"),
        ce("ce.large", 7, 12).fill("in/z", Fill::normal(60.0)).regimes(&["large"]),
        ce("ce.odd", 9, 129).regimes(&["normal", "odd", "ignore"]),
        ce("ce.two", 9, 2),
        ce("ce.ties", 7, 9).fill("in/z", Fill::Constant(1.5)).regimes(&["ties"]),
        smooth("smooth.normal", 0.1),
        smooth("smooth.ignore", 0.1).sizes(&[("n", 17)]).regimes(&["normal", "ignore"]),
        bits("bce.mean", "mean"),
        bits("bce.sum", "sum"),
        bits("bce.large", "mean").fill("in/x", Fill::normal(60.0)).regimes(&["large"]),
        two("mse.normal", "mse", "eq-4-reg-mse", 5, 9),
        two("mse.odd", "mse", "eq-4-reg-mse", 17, 33).regimes(&["normal", "odd"]),
        two("l1.normal", "l1", "eq-4-reg-l1", 5, 9),
        beta("smooth_l1.one", 1.0).note("where the smooth loss and the one of Huber are the same"),
        beta("smooth_l1.wide", 4.0),
        two("kl.normal", "kl", "eq-0.5-kl-divergence", 7, 9),
        two("kl.large", "kl", "eq-0.5-kl-divergence", 7, 9)
            .fill("in/z", Fill::normal(60.0))
            .regimes(&["large"]),
        two("soft.normal", "soft_cross_entropy", "eq-0.5-soft-cross-entropy", 7, 9),
        two("symmetric_kl.normal", "symmetric_kl", "eq-4-softce-symmetric-kl", 7, 9),
        row("hinge.sum", "hinge", "eq-4-hinge-sum", json!({"margin": 0.25}), 7, 7),
        row("hinge.hardest", "hardest_hinge", "eq-4-hinge-hardest", json!({"margin": 0.25}), 7, 7),
        kd("kd.normal", 2.0, 0.5),
        kd("kd.hot", 5.0, 0.75),
        kd("kd.ignore", 2.0, 0.5).sizes(&[("n", 17)]).regimes(&["normal", "ignore"]),
    ]
}
