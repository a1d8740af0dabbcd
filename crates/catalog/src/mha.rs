//! Attention with its projections.

use mmt_blocks::{MultiHead, MultiHeadTape};
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use serde_json::{Value, json};

use crate::masks;
use crate::shapes::{keep_weights, rows_of, samples};

pub const OPS: &[Op] = &[op!(mha attends), op!(mha_split attends)];

/// Keeps what happens inside: queries, keys, values, weights, and the heads side by side.
pub fn keep_inside<R: Real>(run: &mut Run<R>, name: &str, tape: &MultiHeadTape<R>) {
    let heads = &tape.heads;
    let (b, c) = (tape.batch.rows.samples(), &tape.w_o.x);
    for (part, x) in [("q", &heads.q), ("k", &heads.k), ("v", &heads.v)] {
        run.keep_as(&format!("act/{name}{part}"), x, &[b, x.nrows() / b, x.ncols()]);
    }
    keep_weights(run, &format!("act/{name}p"), heads, b);
    run.keep_as(&format!("act/{name}c"), c, &[b, c.nrows() / b, c.ncols()]);
}

/// A layer as the settings say it, with parameters of this case.
fn layer<R: Real>(run: &mut Run<R>, d: usize, d_k: usize, d_v: usize) -> Result<MultiHead<R>> {
    let mut layer = MultiHead::cross(d, d_k, run.whole("heads"), &mut Random::seed(0))?;
    layer.w_v = mmt_blocks::Linear::new(d_v, d, &mut Random::seed(0));
    let layer = if run.flag("bias") { layer } else { layer.without_bias() };
    let layer = MultiHead { kind: masks::kind(run), dead_rows: masks::dead_rows(run), ..layer };
    Ok(run.module("", layer))
}

/// Tokens that look at themselves or at a context.
fn mha<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, d] = run.sizes(["batch", "n", "d"]);
    let x = run.input("x", (b, n, d), 1.0);
    let own = run.flag("self");
    let (m, d_z) = if own { (n, d) } else { (run.size("m"), run.size("dz")) };
    let z = if own { x.clone() } else { run.input("context", (b, m, d_z), 1.0) };
    let (mask, _) = masks::mask(run, b, n, m);
    let layer = layer(run, d, d_z, d_z)?;
    let (y, tape) = layer.forward(&rows_of(&x), &rows_of(&z), &samples(b, n), &samples(b, m), &mask)?;
    keep_inside(run, "", &tape);
    run.keep_as("out/y", &y, &[b, n, d]);
    let dy = run.cot("y", (b, n, d));
    let mut grad = layer.zeros_like();
    let (dx, dz) = layer.backward(&tape, &rows_of(&dy), &mut grad);
    if own {
        run.keep_as("grad_in/x", &(dx + dz), &[b, n, d]);
    } else {
        run.keep_as("grad_in/x", &dx, &[b, n, d]);
        run.keep_as("grad_in/context", &dz, &[b, m, d_z]);
    }
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// Keys and values from two sources.
fn mha_split<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, m, d, d_k, d_v] = run.sizes(["batch", "n", "m", "d", "dk", "dv"]);
    let x = run.input("x", (b, n, d), 1.0);
    let keys = run.input("keys", (b, m, d_k), 1.0);
    let values = run.input("values", (b, m, d_v), 1.0);
    let (mask, _) = masks::mask(run, b, n, m);
    let layer = layer(run, d, d_k, d_v)?;
    let sources = (&*rows_of(&keys), &*rows_of(&values));
    let (y, tape) = layer.forward_split(&rows_of(&x), sources, &samples(b, n), &samples(b, m), &mask)?;
    keep_inside(run, "", &tape);
    run.keep_as("out/y", &y, &[b, n, d]);
    let dy = run.cot("y", (b, n, d));
    let mut grad = layer.zeros_like();
    let (dx, (dk, dv)) = layer.backward_split(&tape, &rows_of(&dy), &mut grad);
    run.keep_as("grad_in/x", &dx, &[b, n, d]);
    run.keep_as("grad_in/keys", &dk, &[b, m, d_k]);
    run.keep_as("grad_in/values", &dv, &[b, m, d_v]);
    run.keep_tree("grad_param", "", &grad);
    Ok(())
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let config = |heads: usize, own: bool, mask: &str, offset: Value| {
        json!({"heads": heads, "bias": true, "self": own, "mask": mask, "causal_offset": offset,
            "dead_rows": "zero"})
    };
    let own = |name: &str, heads: usize, mask: &str, [b, n, d]: [usize; 3]| {
        let offset = if mask.starts_with("causal") { json!(0) } else { json!(null) };
        Row::new(format!("mha.self.{name}"), "mha", "eq-1.3-mha-full", config(heads, true, mask, offset))
            .sizes(&[("batch", b), ("n", n), ("d", d)])
    };
    let cross = |name: &str, heads: usize, mask: &str, [b, n, m, d, d_z]: [usize; 5]| {
        let config = config(heads, false, mask, json!(null));
        let sizes = [("batch", b), ("n", n), ("m", m), ("d", d), ("dz", d_z)];
        Row::new(format!("mha.cross.{name}"), "mha", "eq-1.6-cross-attention", config).sizes(&sizes)
    };
    let mut without = own("nobias", 2, "none", [2, 5, 8]);
    without.config["bias"] = json!(false);
    vec![
        own("normal", 2, "none", [2, 5, 8]).smoke(),
        without,
        own("odd", 3, "none", [2, 9, 15]).regimes(&["normal", "odd"]),
        own("one_head", 1, "none", [2, 7, 9]),
        own("causal", 2, "causal", [2, 7, 8]).regimes(&["normal", "causal"]),
        own("padright", 2, "keys", [3, 7, 8]).regimes(&["normal", "padright"]),
        own("deadrow", 2, "keys", [3, 5, 8]).regimes(&["normal", "deadrow"]),
        own("causal_padright", 2, "causal+keys", [3, 7, 8]).regimes(&["normal", "causal", "padright"]),
        own("large", 2, "none", [1, 7, 8]).fill("in/x", Fill::normal(6.0)).regimes(&["large"]),
        cross("normal", 2, "none", [2, 5, 7, 8, 8]),
        cross("kdim", 2, "none", [2, 5, 7, 8, 12]),
        cross("padright", 2, "keys", [3, 5, 7, 8, 6]).regimes(&["normal", "padright"]),
        cross("odd", 3, "none", [1, 17, 9, 9, 7]).regimes(&["normal", "odd"]),
        Row::new(
            "mha.split.kdim_vdim",
            "mha_split",
            "eq-1.3-mha-full",
            config(2, false, "none", json!(null)),
        )
        .sizes(&[("batch", 2), ("n", 5), ("m", 7), ("d", 8), ("dk", 6), ("dv", 10)]),
    ]
}
