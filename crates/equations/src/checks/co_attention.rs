//! Evidence for `eq-3-cross`.

use mmt_blocks::Mask;
use mmt_fusion::{Cross, CrossAttention, EarlyConcat, ResidualAttention, Stream};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis, concatenate};

use super::fusion_kit::{
    Pair, as_stream, assert_joined, batch_layouts, cross, inputs, layouts, one_sample, pair, permuted,
    test_cross,
};
use crate::{Property, properties};

const NONE: (&Mask, &Mask) = (&Mask::None, &Mask::None);

fn module<R: Real>(d_a: usize, d_b: usize, heads: usize, random: &mut Random) -> CrossAttention<R> {
    CrossAttention { a: cross(d_a, d_b, heads, random), b: cross(d_b, d_a, heads, random) }
}

fn run(module: &CrossAttention<f64>, pair: &Pair) -> (Array2<f64>, Array2<f64>) {
    module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), NONE).unwrap().0
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = CrossAttention { a: test_cross(1), b: test_cross(2) };
    let ((z_a, z_b), tape) = module.forward((&a, &la), (&b, &lb), NONE).unwrap();
    assert_printed(checksum(&z_a), "0.840696961808");
    assert_printed(checksum(&z_b), "0.075156352240");
    let dz: (Array2<f64>, Array2<f64>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut module.zeros_like());
    assert_printed(checksum(&da), "-0.455828143965");
    assert_printed(checksum(&db), "0.589888662345");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Modalities of different widths.
fn backward() {
    let (la, lb) = batch_layouts();
    let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (5, 4), 1.0), qres(2, (3, 6), 1.0));
    check_module(
        &module(4, 6, 2, &mut Random::seed(0)),
        inputs,
        |m, (a, b)| m.forward((a, &la), (b, &lb), NONE),
        |m, tape, (da, db), grad| m.backward(tape, (da, db), grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    of_one_sequence_with_itself_it_is_self_attention,
    the_order_of_the_other_modality_does_not_matter,
    when_all_keys_are_equal_the_answer_does_not_depend_on_the_question,
    it_is_joint_attention_without_sight_of_oneself,
    one_key_leaves_nothing_to_choose,
    samples_do_not_mix,
];

fn draw(random: &mut Random) -> (CrossAttention<f64>, Pair) {
    let pair = pair(random);
    (module(pair.d, pair.d, pair.heads, random), pair)
}

fn of_one_sequence_with_itself_it_is_self_attention(random: &mut Random) {
    let Pair { a, la, d, heads, .. } = one_sample(random);
    let block = cross(d, d, heads, random);
    let alone = as_stream(&block).forward(&a, &la.rows(), &Mask::None).unwrap().0;
    let module = CrossAttention { a: block.clone(), b: block };
    let ((z_a, z_b), _) = module.forward((&a, &la), (&a, &la), NONE).unwrap();
    assert_eq!((&z_a, &z_b), (&alone, &alone));
}

fn the_order_of_the_other_modality_does_not_matter(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.d, pair.heads, random);
    let (z_a, z_b) = run(&module, &pair);
    let order = random.permutation(pair.b.nrows());
    let turned = run(&module, &Pair { b: permuted(&pair.b, &order), ..pair });
    assert_close(&turned, &(z_a, permuted(&z_b, &order)), 1e-12);
}

/// The answer is the output without its residual.
fn when_all_keys_are_equal_the_answer_does_not_depend_on_the_question(random: &mut Random) {
    let pair = one_sample(random);
    let block = ResidualAttention::new(pair.d, pair.d, pair.heads, random).unwrap();
    let module = CrossAttention { a: Cross::Attention(block.clone()), b: Cross::Attention(block) };
    let b = permuted(&pair.b, &vec![0; pair.b.nrows()]);
    let (z_a, _) = run(&module, &Pair { b, ..pair.clone() });
    let answers = z_a - &pair.a;
    let want = Array2::from_shape_fn(answers.dim(), |(_, c)| answers[(0, c)]);
    assert_close(&answers, &want, 1e-12);
}

fn it_is_joint_attention_without_sight_of_oneself(random: &mut Random) {
    let pair = one_sample(random);
    let block = ResidualAttention::new(pair.d, pair.d, pair.heads, random).unwrap();
    let joint = EarlyConcat { joint: Stream::Attention(block.clone()) };
    let (z, _) = joint.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &pair.only(false)).unwrap();
    let module = CrossAttention { a: Cross::Attention(block.clone()), b: Cross::Attention(block) };
    let (z_a, z_b) = run(&module, &pair);
    assert_joined(&z, &z_a, &z_b, 1e-12);
    assert_eq!(concatenate![Axis(0), z_a, z_b].dim(), z.dim());
}

/// Weights are exactly one, and nothing is learned about questions and keys.
fn one_key_leaves_nothing_to_choose(random: &mut Random) {
    let pair = one_sample(random);
    let block = ResidualAttention::new(pair.d, pair.d, pair.heads, random).unwrap();
    let (rows, of) = (pair.la.rows(), Ragged::one(1));
    let (z, tape) = block.forward(&pair.a, &permuted(&pair.b, &[0]), &rows, &of, &Mask::None).unwrap();
    assert!(tape.heads.p.iter().flatten().all(|&p| p == 1.0));
    let mut grad = block.zeros_like();
    block.backward(&tape, &random.uniform(z.dim(), 1.0), &mut grad);
    let (dw_q, dw_k) = (grad.attn.w_q.weight, grad.attn.w_k.weight);
    assert_close(&(dw_q.clone(), dw_k.clone()), &(dw_q * 0.0, dw_k * 0.0), 1e-14);
}

fn samples_do_not_mix(random: &mut Random) {
    let (module, pair) = draw(random);
    let (z_a, z_b) = run(&module, &pair);
    let sample = random.below(pair.la.samples());
    let (own_a, own_b) = run(&module, &pair.sample(sample));
    assert_eq!(
        (pair.la.rows().of(&z_a, sample), pair.lb.rows().of(&z_b, sample)),
        (own_a.view(), own_b.view())
    );
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = module::<R>(4, 4, 2, &mut Random::seed(0));
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward((&a, &la), (&b, &lb), NONE)?;
    let dz: (Array2<R>, Array2<R>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    (cases.case("fusion.cross.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
