//! Evidence for `eq-3-gate`.

use mmt_blocks::DeadRows;
use mmt_fusion::{Part, attention_with_sums, attention_with_sums_backward, gate, gate_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::matmul;
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, Axis, concatenate, s};

use super::fusion_kit::{inputs, one_sample, test_block};
use crate::{Property, properties};

/// Outputs and sums of the parts.
type Parts<R> = Vec<(Array2<R>, Array2<R>)>;

fn run<R: Real>(parts: &Parts<R>) -> Result<Array2<R>> {
    let parts: Vec<Part<R>> = parts.iter().map(|(o, l)| (&**o, &**l)).collect();
    Ok(gate(&parts)?.0)
}

fn gradients<R: Real>(parts: &Parts<R>, d_o: &Array2<R>) -> Parts<R> {
    let parts: Vec<Part<R>> = parts.iter().map(|(o, l)| (&**o, &**l)).collect();
    gate_backward(&gate(&parts).expect("a valid point").1, d_o)
}

/// Attention over each part of the keys by itself.
fn attentions<R: Real>(q: &Array2<R>, kv: &[(Array2<R>, Array2<R>)], heads: usize) -> Parts<R> {
    let attend = |(k, v): &(Array2<R>, Array2<R>)| {
        let (o, l, _) = attention_with_sums((q, k, v), heads, None, DeadRows::Refuse).expect("valid");
        (o, l)
    };
    kv.iter().map(attend).collect()
}

/// Numbers of the specification, section 3.12: the gates of early concatenation for the rows of A in the first head; and
/// both sides of the identity.
pub fn forward() {
    let ((a, b), block) = (inputs::<f64>(), test_block::<f64>(1).attn);
    let project = |x: &Array2<f64>| (matmul(x, &block.w_k.weight), matmul(x, &block.w_v.weight));
    let q = matmul(&a, &block.w_q.weight);
    let parts = attentions(&q, &[project(&a), project(&b)], 2);
    let parts: Vec<Part<f64>> = parts.iter().map(|(o, l)| (&**o, &**l)).collect();
    let (o, tape) = gate(&parts).unwrap();
    for (row, printed) in ["0.421262513614", "0.455919083940", "0.460336647963"].iter().enumerate() {
        assert_printed(tape.g[(2 * row, 0)], printed);
    }
    let (k, v) = project(&concatenate![Axis(0), a, b]);
    let (joint, _, _) = attention_with_sums((&q, &k, &v), 2, None, DeadRows::Refuse).unwrap();
    assert_close(&o, &joint, 1e-14);
    assert_printed(checksum(&(o - joint)), "0.000000000000");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let part = |s| -> (Array2<Dual>, Array2<Dual>) { (qres(s, (3, 4), 1.0), qres(s + 1, (3, 2), 1.0)) };
    check_backward(&vec![part(1), part(3), part(5)], run, gradients);
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    gated_parts_are_attention_over_all_keys,
    gradients_through_the_gate_are_those_of_attention_over_all_keys,
    two_parts_are_gated_by_a_sigmoid,
    a_part_without_keys_gets_no_weight,
];

struct Drawn {
    heads: usize,
    q: Array2<f64>,
    kv: Vec<(Array2<f64>, Array2<f64>)>,
}

fn draw(random: &mut Random) -> Drawn {
    let pair = one_sample(random);
    let mut part = |_| {
        let m = 1 + random.below(4);
        (random.uniform((m, pair.d), 1.0), random.uniform((m, pair.d), 1.0))
    };
    Drawn { heads: pair.heads, q: pair.a, kv: (0..3).map(&mut part).collect() }
}

fn joined(kv: &[(Array2<f64>, Array2<f64>)]) -> (Array2<f64>, Array2<f64>) {
    let stack = |of: fn(&(Array2<f64>, Array2<f64>)) -> &Array2<f64>| {
        let views: Vec<_> = kv.iter().map(|part| of(part).view()).collect();
        ndarray::concatenate(Axis(0), &views).unwrap()
    };
    (stack(|part| &part.0), stack(|part| &part.1))
}

fn gated_parts_are_attention_over_all_keys(random: &mut Random) {
    let Drawn { heads, q, kv } = draw(random);
    let all = attentions(&q, &[joined(&kv)], heads).remove(0).0;
    assert_close(&run(&attentions(&q, &kv, heads)).unwrap(), &all, 1e-12);
}

fn gradients_through_the_gate_are_those_of_attention_over_all_keys(random: &mut Random) {
    let Drawn { heads, q, kv } = draw(random);
    let d_o: Array2<f64> = random.uniform(q.dim(), 1.0);
    let tape = |k, v| attention_with_sums((&q, k, v), heads, None, DeadRows::Refuse).unwrap().2;
    let (k, v) = joined(&kv);
    let want = attention_with_sums_backward(&tape(&k, &v), &d_o, &Array2::zeros((q.nrows(), heads)));
    let mut got = (&q * 0.0, &k * 0.0, &v * 0.0);
    let (parts, mut at) = (gradients(&attentions(&q, &kv, heads), &d_o), 0);
    for ((k, v), (d_part, dl)) in kv.iter().zip(parts) {
        let (dq, dk, dv) = attention_with_sums_backward(&tape(k, v), &d_part, &dl);
        let rows = s![at..at + k.nrows(), ..];
        got.0 += &dq;
        got.1.slice_mut(rows).assign(&dk);
        got.2.slice_mut(rows).assign(&dv);
        at += k.nrows();
    }
    assert_close(&got, &want, 1e-12);
}

fn two_parts_are_gated_by_a_sigmoid(random: &mut Random) {
    let Drawn { heads, q, kv } = draw(random);
    let parts = attentions(&q, &kv[..2], heads);
    let width = q.ncols() / heads;
    let want = Array2::from_shape_fn(q.dim(), |(i, c)| {
        let l = parts[0].1[(i, c / width)] - parts[1].1[(i, c / width)];
        let g = 1.0 / (1.0 + Real::exp(-l));
        g * parts[0].0[(i, c)] + (1.0 - g) * parts[1].0[(i, c)]
    });
    assert_close(&run(&parts).unwrap(), &want, 1e-12);
}

/// Outputs of a query that sees no key of a part are zero, and its sum is `-∞`.
fn a_part_without_keys_gets_no_weight(random: &mut Random) {
    let Drawn { heads, q, kv } = draw(random);
    let mut parts = attentions(&q, &kv[..1], heads);
    let alone = parts[0].0.clone();
    parts.push((&q * 0.0, Array2::from_elem((q.nrows(), heads), f64::NEG_INFINITY)));
    assert_eq!(run(&parts).unwrap(), alone);
    assert!(gradients(&parts, &q)[1].0.iter().all(|&x| x == 0.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let part = |s| -> (Array2<R>, Array2<R>) { (qres(s, (3, 4), 1.0), qres(s + 1, (3, 2), 1.0)) };
    let parts = vec![part(1), part(3), part(5)];
    let (o, d_o) = (run(&parts)?, qres(7, (3, 4), 1.0));
    let gradients = gradients(&parts, &d_o);
    (cases.case("fusion.gate.qres").input("parts", &parts).out("o", &o).cot("o", &d_o))
        .grad_in("parts", &gradients);
    Ok(())
}
