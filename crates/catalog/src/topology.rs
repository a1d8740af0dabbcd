//! Two and three streams that meet.

use mmt_blocks::{CrossBlock, Encoder, Heads, Linear, Mask, NormOrder};
use mmt_fusion::{
    Bidirectional, BidirectionalAttention, BidirectionalStream, Bottleneck, BottleneckLayer, Cross,
    CrossAttention, CrossConcat, CrossTape, EarlyConcat, EarlySum, HierMultiToOne, HierOneToMulti,
    LateFusion, LateStream, Layout, Projections, Stream, StreamTape, SumWeights, ThreeStreams,
    ThreeStreamsStream,
};
use mmt_golden::op;
use mmt_golden::row::{Level, Op, Row};
use mmt_golden::run::Run;
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::{Array1, Array2};
use serde_json::{Value, json};

use crate::block::{config, keep_ffn, keep_stack, order, settings};
use crate::masks;
use crate::mha::keep_inside;
use crate::shapes::{keep_moments, rows_of, samples};

pub const OPS: &[Op] = &[
    op!(early_sum attends),
    op!(early_concat attends),
    op!(one_to_many attends),
    op!(many_to_one attends),
    op!(cross_attention attends),
    op!(cross_concat attends),
    op!(bottleneck_layer attends),
    op!(bottleneck attends),
    op!(three_streams attends),
    op!(bidirectional attends),
    op!(late attends),
];

/// Two modalities: tokens, where samples begin, and which tokens are there.
struct Pair<R> {
    a: (Array2<R>, Layout),
    b: (Array2<R>, Layout),
    masks: (Mask, Mask),
    /// Of the tokens of both, sample by sample.
    joint: Mask,
}

fn modality<R: Real>(run: &mut Run<R>, name: &str, size: &str) -> (Array2<R>, Layout) {
    let [b, n] = run.sizes(["batch", size]);
    let x = run.input(name, (b, n, run.whole("width")), 1.0);
    (rows_of(&x), Layout::of(name, samples(b, n)).expect("tokens in every sample"))
}

fn pair<R: Real>(run: &mut Run<R>) -> Pair<R> {
    let (a, b) = (modality(run, "a", "n"), modality(run, "b", "m"));
    let [s, n, m] = run.sizes(["batch", "n", "m"]);
    if !run.is("padright") {
        return Pair { a, b, masks: (Mask::None, Mask::None), joint: Mask::None };
    }
    let (keep_a, keep_b) = (masks::key_mask(run, "a_mask", s, n), masks::key_mask(run, "b_mask", s, m));
    let joint = keep_a.chunks(n).zip(keep_b.chunks(m)).flat_map(|(a, b)| [a, b].concat()).collect();
    Pair { a, b, masks: (Mask::Keys(keep_a), Mask::Keys(keep_b)), joint: Mask::Keys(joint) }
}

impl<R: Real> Pair<R> {
    fn both(&self) -> [(&ndarray::ArrayRef2<R>, &Layout); 2] {
        [(&self.a.0, &self.a.1), (&self.b.0, &self.b.1)]
    }
}

fn random() -> Random {
    Random::seed(0)
}

/// A stack with the norm first.
fn stream<R: Real>(run: &Run<R>) -> Result<Stream<R>> {
    Encoder::new(NormOrder::Pre, run.whole("layers"), &config(run), &mut random()).map(Stream::Encoder)
}

fn cross<R: Real>(run: &Run<R>) -> Result<Cross<R>> {
    let width = run.whole("width");
    CrossBlock::new(order(run), &config(run), width, &mut random()).map(Cross::Block)
}

fn keep_stream<R: Real>(run: &mut Run<R>, name: &str, tape: &StreamTape<R>) {
    if let StreamTape::Encoder(tape) = tape {
        keep_stack(run, &format!("{name}."), tape);
    }
}

fn keep_cross<R: Real>(run: &mut Run<R>, name: &str, tape: &CrossTape<R>) {
    let CrossTape::Block(tape) = tape else { return };
    let b = tape.attn.batch.rows.samples();
    let shape = [b, tape.norm_1.x.nrows() / b];
    keep_moments(run, &format!("{name}.norm_1."), &tape.norm_1.moments, &shape);
    keep_inside(run, &format!("{name}.attn."), &tape.attn);
    keep_moments(run, &format!("{name}.norm_2."), &tape.norm_2.moments, &shape);
    keep_ffn(run, &format!("{name}.ffn."), &tape.ffn, b);
}

