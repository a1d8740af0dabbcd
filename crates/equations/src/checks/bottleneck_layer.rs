//! Evidence for `eq-3-mbt-layer`.

use mmt_blocks::Mask;
use mmt_fusion::{Bottleneck, BottleneckLayer, EarlyConcat, Layout, Stream};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2, s};

use super::fusion_kit::{Pair, inputs, layout, one_sample, pair, permuted, stream, test_stream};
use crate::{Property, properties};

fn pairs<'a, R>(x: &'a [Array2<R>], layouts: &'a [Layout]) -> Vec<(&'a ArrayRef2<R>, &'a Layout)> {
    x.iter().zip(layouts).map(|(x, layout)| (&**x, layout)).collect()
}

fn test_layers<R: Real>() -> (BottleneckLayer<R>, BottleneckLayer<R>) {
    let layer = |a, b| BottleneckLayer { streams: vec![test_stream(a), test_stream(b)] };
    (layer(1, 2), layer(3, 3))
}

/// Numbers of the specification, section 3.12: two fused layers.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (layouts, f) = ([layout("a", &[3]), layout("b", &[4])], qres(5, (2, 4), 0.1));
    let (one, two) = test_layers::<f64>();
    let ((x, f), tape_1) = one.forward(&pairs(&[a, b], &layouts), &f).unwrap();
    let ((z, f), tape_2) = two.forward(&pairs(&x, &layouts), &f).unwrap();
    assert_printed(checksum(&z[0]), "0.866887875967");
    assert_printed(checksum(&z[1]), "-0.004723331433");
    assert_printed(checksum(&f), "-0.017510382571");
    let dz = [qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0)];
    let (dx, df) = two.backward(&tape_2, (&dz, &qres(6, (2, 4), 1.0)), &mut two.zeros_like());
    let (dx, df) = one.backward(&tape_1, (&dx, &df), &mut one.zeros_like());
    assert_printed(checksum(&dx[0]), "-0.465812983095");
    assert_printed(checksum(&dx[1]), "0.567646431980");
    assert_printed(checksum(&df), "-0.105917470145");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// A layer of three modalities, and a whole model with layers alone, whose tokens all samples share.
