//! Evidence for `eq-1.6-cross-attention`.

use mmt_blocks::{Linear, Mask, MultiHead};
use mmt_golden::Cases;
use mmt_tensor::ops::{matmul, softmax};
use mmt_tensor::testing::{assert_close, assert_sums, check_module, qres, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array2, Axis, s};

use super::multi_head::{draw, run, spec_layer};
use crate::{Property, properties};

/// Numbers of the specification, section 2, with a memory that is padded: a hidden row changes nothing.
pub fn forward() {
    let layer: MultiHead<f64> = spec_layer([3, 4, 5, 6], Some([7, 8, 9, 10]));
    let x: Array2<f64> = ramp(1, (2, 4));
    let memory: Array2<f64> = ramp(2, (3, 4));
    let padded = ndarray::concatenate![Axis(0), memory, Array2::from_elem((1, 4), 6e4)];
    let mask = Mask::Keys(vec![true, true, true, false]);
    let (y, tape) = layer.forward(&x, &padded, &Ragged::one(2), &Ragged::one(4), &mask).unwrap();
    assert_sums(&y, "5.300612974", "24.67516849");
    let (dx, dmemory) = layer.backward(&tape, &ramp(11, (2, 4)), &mut layer.zeros_like());
    assert_sums(&dx, "-1.791373991", "6.650492744");
    assert_sums(&dmemory.slice(s![..3, ..]).to_owned(), "0.046875", "-2.905622464");
    assert!(dmemory.row(3).iter().all(|&x| x == 0.0));
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Two layers that read one memory.
fn backward() {
    let layer = |seed| MultiHead::cross(4, 6, 2, &mut Random::seed(seed)).unwrap();
    let inputs: (Array2<Dual>, Array2<Dual>) = (qres(1, (3, 4), 1.0), qres(2, (5, 6), 1.0));
    let (rows, of) = (Ragged::of_lengths([1, 2]), Ragged::of_lengths([2, 3]));
    check_module(
        &(layer(0), layer(1)),
        inputs,
        |m, (x, z)| {
            let (x, first) = m.0.forward(x, z, &rows, &of, &Mask::None)?;
            let (x, second) = m.1.forward(&x, z, &rows, &of, &Mask::None)?;
            Ok((x, (first, second)))
        },
        |m, (first, second), dy, grad| {
            let (dx, dz_2) = m.1.backward(second, dy, &mut grad.1);
            let (dx, dz_1) = m.0.backward(first, &dx, &mut grad.0);
            (dx, dz_1 + dz_2)
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_order_of_the_memory_does_not_matter,
    gradients_of_a_memory_that_is_read_twice_add_up,
    a_memory_of_one_row_leaves_nothing_to_choose,
    the_sides_are_not_interchangeable_but_with_their_parameters,
];

fn the_order_of_the_memory_does_not_matter(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let order = random.permutation(z.nrows());
    assert_close(&run(&layer, &x, &z.select(Axis(0), &order)), &run(&layer, &x, &z), 1e-12);
}

/// The queries twice over one memory: everything is read twice. Two layers over one memory are in the check of the
/// gradient, and a whole decoder under eq-1.22-encoder-decoder.
fn gradients_of_a_memory_that_is_read_twice_add_up(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let gradients = |x: &Array2<f64>, dy: &Array2<f64>| {
        let (rows, of) = (Ragged::one(x.nrows()), Ragged::one(z.nrows()));
        let (_, tape) = layer.forward(x, &z, &rows, &of, &Mask::None).unwrap();
        let mut grad = layer.zeros_like();
        let (_, dz) = layer.backward(&tape, dy, &mut grad);
        (dz, grad)
    };
    let twice = |a: &Array2<f64>| ndarray::concatenate![Axis(0), *a, *a];
    let dy: Array2<f64> = random.uniform(x.dim(), 1.0);
    let (dz, mut grad) = gradients(&x, &dy);
    let (dz_twice, grad_twice) = gradients(&twice(&x), &twice(&dy));
    assert_close(&dz_twice, &(dz * 2.0), 1e-12);
    grad.add_scaled(1.0, &grad.clone());
    assert_close(&grad_twice, &grad, 1e-12);
}

fn a_memory_of_one_row_leaves_nothing_to_choose(random: &mut Random) {
    let (layer, x, z) = draw(random);
    let z = z.slice(s![..1, ..]).to_owned();
    let other: Array2<f64> = random.uniform(x.dim(), 3.0);
    assert_eq!(run(&layer, &x, &z), run(&layer, &other, &z));
}

/// With `W_Q` and `W_K` exchanged as well, the scores of the other direction are those of the first, transposed.
fn the_sides_are_not_interchangeable_but_with_their_parameters(random: &mut Random) {
    let layer = shake(&MultiHead::<f64>::new(4, 2, random).unwrap(), random.below(1 << 20) as u64);
    let swapped = MultiHead { w_q: layer.w_k.clone(), w_k: layer.w_q.clone(), ..layer.clone() };
    let (a, b): (Array2<f64>, Array2<f64>) = (random.uniform((3, 4), 1.5), random.uniform((3, 4), 1.5));
    let apart = |x: &Array2<f64>, y: &Array2<f64>| x.iter().zip(y).any(|(x, y)| (x - y).abs() > 1e-6);
    let there = run(&layer, &a, &b);
    assert!(apart(&there, &run(&layer, &b, &a)), "the two directions differ");
    assert!(apart(&there, &run(&swapped, &a, &b)), "the two roles differ");

    let through = |map: &Linear<f64>, x: &Array2<f64>| map.forward(x).unwrap().0;
    let (q, k, v) = (through(&layer.w_q, &a), through(&layer.w_k, &b), through(&layer.w_v, &a));
    let mut c = Array2::zeros((b.nrows(), 4));
    for head in [s![.., ..2], s![.., 2..]] {
        let scores = matmul(&q.slice(head), &k.slice(head).t()) / Real::sqrt(2.0);
        c.slice_mut(head).assign(&matmul(&softmax(&scores.t()).unwrap(), &v.slice(head)));
    }
    assert_close(&run(&swapped, &b, &a), &through(&layer.w_o, &c), 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let layer: MultiHead<R> = shake(&MultiHead::cross(4, 6, 2, &mut Random::seed(0))?, 5);
    let (x, z): (Array2<R>, _) = (qres(1, (5, 4), 1.0), qres(2, (6, 6), 1.0));
    let (rows, of) = (Ragged::of_lengths([2, 3]), Ragged::of_lengths([2, 4]));
    let keep = [true, true, false, true, true, true];
    let (y, tape) = layer.forward(&x, &z, &rows, &of, &Mask::Keys(keep.to_vec()))?;
    let (dy, mut grad) = (qres(3, y.dim(), 1.0), layer.zeros_like());
    let (dx, dz) = layer.backward(&tape, &dy, &mut grad);
    (cases.case("mha.cross.padmid").input("x", &x).input("memory", &z).mask("keep", &ndarray::aview1(&keep)))
        .param("", &layer)
        .act("", &tape)
        .out("y", &y)
        .cot("y", &dy)
        .grad_in("x", &dx)
        .grad_in("memory", &dz)
        .grad_param("", &grad);
    Ok(())
}
