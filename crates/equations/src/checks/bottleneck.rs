//! Evidence for `eq-3-mbt-delay`.

use mmt_fusion::{Bottleneck, BottleneckLayer, Stream, StreamTape};
use mmt_golden::Cases;
use mmt_tensor::testing::qres;
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, s};

use super::fusion_kit::{Pair, inputs, layouts, one_sample, stream, test_stream};
use crate::{Property, properties};

fn model(fused: usize, tokens: usize, d: usize, heads: usize, random: &mut Random) -> Bottleneck<f64> {
    let mut streams = || vec![stream(d, heads, random), stream(d, heads, random)];
    let layers = (0..fused).map(|_| BottleneckLayer { streams: streams() }).collect();
    let alone = streams();
    Bottleneck { alone, fused: layers, tokens: random.uniform((tokens, d), 1.0) }
}

/// Numbers of the specification, section 3.11: what layers count for. The Jacobian is below.
pub fn forward() {
    let random = &mut Random::seed(0);
    for (fused, exchanges) in [(0, 0), (1, 0), (2, 1), (4, 3), (12, 11)] {
        let layer = BottleneckLayer { streams: vec![Stream::identity(), Stream::identity()] };
        let alone: Vec<Stream<f64>> = layer.streams.clone();
        let model = Bottleneck { alone, fused: vec![layer; fused], tokens: random.uniform((4, 4), 0.02) };
        assert_eq!(model.exchanges(), exchanges);
    }
    let mut one = model(1, 2, 4, 2, random);
    one.tokens = Array2::zeros((0, 4));
    assert_eq!(one.exchanges(), 0);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    nothing_crosses_in_one_fused_layer_and_something_in_two,
    the_derivative_across_one_fused_layer_is_exactly_zero,
    the_last_queries_of_the_bottleneck_learn_nothing,
];

fn outputs(model: &Bottleneck<f64>, pair: &Pair) -> Vec<Array2<f64>> {
    model.forward(&[(&pair.a, &pair.la), (&pair.b, &pair.lb)]).unwrap().0
}

/// Tokens of width four: a norm of two numbers leaves their signs alone, and nothing of their size would cross.
fn wide(random: &mut Random) -> Pair {
    let pair = one_sample(random);
    let (a, b) = (random.uniform((pair.a.nrows(), 4), 1.0), random.uniform((pair.b.nrows(), 4), 1.0));
    Pair { d: 4, heads: 2, a, b, ..pair }
}

/// To the last bit, and with any number of tokens.
fn nothing_crosses_in_one_fused_layer_and_something_in_two(random: &mut Random) {
    let pair = wide(random);
    for fused in [1, 2] {
        let model = model(fused, 1 + random.below(3), pair.d, pair.heads, random);
        let other = Pair { b: random.uniform(pair.b.dim(), 1.0), ..pair.clone() };
        let same = outputs(&model, &pair)[0] == outputs(&model, &other)[0];
        assert_eq!(same, model.exchanges() == 0, "{fused} fused layers");
    }
}

/// In dual numbers: every direction of B, no movement of A.
fn the_derivative_across_one_fused_layer_is_exactly_zero(random: &mut Random) {
    let (a, b) = inputs::<Dual>();
    let (la, lb) = layouts();
    let v: Array2<f64> = random.uniform(b.dim(), 1.0);
    let b = ndarray::Zip::from(&b).and(&v).map_collect(|b, &tangent| Dual { tangent, ..*b });
    for fused in [1, 2] {
        let layer = |i| BottleneckLayer { streams: vec![test_stream(i), test_stream(i + 1)] };
        let model = Bottleneck {
            alone: vec![test_stream(1), test_stream(2)],
            fused: (0..fused).map(layer).collect(),
            tokens: qres(5, (2, 4), 0.1),
        };
        let z = model.forward(&[(&a, &la), (&b, &lb)]).unwrap().0;
        assert_eq!(z[0].iter().all(|z| z.tangent == 0.0), fused == 1);
        assert!(z[1].iter().any(|z| z.tangent != 0.0));
    }
}

/// The rows of the bottleneck in the gradient of the queries of the last layer are zero.
fn the_last_queries_of_the_bottleneck_learn_nothing(random: &mut Random) {
    let pair = one_sample(random);
    let model = model(2, 2, pair.d, pair.heads, random);
    let inputs: [(&ndarray::ArrayRef2<f64>, &mmt_fusion::Layout); 2] =
        [(&pair.a, &pair.la), (&pair.b, &pair.lb)];
    let (z, tape) = model.forward(&inputs).unwrap();
    let (last, layer) = (&tape.fused[1], &model.fused[1]);
    let dz: Vec<Array2<f64>> = z.iter().map(|z| random.uniform(z.dim(), 1.0)).collect();
    let none = Array2::zeros((2, pair.d));
    let (dx, df) = layer.backward(last, (&dz, &none), &mut layer.zeros_like());
    assert!(dx[0].iter().any(|&x| x != 0.0) && df.iter().any(|&f| f != 0.0));
    let StreamTape::Encoder(stream) = &last.streams[0] else { panic!("a stack") };
    let mmt_blocks::BlockTape::Pre(block) = &stream.blocks[0] else { panic!("Pre-LN") };
    let n = pair.a.nrows();
    let mut d_o: Array2<f64> = random.uniform(block.attn.heads.o.dim(), 1.0);
    d_o.slice_mut(s![n.., ..]).fill(0.0);
    let batch = &block.attn.batch;
    let (dq, _, _) = mmt_blocks::Heads::new(pair.heads).backward(
        &block.attn.heads,
        &d_o,
        &batch.rows,
        &batch.context_rows,
        &batch.mask,
    );
    assert!(dq.slice(s![n.., ..]).iter().all(|&q| q == 0.0));
    assert!(dq.slice(s![..n, ..]).iter().any(|&q| q != 0.0));
}

/// Golden cases: a model whose outputs depend on one modality each.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let layer = BottleneckLayer { streams: vec![test_stream(3), test_stream(4)] };
    let model = Bottleneck {
        alone: vec![test_stream::<R>(1), test_stream(2)],
        fused: vec![layer],
        tokens: qres(5, (2, 4), 0.1),
    };
    let (z, tape) = model.forward(&[(&a, &la), (&b, &lb)])?;
    let dz = vec![qres(3, (3, 4), 1.0), Array2::zeros((4, 4))];
    let mut grad = model.zeros_like();
    let dx = model.backward(&tape, &dz, &mut grad);
    (cases.case("fusion.bottleneck-delay.qres").input("a", &a).input("b", &b).param("", &model))
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
