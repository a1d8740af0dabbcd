//! Evidence for `eq-3-hier-m2o`.

use mmt_blocks::Mask;
use mmt_fusion::{EarlyConcat, HierMultiToOne, Stream};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::Array2;

use super::fusion_kit::{
    Pair, assert_joined, batch, batch_layouts, inputs, layouts, one_sample, pair, stream, test_stream,
};
use crate::{Property, properties};

fn module<R: Real>(d: usize, heads: usize, random: &mut Random) -> HierMultiToOne<R> {
    let mut next = || stream(d, heads, random);
    HierMultiToOne { a: next(), b: next(), joint: next() }
}

fn run(module: &HierMultiToOne<f64>, pair: &Pair) -> Array2<f64> {
    module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap().0
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = HierMultiToOne { a: test_stream(1), b: test_stream(2), joint: test_stream(3) };
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    assert_printed(checksum(&z), "0.976613729251");
    let (da, db) = module.backward(&tape, &qres(3, (7, 4), 1.0), &mut module.zeros_like());
    assert_printed(checksum(&da), "-0.436766561552");
    assert_printed(checksum(&db), "-0.741612619485");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (la, lb) = batch_layouts();
    check_module(
        &module(4, 2, &mut Random::seed(0)),
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), &Mask::None),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_streams_of_their_own_it_is_early_concatenation,
    without_a_joint_stream_the_modalities_never_meet,
    gradients_of_a_shared_stream_add_up,
    swapping_the_modalities_with_their_streams_swaps_the_segments,
    samples_do_not_mix,
];

fn draw(random: &mut Random) -> (HierMultiToOne<f64>, Pair) {
    let pair = pair(random);
    (module(pair.d, pair.heads, random), pair)
}

fn without_streams_of_their_own_it_is_early_concatenation(random: &mut Random) {
    let (module, pair) = draw(random);
    let early = EarlyConcat { joint: module.joint.clone() };
    let module = HierMultiToOne { a: Stream::identity(), b: Stream::identity(), ..module };
    let want = early.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap().0;
    assert_eq!(run(&module, &pair), want);
}

/// Late concatenation: the gradient of the segment of A does not reach B.
fn without_a_joint_stream_the_modalities_never_meet(random: &mut Random) {
    let pair = one_sample(random);
    let module = HierMultiToOne { joint: Stream::identity(), ..module(pair.d, pair.heads, random) };
    let (z, tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    let alone =
        |m: &Stream<f64>, x: &Array2<f64>| m.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0;
    assert_joined(&z, &alone(&module.a, &pair.a), &alone(&module.b, &pair.b), 0.0);
    let mut dz: Array2<f64> = random.uniform(z.dim(), 1.0);
    dz.slice_mut(ndarray::s![pair.a.nrows().., ..]).fill(0.0);
    let (da, db) = module.backward(&tape, &dz, &mut module.zeros_like());
    assert!(db.iter().all(|&x| x == 0.0) && da.iter().any(|&x| x != 0.0));
}

/// With the same parameters in both streams, a step along both gradients is a step along their sum.
fn gradients_of_a_shared_stream_add_up(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let module = HierMultiToOne { b: module.a.clone(), joint: Stream::identity(), ..module };
    let (z, tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    let dz: Array2<f64> = random.uniform(z.dim(), 1.0);
    let mut grad = module.zeros_like();
    module.backward(&tape, &dz, &mut grad);
    let (x, rows) =
        (ndarray::concatenate![ndarray::Axis(0), pair.a, pair.b], [pair.a.nrows(), pair.b.nrows()]);
    let (_, tape) = module.a.forward(&x, &Ragged::of_lengths(rows), &Mask::None).unwrap();
    let mut shared = module.a.zeros_like();
    module.a.backward(&tape, &dz, &mut shared);
    grad.a.add_scaled(1.0, &grad.b.clone());
    assert_close(&grad.a, &shared, 1e-12);
}

fn swapping_the_modalities_with_their_streams_swaps_the_segments(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let z = run(&module, &pair);
    let swapped = HierMultiToOne { a: module.b.clone(), b: module.a.clone(), ..module };
    let (other, _) = swapped.forward((&pair.b, &pair.lb), (&pair.a, &pair.la), &Mask::None).unwrap();
    let (za, zb) = z.view().split_at(ndarray::Axis(0), pair.a.nrows());
    assert_joined(&other, &zb.to_owned(), &za.to_owned(), 1e-12);
}

fn samples_do_not_mix(random: &mut Random) {
    let (module, pair) = draw(random);
    let (z, tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    let sample = random.below(pair.la.samples());
    assert_eq!(tape.layout.rows().of(&z, sample), run(&module, &pair.sample(sample)));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = module::<R>(4, 2, &mut Random::seed(0));
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None)?;
    let (dz, mut grad) = (qres(3, (7, 4), 1.0), module.zeros_like());
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    (cases.case("fusion.many-to-one.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
