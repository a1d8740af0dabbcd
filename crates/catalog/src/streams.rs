//! The cases of streams that meet.

use mmt_golden::row::{Level, Row};
use serde_json::{Value, json};

use crate::block_rows::settings;

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, op, equation, n: usize, m: usize, more: Value| {
        let mut config = settings("gelu", json!({"layers": 1}));
        for (key, value) in more.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        let sizes = [("batch", 2), ("n", n), ("m", m)];
        Row::new(format!("topology.{name}"), op, equation, config).level(Level::Topology).sizes(&sizes)
    };
    let padded = |row: Row| row.regimes(&["normal", "padright"]);
    let sum = |name: &str, kind: &str| {
        row(name, "early_sum", "eq-3-early-sum", 5, 5, json!({"kind": kind, "weights": [0.25, 0.75]}))
    };
    let concat = |name: &str, n, m| row(name, "early_concat", "eq-3-early-concat", n, m, json!({}));
    let fan_out = |name: &str, n, m| row(name, "one_to_many", "eq-3-hier-o2m", n, m, json!({}));
    let fan_in = |name: &str, n, m| row(name, "many_to_one", "eq-3-hier-m2o", n, m, json!({}));
    let cross = |name: &str, order: &str, exchange: &str, n, m| {
        row(name, "cross_attention", "eq-3-cross", n, m, json!({"order": order, "exchange": exchange}))
    };
    let meet =
        |name: &str, n, m| row(name, "cross_concat", "eq-3-cross-concat", n, m, json!({"order": "post"}));
    let narrow = |name: &str, n, m| {
        row(name, "bottleneck_layer", "eq-3-mbt-layer", n, m, json!({})).sizes(&[("tokens", 3)])
    };
    let narrow_all = |name: &str, fused: usize| {
        row(name, "bottleneck", "eq-3-mbt-delay", 4, 5, json!({"fused": fused})).sizes(&[("tokens", 2)])
    };
    let three = |name: &str, heads: usize, n| {
        row(name, "three_streams", "eq-3-tri-code", n, n, json!({"heads": heads, "layers": 1}))
    };
    vec![
        sum("early_sum.fixed", "fixed").smoke(),
        sum("early_sum.learned", "learned"),
        sum("early_sum.softmax", "softmax"),
        concat("early_concat.equal", 5, 5),
        concat("early_concat.unequal", 4, 7),
        padded(concat("early_concat.padright", 5, 4)),
        fan_out("one_to_many.equal", 5, 5),
        fan_out("one_to_many.unequal", 3, 6),
        padded(fan_out("one_to_many.padright", 5, 4)),
        fan_in("many_to_one.equal", 5, 5),
        fan_in("many_to_one.unequal", 3, 6),
        padded(fan_in("many_to_one.padright", 5, 4)),
        cross("cross.keys", "post", "keys", 5, 5).smoke(),
        cross("cross.unequal", "post", "keys", 3, 6),
        cross("cross.queries", "post", "queries", 3, 6),
        cross("cross.pre", "pre", "keys", 4, 5),
        padded(cross("cross.padright", "post", "keys", 5, 4)),
        meet("cross_concat.equal", 5, 5),
        meet("cross_concat.unequal", 3, 6),
        padded(meet("cross_concat.padright", 5, 4)),
        narrow("bottleneck_layer.equal", 4, 4),
        narrow("bottleneck_layer.unequal", 3, 6),
        narrow_all("bottleneck.two", 2),
        three("three_streams.normal", 2, 5),
        three("three_streams.odd", 2, 9),
        row("bidirectional.equal", "bidirectional", "eq-3-irene-bi", 5, 5, json!({})),
        padded(row("bidirectional.padright", "bidirectional", "eq-3-irene-bi", 5, 4, json!({}))),
        row("late.scores", "late", "eq-3-late", 3, 5, json!({"classes": 4})),
    ]
}
