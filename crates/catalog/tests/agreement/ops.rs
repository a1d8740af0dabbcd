//! Records of single operations.

use mmt_golden::file::Data;
use mmt_parity::case::Record;
use ndarray::{ArrayD, IxDyn};
use serde_json::{Value, json};

use crate::attention;
use crate::task::{Task, numbers, permuted, same, shape, shaped, turned};

/// By the function of the record.
pub fn tasks(record: &Record) -> Vec<Task> {
    match record.system.as_str() {
        "softmax" | "log_softmax" => vec![softmax(record)],
        "relu" | "gelu_erf" | "gelu_tanh" | "gelu_new_hf" | "quick_gelu_hf" => vec![activation(record)],
        "layer_norm" => vec![layer_norm(record)],
        "normalize" => vec![l2_normalize(record)],
        "1-D interleaved sin/cos table" => vec![sinusoid(record)],
        "linear" => vec![linear(record, "in/x", "in/weight", true)],
        "matmul" if shape(record, "in/b").len() == 2 => vec![linear(record, "in/a", "in/b", false)],
        "embedding" => vec![embedding(record)],
        "conv2d" | "conv3d" => std::iter::once(conv(record)).chain(patches(record)).collect(),
        "roi_align" => vec![roi_align(record)],
        "adaptive_avg_pool2d_1" => vec![global_pool(record)],
        "max_pool2d" | "max_pool3d" | "max_pool3d_133" => vec![pool(record, "max_pool")],
        "avg_pool2d" | "avg_pool3d_222" => vec![pool(record, "avg_pool")],
        "sdpa" | "softmax(qk^T/sqrt(d))v written out" => attention::dot_product(record).into_iter().collect(),
        _ => vec![],
    }
}

/// The axis of the softmax last, and the others as one.
fn softmax(record: &Record) -> Task {
    let sizes = shape(record, "in/x");
    let axis = record.config["dim"].as_i64().unwrap_or(-1).rem_euclid(sizes.len() as i64) as usize;
    let mut axes: Vec<usize> = (0..sizes.len()).filter(|&a| a != axis).collect();
    axes.push(axis);
    let k = sizes[axis];
    let n = sizes.iter().product::<usize>() / k;
    let rows = |a: &ArrayD<f64>| shaped(&permuted(a, &axes), &[n, k]);
    let (op, x, y, config) = match (record.system.as_str(), record.has("in/mask")) {
        ("softmax", masked) => ("softmax", "in/x", "p", json!({"masked": masked})),
        _ => ("log_softmax", "in/z", "l", json!({})),
    };
    // Where a row is nearly all one entry, the gradient is the difference of two numbers of the size of `dy`.
    let largest = numbers(record, "cot/y").unwrap().iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let task = Task::new(op, config, &[("n", n), ("k", k)]).rounding(f64::EPSILON * largest);
    let task = task.input(record, x, "in/x", &rows).output(record, y, "y", &rows);
    // Theirs excludes where the mask is true.
    if record.has("in/mask") {
        task.mask("in/mask", record.mask("in/mask").unwrap().mapv(|x: bool| !x))
    } else {
        task
    }
}

fn activation(record: &Record) -> Task {
    let kind = match record.system.as_str() {
        "gelu_erf" => "gelu",
        "gelu_new_hf" => "gelu_tanh",
        "quick_gelu_hf" => "quick_gelu",
        other => other,
    };
    let d = shape(record, "in/x")[0];
    let row = |a: &ArrayD<f64>| shaped(a, &[1, d]);
    let task = Task::new("activation", json!({"kind": kind}), &[("n", 1), ("d", d)]);
    task.input(record, "in/z", "in/x", &row).output(record, "y", "y", &row)
}