/// Keeps an output of all samples, and draws its gradient.
fn finish<R: Real>(run: &mut Run<R>, name: &str, z: &Array2<R>) -> Array2<R> {
    let shape = batched(run, z);
    run.keep_as(&format!("out/{name}"), z, &shape);
    rows_of(&run.cot(name, shape))
}

fn batched<R: Real>(run: &Run<R>, x: &Array2<R>) -> [usize; 3] {
    let b = run.size("batch");
    [b, x.nrows() / b, x.ncols()]
}

/// Keeps the gradients of inputs and parameters.
fn gradients<R: Real>(run: &mut Run<R>, inputs: &[(&str, &Array2<R>)], grad: &impl Tree<R>) {
    for (name, x) in inputs {
        let shape = batched(run, x);
        run.keep_as(&format!("grad_in/{name}"), x, &shape);
    }
    run.keep_tree("grad_param", "", grad);
}

fn early_sum<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let weights = run.setting("weights").as_array().expect("two numbers");
    let weights = match run.word("kind") {
        "fixed" => SumWeights::Fixed(weights.iter().filter_map(Value::as_f64).collect()),
        "learned" => SumWeights::Learned(Array1::zeros(2)),
        _ => SumWeights::Softmax(Array1::zeros(2)),
    };
    let module = EarlySum { weights, joint: stream(run)? };
    let module = run.module("", module);
    let inputs = [&*pair.a.0, &*pair.b.0];
    let (z, tape) = module.forward(&inputs, &pair.a.1.rows(), &pair.masks.0)?;
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1])], &grad);
    Ok(())
}

fn early_concat<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = EarlyConcat { joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, &pair.joint)?;
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn one_to_many<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = HierOneToMulti { joint: stream(run)?, a: stream(run)?, b: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let ((z_a, z_b), tape) = module.forward(a, b, &pair.joint)?;
    for (name, tape) in [("joint", &tape.joint), ("a", &tape.a), ("b", &tape.b)] {
        keep_stream(run, name, tape);
    }
    let dz = (finish(run, "a", &z_a), finish(run, "b", &z_b));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn many_to_one<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = HierMultiToOne { a: stream(run)?, b: stream(run)?, joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, &pair.joint)?;
    for (name, tape) in [("a", &tape.a), ("b", &tape.b), ("joint", &tape.joint)] {
        keep_stream(run, name, tape);
    }
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

fn cross_attention<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let module = CrossAttention { a: cross(run)?, b: cross(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let ((z_a, z_b), tape) = module.forward(a, b, (&pair.masks.1, &pair.masks.0))?;
    keep_cross(run, "a", &tape.a);
    keep_cross(run, "b", &tape.b);
    // Where queries are exchanged instead, an output has the name of its keys.
    let [first, second] = if run.word("exchange") == "keys" { ["a", "b"] } else { ["b", "a"] };
    let dz = (finish(run, first, &z_a), finish(run, second, &z_b));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

/// A block looks at the other modality: its mask is about the keys of that one.
fn cross_concat<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let cross = CrossAttention { a: cross(run)?, b: cross(run)? };
    let module = CrossConcat { cross, joint: stream(run)? };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let (z, tape) = module.forward(a, b, (&pair.masks.1, &pair.masks.0, &pair.joint))?;
    keep_cross(run, "cross.a", &tape.cross.a);
    keep_cross(run, "cross.b", &tape.cross.b);
    keep_stream(run, "joint", &tape.joint);
    let dz = finish(run, "z", &z);
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

/// One fused layer: what it reads and writes at the bottleneck is an input and an output.
fn bottleneck_layer<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let [s, t] = run.sizes(["batch", "tokens"]);
    let f = rows_of(&run.input("f", (s, t, run.whole("width")), 1.0));
    let module = BottleneckLayer { streams: vec![stream(run)?, stream(run)?] };
    let module = run.module("", module);
    let ((z, f_new), tape) = module.forward(&pair.both(), &f)?;
    for (i, tape) in tape.streams.iter().enumerate() {
        keep_stream(run, &format!("streams.{i}"), tape);
    }
    let dz = [finish(run, "a", &z[0]), finish(run, "b", &z[1])];
    let df = finish(run, "f", &f_new);
    let mut grad = module.zeros_like();
    let (dx, df) = module.backward(&tape, (&dz, &df), &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1]), ("f", &df)], &grad);
    Ok(())
}

