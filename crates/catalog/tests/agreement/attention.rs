//! Records of attention.

use mmt_golden::file::Data;
use mmt_parity::case::Record;
use ndarray::{ArrayD, Axis, IxDyn, Slice};
use serde_json::{Value, json};

use crate::ops::is_mask;
use crate::task::{Task, numbers, same, shape, turned};

/// `op_sdpa`; `None` for scales and masks that golden cases do not have.
pub fn dot_product(record: &Record) -> Option<Task> {
    let (q, k, v) = (shape(record, "in/q"), shape(record, "in/k"), shape(record, "in/v"));
    if record.config.get("scale").is_some() {
        return None;
    }
    let causal = record.config.get("is_causal") == Some(&json!(true));
    let (word, keys) = match record.arrays.get("in/mask").map(|stored| &stored.data) {
        None => (if causal { "causal" } else { "none" }, None),
        Some(mask) => masked(mask)?,
    };
    let config = json!({"heads": q[1], "head_dim": q[3], "scale": "rsqrt_head_dim", "mask": word,
        "causal_offset": if word.starts_with("causal") { json!(0) } else { Value::Null }, "dead_rows": "zero"});
    let sizes = [("batch", q[0]), ("n", q[2]), ("m", k[2]), ("dk", q[3]), ("dv", v[3])];
    let mut task = Task::new("sdpa", config, &sizes);
    for name in ["in/q", "in/k", "in/v"] {
        task = task.input(record, name, name, &same);
    }
    if let Some(keys) = keys {
        task = task.mask("in/key_mask", keys);
    }
    Some(task.output(record, "o", "y", &same).inside(record, "act/scores", "act/scores").inside(
        record,
        "act/p",
        "act/attn_probs",
    ))
}

/// A mask in which true keeps, `[batch, 1, n or 1, m]`: which keys it hides, and whether later ones as well.
fn masked(mask: &Data) -> Option<(&'static str, Option<ArrayD<bool>>)> {
    let Data::Bool(a) = mask else { return None };
    let n = a.shape()[2];
    // The last query sees every key that is there.
    let keys = a.index_axis(Axis(1), 0).index_axis(Axis(1), n - 1).as_standard_layout().into_owned();
    let visible = |causal: bool| {
        a.indexed_iter()
            .all(|(at, &flag)| flag == (keys[IxDyn(&[at[0], at[3]])] && (!causal || at[3] <= at[2])))
    };
    match () {
        () if visible(false) => Some(("keys", Some(keys))),
        () if visible(true) => Some(("causal+keys", Some(keys))),
        () => None,
    }
}

/// Part `i` of three, stacked on the first axis.
pub fn part(a: &ArrayD<f64>, i: usize) -> ArrayD<f64> {
    let d = a.shape()[0] / 3;
    a.slice_axis(Axis(0), Slice::from(i * d..(i + 1) * d)).as_standard_layout().into_owned()
}

/// The projections of `nn.MultiheadAttention` under a prefix, as `w_q`, `w_k`, `w_v`, `w_o`.
pub fn projections(mut task: Task, record: &Record, ours: &str, theirs: &str) -> Task {
    for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
        let (weight, own) = (format!("{ours}w_{name}.weight"), format!("{theirs}{name}_proj_weight"));
        task = if record.has(&own) {
            task.input(record, &weight, &own, &turned)
        } else {
            task.input(record, &weight, &format!("{theirs}in_proj_weight"), &|a| turned(&part(a, i)))
        };
        let bias = format!("{theirs}in_proj_bias");
        if record.has(&bias) {
            task = task.input(record, &format!("{ours}w_{name}.bias"), &bias, &|a| part(a, i));
        }
    }
    task = task.input(record, &format!("{ours}w_o.weight"), &format!("{theirs}out_proj.weight"), &turned);
    let bias = format!("{theirs}out_proj.bias");
    if record.has(&bias) { task.input(record, &format!("{ours}w_o.bias"), &bias, &same) } else { task }
}

/// `op_mha`: `nn.MultiheadAttention`.
pub fn module(record: &Record) -> Vec<Task> {
    let x = shape(record, "in/query");
    let (own, split) = (!record.has("in/key"), record.has("in/value"));
    let (keys, values) = (if own { "in/query" } else { "in/key" }, if split { "in/value" } else { "in/key" });
    let causal = record.arrays.get("in/attn_mask").map(|stored| &stored.data);
    let (word, bias) = match (causal, record.has("in/key_padding_mask")) {
        (None, false) => ("none", false),
        (None, true) => ("keys", false),
        (Some(Data::Bool(_)), padded) => {
            assert!(
                is_mask(causal.unwrap(), |i, j| j > i),
                "{}: true excludes what comes later",
                record.name
            );
            (if padded { "causal+keys" } else { "causal" }, false)
        }
        (Some(_), _) => ("bias", true),
    };
    let config = json!({"heads": record.config["num_heads"], "bias": record.has("param/out_proj.bias"), "self": own,
        "mask": word, "causal_offset": if word.starts_with("causal") { json!(0) } else { Value::Null },
        "dead_rows": "zero"});
    let (z, v) = (shape(record, keys), shape(record, if own { keys } else { values }));
    let sizes =
        [("batch", x[0]), ("n", x[1]), ("m", z[1]), ("d", x[2]), ("dz", z[2]), ("dk", z[2]), ("dv", v[2])];
    let mut task = Task::new(if split { "mha_split" } else { "mha" }, config, &sizes);
    task = task.input(record, "in/x", "in/query", &same).output(record, "y", "y", &same);
    if split {
        task = task.input(record, "in/keys", keys, &same).input(record, "in/values", values, &same);
    } else if !own {
        task = task.input(record, "in/context", keys, &same);
    }
    if record.has("in/key_padding_mask") {
        task = task.mask("in/key_mask", record.mask("in/key_padding_mask").unwrap().mapv(|x: bool| !x));
    }
    if bias {
        task = task.number("in/bias", numbers(record, "in/attn_mask").unwrap());
    }
    // A record with the mean over heads keeps no weights of a head.
    if record.config.get("average_attn_weights").is_none() {
        task = task.inside(record, "act/p", "act/attn_probs");
    }
    vec![projections(task, record, "param/", "param/")]
}
