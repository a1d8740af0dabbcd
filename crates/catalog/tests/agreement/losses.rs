//! Records of losses, and first steps of optimizers.

use mmt_parity::case::Record;
use ndarray::{ArrayD, Axis};
use serde_json::json;

use crate::task::{Task, numbers, permuted, same, shape, shaped};

pub fn tasks(record: &Record) -> Vec<Task> {
    let task = match (record.system.as_str(), record.word("reduction")) {
        ("cross_entropy", "none") => return vec![],
        ("cross_entropy", _) if record.has("in/w") => return vec![],
        ("cross_entropy", _) if record.has("in/p") => soft(record, "soft_cross_entropy", 1.0),
        ("cross_entropy", _) => cross_entropy(record),
        ("kl_div", _) if record.has("in/p") => soft(record, "kl", shape(record, "in/x")[0] as f64),
        ("mse" | "l1", _) => regression(record, if record.system == "l1" { "l1" } else { "mse" }),
        ("smooth_l1" | "huber_delta1", _) => regression(record, "smooth_l1"),
        ("binary_cross_entropy_with_logits", _) => logistic(record),
        (_, _) if record.name == "distillation" => distill(record),
        _ => return vec![],
    };
    vec![task]
}

/// Labels with -1 where one is not counted.
fn labels(record: &Record) -> ArrayD<i64> {
    let ignored = record.config.get("ignore_index").and_then(|i| i.as_i64());
    let labels = record.whole("in/y").unwrap().mapv(|y| if Some(y) == ignored { -1 } else { y });
    let n = labels.len();
    labels.into_shape_with_order(vec![n]).unwrap()
}

/// Classes last, and all places as rows: `[n, k]` or `[batch, k, places]`.
fn rows(a: &ArrayD<f64>) -> ArrayD<f64> {
    let a = if a.ndim() == 3 { permuted(a, &[0, 2, 1]) } else { a.clone() };
    let k = *a.shape().last().unwrap();
    shaped(&a, &[a.len() / k, k])
}

fn cross_entropy(record: &Record) -> Task {
    let labels = labels(record);
    let counted = labels.iter().filter(|y| **y >= 0).count() as f64;
    let factor = if record.word("reduction") == "sum" { counted } else { 1.0 };
    let k = shape(record, "in/x")[1];
    let sizes = [("n", labels.len()), ("k", k)];
    let task = match record.config.get("label_smoothing") {
        Some(eps) => Task::new("label_smoothing", json!({"eps": eps}), &sizes),
        None => Task::new("cross_entropy", json!({}), &sizes),
    };
    task.input(record, "in/z", "in/x", &rows).whole("in/labels", labels).loss(record, factor)
}

/// Targets that are probabilities.
fn soft(record: &Record, op: &'static str, factor: f64) -> Task {
    let [n, k] = shape(record, "in/x")[..] else { panic!("a matrix") };
    Task::new(op, json!({}), &[("n", n), ("k", k)])
        .input(record, "in/z", "in/x", &same)
        .number("in/t", numbers(record, "in/p").unwrap())
        .loss(record, factor)
}

fn regression(record: &Record, op: &'static str) -> Task {
    let [n, k] = shape(record, "in/a")[..] else { panic!("a matrix") };
    let config = if op == "smooth_l1" { json!({"beta": 1.0}) } else { json!({}) };
    Task::new(op, config, &[("n", n), ("k", k)])
        .input(record, "in/y", "in/a", &same)
        .number("in/t", numbers(record, "in/b").unwrap())
        .loss(record, 1.0)
}

fn logistic(record: &Record) -> Task {
    let [n, k] = shape(record, "in/a")[..] else { panic!("a matrix") };
    Task::new("bce", json!({"reduction": "mean"}), &[("n", n), ("k", k)])
        .input(record, "in/x", "in/a", &same)
        .number("in/t", numbers(record, "in/y").unwrap())
        .loss(record, 1.0)
}

fn distill(record: &Record) -> Task {
    let [n, k] = shape(record, "in/student")[..] else { panic!("a matrix") };
    let config = json!({"temperature": record.config["T"], "alpha": record.config["alpha"]});
    Task::new("distill", config, &[("n", n), ("k", k)])
        .input(record, "in/z", "in/student", &same)
        .number("in/v", numbers(record, "in/teacher").unwrap())
        .whole("in/labels", labels(record))
        .loss(record, 1.0)
}

/// `optim_s`: the first of ten steps, since the steps of a golden case all have the same gradient.
pub fn optimizer(record: &Record) -> Vec<Task> {
    let task = match (record.system.as_str(), record.name.as_str()) {
        ("adamw", "adamw_amsgrad" | "adamw_clip_schedule") => return vec![],
        ("adamw", _) => adamw(record),
        ("sgd", _) => sgd(record),
        ("clip_grad_norm_", "clip_norm_2_active" | "clip_norm_2_inactive") => clip(record),
        _ => return vec![],
    };
    vec![task]
}

const SIZES: [(&str, usize); 2] = [("a", 3), ("b", 4)];

fn first(a: &ArrayD<f64>) -> ArrayD<f64> {
    a.index_axis(Axis(0), 0).to_owned()
}

fn one_step(record: &Record, op: &'static str, config: serde_json::Value, decays_bias: bool) -> Task {
    let of = |key: &str| numbers(record, key).unwrap();
    let task = Task::new(op, config, &SIZES)
        .number("param/weight", of("in/p0.w"))
        .number("param/bias", of("in/p0.b"))
        .number("in/grad.weight", first(&of("in/grads.w")))
        .number("in/grad.bias", first(&of("in/grads.b")))
        .wanted("opt/weight", first(&of("out/p.w")));
    // The decay of a golden case spares vectors.
    if decays_bias { task } else { task.wanted("opt/bias", first(&of("out/p.b"))) }
}

fn adamw(record: &Record) -> Task {
    let config = &record.config;
    let setting = |name: &str, default: f64| config.get(name).cloned().unwrap_or(json!(default));
    let betas = config.get("betas").cloned().unwrap_or(json!([0.9, 0.999]));
    let (decay, spared) = match &config["weight_decay"] {
        groups if groups.is_object() => (groups["first parameter"].clone(), true),
        all => (all.clone(), false),
    };
    let ours = json!({"lr": config["lr"], "beta_1": betas[0], "beta_2": betas[1], "eps": setting("eps", 1e-8),
        "weight_decay": decay, "steps": 1});
    one_step(record, "adamw", ours, !spared)
}

fn sgd(record: &Record) -> Task {
    let config = &record.config;
    let ours = json!({"lr": config["lr"], "momentum": config["momentum"], "weight_decay": config["weight_decay"],
        "steps": 1});
    one_step(record, "sgd", ours, false)
}

fn clip(record: &Record) -> Task {
    let of = |key: &str| numbers(record, key).unwrap();
    Task::new("clip_norm", json!({"max_norm": record.config["max_norm"]}), &SIZES)
        .number("in/grad.weight", of("in/grad.w"))
        .number("in/grad.bias", of("in/grad.b"))
        .wanted("opt/norm", of("out/total_norm"))
        .wanted("opt/grad.weight", of("out/clipped.w"))
        .wanted("opt/grad.bias", of("out/clipped.b"))
}
