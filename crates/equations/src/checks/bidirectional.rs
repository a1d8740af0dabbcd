//! Evidence for `eq-3-irene-bi`.

use mmt_blocks::{Activation, Ffn, Heads, LayerNorm, Linear, Mask, MultiHead};
use mmt_fusion::{
    Bidirectional, BidirectionalAttention, BidirectionalStream, EarlyConcat, Layout, Projections,
    ResidualAttention, Stream,
};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres, shake};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use super::fusion_kit::{
    Pair, assert_joined, batch, batch_layouts, inputs, layout, layouts, one_sample, pair, permuted,
    test_block,
};
use crate::{Property, properties};

const NONE: (&Mask, &Mask) = (&Mask::None, &Mask::None);

/// The attention of the specification, section 3.12: `W^(1)` for the image, `W^(2)` for the clinical tokens.
fn test_attention<R: Real>() -> BidirectionalAttention<R> {
    let (a, b) = (test_block(1).attn, test_block(2).attn);
    let of = |MultiHead { w_q, w_k, w_v, .. }| Projections { w_q, w_k, w_v };
    BidirectionalAttention { w_o: a.w_o.clone(), a: of(a), b: of(b), heads: Heads::new(2) }
}

fn attention<R: Real>(d: usize, heads: usize, random: &mut Random) -> BidirectionalAttention<R> {
    let (a, b) = (Projections::new(d, random), Projections::new(d, random));
    let module = BidirectionalAttention { a, b, w_o: Linear::new(d, d, random), heads: Heads::new(heads) };
    shake(&module, random.below(1 << 20) as u64)
}

type Input<'a> = (&'a ArrayRef2<f64>, &'a Layout);

fn run(module: &BidirectionalAttention<f64>, a: Input, b: Input) -> (Array2<f64>, Array2<f64>) {
    module.forward(a, b, NONE).unwrap().0
}

/// Numbers of the specification, section 3.12: with residuals, without norms and networks.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = test_attention::<f64>();
    let ((y_a, y_b), tape) = module.forward((&a, &la), (&b, &lb), NONE).unwrap();
    assert_printed(checksum(&(y_a + &a)), "0.853744529092");
    assert_printed(checksum(&(y_b + &b)), "0.054038006711");
    let dz: (Array2<f64>, Array2<f64>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    assert_printed(checksum(&(da + &dz.0)), "-0.456665098911");
    assert_printed(checksum(&(db + &dz.1)), "0.578354481763");
    assert_printed(checksum(&grad.w_o.weight), "0.034521858601");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// The attention with some keys hidden, and the whole block.
fn backward() {
    let (la, lb) = batch_layouts();
    let hidden = Mask::Keys(vec![true, false, true, true, true]);
    let random = &mut Random::seed(0);
    check_module(
        &attention(4, 2, random),
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), (&hidden, &Mask::None)),
        |m, tape, (da, db), grad| m.backward(tape, (da, db), grad),
    );
    check_module(
        &Bidirectional { a: stream(random), b: stream(random), attn: attention(4, 2, random) },
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), NONE),
        |m, tape, (da, db), grad| m.backward(tape, (da, db), grad),
    );
}

