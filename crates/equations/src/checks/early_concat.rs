//! Evidence for `eq-3-early-concat`.

use mmt_blocks::Mask;
use mmt_fusion::{EarlyConcat, Layout, Stream, split};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis};

use super::fusion_kit::{
    Pair, assert_joined, batch, batch_layouts, inputs, layout, layouts, one_sample, pair, stream, test_block,
};
use crate::{Property, properties};

fn module<R: Real>(d: usize, heads: usize, random: &mut Random) -> EarlyConcat<R> {
    EarlyConcat { joint: stream(d, heads, random) }
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = EarlyConcat { joint: Stream::Attention(test_block(1)) };
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    assert_printed(checksum(&z), "1.096390157055");
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, &qres(3, (7, 4), 1.0), &mut grad);
    assert_printed(checksum(&da), "-0.427430531347");
    assert_printed(checksum(&db), "-0.758671721950");
    let Stream::Attention(grad) = &grad.joint else { panic!("attention") };
    assert_printed(checksum(&grad.attn.w_q.weight), "0.009675112767");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let module = module::<Dual>(4, 2, &mut Random::seed(0));
    let (la, lb) = batch_layouts();
    check_module(
        &module,
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), &Mask::None),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    swapping_the_modalities_swaps_the_segments,
    without_the_other_modality_it_is_the_encoder_alone,
    without_sight_of_each_other_the_modalities_are_independent,
    with_sight_of_the_other_only_it_is_cross_attention,
    the_layout_finds_the_modalities_again,
    samples_do_not_mix,
];

fn draw(random: &mut Random) -> (EarlyConcat<f64>, Pair) {
    let pair = pair(random);
    (module(pair.d, pair.heads, random), pair)
}

fn swapping_the_modalities_swaps_the_segments(random: &mut Random) {
    let (module, Pair { a, b, la, lb, .. }) = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let (other, other_tape) = module.forward((&b, &lb), (&a, &la), &Mask::None).unwrap();
    let (z, other) = (split(&z, &tape.layout).unwrap(), split(&other, &other_tape.layout).unwrap());
    assert_close(&other[1], &z[0], 1e-12);
    assert_close(&other[0], &z[1], 1e-12);
}

fn without_the_other_modality_it_is_the_encoder_alone(random: &mut Random) {
    let (module, Pair { a, la, .. }) = draw(random);
    let none = Layout::with_missing("none", Ragged::even(la.samples(), 0)).unwrap();
    let nothing = Array2::zeros((0, a.ncols()));
    let (z, _) = module.forward((&a, &la), (&nothing, &none), &Mask::None).unwrap();
    assert_eq!(z, module.joint.forward(&a, &la.rows(), &Mask::None).unwrap().0);
}

fn without_sight_of_each_other_the_modalities_are_independent(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let (z, _) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &pair.only(true)).unwrap();
    let alone = |x: &Array2<f64>| module.joint.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0;
    assert_joined(&z, &alone(&pair.a), &alone(&pair.b), 1e-12);
}

/// With one block of attention and a residual, whose parameters both directions share.
fn with_sight_of_the_other_only_it_is_cross_attention(random: &mut Random) {
    let pair = one_sample(random);
    let block = mmt_fusion::ResidualAttention::new(pair.d, pair.d, pair.heads, random).unwrap();
    let module = EarlyConcat { joint: Stream::Attention(block.clone()) };
    let (z, _) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &pair.only(false)).unwrap();
    let look = |x: &Array2<f64>, y: &Array2<f64>| {
        let (rows, of) = (Ragged::one(x.nrows()), Ragged::one(y.nrows()));
        block.forward(x, y, &rows, &of, &Mask::None).unwrap().0
    };
    assert_joined(&z, &look(&pair.a, &pair.b), &look(&pair.b, &pair.a), 1e-12);
}

fn the_layout_finds_the_modalities_again(random: &mut Random) {
    let (module, Pair { a, b, la, lb, .. }) = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let parts = split(&z, &tape.layout).unwrap();
    let sample = random.below(la.samples());
    for (tag, part, own) in [("a", &parts[0], &la), ("b", &parts[1], &lb)] {
        let rows: Vec<usize> = tape.layout.range(tag, sample).unwrap().collect();
        assert_eq!(z.select(Axis(0), &rows), own.rows().of(part, sample));
    }
}

fn samples_do_not_mix(random: &mut Random) {
    let (module, Pair { a, b, la, lb, .. }) = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let sample = random.below(la.samples());
    let (own_a, own_b) = (la.rows().of(&a, sample).to_owned(), lb.rows().of(&b, sample).to_owned());
    let (la, lb) = (layout("a", &[own_a.nrows()]), layout("b", &[own_b.nrows()]));
    let (alone, _) = module.forward((&own_a, &la), (&own_b, &lb), &Mask::None).unwrap();
    assert_eq!(tape.layout.rows().of(&z, sample), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = module::<R>(4, 2, &mut Random::seed(0));
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None)?;
    let (dz, mut grad) = (qres(3, (7, 4), 1.0), module.zeros_like());
    let (da, db) = module.backward(&tape, &dz, &mut grad);
    (cases.case("fusion.early-concat.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