fn layer_norm(record: &Record) -> Task {
    let name = |list: [&'static str; 2]| list.into_iter().find(|name| record.has(name));
    let (gamma, beta) = (name(["in/weight", "in/w"]), name(["in/bias", "in/b"]));
    let x = shape(record, "in/x");
    let d = gamma.map_or(*x.last().unwrap(), |gamma| shape(record, gamma).iter().product());
    let n = x.iter().product::<usize>() / d;
    let rows = |a: &ArrayD<f64>| shaped(a, &[n, d]);
    let row = |a: &ArrayD<f64>| shaped(a, &[d]);
    let config = json!({"eps": record.config["eps"], "affine": gamma.is_some()});
    let mut task = Task::new("layer_norm", config, &[("n", n), ("d", d)]);
    task = task.input(record, "in/x", "in/x", &rows).output(record, "y", "y", &rows);
    for (ours, theirs) in [("param/gamma", gamma), ("param/beta", beta)] {
        if let Some(theirs) = theirs {
            task = task.input(record, ours, theirs, &row);
        }
    }
    task
}

fn l2_normalize(record: &Record) -> Task {
    let [n, d] = shape(record, "in/x")[..] else { panic!("a matrix") };
    let task = Task::new("l2_normalize", json!({"eps": record.config["eps"]}), &[("n", n), ("d", d)]);
    task.input(record, "in/x", "in/x", &same).output(record, "u", "y", &same)
}

/// The table, added to zero.
fn sinusoid(record: &Record) -> Task {
    let table = numbers(record, "out/table").unwrap();
    let sizes = [1, table.shape()[0], table.shape()[1]];
    let zero = ArrayD::zeros(IxDyn(&sizes));
    let [batch, n, d] = sizes;
    Task::new("sinusoid", json!({"kind": "interleaved"}), &[("batch", batch), ("n", n), ("d", d)])
        .number("in/x", zero.clone())
        .number("cot/y", zero)
        .wanted("out/y", shaped(&table, &sizes))
}

/// `x W`, with a weight `[out, in]` if `transposed`.
fn linear(record: &Record, x: &str, weight: &str, transposed: bool) -> Task {
    let rows = |a: &ArrayD<f64>| {
        let d = *a.shape().last().unwrap();
        shaped(a, &[a.len() / d, d])
    };
    let matrix: fn(&ArrayD<f64>) -> ArrayD<f64> = if transposed { turned } else { same };
    let sizes = matrix(&numbers(record, weight).unwrap()).shape().to_vec();
    let n = shape(record, x).iter().product::<usize>() / sizes[0];
    let bias = record.has("in/bias");
    let task = Task::new("linear", json!({"bias": bias}), &[("n", n), ("in", sizes[0]), ("out", sizes[1])])
        .input(record, "in/x", x, &rows)
        .input(record, "param/weight", weight, &matrix)
        .output(record, "y", "y", &rows);
    if bias { task.input(record, "param/bias", "in/bias", &same) } else { task }
}

fn embedding(record: &Record) -> Task {
    let [b, n] = shape(record, "in/ids")[..] else { panic!("ids of samples") };
    let [words, d] = shape(record, "in/weight")[..] else { panic!("a table") };
    let config = json!({"padding": record.config.get("padding_idx")});
    Task::new("embedding", config, &[("batch", b), ("n", n), ("words", words), ("d", d)])
        .whole("in/ids", record.whole("in/ids").unwrap())
        .input(record, "param/table", "in/weight", &same)
        .output(record, "y", "y", &same)
}

/// A setting for each of `axes` axes, which a record may give once for all.
fn each(record: &Record, name: &str, axes: usize, default: u64) -> Value {
    match record.config.get(name) {
        None => json!(vec![default; axes]),
        Some(Value::Array(list)) => json!(list),
        Some(one) => json!(vec![one; axes]),
    }
}

const FIELD: [&str; 5] = ["batch", "channels", "time", "height", "width"];

/// The names of the axes of `[batch, channels, (time,) height, width]` with their sizes.
fn field(sizes: &[usize]) -> Vec<(&'static str, usize)> {
    let names = FIELD.into_iter().filter(|name| sizes.len() == 5 || *name != "time");
    names.zip(sizes.iter().copied()).collect()
}

fn conv(record: &Record) -> Task {
    let weight = shape(record, "in/weight");
    let axes = weight.len() - 2;
    let config = json!({"kernel": weight[2..], "stride": each(record, "stride", axes, 1),
        "padding": each(record, "padding", axes, 0), "dilation": each(record, "dilation", axes, 1),
        "groups": record.config.get("groups").cloned().unwrap_or(json!(1))});
    let sizes = [field(&shape(record, "in/x")), vec![("out", weight[0])]].concat();
    Task::new("conv", config, &sizes)
        .input(record, "in/x", "in/x", &same)
        .input(record, "param/weight", "in/weight", &same)
        .input(record, "param/bias", "in/bias", &same)
        .output(record, "y", "y", &same)
}

/// A convolution whose windows lie side by side reads patches: channels first in the rows of its weight.
fn patches(record: &Record) -> Vec<Task> {
    let (x, weight) = (shape(record, "in/x"), shape(record, "in/weight"));
    let axes = weight.len() - 2;
    if each(record, "stride", axes, 1) != json!(weight[2..])
        || each(record, "padding", axes, 0) != json!(vec![0; axes])
    {
        return vec![];
    }
    let last: Vec<usize> = [vec![0], (2..x.len()).collect(), vec![1]].concat();
    let pixels = |a: &ArrayD<f64>| permuted(a, &last);
    let matrix = |a: &ArrayD<f64>| turned(&shaped(a, &[weight[0], weight[1..].iter().product()]));
    let tokens = |a: &ArrayD<f64>| {
        let a = permuted(a, &last);
        shaped(&a, &[x[0], a.len() / x[0] / weight[0], weight[0]])
    };
    let (op, name, config) = match axes {
        2 => ("patch", "in/images", json!({"patch": weight[2], "order": "chw"})),
        _ => ("tubelet", "in/videos", json!({"frames": weight[2], "patch": weight[3], "order": "chw"})),
    };
    let task = Task::new(op, config, &[field(&x), vec![("d", weight[0])]].concat())
        .input(record, name, "in/x", &pixels)
        .input(record, "param/project.weight", "in/weight", &matrix)
        .input(record, "param/project.bias", "in/bias", &same)
        .output(record, "y", "y", &tokens);
    vec![task]
}

fn pool(record: &Record, op: &'static str) -> Task {
    let x = shape(record, "in/x");
    let axes = x.len() - 2;
    let inside = record.config.get("count_include_pad") == Some(&json!(false));
    let config = json!({"kernel": each(record, "kernel", axes, 1), "stride": each(record, "stride", axes, 1),
        "padding": each(record, "padding", axes, 0), "divisor": if inside { "inside" } else { "window" }});
    let task = Task::new(op, config, &field(&x));
    task.input(record, "in/x", "in/x", &same).output(record, "y", "y", &same)
}

fn global_pool(record: &Record) -> Task {
    let x = shape(record, "in/x");
    let rows = |a: &ArrayD<f64>| shaped(a, &x[..2]);
    let task = Task::new("global_avg_pool", json!({}), &field(&x));
    task.input(record, "in/x", "in/x", &same).output(record, "y", "y", &rows)
}

fn roi_align(record: &Record) -> Task {
    let (x, config) = (shape(record, "in/x"), &record.config);
    let sampling = config["sampling_ratio"].as_u64();
    let config = json!({"scale": config["spatial_scale"], "output": config["output_size"], "sampling": sampling,
        "aligned": config["aligned"]});
    let boxes = numbers(record, "in/boxes").unwrap();
    let sizes = [field(&x), vec![("boxes", boxes.shape()[0])]].concat();
    Task::new("roi_align", config, &sizes)
        .number("in/boxes", boxes)
        .input(record, "in/features", "in/x", &same)
        .output(record, "y", "y", &same)
}

/// Whether every entry of a mask is `keep(i, j)` for each of its matrices.
pub fn is_mask(data: &Data, keep: impl Fn(usize, usize) -> bool) -> bool {
    let Data::Bool(a) = data else { return false };
    let m = *a.shape().last().unwrap();
    let n = a.shape()[a.ndim() - 2];
    a.iter().enumerate().all(|(at, &flag)| flag == keep(at / m % n, at % m))
}
