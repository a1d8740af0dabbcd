//! The cases of blocks.

use mmt_golden::draw::Fill;
use mmt_golden::row::{Level, Row};
use serde_json::{Value, json};

/// The settings of a block, with more of them.
pub fn settings(activation: &str, more: Value) -> Value {
    let mut config = json!({"width": 8, "heads": 2, "hidden": 16, "activation": activation, "eps": 1e-5,
        "mask": "none", "causal_offset": null, "dead_rows": "zero"});
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    config
}

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, op, equation, activation: &str, more: Value| {
        Row::new(format!("block.{name}"), op, equation, settings(activation, more))
            .level(Level::Block)
            .sizes(&[("batch", 2), ("n", 5)])
    };
    let network = |name: &str, activation: &str| row(name, "ffn", "eq-1.7-ffn", activation, json!({}));
    let pre = |name: &str, more| row(name, "pre_ln", "eq-1.14-pre-ln-block", "gelu", more);
    let post = |name: &str, more| row(name, "post_ln", "eq-1.13-post-ln-block", "gelu", more);
    let cross = |name: &str, order: &str, more: Value| {
        let mut row = row(name, "cross_block", "eq-1.6-cross-attention", "gelu", more);
        row.config["order"] = json!(order);
        row.sizes(&[("m", 7), ("dz", 8)])
    };
    let decoder = |name: &str, order: &str| {
        row(name, "decoder_block", "eq-1.22-encoder-decoder", "relu", json!({"order": order}))
            .sizes(&[("m", 7)])
    };
    let stack = |name: &str, order: &str, layers: usize, repeats: usize, more: Value| {
        let mut row = row(name, "stack", "eq-1.15-pre-ln-final-norm", "gelu", more);
        (row.config["order"], row.config["layers"], row.config["repeats"]) =
            (json!(order), json!(layers), json!(repeats));
        row
    };
    let keys = || json!({"mask": "keys"});
    let causal = || json!({"mask": "causal", "causal_offset": 0});
    vec![
        network("ffn.relu", "relu"),
        network("ffn.gelu", "gelu").smoke(),
        network("ffn.gelu_tanh", "gelu_tanh"),
        network("ffn.quick_gelu", "quick_gelu"),
        pre("pre.normal", json!({})).smoke(),
        pre("pre.causal", causal()).regimes(&["normal", "causal"]),
        pre("pre.padright", keys()).regimes(&["normal", "padright"]),
        pre("pre.odd", json!({"width": 15, "heads": 3, "hidden": 33}))
            .sizes(&[("n", 9)])
            .regimes(&["normal", "odd"]),
        pre("pre.offset", json!({})).fill("in/x", Fill::Normal { mean: 24.0, std: 0.5 }).regimes(&["offset"]),
        pre("pre.quick", json!({"activation": "quick_gelu"})),
        pre("pre.g24", json!({})).g24(),
        post("post.normal", json!({})).smoke(),
        post("post.causal", causal()).regimes(&["normal", "causal"]),
        post("post.padright", keys()).regimes(&["normal", "padright"]),
        post("post.odd", json!({"width": 15, "heads": 3, "hidden": 33}))
            .sizes(&[("n", 9)])
            .regimes(&["normal", "odd"]),
        post("post.relu", json!({"activation": "relu"})),
        cross("cross.pre", "pre", json!({})),
        cross("cross.post", "post", json!({})),
        cross("cross.padright", "post", keys()).regimes(&["normal", "padright"]),
        cross("cross.context_width", "pre", json!({})).sizes(&[("dz", 6)]),
        decoder("decoder.pre", "pre").regimes(&["normal", "causal"]),
        decoder("decoder.post", "post").regimes(&["normal", "causal"]),
        decoder("decoder.padright", "post").regimes(&["normal", "causal", "padright"]),
        stack("stack.causal4", "pre", 4, 1, causal()).regimes(&["normal", "causal"]),
        stack("stack.post2", "post", 2, 1, json!({})),
        stack("stack.padright2", "pre", 2, 1, keys()).regimes(&["normal", "padright"]),
        stack("stack.shared", "pre", 1, 3, json!({})),
        stack("stack.shared_pairs", "post", 2, 2, json!({})),
    ]
}
