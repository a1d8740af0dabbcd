//! Streams that meet at a bottleneck, three of them, and streams that meet at the end.

use mmt_blocks::{Heads, Linear};
use mmt_fusion::{
    Bidirectional, BidirectionalAttention, BidirectionalStream, Bottleneck, BottleneckLayer, LateFusion,
    LateStream, Projections, ThreeStreams, ThreeStreamsStream,
};
use mmt_golden::op;
use mmt_golden::row::Op;
use mmt_golden::run::Run;
use mmt_tensor::{Real, Result, Tree};
use ndarray::Array2;

use crate::block::config;
use crate::masks;
use crate::shapes::{finish, gradients, rows_of, samples};
use crate::topology::{keep_stream, modality, pair, random, stream};

pub const OPS: &[Op] = &[
    op!(bottleneck_layer attends),
    op!(bottleneck attends),
    op!(three_streams attends),
    op!(bidirectional attends),
    op!(late attends),
];

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