fn bottleneck<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let tokens = Array2::zeros((run.size("tokens"), run.whole("width")));
    let fused: Result<Vec<_>> = (0..run.whole("fused"))
        .map(|_| Ok(BottleneckLayer { streams: vec![stream(run)?, stream(run)?] }))
        .collect();
    let module = Bottleneck { alone: vec![stream(run)?, stream(run)?], fused: fused?, tokens };
    let module = run.module("", module);
    let (z, tape) = module.forward(&pair.both())?;
    for (i, tape) in tape.alone.iter().enumerate() {
        keep_stream(run, &format!("alone.{i}"), tape);
    }
    for (l, layer) in tape.fused.iter().enumerate() {
        for (i, tape) in layer.streams.iter().enumerate() {
            keep_stream(run, &format!("fused.{l}.streams.{i}"), tape);
        }
    }
    let dz = [finish(run, "a", &z[0]), finish(run, "b", &z[1])];
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dz, &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1])], &grad);
    Ok(())
}

fn heads<R: Real>(run: &Run<R>) -> Heads {
    Heads { kind: masks::kind(run), ..Heads::new(run.whole("heads")) }
}

fn three_streams<R: Real>(run: &mut Run<R>) -> Result<()> {
    let [s, n] = run.sizes(["batch", "n"]);
    let x = ["a", "b", "c"].map(|name| modality(run, name, "n").0);
    let (config, d) = (config(run), run.whole("width"));
    let stream = || -> Result<ThreeStreamsStream<R>> {
        Ok(ThreeStreamsStream {
            w_q: Linear::new(d, d, &mut random()),
            w_k: Linear::new(d, d / 2, &mut random()),
            w_v: Linear::new(d, d / 2, &mut random()),
            w_o: Linear::new(d, d, &mut random()),
            norm_1: config.norm(),
            ffn: config.ffn(&mut random())?,
            norm_2: config.norm(),
        })
    };
    let module = ThreeStreams { a: stream()?, b: stream()?, c: stream()?, heads: heads(run) };
    let module = run.module("", module);
    let (z, tape) = module.forward(x.each_ref(), &samples(s, n))?;
    let mut dz = vec![];
    for (name, z) in ["a", "b", "c"].into_iter().zip(&z) {
        dz.push(finish(run, name, z));
    }
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, [&dz[0], &dz[1], &dz[2]], &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1]), ("c", &dx[2])], &grad);
    Ok(())
}

fn bidirectional<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let (config, d) = (config(run), run.whole("width"));
    let stream = || -> Result<BidirectionalStream<R>> {
        Ok(BidirectionalStream {
            norm_1: config.norm(),
            norm_2: config.norm(),
            ffn: config.ffn(&mut random())?,
        })
    };
    let attn = BidirectionalAttention {
        a: Projections::new(d, &mut random()),
        b: Projections::new(d, &mut random()),
        w_o: Linear::new(d, d, &mut random()),
        heads: heads(run),
    };
    let module = Bidirectional { a: stream()?, b: stream()?, attn };
    let module = run.module("", module);
    let [a, b] = pair.both();
    let ((z_a, z_b), tape) = module.forward(a, b, (&pair.masks.0, &pair.masks.1))?;
    let dz = (finish(run, "a", &z_a), finish(run, "b", &z_b));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    gradients(run, &[("a", &da), ("b", &db)], &grad);
    Ok(())
}

/// Streams that meet at the scores of their classes only.
fn late<R: Real>(run: &mut Run<R>) -> Result<()> {
    let pair = pair(run);
    let (d, classes) = (run.whole("width"), run.whole("classes"));
    let part = || -> Result<LateStream<R>> {
        Ok(LateStream { stream: stream(run)?, head: Linear::new(d, classes, &mut random()) })
    };
    let module = LateFusion { streams: vec![part()?, part()?] };
    let module = run.module("", module);
    let (y, tape) = module.forward(&pair.both())?;
    for (i, tape) in tape.streams.iter().enumerate() {
        keep_stream(run, &format!("streams.{i}.stream"), &tape.stream);
    }
    run.keep("out/y", &y);
    let dy = run.cot("y", y.raw_dim());
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dy, &mut grad);
    gradients(run, &[("a", &dx[0]), ("b", &dx[1])], &grad);
    Ok(())
}

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
