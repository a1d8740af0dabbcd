//! Evidence for `eq-3-early-concat`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Encoder, Linear, Mask, MultiHead, NormOrder};
use mmt_fusion::{EarlyConcat, Layout, concat, concat_backward, split};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis};

use crate::{Property, properties};

fn layout(tag: &str, lengths: &[usize]) -> Layout {
    Layout::of(tag, Ragged::of_lengths(lengths.iter().copied())).expect("tokens in every sample")
}

fn module<R: Real>(d: usize, heads: usize, random: &mut Random) -> EarlyConcat<R> {
    let config = BlockConfig {
        width: d,
        heads,
        hidden: d + 2,
        activation: Activation::Gelu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    EarlyConcat { joint: Encoder::new(NormOrder::Pre, 1, &config, random).expect("heads divide the width") }
}

/// The test block of the specification, section 3.0: attention with a residual, without norms, biases and network.
fn test_block() -> MultiHead<f64> {
    let weight = |s| Linear { weight: qres(s, (4, 4), 0.6), bias: None };
    let block = MultiHead::new(4, 2, &mut Random::seed(0)).expect("two heads of width two");
    MultiHead { w_q: weight(10), w_k: weight(11), w_v: weight(12), w_o: weight(13), ..block }
}

/// Numbers of the specification, section 3.12: the test block over the concatenation.
pub fn forward() {
    let (a, b): (Array2<f64>, Array2<f64>) = (qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0));
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let (u, joint) = concat((&a, &la), (&b, &lb)).unwrap();
    let (block, rows) = (test_block(), joint.rows());
    let (y, tape) = block.forward(&u, &u, &rows, &rows, &Mask::None).unwrap();
    assert_printed(checksum(&(&u + y)), "1.096390157055");
    let (dz, mut grad) = (qres(3, (7, 4), 1.0), block.zeros_like());
    let (du, dcontext) = block.backward(&tape, &dz, &mut grad);
    let (da, db) = concat_backward(&la, &lb, &(dz + du + dcontext));
    assert_printed(checksum(&da), "-0.427430531347");
    assert_printed(checksum(&db), "-0.758671721950");
    assert_printed(checksum(&grad.w_q.weight), "0.009675112767");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let module = module::<Dual>(4, 2, &mut Random::seed(0));
    let (la, lb) = (layout("a", &[2, 3]), layout("b", &[1, 2]));
    let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (5, 4), 1.0), qres(2, (3, 4), 1.0));
    check_module(
        &module,
        inputs,
        |m, (a, b)| m.forward((a, &la), (b, &lb), &Mask::None),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    swapping_the_modalities_swaps_the_segments,
    without_the_other_modality_it_is_the_encoder_alone,
    without_sight_of_each_other_the_modalities_are_independent,
    the_layout_finds_the_modalities_again,
    samples_do_not_mix,
];

struct Drawn {
    module: EarlyConcat<f64>,
    a: Array2<f64>,
    b: Array2<f64>,
    la: Layout,
    lb: Layout,
}

fn draw(random: &mut Random) -> Drawn {
    let (samples, heads) = (1 + random.below(3), 1 + random.below(2));
    let d = 2 * heads;
    let mut lengths = || -> Vec<usize> { (0..samples).map(|_| 1 + random.below(4)).collect() };
    let (la, lb) = (layout("a", &lengths()), layout("b", &lengths()));
    let (a, b) = (random.uniform((la.rows().tokens(), d), 1.0), random.uniform((lb.rows().tokens(), d), 1.0));
    Drawn { module: module(d, heads, random), a, b, la, lb }
}

fn swapping_the_modalities_swaps_the_segments(random: &mut Random) {
    let Drawn { module, a, b, la, lb } = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let (other, other_tape) = module.forward((&b, &lb), (&a, &la), &Mask::None).unwrap();
    let (z, other) = (split(&z, &tape.layout).unwrap(), split(&other, &other_tape.layout).unwrap());
    assert_close(&other[1], &z[0], 1e-12);
    assert_close(&other[0], &z[1], 1e-12);
}

fn without_the_other_modality_it_is_the_encoder_alone(random: &mut Random) {
    let Drawn { module, a, la, .. } = draw(random);
    let none = Layout::with_missing("none", Ragged::even(la.samples(), 0)).unwrap();
    let nothing = Array2::zeros((0, a.ncols()));
    let (z, _) = module.forward((&a, &la), (&nothing, &none), &Mask::None).unwrap();
    assert_eq!(z, module.joint.forward(&a, &la.rows(), &Mask::None).unwrap().0);
}

/// A bias that hides the other modality, on one sample.
fn without_sight_of_each_other_the_modalities_are_independent(random: &mut Random) {
    let Drawn { module, a, b, .. } = draw(random);
    let (la, lb) = (layout("a", &[a.nrows()]), layout("b", &[b.nrows()]));
    let n = a.nrows();
    let sees = |(i, j)| if (i < n) == (j < n) { 0.0 } else { f64::NEG_INFINITY };
    let mask = Mask::Bias(vec![Array2::from_shape_fn((n + b.nrows(), n + b.nrows()), sees)]);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &mask).unwrap();
    let z = split(&z, &tape.layout).unwrap();
    let alone = |x: &Array2<f64>| module.joint.forward(x, &Ragged::one(x.nrows()), &Mask::None).unwrap().0;
    assert_close(&z[0], &alone(&a), 1e-12);
    assert_close(&z[1], &alone(&b), 1e-12);
}

fn the_layout_finds_the_modalities_again(random: &mut Random) {
    let Drawn { module, a, b, la, lb } = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let parts = split(&z, &tape.layout).unwrap();
    let sample = random.below(la.samples());
    for (tag, part, own) in [("a", &parts[0], &la), ("b", &parts[1], &lb)] {
        let rows: Vec<usize> = tape.layout.range(tag, sample).unwrap().collect();
        assert_eq!(z.select(Axis(0), &rows), own.rows().of(part, sample));
    }
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { module, a, b, la, lb } = draw(random);
    let (z, tape) = module.forward((&a, &la), (&b, &lb), &Mask::None).unwrap();
    let sample = random.below(la.samples());
    let (own_a, own_b) = (la.rows().of(&a, sample).to_owned(), lb.rows().of(&b, sample).to_owned());
    let (la, lb) = (layout("a", &[own_a.nrows()]), layout("b", &[own_b.nrows()]));
    let (alone, _) = module.forward((&own_a, &la), (&own_b, &lb), &Mask::None).unwrap();
    assert_eq!(tape.layout.rows().of(&z, sample), alone);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = mmt_tensor::testing::shake(&module::<R>(4, 2, &mut Random::seed(0)), 4);
    let (a, b): (Array2<R>, Array2<R>) = (qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0));
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
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
