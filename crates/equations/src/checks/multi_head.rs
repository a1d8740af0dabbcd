//! Evidence for `eq-1.3-mha-full`.

use mmt_blocks::{AttentionKind, Heads, Linear, Mask, MultiHead, Tiles};
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2, Axis, s};

use crate::{Property, properties};

/// The layer of the specification.
pub(super) fn spec_layer<R: Real>(weights: [usize; 4], biases: Option<[usize; 4]>) -> MultiHead<R> {
    let mut layer = MultiHead::new(4, 2, &mut Random::seed(0)).expect("two heads of width two");
    let maps = [&mut layer.w_q, &mut layer.w_k, &mut layer.w_v, &mut layer.w_o];
    for (i, map) in maps.into_iter().enumerate() {
        *map = Linear { weight: ramp(weights[i], (4, 4)), bias: biases.map(|b| ramp(b[i], 4)) };
    }
    layer
}

/// Numbers of the specification, section 2.
pub fn forward() {
    let layer: MultiHead<f64> = spec_layer([3, 4, 5, 6], Some([7, 8, 9, 10]));
    let (x, y) = (ramp(1, (2, 4)), ramp(2, (3, 4)));
    for kind in [AttentionKind::Plain, AttentionKind::Flash(Tiles { queries: 1, keys: 2 })] {
        let layer = MultiHead { kind, ..layer.clone() };
        let (o, tape) = layer.forward(&x, &y, &Ragged::one(2), &Ragged::one(3), &Mask::None).unwrap();
        assert_sums(&o, "5.300612974", "24.67516849");
        let mut grad = layer.zeros_like();
        let (dx, dy) = layer.backward(&tape, &ramp(11, (2, 4)), &mut grad);
        assert_sums(&dx, "-1.791373991", "6.650492744");
        assert_sums(&dy, "0.046875", "-2.905622464");
        assert_sums(&grad.w_q.weight, "0.8212948941", "3.689187675");
        assert_sums(&grad.w_k.weight, "0.07615598139", "0.2018142664");
        assert_sums(&grad.w_v.weight, "-0.1300632437", "-0.3777733947");
        assert_sums(&grad.w_o.weight, "1.365247896", "11.3760326");
        assert_sums(&grad.w_q.bias.unwrap(), "1.133844259", "4.100746083");
        assert_sums(&grad.w_k.bias.unwrap(), "0", "0");
        assert_sums(&grad.w_v.bias.unwrap(), "-1.5", "-5.5");
        assert_sums(&grad.w_o.bias.unwrap(), "0.5", "5");
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (5, 4), 1.0), qres(2, (6, 6), 1.0));
    let (rows, of) = (Ragged::of_lengths([2, 3]), Ragged::of_lengths([2, 4]));
    let mask = Mask::Keys(vec![true, true, false, true, true, true]);
    let layer = MultiHead::cross(4, 6, 2, &mut Random::seed(0)).unwrap();
    for layer in [layer.clone(), layer.without_bias()] {
        check_module(
            &layer,
            inputs.clone(),
            |m, (x, z)| m.forward(x, z, &rows, &of, &mask),
            |m, tape, dy, grad| m.backward(tape, dy, grad),
        );
    }
    // Keys and values from two sources, each with its own gradient.
    let mut layer = MultiHead::cross(4, 6, 2, &mut Random::seed(0)).unwrap();
    layer.w_v = Linear::new(3, 4, &mut Random::seed(1));
    let inputs: (Array2<Dual>, (Array2<Dual>, Array2<Dual>)) = (inputs.0, (inputs.1, qres(3, (6, 3), 1.0)));
    check_module(
        &layer,
        inputs,
        |m, (x, (k, v))| m.forward_split(x, (k, v), &rows, &of, &mask),
        |m, tape, dy, grad| m.backward_split(tape, dy, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_gradient_of_the_key_bias_is_zero,
    the_value_bias_is_a_constant_of_the_output,
    self_attention_does_not_know_positions,
    identities_give_the_form_of_the_note,
    a_rotation_of_queries_and_keys_changes_nothing,
    one_projection_per_head_is_the_same_function,
];

/// A layer with random parameters, and tokens for it and for its context.
pub(super) fn draw(random: &mut Random) -> (MultiHead<f64>, Array2<f64>, Array2<f64>) {
    let heads = 1 + random.below(3);
    let (d, d_z) = (heads * (1 + random.below(3)), 1 + random.below(5));
    let layer = MultiHead::cross(d, d_z, heads, random).unwrap();
    let layer = shake(&layer, random.below(1 << 20) as u64);
    let (n, m) = (1 + random.below(5), 1 + random.below(5));
    (layer, random.uniform((n, d), 1.5), random.uniform((m, d_z), 1.5))
}

pub(super) fn run(layer: &MultiHead<f64>, x: &Array2<f64>, z: &Array2<f64>) -> Array2<f64> {
    layer.forward(x, z, &Ragged::one(x.nrows()), &Ragged::one(z.nrows()), &Mask::None).unwrap().0
}

fn the_gradient_of_the_key_bias_is_zero(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let (rows, of) = (Ragged::one(x.nrows()), Ragged::one(z.nrows()));
    let (y, tape) = layer.forward(&x, &z, &rows, &of, &Mask::None).unwrap();
    let mut grad = layer.zeros_like();
    layer.backward(&tape, &random.uniform(y.dim(), 1.0), &mut grad);
    assert_close(&grad.w_k.bias.unwrap(), &Array1::zeros(x.ncols()), 1e-13);
}

fn the_value_bias_is_a_constant_of_the_output(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let bias = layer.w_v.bias.clone().unwrap();
    let mut without = layer.clone();
    without.w_v.bias = None;
    let constant = matmul(&bias.insert_axis(Axis(0)), &layer.w_o.weight);
    assert_close(&run(&layer, &x, &z), &(run(&without, &x, &z) + constant), 1e-12);
}

fn self_attention_does_not_know_positions(random: &mut Random) {
    let (n, d) = (1 + random.below(6), 4);
    let layer = shake(&MultiHead::<f64>::new(d, 2, random).unwrap(), random.below(1 << 20) as u64);
    let x: Array2<f64> = random.uniform((n, d), 1.5);
    let order = random.permutation(n);
    let permuted = x.select(Axis(0), &order);
    let y = run(&layer, &x, &x).select(Axis(0), &order);
    assert_close(&run(&layer, &permuted, &permuted), &y, 1e-12);
}

fn identities_give_the_form_of_the_note(random: &mut Random) {
    let (mut layer, x, _) = draw(random);
    let d = x.ncols();
    let identity = Linear { weight: Array2::eye(d), bias: Some(Array1::zeros(d)) };
    for map in [&mut layer.w_q, &mut layer.w_k, &mut layer.w_v, &mut layer.w_o] {
        *map = identity.clone();
    }
    let m = 1 + random.below(5);
    let z: Array2<f64> = random.uniform((m, d), 1.5);
    let (rows, of) = (Ragged::one(x.nrows()), Ragged::one(z.nrows()));
    let (note, _) = Heads::new(layer.heads).forward(&x, &z, &z, &rows, &of, &Mask::None).unwrap();
    assert_close(&run(&layer, &x, &z), &note, 1e-14);
}

fn a_rotation_of_queries_and_keys_changes_nothing(random: &mut Random) {
    let layer = shake(&MultiHead::<f64>::new(4, 2, random).unwrap(), random.below(1 << 20) as u64);
    let x: Array2<f64> = random.uniform((3, 4), 1.5);
    let angle = random.unit() * 6.3;
    let (sin, cos) = (Real::sin(angle), Real::cos(angle));
    let rotation = ndarray::array![[cos, -sin], [sin, cos]];
    let mut rotated = layer.clone();
    for map in [&mut rotated.w_q, &mut rotated.w_k] {
        let head = matmul(&map.weight.slice(s![.., 2..]), &rotation);
        map.weight.slice_mut(s![.., 2..]).assign(&head);
        let bias = map.bias.as_mut().unwrap();
        let head = matmul(&bias.slice(s![2..]).insert_axis(Axis(0)), &rotation);
        bias.slice_mut(s![2..]).assign(&head.row(0));
    }
    assert_close(&run(&rotated, &x, &x), &run(&layer, &x, &x), 1e-12);
}

fn one_projection_per_head_is_the_same_function(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let width = x.ncols() / layer.heads;
    let mut y = Array2::zeros(x.dim());
    y += layer.w_o.bias.as_ref().unwrap();
    for head in 0..layer.heads {
        let columns = s![.., head * width..(head + 1) * width];
        let part = |map: &Linear<f64>| Linear {
            weight: map.weight.slice(columns).to_owned(),
            bias: Some(map.bias.as_ref().unwrap().slice(s![head * width..(head + 1) * width]).to_owned()),
        };
        let w_o = layer.w_o.weight.slice(s![head * width..(head + 1) * width, ..]).to_owned();
        let one = MultiHead {
            w_q: part(&layer.w_q),
            w_k: part(&layer.w_k),
            w_v: part(&layer.w_v),
            w_o: Linear { weight: w_o, bias: None },
            heads: 1,
            ..layer.clone()
        };
        y += &run(&one, &x, &z);
    }
    assert_close(&run(&layer, &x, &z), &y, 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let layer: MultiHead<R> = spec_layer([3, 4, 5, 6], Some([7, 8, 9, 10]));
    let (x, z): (Array2<R>, _) = (ramp(1, (2, 4)), ramp(2, (3, 4)));
    let (y, tape) = layer.forward(&x, &z, &Ragged::one(2), &Ragged::one(3), &Mask::None)?;
    let (dy, mut grad) = (ramp(11, (2, 4)), layer.zeros_like());
    let (dx, dz) = layer.backward(&tape, &dy, &mut grad);
    (cases.case("mha.cross.ramp").input("x", &x).input("context", &z).param("", &layer))
        .act("", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_in("context", &dz)
        .grad_param("", &grad);
    Ok(())
}