fn stream<R: Real>(random: &mut Random) -> BidirectionalStream<R> {
    BidirectionalStream {
        norm_1: LayerNorm::new(4, 1e-6),
        norm_2: LayerNorm::new(4, 1e-6),
        ffn: Ffn::new(4, 6, Activation::Gelu, random).expect("a hidden width"),
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    of_one_sequence_with_itself_it_is_self_attention,
    where_both_sides_weigh_the_same_it_is_joint_attention,
    without_values_of_the_other_modality_half_of_self_attention_is_left,
    swapping_the_modalities_with_their_projections_swaps_the_outputs,
    it_saves_no_products,
    samples_do_not_mix,
];

/// Both modalities with one set of projections.
fn shared(d: usize, heads: usize, random: &mut Random) -> (BidirectionalAttention<f64>, MultiHead<f64>) {
    let module = attention::<f64>(d, heads, random);
    let Projections { w_q, w_k, w_v } = module.a.clone();
    let alone =
        MultiHead { w_q, w_k, w_v, w_o: module.w_o.clone(), ..MultiHead::new(d, heads, random).unwrap() };
    (BidirectionalAttention { b: module.a.clone(), ..module }, alone)
}

fn of_one_sequence_with_itself_it_is_self_attention(random: &mut Random) {
    let Pair { a, la, d, heads, .. } = one_sample(random);
    let (module, alone) = shared(d, heads, random);
    let (y_a, y_b) = run(&module, (&a, &la), (&a, &la));
    let (want, _) = alone.forward(&a, &a, &la.rows(), &la.rows(), &Mask::None).unwrap();
    assert_close(&(y_a, y_b), &(want.clone(), want), 1e-12);
}

/// The tokens of B are those of A in another order: every row weighs both sides the same, so every gate is one half.
fn where_both_sides_weigh_the_same_it_is_joint_attention(random: &mut Random) {
    let Pair { a, la, d, heads, .. } = one_sample(random);
    let order = random.permutation(a.nrows());
    let (b, lb) = (permuted(&a, &order), layout("b", &[a.nrows()]));
    let (module, alone) = shared(d, heads, random);
    let (y_a, y_b) = run(&module, (&a, &la), (&b, &lb));
    let joint = EarlyConcat { joint: Stream::Attention(ResidualAttention { attn: alone }) };
    let (z, _) = joint.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    assert_joined(&z, &(a + y_a), &(b + y_b), 1e-12);
}

fn without_values_of_the_other_modality_half_of_self_attention_is_left(random: &mut Random) {
    let pair = one_sample(random);
    let mut module = attention::<f64>(pair.d, pair.heads, random);
    module.b.w_v = module.b.w_v.zeros_like();
    module.w_o.bias = None;
    let (y_a, _) = run(&module, (&pair.a, &pair.la), (&pair.b, &pair.lb));
    let Projections { w_q, w_k, w_v } = module.a;
    let alone =
        MultiHead { w_q, w_k, w_v, w_o: module.w_o, ..MultiHead::new(pair.d, pair.heads, random).unwrap() };
    let rows = pair.la.rows();
    let (want, _) = alone.forward(&pair.a, &pair.a, &rows, &rows, &Mask::None).unwrap();
    assert_close(&y_a, &(want * 0.5), 1e-12);
}

fn swapping_the_modalities_with_their_projections_swaps_the_outputs(random: &mut Random) {
    let pair = pair(random);
    let module = attention::<f64>(pair.d, pair.heads, random);
    let (y_a, y_b) = run(&module, (&pair.a, &pair.la), (&pair.b, &pair.lb));
    let swapped = BidirectionalAttention { a: module.b.clone(), b: module.a.clone(), ..module };
    let (b, a) = run(&swapped, (&pair.b, &pair.lb), (&pair.a, &pair.la));
    assert_eq!((a, b), (y_a, y_b));
}

/// As many scores as one block over the joined sequence, counted on the tape.
fn it_saves_no_products(random: &mut Random) {
    let pair = one_sample(random);
    let module = attention::<f64>(pair.d, pair.heads, random);
    let (_, tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), NONE).unwrap();
    let scores = |p: &[Array2<f64>]| p.iter().map(|p| p.len()).sum::<usize>();
    let got = [&tape.a.own, &tape.a.other, &tape.b.own, &tape.b.other].map(|heads| scores(&heads.p));
    let n = pair.a.nrows() + pair.b.nrows();
    assert_eq!(got.iter().sum::<usize>(), pair.heads * n * n);
}

fn samples_do_not_mix(random: &mut Random) {
    let pair = pair(random);
    let module = attention::<f64>(pair.d, pair.heads, random);
    let (y_a, y_b) = run(&module, (&pair.a, &pair.la), (&pair.b, &pair.lb));
    let sample = random.below(pair.la.samples());
    let own = pair.sample(sample);
    let (own_a, own_b) = run(&module, (&own.a, &own.la), (&own.b, &own.lb));
    assert_eq!(pair.la.rows().of(&y_a, sample), own_a);
    assert_eq!(pair.lb.rows().of(&y_b, sample), own_b);
    assert_eq!(own.la.rows(), Ragged::one(own.a.nrows()));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let module = test_attention::<R>();
    let (y, tape) = module.forward((&a, &la), (&b, &lb), NONE)?;
    let dy: (Array2<R>, Array2<R>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dy.0, &dy.1), &mut grad);
    (cases.case("fusion.bidirectional.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
