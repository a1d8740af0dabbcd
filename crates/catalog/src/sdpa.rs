//! Attention of queries, keys and values.

use mmt_blocks::Heads;
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::ops::matmul;
use mmt_tensor::{Real, Result};
use ndarray::{Array2, Array4, Axis, s};
use serde_json::{Value, json};

use crate::masks;
use crate::shapes::{keep_weights, merge_heads, samples, split_heads};

pub const OPS: &[Op] = &[op!(sdpa attends)];

/// More weights than this are not kept.
const MANY: usize = 20_000;

/// Scaled dot-product attention over padded batches and heads.
fn sdpa<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [b, n, m, d_k, d_v] = run.sizes(["batch", "n", "m", "dk", "dv"]);
    let h = run.whole("heads");
    let q = run.input("q", (b, h, n, d_k), 1.0);
    let mut k = run.input("k", (b, h, m, d_k), 1.0);
    let mut v = run.input("v", (b, h, m, d_v), 1.0);
    let (mask, keys) = masks::mask(run, b, n, m);
    if let (true, Some(keys)) = (run.is("poison"), keys) {
        hide(run, "in/k", &mut k, &keys);
        hide(run, "in/v", &mut v, &keys);
    }
    if b * h * n * m <= MANY && !run.is("poison") {
        run.keep("act/scores", &scores(&q, &k));
    }
    let heads = Heads { count: h, kind: masks::kind(run), dead_rows: masks::dead_rows(run) };
    let (rows, of) = (samples(b, n), samples(b, m));
    let (o, tape) = heads.forward(&merge_heads(&q), &merge_heads(&k), &merge_heads(&v), &rows, &of, &mask)?;
    if b * h * n * m <= MANY {
        keep_weights(run, "act/p", &tape, b);
    }
    run.keep("out/o", &split_heads(&o, b, h));
    let d_o = run.cot("o", (b, h, n, d_v));
    let (dq, dk, dv) = heads.backward(&tape, &merge_heads(&d_o), &rows, &of, &mask);
    for (name, gradient) in [("q", dq), ("k", dk), ("v", dv)] {
        run.keep(&format!("grad_in/{name}"), &split_heads(&gradient, b, h));
    }
    Ok(())
}

/// Computes with zeros where keys are hidden, and stores numbers that a program would notice if it read them.
fn hide<R: Real>(run: &mut Run<R>, key: &str, x: &mut Array4<R>, keys: &[bool]) {
    let poison = if run.is("nan") { f64::NAN } else { 60000.0 };
    let mut stored = x.clone();
    let m = x.len_of(Axis(2));
    for (i, _) in keys.iter().enumerate().filter(|(_, keep)| !**keep) {
        x.slice_mut(s![i / m, .., i % m, ..]).fill(R::of(0.0));
        stored.slice_mut(s![i / m, .., i % m, ..]).fill(R::of(poison));
    }
    run.poison(key, &stored);
}

/// `Q K' / √d` of every sample and head.
fn scores<R: Real>(q: &Array4<R>, k: &Array4<R>) -> Array4<R> {
    let ((b, h, n, d), m) = (q.dim(), k.len_of(Axis(2)));
    let mut all = Array4::zeros((b, h, n, m));
    let root = R::of(d as f64).sqrt();
    for (i, j) in ndarray::indices((b, h)) {
        let q: Array2<R> = q.slice(s![i, j, .., ..]).mapv(|q| q / root);
        all.slice_mut(s![i, j, .., ..]).assign(&matmul(&q, &k.slice(s![i, j, .., ..]).t()));
    }
    all
}

/// `[batch, heads, n, m, d_k, d_v]`
type Sizes = [usize; 6];

fn row(name: &str, equation: &'static str, mask: &str, offset: Value, [b, h, n, m, d_k, d_v]: Sizes) -> Row {
    let config = json!({"heads": h, "head_dim": d_k, "scale": "rsqrt_head_dim", "mask": mask,
        "causal_offset": offset, "dead_rows": "zero"});
    let sizes = [("batch", b), ("n", n), ("m", m), ("dk", d_k), ("dv", d_v)];
    Row::new(format!("sdpa.{name}"), "sdpa", equation, config).sizes(&sizes)
}

/// The cases.
pub fn rows() -> Vec<Row> {
    [open_rows(), masked_rows(), causal_rows()].concat()
}

