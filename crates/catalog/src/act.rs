//! Activations.

use mmt_blocks::Activation;
use mmt_golden::draw::Fill;
use mmt_golden::op;
use mmt_golden::row::{Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Real, Result};
use serde_json::json;

pub const OPS: &[Op] = &[op!(activation)];

/// The activation of a name.
pub fn of_name(name: &str) -> Activation {
    match name {
        "relu" => Activation::Relu,
        "gelu" => Activation::Gelu,
        "gelu_tanh" => Activation::GeluTanh,
        "quick_gelu" => Activation::QuickGelu,
        other => panic!("no activation `{other}`"),
    }
}

fn activation<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [n, d] = run.sizes(["n", "d"]);
    let z = run.draw("in/z", (n, d), Fill::Sweep { low: -9.0, high: 9.0 });
    let kind = of_name(run.word("kind"));
    let y = kind.forward(&z)?;
    run.keep("out/y", &y);
    let dy = run.cot("y", (n, d));
    run.keep("grad_in/z", &kind.backward(&z, &dy));
    Ok(())
}

const FLUSHED: &str = "numbers below the smallest normal one may be taken for zero, and for nothing else";

/// The cases.
pub fn rows() -> Vec<Row> {
    let row = |name: &str, kind: &str, equation: &'static str| {
        Row::new(format!("act.{name}"), "activation", equation, json!({"kind": kind}))
            .sizes(&[("n", 7), ("d", 31)])
            .regimes(&["sweep", "odd"])
    };
    vec![
        row("relu.sweep", "relu", "eq-1.8-relu"),
        row("gelu.sweep", "gelu", "eq-1.9-gelu-erf").smoke(),
        // Further down `1 + tanh` cancels: nothing is left of it in single precision.
        row("gelu_tanh.sweep", "gelu_tanh", "eq-1.10-gelu-tanh")
            .fill("in/z", Fill::Sweep { low: -5.0, high: 9.0 }),
        row("quick_gelu.sweep", "quick_gelu", "eq-1.11-quickgelu"),
        row("gelu.normal", "gelu", "eq-1.9-gelu-erf").fill("in/z", Fill::normal(1.0)).regimes(&["normal"]),
        row("gelu_tanh.normal", "gelu_tanh", "eq-1.10-gelu-tanh")
            .fill("in/z", Fill::normal(1.0))
            .regimes(&["normal"]),
        row("quick_gelu.normal", "quick_gelu", "eq-1.11-quickgelu")
            .fill("in/z", Fill::normal(1.0))
            .regimes(&["normal"]),
        row("gelu.tiny", "gelu", "eq-1.9-gelu-erf").fill("in/z", Fill::normal(0.004)).regimes(&["tiny"]),
        row("gelu.g24", "gelu", "eq-1.9-gelu-erf").fill("in/z", Fill::normal(1.5)).g24(),
        row("relu.subnormal", "relu", "eq-1.8-relu").subnormal().note(FLUSHED),
        row("gelu.subnormal", "gelu", "eq-1.9-gelu-erf").subnormal().note(FLUSHED),
    ]
}
