//! Evidence for `eq-3-tri-code`.

use mmt_blocks::{Activation, Ffn, Heads, LayerNorm, Linear, Mask};
use mmt_fusion::{
    ThreeStreams, ThreeStreamsStream, attention_with_sums, paired_attention, paired_attention_backward,
};
use mmt_golden::Cases;
use mmt_tensor::ops::{matmul, softmax};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, check_module, checksum, qres};
use mmt_tensor::{Dual, Ragged, Random, Real, Result};
use ndarray::{Array2, Axis, concatenate, s};

use super::fusion_kit::{assert_apart, permuted};
use crate::{Property, properties};

/// Query, keys of both, values of both.
type Operands<R> = (Array2<R>, (Array2<R>, Array2<R>), (Array2<R>, Array2<R>));

const NONE: Mask = Mask::None;

fn run<R: Real>((q, k, v): &Operands<R>) -> Result<Array2<R>> {
    let rows = Ragged::one(q.nrows());
    Ok(paired_attention(q, (&k.0, &k.1), (&v.0, &v.1), &Heads::new(2), &rows, &NONE)?.0)
}

fn gradients<R: Real>((q, k, v): &Operands<R>, d_o: &Array2<R>) -> Operands<R> {
    let (rows, heads) = (Ragged::one(q.nrows()), Heads::new(2));
    let (_, tape) = paired_attention(q, (&k.0, &k.1), (&v.0, &v.1), &heads, &rows, &NONE).expect("valid");
    paired_attention_backward(&tape, d_o, &heads, &rows, &NONE)
}

fn operands<R: Real>() -> Operands<R> {
    let half = |s| qres(s, (3, 4), 1.0);
    (qres(1, (3, 8), 1.0), (half(2), half(3)), (half(4), half(5)))
}

