//! Evidence for `eq-3-attn`.

use mmt_blocks::DeadRows;
use mmt_fusion::{attention_with_sums, attention_with_sums_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::ops::sum::column_sums;
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, array};

use super::fusion_kit::{inputs, one_sample, permuted, test_block};
use crate::{Property, properties};

type Operands<R> = (Array2<R>, Array2<R>, Array2<R>);

fn run<R: Real>((q, k, v): &Operands<R>) -> Result<(Array2<R>, Array2<R>)> {
    let (o, l, _) = attention_with_sums((q, k, v), 2, None, DeadRows::Refuse)?;
    Ok((o, l))
}

fn gradients<R: Real>((q, k, v): &Operands<R>, (d_o, dl): &(Array2<R>, Array2<R>)) -> Operands<R> {
    let (_, _, tape) = attention_with_sums((q, k, v), 2, None, DeadRows::Refuse).expect("a valid point");
    attention_with_sums_backward(&tape, d_o, dl)
}

/// Three queries, four keys, in two heads: those of the specification, section 3.12.
fn operands<R: Real>() -> Operands<R> {
    let ((a, b), block) = (inputs::<R>(), test_block::<R>(1).attn);
    (matmul(&a, &block.w_q.weight), matmul(&b, &block.w_k.weight), matmul(&b, &block.w_v.weight))
}

/// Numbers of the specification, section 3.12: attention alone.
pub fn forward() {
    let (o, _) = run(&operands()).unwrap();
    assert_printed(checksum(&o), "0.060420356439");
    let row = array![0.131964807237, 0.046454566312, -0.049809409544, -0.055210150894];
    assert_close(&o.row(0).to_owned(), &row, 1e-12);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    check_backward(&operands::<Dual>(), run, gradients);
    let bias: Array2<Dual> = qres(4, (3, 4), 1.0);
    check_backward(
        &operands::<Dual>(),
        |(q, k, v)| {
            let (o, l, _) = attention_with_sums((q, k, v), 1, Some(&bias), DeadRows::Refuse)?;
            Ok((o, l))
        },
        |(q, k, v), (d_o, dl)| {
            let tape = attention_with_sums((q, k, v), 1, Some(&bias), DeadRows::Refuse).expect("valid").2;
            attention_with_sums_backward(&tape, d_o, dl)
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    rows_of_weights_sum_to_one,
    the_order_of_keys_does_not_matter_and_queries_keep_theirs,
    a_vector_added_to_every_key_changes_no_weight,
    gradients_of_keys_sum_to_zero_and_those_of_values_to_the_output,
    one_key_leaves_nothing_to_choose,
];

fn draw(random: &mut Random) -> Operands<f64> {
    let pair = one_sample(random);
    let wide = |x: &Array2<f64>| ndarray::concatenate![ndarray::Axis(1), *x, *x];
    (wide(&pair.a), wide(&pair.b), random.uniform((pair.b.nrows(), 4), 1.0))
}

fn weights((q, k, v): &Operands<f64>) -> Vec<Array2<f64>> {
    let (_, _, tape) = attention_with_sums((q, k, v), 2, None, DeadRows::Refuse).unwrap();
    tape.heads.into_iter().map(|head| head.p).collect()
}

fn rows_of_weights_sum_to_one(random: &mut Random) {
    for p in weights(&draw(random)) {
        p.rows().into_iter().for_each(|row| assert_close(&row.iter().sum::<f64>(), &1.0, 1e-14));
    }
}

fn the_order_of_keys_does_not_matter_and_queries_keep_theirs(random: &mut Random) {
    let (q, k, v) = draw(random);
    let (o, l) = run(&(q.clone(), k.clone(), v.clone())).unwrap();
    let order = random.permutation(k.nrows());
    let other = run(&(q.clone(), permuted(&k, &order), permuted(&v, &order))).unwrap();
    assert_close(&other, &(o.clone(), l.clone()), 1e-12);
    let order = random.permutation(q.nrows());
    assert_eq!(run(&(permuted(&q, &order), k, v)).unwrap(), (permuted(&o, &order), permuted(&l, &order)));
}

fn a_vector_added_to_every_key_changes_no_weight(random: &mut Random) {
    let (q, k, v) = draw(random);
    let c: Array1<f64> = random.uniform(k.ncols(), 3.0);
    assert_close(&weights(&(q.clone(), &k + &c, v.clone())), &weights(&(q, k, v)), 1e-12);
}

fn gradients_of_keys_sum_to_zero_and_those_of_values_to_the_output(random: &mut Random) {
    let operands = draw(random);
    let (q, _, v) = &operands;
    let d_o: Array2<f64> = random.uniform((q.nrows(), v.ncols()), 1.0);
    let (_, dk, dv) = gradients(&operands, &(d_o.clone(), Array2::zeros((q.nrows(), 2))));
    assert_close(&column_sums(&dk), &Array1::zeros(dk.ncols()), 1e-12);
    assert_close(&column_sums(&dv), &column_sums(&d_o), 1e-12);
}

fn one_key_leaves_nothing_to_choose(random: &mut Random) {
    let (q, k, v) = draw(random);
    let operands = (q.clone(), permuted(&k, &[0]), permuted(&v, &[0]));
    let (o, _) = run(&operands).unwrap();
    o.rows().into_iter().for_each(|row| assert_eq!(row, v.row(0)));
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let (dq, dk, _) = gradients(&operands, &(d_o, Array2::zeros((q.nrows(), 2))));
    assert_close(&(dq.clone(), dk.clone()), &(dq * 0.0, dk * 0.0), 1e-15);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let point = operands::<R>();
    let (q, k, v) = &point;
    let (o, l) = run(&point)?;
    let (d_o, dl): (Array2<R>, Array2<R>) = (qres(3, (3, 4), 1.0), qres(4, (3, 2), 1.0));
    let (dq, dk, dv) = gradients(&point, &(d_o.clone(), dl.clone()));
    (cases.case("fusion.attn.qres").input("q", q).input("k", k).input("v", v))
        .out("o", &o)
        .out("l", &l)
        .cot("o", &d_o)
        .cot("l", &dl)
        .grad_in("q", &dq)
        .grad_in("k", &dk)
        .grad_in("v", &dv);
    Ok(())
}
