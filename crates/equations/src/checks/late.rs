//! Evidence for `eq-3-late`.

use mmt_blocks::Linear;
use mmt_fusion::{LateFusion, LateStream, Layout, Stream};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, check_module, qres};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2, array};

use super::fusion_kit::{inputs, layout, pair, stream, test_stream};
use crate::{Property, properties};

fn pairs<'a, R>(x: &'a [Array2<R>], layouts: &'a [Layout]) -> Vec<(&'a ArrayRef2<R>, &'a Layout)> {
    x.iter().zip(layouts).map(|(x, layout)| (&**x, layout)).collect()
}

/// By hand: means of two and of one token, two heads, and their average.
pub fn forward() {
    let head = |weight: Array2<f64>, bias| Linear { weight, bias: Some(bias) };
    let part = |head| LateStream { stream: Stream::identity(), head };
    let streams = vec![
        part(head(array![[1.0, 0.0], [0.0, 2.0]], array![0.5, 0.0])),
        part(head(array![[4.0, -2.0]], array![0.0, 1.0])),
    ];
    let (a, b) = (array![[1.0, 2.0], [3.0, 6.0]], array![[0.5]]);
    let layouts = [layout("a", &[2]), layout("b", &[1])];
    let (y, _) = LateFusion { streams }.forward(&pairs(&[a, b], &layouts)).unwrap();
    // The means are (2, 4) and 0.5, the scores (2.5, 8) and (2, 0).
    assert_eq!(y, array![[2.25, 4.0]]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Modalities of different lengths and widths.
fn backward() {
    let random = &mut Random::seed(0);
    let mut part = |d| LateStream { stream: stream(d, 2, random), head: Linear::new(d, 3, random) };
    let layouts = [layout("a", &[2, 1]), layout("b", &[1, 3])];
    check_module(
        &LateFusion { streams: vec![part(4), part(2)] },
        vec![qres::<Dual, _>(1, (3, 4), 1.0), qres(2, (4, 2), 1.0)],
        |m, x| m.forward(&pairs(x, &layouts)),
        |m, tape, dy, grad| m.backward(tape, dy, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    scores_are_a_sum_of_what_each_modality_says,
    the_exclusive_or_of_two_modalities_is_out_of_reach,
    samples_do_not_mix,
];

struct Drawn {
    module: LateFusion<f64>,
    x: Vec<Array2<f64>>,
    layouts: [Layout; 2],
}

fn draw(random: &mut Random) -> Drawn {
    let pair = pair(random);
    let mut part =
        || LateStream { stream: stream(pair.d, pair.heads, random), head: Linear::new(pair.d, 2, random) };
    let module = LateFusion { streams: vec![part(), part()] };
    Drawn { module, x: vec![pair.a, pair.b], layouts: [pair.la, pair.lb] }
}

fn scores(Drawn { module, layouts, .. }: &Drawn, x: &[Array2<f64>]) -> Array2<f64> {
    module.forward(&pairs(x, layouts)).unwrap().0
}

fn scores_are_a_sum_of_what_each_modality_says(random: &mut Random) {
    let drawn = draw(random);
    let alone = |m: usize| {
        let part = drawn.module.streams[m].clone();
        let layouts = [drawn.layouts[m].clone()];
        LateFusion { streams: vec![part] }.forward(&pairs(&drawn.x[m..=m], &layouts)).unwrap().0
    };
    assert_close(&scores(&drawn, &drawn.x), &((alone(0) + alone(1)) * 0.5), 1e-12);
}

/// For any two inputs of each modality, scores of the four pairs satisfy `y_00 + y_11 = y_01 + y_10`; an exclusive or
/// would need the left side below zero and the right side above.
fn the_exclusive_or_of_two_modalities_is_out_of_reach(random: &mut Random) {
    let drawn = draw(random);
    let other: Vec<Array2<f64>> = drawn.x.iter().map(|x| random.uniform(x.dim(), 1.0)).collect();
    let pick = |a: bool, b: bool| {
        let of = |m: usize, second: bool| if second { other[m].clone() } else { drawn.x[m].clone() };
        scores(&drawn, &[of(0, a), of(1, b)])
    };
    let (equal, different) = (pick(false, false) + pick(true, true), pick(false, true) + pick(true, false));
    assert_close(&equal, &different, 1e-12);
}

fn samples_do_not_mix(random: &mut Random) {
    let drawn = draw(random);
    let y = scores(&drawn, &drawn.x);
    let sample = random.below(y.nrows());
    let own: Vec<Array2<f64>> = (drawn.x.iter().zip(&drawn.layouts))
        .map(|(x, layout)| layout.rows().of(x, sample).to_owned())
        .collect();
    let layouts = [layout("a", &[own[0].nrows()]), layout("b", &[own[1].nrows()])];
    let (alone, _) = drawn.module.forward(&pairs(&own, &layouts)).unwrap();
    assert_eq!(alone.row(0), y.row(sample));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = inputs::<R>();
    let layouts = [layout("a", &[3]), layout("b", &[4])];
    let part = |i, s| LateStream {
        stream: test_stream::<R>(i),
        head: Linear { weight: qres(s, (4, 3), 0.6), bias: Some(qres(s + 1, 3, 0.6)) },
    };
    let (module, x) = (LateFusion { streams: vec![part(1, 50), part(2, 52)] }, vec![a, b]);
    let (y, tape) = module.forward(&pairs(&x, &layouts))?;
    let (dy, mut grad) = (qres(3, (1, 3), 1.0), module.zeros_like());
    let dx = module.backward(&tape, &dy, &mut grad);
    (cases.case("fusion.late.qres").input("x", &x).param("", &module))
        .act("tape", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