/// Numbers of the specification, section 3.12.
pub fn forward() {
    let x = operands::<f64>();
    assert_printed(checksum(&run(&x).unwrap()), "-0.468618461199");
    let (dq, (dk_p, dk_a), (dv_p, dv_a)) = gradients(&x, &qres(6, (3, 8), 1.0));
    assert_printed(checksum(&dq), "0.049362090520");
    assert_printed(checksum(&dk_p), "-0.008955167780");
    assert_printed(checksum(&dk_a), "-0.012444432657");
    assert_printed(checksum(&dv_p), "-0.413848324925");
    assert_printed(checksum(&dv_a), "0.078083302635");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// The attention, and the whole layer of three streams of different widths.
fn backward() {
    check_backward(&operands::<Dual>(), run, gradients);
    let random = &mut Random::seed(0);
    let layer = ThreeStreams {
        a: stream::<Dual>(4, random),
        b: stream(6, random),
        c: stream(2, random),
        heads: Heads::new(2),
    };
    let inputs: (Array2<Dual>, Array2<Dual>, Array2<Dual>) =
        (qres(1, (5, 4), 1.0), qres(2, (5, 6), 1.0), qres(3, (5, 2), 1.0));
    let rows = Ragged::of_lengths([2, 3]);
    check_module(
        &layer,
        inputs,
        |m, (a, b, c)| {
            let ([a, b, c], tape) = m.forward([a, b, c], &rows)?;
            Ok(((a, b, c), tape))
        },
        |m, tape, (a, b, c), grad| {
            let [a, b, c] = m.backward(tape, [a, b, c], grad);
            (a, b, c)
        },
    );
}

fn stream<R: Real>(d: usize, random: &mut Random) -> ThreeStreamsStream<R> {
    ThreeStreamsStream {
        w_q: Linear::new(d, 8, random),
        w_k: Linear::new(d, 4, random),
        w_v: Linear::new(d, 4, random),
        w_o: Linear::new(8, d, random),
        norm_1: LayerNorm::new(d, 1e-5),
        ffn: Ffn::new(d, 5, Activation::Gelu, random).expect("a hidden width"),
        norm_2: LayerNorm::new(d, 1e-5),
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    weights_are_a_product_of_those_of_the_two_modalities,
    slots_may_be_in_any_order_but_only_together,
    keys_that_are_all_equal_choose_nothing,
    without_the_second_modality_it_is_cross_attention_of_another_scale,
];

fn draw(random: &mut Random) -> Operands<f64> {
    let n = 2 + random.below(3);
    let mut half = || random.uniform((n, 4), 1.0);
    let (k, v) = ((half(), half()), (half(), half()));
    (random.uniform((n, 8), 1.0), k, v)
}

/// The weights of every head.
fn weights((q, k, v): &Operands<f64>) -> Vec<Array2<f64>> {
    let rows = Ragged::one(q.nrows());
    let run = paired_attention(q, (&k.0, &k.1), (&v.0, &v.1), &Heads::new(2), &rows, &NONE);
    run.unwrap().1.p
}

/// `P_ij` is the product of two weights, divided by its sum.
fn weights_are_a_product_of_those_of_the_two_modalities(random: &mut Random) {
    let x = draw(random);
    let (q, (k_p, k_a), _) = &x;
    for (head, p) in weights(&x).iter().enumerate() {
        let columns = |first: usize| s![.., first..first + 2];
        let of = |half: usize, k: &Array2<f64>| {
            let q = &q.slice(columns(4 * head + 2 * half)) / 2.0;
            softmax(&matmul(&q, &k.slice(columns(2 * head)).t())).unwrap()
        };
        let product = of(0, k_p) * of(1, k_a);
        for (row, p) in product.rows().into_iter().zip(p.rows()) {
            assert_close(&p.to_owned(), &(&row / row.iter().sum::<f64>()), 1e-12);
        }
    }
}

fn slots_may_be_in_any_order_but_only_together(random: &mut Random) {
    let (q, k, v) = draw(random);
    let o = run(&(q.clone(), k.clone(), v.clone())).unwrap();
    let mut order: Vec<usize> = (1..q.nrows()).collect();
    order.push(0);
    let turned = |x: &Array2<f64>| permuted(x, &order);
    let (k_p, v_p, k_a, v_a) = (turned(&k.0), turned(&v.0), turned(&k.1), turned(&v.1));
    let together = (q.clone(), (k_p.clone(), k_a), (v_p.clone(), v_a));
    assert_close(&run(&together).unwrap(), &o, 1e-12);
    assert_apart(&run(&(q, (k_p, k.1), (v_p, v.1))).unwrap(), &o);
}

/// As in the released code, whose audio is one vector at all slots.
fn keys_that_are_all_equal_choose_nothing(random: &mut Random) {
    let (q, (k_p, k_a), (v_p, v_a)) = draw(random);
    let same = |x: &Array2<f64>| permuted(x, &vec![0; x.nrows()]);
    let other = &k_a * -2.0 + 1.0;
    let equal = |k_a: &Array2<f64>| (q.clone(), (k_p.clone(), same(k_a)), (v_p.clone(), same(&v_a)));
    assert_close(&weights(&equal(&k_a)), &weights(&equal(&other)), 1e-12);
    let o = run(&equal(&k_a)).unwrap();
    for head in 0..2 {
        let (got, want) = (s![.., 4 * head + 2..4 * head + 4], s![.., 2 * head..2 * head + 2]);
        assert_close(&o.slice(got).to_owned(), &same(&v_a).slice(want).to_owned(), 1e-12);
    }
}

/// The scale is `√d_q` of the whole head, not `√d_k` of its half.
fn without_the_second_modality_it_is_cross_attention_of_another_scale(random: &mut Random) {
    let (q, (k_p, k_a), (v_p, v_a)) = draw(random);
    let o = run(&(q.clone(), (k_p.clone(), &k_a * 0.0), (v_p.clone(), &v_a * 0.0))).unwrap();
    for head in 0..2 {
        let half = s![.., 4 * head..4 * head + 2];
        let own = s![.., 2 * head..2 * head + 2];
        let q = &q.slice(half) / Real::sqrt(2.0);
        let (k, v) = (k_p.slice(own), v_p.slice(own));
        let (want, _, _) = attention_with_sums((&q, &k, &v), 1, None, mmt_blocks::DeadRows::Refuse).unwrap();
        let got = concatenate![Axis(1), o.slice(half), o.slice(s![.., 4 * head + 2..4 * head + 4])];
        assert_close(&got, &concatenate![Axis(1), want, &want * 0.0], 1e-12);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x = operands::<R>();
    let (o, d_o) = (run(&x)?, qres(6, (3, 8), 1.0));
    let (dq, dk, dv) = gradients(&x, &d_o);
    (cases.case("fusion.paired-attention.qres").input("q", &x.0).input("k", &x.1).input("v", &x.2))
        .out("o", &o)
        .cot("o", &d_o)
        .grad_in("q", &dq)
        .grad_in("k", &dk)
        .grad_in("v", &dv);
    Ok(())
}
