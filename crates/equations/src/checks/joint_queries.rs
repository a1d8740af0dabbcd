//! Evidence for `eq-3-tri-note`.

use mmt_blocks::DeadRows;
use mmt_fusion::{attention_with_sums, joint_queries, joint_queries_backward};
use mmt_golden::Cases;
use mmt_tensor::testing::{assert_printed, check_backward, checksum, qres};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, ArrayRef2};

use crate::{Property, properties};

/// Two queries, keys and values.
type Operands<R> = (Array2<R>, Array2<R>, Array2<R>, Array2<R>);

fn alone(q: &Array2<f64>, k: &ArrayRef2<f64>, v: &ArrayRef2<f64>, heads: usize) -> Array2<f64> {
    attention_with_sums((q, k, v), heads, None, DeadRows::Refuse).unwrap().0
}

fn run<R: Real>((q_1, q_2, k, v): &Operands<R>, heads: usize) -> Result<(Array2<R>, Array2<R>)> {
    Ok(joint_queries((q_1, q_2), (k, v), heads)?.0)
}

fn operands<R: Real>() -> Operands<R> {
    (qres(1, (3, 4), 1.0), qres(2, (2, 4), 1.0), qres(3, (4, 4), 1.0), qres(4, (4, 4), 1.0))
}

/// A second derivation: the two cross-attentions by themselves, to the last bit.
pub fn forward() {
    let (q_1, q_2, k, v) = operands::<f64>();
    let (o_1, o_2) = run(&operands(), 2).unwrap();
    assert_eq!((&o_1, &o_2), (&alone(&q_1, &k, &v, 2), &alone(&q_2, &k, &v, 2)));
    assert_printed(checksum(&(o_1 - alone(&q_1, &k, &v, 2))), "0");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    check_backward(
        &operands::<Dual>(),
        |x| run(x, 2),
        |(q_1, q_2, k, v), (do_1, do_2)| {
            let (_, tape) = joint_queries((q_1, q_2), (k, v), 2).expect("a valid point");
            joint_queries_backward(&tape, (do_1, do_2))
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    two_queries_together_are_two_attentions,
    any_of_three_modalities_may_be_asked,
    a_query_does_not_feel_the_other_one,
];

fn draw(random: &mut Random) -> [Array2<f64>; 3] {
    let mut next = || {
        let n = 1 + random.below(4);
        random.uniform((n, 4), 1.0)
    };
    [next(), next(), next()]
}

fn two_queries_together_are_two_attentions(random: &mut Random) {
    let [q_1, q_2, k] = draw(random);
    let v: Array2<f64> = random.uniform(k.dim(), 1.0);
    let want = (alone(&q_1, &k, &v, 2), alone(&q_2, &k, &v, 2));
    assert_eq!(run(&(q_1, q_2, k, v), 2).unwrap(), want);
}

fn any_of_three_modalities_may_be_asked(random: &mut Random) {
    let x = draw(random);
    for asked in 0..3 {
        let (first, second) = (&x[(asked + 1) % 3], &x[(asked + 2) % 3]);
        let run = |q_1: &Array2<f64>, q_2: &Array2<f64>| {
            joint_queries((q_1, q_2), (&x[asked], &x[asked]), 2).unwrap().0
        };
        let (o_1, o_2) = run(first, second);
        assert_eq!(run(second, first), (o_2, o_1));
    }
}

fn a_query_does_not_feel_the_other_one(random: &mut Random) {
    let [q_1, q_2, k] = draw(random);
    let other: Array2<f64> = random.uniform(q_2.dim(), 3.0);
    let rows = |q_2| run(&(q_1.clone(), q_2, k.clone(), k.clone()), 2).unwrap().0;
    assert_eq!(rows(q_2), rows(other));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (q_1, q_2, k, v) = operands::<R>();
    let (o, tape) = joint_queries((&q_1, &q_2), (&k, &v), 2)?;
    let d_o: (Array2<R>, Array2<R>) = (qres(5, (3, 4), 1.0), qres(6, (2, 4), 1.0));
    let gradients = joint_queries_backward(&tape, (&d_o.0, &d_o.1));
    (cases.case("fusion.joint-queries.qres").input("q_1", &q_1).input("q_2", &q_2))
        .input("k", &k)
        .input("v", &v)
        .out("o", &o)
        .cot("o", &d_o)
        .grad_in("", &gradients);
    Ok(())
}
