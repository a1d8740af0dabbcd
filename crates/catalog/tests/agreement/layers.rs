//! Records of layers of Transformers.

use mmt_parity::case::Record;
use ndarray::ArrayD;
use serde_json::{Value, json};

use crate::attention::projections;
use crate::ops::is_mask;
use crate::task::{Task, same, shape, turned};

fn settings(record: &Record, mask: &str, causal_offset: Value) -> Value {
    let config = &record.config;
    let eps = config.get("layer_norm_eps").cloned().unwrap_or(json!(1e-5));
    json!({"width": config["d_model"], "heads": config["nhead"], "hidden": config["dim_feedforward"],
        "activation": config["activation"], "eps": eps, "mask": mask, "causal_offset": causal_offset,
        "dead_rows": "zero", "order": if record.flag("norm_first") { "pre" } else { "post" }})
}

/// What every layer has: so many norms, and the network.
fn norms_and_network(mut task: Task, record: &Record, norms: usize) -> Task {
    for i in 1..=norms {
        for (ours, theirs) in [("gamma", "weight"), ("beta", "bias")] {
            task = task.input(
                record,
                &format!("param/norm_{i}.{ours}"),
                &format!("param/norm{i}.{theirs}"),
                &same,
            );
        }
    }
    for i in [1, 2] {
        let (ours, theirs) = (format!("param/ffn.w_{i}"), format!("param/linear{i}"));
        task = task.input(record, &format!("{ours}.weight"), &format!("{theirs}.weight"), &turned);
        task = task.input(record, &format!("{ours}.bias"), &format!("{theirs}.bias"), &same);
    }
    task
}

/// Keys that are there, where theirs says which are not.
fn keep(record: &Record, key: &str) -> ArrayD<bool> {
    record.mask(key).unwrap().mapv(|x: bool| !x)
}

/// `nn.TransformerEncoderLayer`
pub fn encoder(record: &Record) -> Task {
    let x = shape(record, "in/x");
    let padded = record.has("in/pad");
    let config =
        if padded { settings(record, "keys", Value::Null) } else { settings(record, "causal", json!(0)) };
    let op = if record.flag("norm_first") { "pre_ln" } else { "post_ln" };
    let task = Task::new(op, config, &[("batch", x[0]), ("n", x[1])])
        .input(record, "in/x", "in/x", &same)
        .output(record, "y", "y", &same);
    let task = if padded {
        task.mask("in/key_mask", keep(record, "in/pad"))
    } else {
        assert!(is_mask(&record.arrays["in/mask"].data, |i, j| j > i), "true excludes what comes later");
        task
    };
    norms_and_network(projections(task, record, "param/attn.", "param/self_attn."), record, 2)
}

/// `nn.TransformerDecoderLayer`
pub fn decoder(record: &Record) -> Task {
    let (x, m) = (shape(record, "in/tgt"), shape(record, "in/memory")[1]);
    assert!(is_mask(&record.arrays["in/tgt_mask"].data, |i, j| j > i), "true excludes what comes later");
    let sizes = [("batch", x[0]), ("n", x[1]), ("m", m)];
    let task = Task::new("decoder_block", settings(record, "none", Value::Null), &sizes)
        .regime("padright")
        .input(record, "in/x", "in/tgt", &same)
        .input(record, "in/memory", "in/memory", &same)
        .mask("in/memory_mask", keep(record, "in/mem_pad"))
        .output(record, "y", "y", &same);
    let task = projections(task, record, "param/attn.", "param/self_attn.");
    norms_and_network(projections(task, record, "param/cross.", "param/multihead_attn."), record, 3)
}