/// Every key is seen.
fn open_rows() -> Vec<Row> {
    let all = |name: &str, sizes| row(name, "eq-1.2-mha-note", "none", json!(null), sizes);
    let logits = |row: Row, std: f64| row.fill("in/q", Fill::normal(std)).fill("in/k", Fill::normal(std));
    vec![
        all("self.normal", [2, 3, 7, 7, 8, 8]).smoke(),
        all("cross.normal", [2, 2, 5, 9, 8, 8]),
        all("cross.wide_values", [1, 2, 5, 6, 4, 9]).regimes(&["normal", "odd"]),
        all("self.odd", [1, 3, 17, 17, 9, 9]).regimes(&["normal", "odd"]),
        all("cross.odd", [1, 1, 9, 33, 15, 7]).regimes(&["normal", "odd"]),
        all("cross.tail", [1, 1, 3, 129, 8, 8]).regimes(&["normal", "odd"]),
        all("self.one_head", [2, 1, 9, 9, 16, 16]),
        all("self.width1", [2, 3, 5, 5, 1, 1]).regimes(&["normal", "len1"]),
        all("self.len1", [2, 2, 1, 1, 8, 8]).regimes(&["normal", "len1"]),
        all("cross.query1", [2, 2, 1, 9, 8, 8]).regimes(&["normal", "len1"]),
        all("cross.key1", [2, 2, 5, 1, 8, 8]).regimes(&["normal", "len1"]),
        logits(all("self.large", [1, 2, 9, 9, 8, 8]).regimes(&["large"]), 4.2),
        logits(all("cross.large", [1, 2, 7, 12, 8, 8]).regimes(&["large"]), 4.2),
        logits(all("self.tiny", [1, 2, 9, 9, 8, 8]).regimes(&["tiny"]), 0.03),
        all("self.ties", [1, 2, 9, 9, 8, 8])
            .fill("in/k", Fill::Ties { rows: 2, std: 1.0 })
            .regimes(&["ties"]),
        all("self.equal_keys", [1, 2, 9, 9, 8, 8])
            .fill("in/k", Fill::Ties { rows: 1, std: 1.0 })
            .regimes(&["ties"]),
        all("cross.offset", [1, 2, 5, 9, 8, 8])
            .fill("in/v", Fill::Normal { mean: 24.0, std: 0.5 })
            .regimes(&["offset"]),
        all("self.g24", [1, 2, 9, 9, 15, 15]).g24(),
        all("long.keys4099", [1, 1, 2, 4099, 2, 1]).regimes(&["normal", "long", "odd"]),
        all("long.positive", [1, 1, 2, 1025, 2, 4])
            .fill("in/v", Fill::Positive { std: 1.0 })
            .regimes(&["accum", "long", "odd"]),
        row("bias.normal", "eq-1.5-masked-attention", "bias", json!(null), [2, 2, 5, 7, 8, 8]),
        row("bias.large", "eq-1.5-masked-attention", "bias", json!(null), [1, 2, 5, 7, 8, 8])
            .fill("in/bias", Fill::normal(20.0))
            .regimes(&["large"]),
    ]
}

/// Some keys are hidden.
fn masked_rows() -> Vec<Row> {
    let keys = |name: &str, regime: &'static str, sizes| {
        row(name, "eq-1.5-masked-attention", "keys", json!(null), sizes).regimes(&["normal", regime])
    };
    let huge = |row: Row| row.fill("in/q", Fill::normal(120.0)).fill("in/k", Fill::normal(120.0));
    vec![
        keys("keys.random", "masked", [2, 2, 5, 9, 8, 8]).smoke(),
        keys("keys.padright", "padright", [3, 2, 5, 9, 8, 8]),
        keys("keys.padleft", "padleft", [3, 2, 5, 9, 8, 8]),
        keys("keys.padmid", "padmid", [3, 2, 5, 9, 8, 8]),
        keys("keys.self_padright", "padright", [3, 2, 9, 9, 8, 8]),
        keys("keys.deadrow", "deadrow", [3, 2, 5, 7, 8, 8]),
        keys("keys.poison", "poison", [3, 2, 5, 9, 8, 8]),
        keys("keys.poison_nan", "poison", [3, 2, 5, 9, 8, 8]).regimes(&["normal", "poison", "nan"]),
        huge(keys("keys.huge", "huge", [2, 2, 5, 9, 8, 8])).regimes(&["huge", "padright"]),
        keys("keys.large", "large", [2, 2, 5, 9, 8, 8])
            .fill("in/q", Fill::normal(4.2))
            .fill("in/k", Fill::normal(4.2))
            .regimes(&["large", "padright"]),
        keys("keys.odd", "padright", [2, 1, 7, 33, 9, 9]).regimes(&["normal", "padright", "odd"]),
    ]
}

/// Queries see keys up to their own place.
fn causal_rows() -> Vec<Row> {
    let causal = |name: &str, offset: i64, sizes| {
        row(name, "eq-1.5-masked-attention", "causal", json!(offset), sizes).regimes(&["normal", "causal"])
    };
    let both = |name: &str, offset: i64, sizes| {
        row(name, "eq-1.5-masked-attention", "causal+keys", json!(offset), sizes)
            .regimes(&["normal", "causal", "padright"])
    };
    vec![
        causal("causal.square", 0, [2, 2, 9, 9, 8, 8]).smoke(),
        causal("causal.square_odd", 0, [1, 2, 17, 17, 9, 9]),
        causal("causal.topleft", 0, [2, 2, 5, 9, 8, 8]).regimes(&["normal", "causal_nm"]),
        causal("causal.bottomright", 4, [2, 2, 5, 9, 8, 8]).regimes(&["normal", "causal_nm"]),
        causal("causal.tall_topleft", 0, [2, 2, 9, 5, 8, 8]).regimes(&["normal", "causal_nm"]),
        causal("causal.tall_bottomright", -4, [2, 2, 9, 5, 8, 8]).regimes(&[
            "normal",
            "causal_nm",
            "deadrow",
        ]),
        causal("causal.large", 0, [1, 2, 9, 9, 8, 8])
            .fill("in/q", Fill::normal(4.2))
            .fill("in/k", Fill::normal(4.2))
            .regimes(&["large", "causal"]),
        causal("causal.ties", 0, [1, 2, 9, 9, 8, 8])
            .fill("in/k", Fill::Ties { rows: 2, std: 1.0 })
            .regimes(&["ties", "causal"]),
        both("causal.padright", 0, [3, 2, 7, 7, 8, 8]),
        both("causal.padright_nm", 2, [3, 2, 5, 7, 8, 8]).regimes(&["normal", "causal_nm", "padright"]),
    ]
}
