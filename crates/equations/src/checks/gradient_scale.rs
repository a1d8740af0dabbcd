//! Evidence for `eq-1.16-gradient-scale`.

use mmt_blocks::depth::{
    DepthConfig, DepthProbe, DepthReading, Spread, excess_share, log_slope, theorem_probability,
};
use mmt_blocks::{LayerNorm, NormOrder};
use mmt_golden::Cases;
use mmt_lab::studies;
use mmt_tensor::ops::relu;
use mmt_tensor::ops::sum::{dot, sum};
use mmt_tensor::optim::{Norm, global_norm};
use mmt_tensor::testing::{assert_close, check_module, qres};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array0, Array2, array};

use crate::{Property, properties};

/// Depths and seeds of the study; the bands are those of the specification, section 4.
const DEPTHS: [usize; 4] = [2, 4, 8, 16];
const SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// Lemma 2 and theorem 1, measured.
pub fn forward() {
    let study = |order| DEPTHS.map(|depth| readings(order, depth));
    let (post, pre) = (study(NormOrder::Post), study(NormOrder::Pre));
    for (depth, readings) in DEPTHS.iter().zip(&post) {
        let square = averages(readings, |r| &r.squares)[depth - 1];
        assert!((1.35..=1.65).contains(&square), "Post-LN, {depth} layers: x^(post,5) has {square} d");
    }
    for (depth, readings) in DEPTHS.iter().zip(&pre) {
        let squares = averages(readings, |r| &r.squares);
        for (layers, &square) in squares.iter().enumerate().skip(1) {
            let l = layers as f64;
            let bounds = 1.0 + 0.5 * l..=1.0 + 1.5 * l;
            assert!(
                bounds.contains(&square),
                "Pre-LN, {layers} of {depth} layers: the stream has {square} d"
            );
        }
    }
    let slope = |study: &[Vec<DepthReading>]| {
        let last = |readings: &Vec<DepthReading>| averages(readings, |r| &r.gradients).pop().unwrap();
        log_slope(&DEPTHS.map(|l| l as f64), &study.iter().map(last).collect::<Vec<_>>()).unwrap()
    };
    let (post, pre) = (slope(&post), slope(&pre));
    assert!((-0.1..=0.15).contains(&post), "Post-LN gradients go like L^{post}");
    assert!((-0.6..=-0.4).contains(&pre), "Pre-LN gradients go like L^{pre}");
    the_theorem_says_something_here();
}

fn readings(order: NormOrder, depth: usize) -> Vec<DepthReading> {
    studies::read_depth(order, depth, &DepthConfig::SMALL, &SEEDS).unwrap()
}

/// The mean over seeds of every entry.
fn averages(readings: &[DepthReading], list: impl Fn(&DepthReading) -> &Vec<f64>) -> Vec<f64> {
    let at = |i| Spread::of(&readings.iter().map(|r| list(r)[i]).collect::<Vec<_>>()).unwrap().mean;
    (0..list(&readings[0]).len()).map(at).collect()
}

