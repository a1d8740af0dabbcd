//! Evidence for `eq-3-tri-survey`.

use mmt_blocks::{DeadRows, Mask};
use mmt_fusion::{
    Cross, CrossAttention, Layout, LookAtOthers, Part, ResidualAttention, attention_with_sums, gate,
};
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_printed, check_module, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, ArrayRef2};

use super::fusion_kit::{cross, inputs, layout, permuted, test_cross};
use crate::{Property, properties};

/// Modalities with their segments.
type Inputs<'a, R> = Vec<(&'a ArrayRef2<R>, &'a Layout)>;

fn pairs<'a, R>(x: &'a [Array2<R>], layouts: &'a [Layout]) -> Inputs<'a, R> {
    x.iter().zip(layouts).map(|(x, layout)| (&**x, layout)).collect()
}

fn layouts(lengths: [&[usize]; 3]) -> [Layout; 3] {
    [layout("v", lengths[0]), layout("p", lengths[1]), layout("a", lengths[2])]
}

/// Two modalities: the numbers of the specification for cross-attention, section 3.12.
pub fn forward() {
    let (a, b) = inputs::<f64>();
    let module = LookAtOthers { streams: vec![test_cross(1), test_cross(2)] };
    let (la, lb) = (layout("a", &[3]), layout("b", &[4]));
    let (z, tape) = module.forward(&[(&a, &la), (&b, &lb)], &[]).unwrap();
    assert_printed(checksum(&z[0]), "0.840696961808");
    assert_printed(checksum(&z[1]), "0.075156352240");
    let dz = vec![qres(3, (3, 4), 1.0), qres(4, (4, 4), 1.0)];
    let dx = module.backward(&tape, &dz, &mut module.zeros_like());
    assert_printed(checksum(&dx[0]), "-0.455828143965");
    assert_printed(checksum(&dx[1]), "0.589888662345");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Three modalities of different lengths, one key hidden.
fn backward() {
    let random = &mut Random::seed(0);
    let module = LookAtOthers { streams: (0..3).map(|_| cross(4, 4, 2, random)).collect() };
    let layouts = layouts([&[2, 1], &[1, 3], &[2, 2]]);
    let masks = [Mask::Keys(vec![true, false, true, true, true, true, true, true]), Mask::None, Mask::None];
    let inputs: Vec<Array2<Dual>> = vec![qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0), qres(3, (4, 4), 1.0)];
    check_module(
        &module,
        inputs,
        |m, x| m.forward(&pairs(x, &layouts), &masks),
        |m, tape, dz, grad| m.backward(tape, dz, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_tokens_of_each_key_modality_may_be_in_any_order,
    hiding_a_modality_leaves_cross_attention_to_the_other,
    it_is_the_gated_mixture_of_two_cross_attentions,
    of_two_modalities_it_is_cross_attention,
    samples_do_not_mix,
];

struct Drawn {
    module: LookAtOthers<f64>,
    x: Vec<Array2<f64>>,
    layouts: [Layout; 3],
}

/// Three modalities of one sample, attention with a residual.
fn draw(random: &mut Random) -> Drawn {
    let lengths: Vec<usize> = (0..3).map(|_| 1 + random.below(4)).collect();
    let x = lengths.iter().map(|&n| random.uniform((n, 4), 1.0)).collect();
    let mut block = || Cross::Attention(ResidualAttention::new(4, 4, 2, random).unwrap());
    let module = LookAtOthers { streams: vec![block(), block(), block()] };
    Drawn { module, x, layouts: layouts([&lengths[..1], &lengths[1..2], &lengths[2..]]) }
}

fn run(Drawn { module, x, layouts }: &Drawn, masks: &[Mask]) -> Vec<Array2<f64>> {
    module.forward(&pairs(x, layouts), masks).unwrap().0
}

fn the_tokens_of_each_key_modality_may_be_in_any_order(random: &mut Random) {
    let mut drawn = draw(random);
    let z = run(&drawn, &[]);
    for m in [1, 2] {
        let order = random.permutation(drawn.x[m].nrows());
        drawn.x[m] = permuted(&drawn.x[m], &order);
    }
    assert_close(&run(&drawn, &[])[0], &z[0], 1e-12);
}

fn hiding_a_modality_leaves_cross_attention_to_the_other(random: &mut Random) {
    let drawn = draw(random);
    let (p, a) = (drawn.x[1].nrows(), drawn.x[2].nrows());
    let keep = [vec![true; p], vec![false; a]].concat();
    let z = run(&drawn, &[Mask::Keys(keep), Mask::None, Mask::None]);
    let (rows, of) = (drawn.layouts[0].rows(), drawn.layouts[1].rows());
    let want = drawn.module.streams[0].forward(&drawn.x[0], &drawn.x[1], &rows, &of, &Mask::None).unwrap().0;
    assert_close(&z[0], &want, 1e-12);
}

fn it_is_the_gated_mixture_of_two_cross_attentions(random: &mut Random) {
    let drawn = draw(random);
    let Cross::Attention(ResidualAttention { attn }) = &drawn.module.streams[0] else { panic!("attention") };
    let q = matmul(&drawn.x[0], &attn.w_q.weight);
    let parts: Vec<(Array2<f64>, Array2<f64>)> = (drawn.x[1..].iter())
        .map(|x| {
            let (k, v) = (matmul(x, &attn.w_k.weight), matmul(x, &attn.w_v.weight));
            let (o, l, _) = attention_with_sums((&q, &k, &v), 2, None, DeadRows::Refuse).unwrap();
            (o, l)
        })
        .collect();
    let parts: Vec<Part<f64>> = parts.iter().map(|(o, l)| (&**o, &**l)).collect();
    let o = gate(&parts).unwrap().0;
    assert_close(&run(&drawn, &[])[0], &(&drawn.x[0] + matmul(&o, &attn.w_o.weight)), 1e-12);
}

fn of_two_modalities_it_is_cross_attention(random: &mut Random) {
    let Drawn { mut module, x, layouts } = draw(random);
    module.streams.pop();
    let (a, b) = ((&*x[0], &layouts[0]), (&*x[1], &layouts[1]));
    let z = module.forward(&[a, b], &[]).unwrap().0;
    let two = CrossAttention { a: module.streams[0].clone(), b: module.streams[1].clone() };
    let (z_a, z_b) = two.forward(a, b, (&Mask::None, &Mask::None)).unwrap().0;
    assert_eq!(z, [z_a, z_b]);
}

fn samples_do_not_mix(random: &mut Random) {
    let Drawn { module, x, layouts: own } = draw(random);
    let twice: Vec<Array2<f64>> =
        x.iter().map(|x| ndarray::concatenate![ndarray::Axis(0), *x, x * 3.0]).collect();
    let lengths: Vec<[usize; 2]> = x.iter().map(|x| [x.nrows(); 2]).collect();
    let both = layouts([&lengths[0], &lengths[1], &lengths[2]]);
    let z = module.forward(&pairs(&twice, &both), &[]).unwrap().0;
    let alone = module.forward(&pairs(&x, &own), &[]).unwrap().0;
    for (m, z) in z.iter().enumerate() {
        assert_eq!(both[m].rows().of(z, 0), alone[m]);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let module = LookAtOthers { streams: (1..4).map(test_cross::<R>).collect() };
    let x: Vec<Array2<R>> = vec![qres(1, (3, 4), 1.0), qres(2, (4, 4), 1.0), qres(3, (2, 4), 1.0)];
    let layouts = layouts([&[3], &[4], &[2]]);
    let (z, tape) = module.forward(&pairs(&x, &layouts), &[])?;
    let dz: Vec<Array2<R>> = z.iter().enumerate().map(|(m, z)| qres(4 + m, z.dim(), 1.0)).collect();
    let mut grad = module.zeros_like();
    let dx = module.backward(&tape, &dz, &mut grad);
    (cases.case("fusion.look-at-others.qres").input("x", &x).param("", &module))
        .act("tape", &tape)
        .out("z", &z)
        .cot("z", &dz)
        .grad_in("x", &dx)
        .grad_param("", &grad);
    Ok(())
}
