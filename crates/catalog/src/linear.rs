//! Linear maps.

use mmt_blocks::Linear;
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::{IxDyn, s};
use serde_json::json;

use crate::shapes::rows_of;

pub const OPS: &[Op] = &[op!(linear), op!(fused_qkv)];

/// `y = x W + b` for rows of any batch.
fn linear<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d_in, d_out] = run.sizes(["n", "in", "out"]);
    let batch = if run.has_size("batch") { vec![run.size("batch"), n] } else { vec![n] };
    let shape = |d: usize| [batch.clone(), vec![d]].concat();
    let x = run.input("x", IxDyn(&shape(d_in)), 1.0);
    let map = Linear::new(d_in, d_out, &mut Random::seed(0));
    let map = run.module("", if run.flag("bias") { map } else { map.without_bias() });
    let (y, tape) = map.forward(&rows_of(&x))?;
    run.keep_as("out/y", &y, &shape(d_out));
    let dy = run.cot("y", IxDyn(&shape(d_out)));
    let mut grad = map.zeros_like();
    let dx = map.backward(&tape, &rows_of(&dy), &mut grad);
    run.keep_as("grad_in/x", &dx, &shape(d_in));
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Queries, keys and values by one product.
fn fused_qkv<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, d] = run.sizes(["batch", "n", "d"]);
    let x = run.input("x", (b, n, d), 1.0);
    let map = run.module("", Linear::new(d, 3 * d, &mut Random::seed(0)));
    let (y, tape) = map.forward(&rows_of(&x))?;
    let mut dy = y.clone();
    for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
        let columns = s![.., i * d..(i + 1) * d];
        run.keep_as(&format!("out/{name}"), &y.slice(columns), &[b, n, d]);
        dy.slice_mut(columns).assign(&rows_of(&run.cot(name, (b, n, d))));
    }
    let mut grad = map.zeros_like();
    let dx = map.backward(&tape, &dy, &mut grad);
    run.keep_as("grad_in/x", &dx, &[b, n, d]);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, bias: bool, n: usize, d_in: usize, d_out: usize| {
        Row::new(format!("linear.{name}"), "linear", "eq-0.1-linear", json!({"bias": bias})).sizes(&[
            ("n", n),
            ("in", d_in),
            ("out", d_out),
        ])
    };
    let qkv = |name: &str, b: usize, n: usize, d: usize| {
        Row::new(format!("linear.{name}"), "fused_qkv", "eq-0.1-linear", json!({})).sizes(&[
            ("batch", b),
            ("n", n),
            ("d", d),
        ])
    };
    vec![
        row("affine.normal", true, 5, 7, 6).smoke(),
        row("affine.square", true, 6, 9, 9),
        row("affine.odd", true, 17, 33, 15).regimes(&["normal", "odd"]),
        row("affine.tail", true, 129, 65, 9).regimes(&["normal", "odd"]),
        row("affine.len1", true, 1, 7, 5).regimes(&["normal", "len1"]),
        row("affine.out1", true, 9, 17, 1).regimes(&["normal", "len1"]),
        row("affine.in1", true, 9, 1, 7).regimes(&["normal", "len1"]),
        row("nobias.normal", false, 7, 9, 5),
        row("nobias.deep", false, 5, 768, 9).regimes(&["normal"]),
        row("batched.normal", true, 5, 9, 7).sizes(&[("batch", 3)]).regimes(&["normal", "rank3"]),
        row("affine.accum", true, 2, 4097, 2)
            .fill("in/x", Fill::Positive { std: 1.0 })
            .fill("param/weight", Fill::Positive { std: 0.03125 })
            .regimes(&["accum", "long"]),
        row("affine.cancel", true, 5, 257, 7).fill("in/x", Fill::Cancel { size: 4.0 }).regimes(&["cancel"]),
        row("affine.g24", true, 9, 31, 17).g24(),
        row("nobias.g24", false, 9, 129, 9).g24(),
        qkv("qkv.normal", 2, 5, 8),
        qkv("qkv.odd", 2, 7, 15).regimes(&["normal", "odd"]),
    ]
}