fn backward() {
    let random = &mut Random::seed(0);
    let layouts = [layout("a", &[2, 1]), layout("b", &[1, 2]), layout("c", &[1, 1])];
    let x: Vec<Array2<Dual>> = vec![qres(1, (3, 4), 1.0), qres(2, (3, 4), 1.0), qres(3, (2, 4), 1.0)];
    let mut layer = |m| BottleneckLayer { streams: (0..m).map(|_| stream(4, 2, random)).collect() };
    let f: Array2<Dual> = qres(5, (4, 4), 0.5);
    check_module(
        &layer(3),
        (x.clone(), f),
        |m, (x, f)| m.forward(&pairs(x, &layouts), f),
        |m, tape, (dz, df), grad| m.backward(tape, (dz, df), grad),
    );
    let fused = vec![layer(2), layer(2)];
    let model = Bottleneck { alone: layer(2).streams, fused, tokens: qres(5, (2, 4), 0.1) };
    check_module(
        &model,
        x[..2].to_vec(),
        |m, x| m.forward(&pairs(x, &layouts[..2])),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_a_bottleneck_the_modalities_are_independent,
    modalities_with_their_streams_may_be_in_any_order,
    the_order_of_the_bottleneck_tokens_does_not_matter_to_the_modalities,
    one_modality_is_an_ordinary_block_with_more_tokens,
    the_tokens_of_the_other_modality_as_bottleneck_give_early_concatenation,
    samples_do_not_mix,
];

struct Drawn {
    layer: BottleneckLayer<f64>,
    pair: Pair,
    f: Array2<f64>,
}

fn draw(random: &mut Random) -> Drawn {
    let pair = pair(random);
    let layer = layer_for(&pair, random);
    let f = random.uniform((2 * pair.la.samples(), pair.d), 1.0);
    Drawn { layer, pair, f }
}

fn run(layer: &BottleneckLayer<f64>, pair: &Pair, f: &Array2<f64>) -> (Vec<Array2<f64>>, Array2<f64>) {
    layer.forward(&[(&pair.a, &pair.la), (&pair.b, &pair.lb)], f).unwrap().0
}

fn alone(stream: &Stream<f64>, x: &Array2<f64>, layout: &Layout) -> Array2<f64> {
    stream.forward(x, &layout.rows(), &Mask::None).unwrap().0
}

/// Without tokens, or without fused layers.
fn without_a_bottleneck_the_modalities_are_independent(random: &mut Random) {
    let Drawn { layer, pair, .. } = draw(random);
    let (z, _) = run(&layer, &pair, &Array2::zeros((0, pair.d)));
    let want = [alone(&layer.streams[0], &pair.a, &pair.la), alone(&layer.streams[1], &pair.b, &pair.lb)];
    assert_eq!(z, want);
    let model = Bottleneck { alone: layer.streams, fused: vec![], tokens: Array2::ones((2, pair.d)) };
    assert_eq!(model.forward(&[(&pair.a, &pair.la), (&pair.b, &pair.lb)]).unwrap().0, want);
}

fn modalities_with_their_streams_may_be_in_any_order(random: &mut Random) {
    let Drawn { layer, pair, f } = draw(random);
    let (z, next) = run(&layer, &pair, &f);
    let swapped = BottleneckLayer { streams: layer.streams.into_iter().rev().collect() };
    let inputs: [(&ArrayRef2<f64>, &Layout); 2] = [(&pair.b, &pair.lb), (&pair.a, &pair.la)];
    let (other, other_next) = swapped.forward(&inputs, &f).unwrap().0;
    assert_eq!(other, [z[1].clone(), z[0].clone()]);
    assert_close(&other_next, &next, 1e-14);
}

fn the_order_of_the_bottleneck_tokens_does_not_matter_to_the_modalities(random: &mut Random) {
    let pair = one_sample(random);
    let layer = layer_for(&pair, random);
    let f: Array2<f64> = random.uniform((3, pair.d), 1.0);
    let (z, next) = run(&layer, &pair, &f);
    let order = random.permutation(3);
    let (other, other_next) = run(&layer, &pair, &permuted(&f, &order));
    assert_close(&other, &z, 1e-12);
    assert_close(&other_next, &permuted(&next, &order), 1e-12);
}

fn layer_for(pair: &Pair, random: &mut Random) -> BottleneckLayer<f64> {
    let mut next = || stream(pair.d, pair.heads, random);
    BottleneckLayer { streams: vec![next(), next()] }
}

fn one_modality_is_an_ordinary_block_with_more_tokens(random: &mut Random) {
    let pair = one_sample(random);
    let block = stream(pair.d, pair.heads, random);
    let f: Array2<f64> = random.uniform((2, pair.d), 1.0);
    let layer = BottleneckLayer { streams: vec![block.clone()] };
    let ((z, next), _) = layer.forward(&[(&pair.a, &pair.la)], &f).unwrap();
    let joint = EarlyConcat { joint: block };
    let (want, _) = joint.forward((&pair.a, &pair.la), (&f, &layout("f", &[2])), &Mask::None).unwrap();
    assert_eq!(z[0], want.slice(s![..pair.a.nrows(), ..]));
    assert_eq!(next, want.slice(s![pair.a.nrows().., ..]));
}

/// The rows of A, and without the average.
fn the_tokens_of_the_other_modality_as_bottleneck_give_early_concatenation(random: &mut Random) {
    let pair = one_sample(random);
    let block = stream(pair.d, pair.heads, random);
    let layer = BottleneckLayer { streams: vec![block.clone()] };
    let ((z, _), _) = layer.forward(&[(&pair.a, &pair.la)], &pair.b).unwrap();
    let joint = EarlyConcat { joint: block };
    let (want, _) = joint.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    assert_eq!(z[0], want.slice(s![..pair.a.nrows(), ..]));
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { layer, pair, f } = draw(random);
    let (z, next) = run(&layer, &pair, &f);
    let sample = random.below(pair.la.samples());
    let own = s![2 * sample..2 * sample + 2, ..];
    let (alone, alone_next) = run(&layer, &pair.sample(sample), &f.slice(own).to_owned());
    assert_eq!(pair.la.rows().of(&z[0], sample), alone[0]);
    assert_eq!(next.slice(own), alone_next);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = inputs::<R>();
    let (layouts, f) = ([layout("a", &[3]), layout("b", &[4])], qres(5, (2, 4), 0.1));
    let (layer, _) = test_layers::<R>();
    let ((z, next), tape) = layer.forward(&pairs(&[a.clone(), b.clone()], &layouts), &f)?;
    let (dz, df) = (vec![qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0)], qres(6, (2, 4), 1.0));
    let mut grad = layer.zeros_like();
    let (dx, df_in) = layer.backward(&tape, (&dz, &df), &mut grad);
    (cases.case("fusion.bottleneck.qres").input("a", &a).input("b", &b).input("f", &f).param("", &layer))
        .act("tape", &tape)
        .out("z", &z)
        .out("f", &next)
        .cot("z", &dz)
        .cot("f", &df)
        .grad_in("x", &dx)
        .grad_in("f", &df_in)
        .grad_param("", &grad);
    Ok(())
}
