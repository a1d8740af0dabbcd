//! Evidence for `eq-3-cross-concat`.

use mmt_blocks::Mask;
use mmt_fusion::{Cross, CrossAttention, CrossConcat, EarlyConcat, ResidualAttention, Stream};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::Array2;

use super::fusion_kit::{
    Pair, assert_joined, batch, batch_layouts, cross, inputs, layouts, one_sample, pair, stream, test_cross,
    test_stream,
};
use crate::{Property, properties};

const NONE: (&Mask, &Mask, &Mask) = (&Mask::None, &Mask::None, &Mask::None);

fn module<R: Real>(d: usize, heads: usize, random: &mut Random) -> CrossConcat<R> {
    let cross = CrossAttention { a: cross(d, d, heads, random), b: cross(d, d, heads, random) };
    CrossConcat { cross, joint: stream(d, heads, random) }
}

fn run(module: &CrossConcat<f64>, pair: &Pair) -> Array2<f64> {
    module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), NONE).unwrap().0
}

/// The two outputs before they are joined.
fn crossed(module: &CrossConcat<f64>, pair: &Pair) -> (Array2<f64>, Array2<f64>) {
    let none = (&Mask::None, &Mask::None);
    module.cross.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), none).unwrap().0
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let cross = CrossAttention { a: test_cross(1), b: test_cross(2) };
    let module = CrossConcat { cross, joint: test_stream(3) };
    let (z, tape) = module.forward((&a, &la), (&b, &lb), NONE).unwrap();
    assert_printed(checksum(&z), "1.010184239206");
    let (da, db) = module.backward(&tape, &qres(3, (7, 4), 1.0), &mut module.zeros_like());
    assert_printed(checksum(&da), "-0.363361396790");
    assert_printed(checksum(&db), "-0.767476188291");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (la, lb) = batch_layouts();
    check_module(
        &module(4, 2, &mut Random::seed(0)),
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), NONE),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_a_joint_stream_it_is_cross_attention,
    without_answers_it_is_early_concatenation,
    swapping_the_modalities_with_their_blocks_swaps_the_segments,
    without_sight_of_each_other_the_joint_stream_is_two,
    samples_do_not_mix,
];

fn without_a_joint_stream_it_is_cross_attention(random: &mut Random) {
    let pair = one_sample(random);
    let module = CrossConcat { joint: Stream::identity(), ..module(pair.d, pair.heads, random) };
    let (z_a, z_b) = crossed(&module, &pair);
    assert_joined(&run(&module, &pair), &z_a, &z_b, 0.0);
}

/// The output projections of the answers are zero.
fn without_answers_it_is_early_concatenation(random: &mut Random) {
    let pair = pair(random);
    let silent = || {
        let mut block = ResidualAttention::new(pair.d, pair.d, pair.heads, &mut Random::seed(1)).unwrap();
        block.attn.w_o = block.attn.w_o.zeros_like();
        Cross::Attention(block)
    };
    let cross = CrossAttention { a: silent(), b: silent() };
    let module = CrossConcat { cross, joint: stream(pair.d, pair.heads, random) };
    let early = EarlyConcat { joint: module.joint.clone() };
    let (want, _) = early.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    assert_eq!(run(&module, &pair), want);
}

fn swapping_the_modalities_with_their_blocks_swaps_the_segments(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let z = run(&module, &pair);
    let cross = CrossAttention { a: module.cross.b.clone(), b: module.cross.a.clone() };
    let swapped = CrossConcat { cross, joint: module.joint };
    let (other, _) = swapped.forward((&pair.b, &pair.lb), (&pair.a, &pair.la), NONE).unwrap();
    let (z_a, z_b) = z.view().split_at(ndarray::Axis(0), pair.a.nrows());
    assert_joined(&other, &z_b.to_owned(), &z_a.to_owned(), 1e-12);
}

fn without_sight_of_each_other_the_joint_stream_is_two(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let masks = (&Mask::None, &Mask::None, &pair.only(true));
    let (z, _) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), masks).unwrap();
    let (z_a, z_b) = crossed(&module, &pair);
    let alone = |x: &Array2<f64>, rows| module.joint.forward(x, &rows, &Mask::None).unwrap().0;
    assert_joined(&z, &alone(&z_a, pair.la.rows()), &alone(&z_b, pair.lb.rows()), 1e-12);
}

fn samples_do_not_mix(random: &mut Random) {
    let pair = pair(random);
    let module = module(pair.d, pair.heads, random);
    let (z, tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), NONE).unwrap();
    let sample = random.below(pair.la.samples());
    let own = tape.layout.rows().of(&z, sample).to_owned();
    assert_close(&own, &run(&module, &pair.sample(sample)), 0.0);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = module::<R>(4, 2, &mut Random::seed(0));
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward((&a, &la), (&b, &lb), NONE)?;
    let (dz, mut grad) = (qres(3, (7, 4), 1.0), module.zeros_like());
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    (cases.case("fusion.cross-concat.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