/// The squared lengths of 20 draws are bounded well enough for a probability above one half.
fn the_theorem_says_something_here() {
    let eps = 0.25;
    for order in [NormOrder::Post, NormOrder::Pre] {
        let seeds = Vec::from_iter(1..=20);
        let readings = studies::read_depth(order, 4, &DepthConfig::SMALL, &seeds).unwrap();
        let squares: Vec<f64> = readings.iter().map(|r| r.squares[r.squares.len() - 1]).collect();
        let delta = excess_share(&squares, eps).unwrap();
        assert!(theorem_probability(eps, delta).unwrap() > 0.5, "{order:?}: δ = {delta}");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

const TINY: DepthConfig = DepthConfig { width: 4, tokens: 3, classes: 5 };

fn backward() {
    let x: Array2<Dual> = qres(1, (3, 4), 1.0);
    for order in [NormOrder::Post, NormOrder::Pre] {
        check_module(
            &DepthProbe::new(order, 2, &TINY, &mut Random::seed(0)).unwrap(),
            x.clone(),
            |m, x| m.forward(x, &[4, 0, 2]).map(|(l, tape)| (Array0::from_elem((), l), tape)),
            |m, tape, dl, grad| m.backward(tape, dl[()], grad),
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_rectifier_halves_the_square_of_a_symmetric_vector,
    the_jacobian_of_a_norm_has_the_norm_of_the_lemma,
    a_longer_stream_shortens_the_last_gradient,
];

/// Lemma 1, exactly: a normal `x` is as likely as `-x`.
fn a_rectifier_halves_the_square_of_a_symmetric_vector(random: &mut Random) {
    let (n, std) = (1 + random.below(50), 0.1 + random.unit());
    let x: Array2<f64> = random.normal((1, n), std);
    let square = |x: &Array2<f64>| dot(&x.row(0).to_vec(), &x.row(0).to_vec());
    let both = square(&relu(&x).unwrap()) + square(&relu(&-&x).unwrap());
    assert_close(&both, &square(&x), 1e-14);
}

/// Lemma 3, exactly: `‖J'v‖ ≤ √d / ‖x - μ‖ · ‖v‖`, with equality for `v` orthogonal to `1` and `x - μ`.
fn the_jacobian_of_a_norm_has_the_norm_of_the_lemma(random: &mut Random) {
    let d = 3 + random.below(6);
    let norm = LayerNorm::<f64>::new(d, 1e-14);
    let std = 0.5 + random.unit();
    let x: Array2<f64> = random.normal((1, d), std);
    let (_, tape) = norm.forward(&x).unwrap();
    let centered = (&x - sum(&x.row(0).to_vec()) / d as f64).row(0).to_vec();
    let length = dot(&centered, &centered).sqrt();
    let bound = (d as f64).sqrt() / length;
    let stretch = |v: &Array2<f64>| {
        let back = norm.backward(&tape, v, &mut norm.zeros_like());
        global_norm(&back, Norm::Two).unwrap() / global_norm(v, Norm::Two).unwrap()
    };
    let v: Array2<f64> = random.normal((1, d), 1.0);
    assert!(stretch(&v) <= bound * (1.0 + 1e-9));
    let v = &v - sum(&v.row(0).to_vec()) / d as f64;
    let part = dot(&v.row(0).to_vec(), &centered) / (length * length);
    let v = Array2::from_shape_fn((1, d), |(_, j)| v[(0, j)] - part * centered[j]);
    // Both directions taken out of three leave one, which can be drawn arbitrarily small.
    if global_norm(&v, Norm::Two).unwrap() > 1e-3 {
        assert_close(&(stretch(&v) / bound), &1.0, 1e-9);
    }
}

/// `f` times the stream is the same loss and one `f`-th of the gradient behind the final norm.
fn a_longer_stream_shortens_the_last_gradient(random: &mut Random) {
    let probe = DepthProbe::<f64>::new(NormOrder::Pre, 1, &TINY, random).unwrap();
    let norm = LayerNorm { eps: 1e-14, ..probe.encoder.norm.unwrap() };
    let (x, dy): (Array2<f64>, Array2<f64>) = (random.normal((3, 4), 1.0), random.normal((3, 4), 1.0));
    let factor = 2.0 + random.unit();
    let run = |x: &Array2<f64>| {
        let (y, tape) = norm.forward(x).unwrap();
        (y, norm.backward(&tape, &dy, &mut norm.zeros_like()))
    };
    let ((y, dx), (same, short)) = (run(&x), run(&(&x * factor)));
    assert_close(&same, &y, 1e-6);
    assert_close(&(short * factor), &dx, 1e-6);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, order) in [("post", NormOrder::Post), ("pre", NormOrder::Pre)] {
        let probe = DepthProbe::<R>::new(order, 2, &TINY, &mut Random::seed(0))?;
        let (x, labels): (Array2<R>, _) = (qres(1, (3, 4), 1.0), array![4, 0, 2]);
        let (loss, tape) = probe.forward(&x, labels.as_slice().expect("a list"))?;
        let mut grad = probe.zeros_like();
        let dx = probe.backward(&tape, R::of(1.0), &mut grad);
        (cases.case(&format!("depth.gradient.{name}")).input("x", &x).ids("labels", &labels))
            .param("", &probe)
            .act("", &tape)
            .loss("l", &Array0::from_elem((), loss))
            .grad_in("x", &dx)
            .grad_param("", &grad);
    }
    Ok(())
}
