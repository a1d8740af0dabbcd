//! Evidence for `eq-3-hier-o2m`.

use mmt_blocks::Mask;
use mmt_fusion::{EarlyConcat, HierOneToMulti, Stream, split};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::Array2;

use super::fusion_kit::{Pair, batch, batch_layouts, inputs, layouts, one_sample, pair, stream, test_stream};
use crate::{Property, properties};

fn module<R: Real>(d: usize, heads: usize, random: &mut Random) -> HierOneToMulti<R> {
    let mut next = || stream(d, heads, random);
    HierOneToMulti { joint: next(), a: next(), b: next() }
}

fn run(module: &HierOneToMulti<f64>, pair: &Pair) -> (Array2<f64>, Array2<f64>) {
    module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap().0
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let (la, lb) = layouts();
    let module = HierOneToMulti { joint: test_stream(1), a: test_stream(2), b: test_stream(3) };
    let ((z_a, z_b), tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    assert_printed(checksum(&z_a), "0.837440307131");
    assert_printed(checksum(&z_b), "-0.055143563228");
    let dz: (Array2<f64>, Array2<f64>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut module.zeros_like());
    assert_printed(checksum(&da), "-0.463373822872");
    assert_printed(checksum(&db), "0.590669884800");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (la, lb) = batch_layouts();
    check_module(
        &module(4, 2, &mut Random::seed(0)),
        batch(),
        |m, (a, b)| m.forward((a, &la), (b, &lb), &Mask::None),
        |m, tape, (da, db), grad| m.backward(tape, (da, db), grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    without_streams_of_their_own_it_is_early_concatenation_and_a_split,
    a_gradient_of_one_modality_reaches_the_other,
    without_a_joint_stream_the_modalities_never_meet,
    samples_do_not_mix,
];

fn draw(random: &mut Random) -> (HierOneToMulti<f64>, Pair) {
    let pair = pair(random);
    (module(pair.d, pair.heads, random), pair)
}

fn without_streams_of_their_own_it_is_early_concatenation_and_a_split(random: &mut Random) {
    let (module, pair) = draw(random);
    let early = EarlyConcat { joint: module.joint.clone() };
    let module = HierOneToMulti { a: Stream::identity(), b: Stream::identity(), ..module };
    let (z, tape) = early.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    let (z_a, z_b) = run(&module, &pair);
    assert_eq!(vec![z_a, z_b], split(&z, &tape.layout).unwrap());
}

fn a_gradient_of_one_modality_reaches_the_other(random: &mut Random) {
    let pair = one_sample(random);
    let module = module(pair.d, pair.heads, random);
    let ((z_a, z_b), tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    let (dz_a, none): (Array2<f64>, _) = (random.uniform(z_a.dim(), 1.0), z_b * 0.0);
    let (_, db) = module.backward(&tape, (&dz_a, &none), &mut module.zeros_like());
    assert!(db.iter().any(|&x| x != 0.0));
}

fn without_a_joint_stream_the_modalities_never_meet(random: &mut Random) {
    let (module, pair) = draw(random);
    let module = HierOneToMulti { joint: Stream::identity(), ..module };
    let ((z_a, z_b), tape) = module.forward((&pair.a, &pair.la), (&pair.b, &pair.lb), &Mask::None).unwrap();
    assert_eq!(z_a, module.a.forward(&pair.a, &pair.la.rows(), &Mask::None).unwrap().0);
    assert_eq!(z_b, module.b.forward(&pair.b, &pair.lb.rows(), &Mask::None).unwrap().0);
    let (dz_a, none): (Array2<f64>, _) = (random.uniform(z_a.dim(), 1.0), &z_b * 0.0);
    let (_, db) = module.backward(&tape, (&dz_a, &none), &mut module.zeros_like());
    assert!(db.iter().all(|&x| x == 0.0));
}

fn samples_do_not_mix(random: &mut Random) {
    let (module, pair) = draw(random);
    let (z_a, z_b) = run(&module, &pair);
    let sample = random.below(pair.la.samples());
    let (own_a, own_b) = run(&module, &pair.sample(sample));
    assert_close(&pair.la.rows().of(&z_a, sample).to_owned(), &own_a, 0.0);
    assert_close(&pair.lb.rows().of(&z_b, sample).to_owned(), &own_b, 0.0);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = module::<R>(4, 2, &mut Random::seed(0));
    let (a, b) = inputs::<R>();
    let (la, lb) = layouts();
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None)?;
    let dz: (Array2<R>, Array2<R>) = (qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0));
    let mut grad = module.zeros_like();
    let (da, db) = module.backward(&tape, (&dz.0, &dz.1), &mut grad);
    (cases.case("fusion.one-to-many.qres").input("a", &a).input("b", &b).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("a", &da)
        .grad_in("b", &db)
        .grad_param("", &grad);
    Ok(())
}
