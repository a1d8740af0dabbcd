//! Evidence for `eq-1.1-attention`.

use mmt_blocks::{DeadRows, attention, attention_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::softmax;
use mmt_tensor::ops::sum::{column_sums, row_sums};
use mmt_tensor::testing::{assert_close, assert_printed, check_backward, checksum, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, ArrayRef2, Axis, array, concatenate, s};

use crate::{Property, properties};

/// `O`, and the gradients of queries, keys, values and bias.
type Gradients<R> = (Array2<R>, Array2<R>, Array2<R>, Array2<R>);

fn run<R: Real>(q: &ArrayRef2<R>, k: &ArrayRef2<R>, v: &ArrayRef2<R>) -> Result<Array2<R>> {
    Ok(attention(q, k, v, None, DeadRows::Refuse)?.0)
}

fn gradients<R: Real>(
    q: &ArrayRef2<R>,
    k: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    bias: Option<&ArrayRef2<R>>,
    d_o: &ArrayRef2<R>,
) -> Gradients<R> {
    let (_, tape) = attention(q, k, v, bias, DeadRows::Zero).expect("a valid point");
    attention_backward(&tape, d_o)
}

/// Numbers of the specification, section 2 of part 1 and section 5.10 of part 5.
pub fn forward() {
    let (q, k, v): (Array2<f64>, _, _) = (ramp(1, (2, 4)), ramp(2, (3, 4)), ramp(3, (3, 2)));
    let (o, tape) = attention(&q, &k, &v, None, DeadRows::Refuse).unwrap();
    let p = array![
        [0.147005283568, 0.701322984243, 0.151671732189],
        [0.367097876363, 0.229723980988, 0.403178142649]
    ];
    assert_close(&tape.p, &p, 1e-12);
    let scores = array![[-0.40625, 1.15625, -0.375], [-0.375, -0.84375, -0.28125]];
    assert_close(&tape.p, &softmax(&scores).unwrap(), 1e-15);
    assert_close(&o, &array![[-0.592235633722, 0.336402572946], [0.036579359713, -0.331679692570]], 1e-12);
    let (dq, dk, dv, _) = attention_backward(&tape, &ramp(4, (2, 2)));
    let want = array![
        [-0.343748072996, 0.348596820063, -0.343748072996, -0.343748072996],
        [0.218385448630, -0.126846694303, 0.218385448630, 0.218385448630]
    ];
    assert_close(&dq, &want, 1e-12);
    let want = array![
        [-0.052518836230, -0.169472979728, 0.086413432176, 0.011452766746],
        [-0.251419850714, 0.314702224118, 0.188479405890, -0.282975555271],
        [0.303938686944, -0.145229244390, -0.274892838066, 0.271522788525]
    ];
    assert_close(&dk, &want, 1e-12);
    let want = array![
        [-0.238779752659, -0.348618382778],
        [-0.758753979490, 0.238837261947],
        [-0.252466267851, -0.390218879169]
    ];
    assert_close(&dv, &want, 1e-12);
    let (q, k, v): (Array2<f64>, _, _) = (qres(1, (5, 4), 2.0), qres(2, (7, 4), 2.0), qres(3, (7, 4), 1.0));
    assert_printed(checksum(&run(&q, &k, &v).unwrap()), "-0.208208576717");
    let (dq, dk, dv, _) = gradients(&q, &k, &v, None, &qres(4, (5, 4), 1.0));
    assert_printed(checksum(&dq), "0.194247136911");
    assert_printed(checksum(&dk), "0.009943868431");
    assert_printed(checksum(&dv), "0.306182780256");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (q, k, v): (Array2<Dual>, Array2<Dual>, Array2<Dual>) =
        (qres(1, (5, 4), 1.5), qres(2, (3, 4), 1.5), qres(3, (3, 6), 1.0));
    let mut bias: Array2<Dual> = qres(4, (5, 3), 1.0);
    bias[(0, 1)] = Dual::of(f64::NEG_INFINITY);
    bias.row_mut(3).fill(Dual::of(f64::NEG_INFINITY));
    check_backward(
        &(q, k, v, bias),
        |(q, k, v, bias)| Ok(attention(q, k, v, Some(bias), DeadRows::Zero)?.0),
        |(q, k, v, bias), d_o| gradients(q, k, v, Some(bias), d_o),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    outputs_lie_between_the_values,
    keys_and_values_may_be_permuted_together,
    keys_of_zero_give_the_mean_of_the_values,
    a_vector_added_to_every_key_changes_nothing,
    a_pair_may_be_there_twice,
    is_linear_in_the_values,
    one_key_gives_its_value,
    the_sum_of_the_softmax_gradient_needs_no_second_pass,
];

/// Queries, keys and values of random sizes.
fn draw(random: &mut Random) -> [Array2<f64>; 3] {
    let (n, m) = (1 + random.below(6), 1 + random.below(6));
    let (d, d_v) = (1 + random.below(5), 1 + random.below(5));
    [random.uniform((n, d), 2.0), random.uniform((m, d), 2.0), random.uniform((m, d_v), 2.0)]
}

fn outputs_lie_between_the_values(random: &mut Random) {
    let [q, k, v] = draw(random);
    let o = run(&q, &k, &v).unwrap();
    for (o, v) in o.columns().into_iter().zip(v.columns()) {
        let least = v.iter().copied().fold(f64::INFINITY, f64::min);
        let most = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!(
            o.iter().all(|o| (least - 1e-12..=most + 1e-12).contains(o)),
            "{o} outside [{least}, {most}]"
        );
    }
}

fn keys_and_values_may_be_permuted_together(random: &mut Random) {
    let [q, k, v] = draw(random);
    let o = run(&q, &k, &v).unwrap();
    let order = random.permutation(k.nrows());
    let same = run(&q, &k.select(Axis(0), &order), &v.select(Axis(0), &order)).unwrap();
    assert_close(&same, &o, 1e-12);
    let order = random.permutation(q.nrows());
    assert_eq!(run(&q.select(Axis(0), &order), &k, &v).unwrap(), o.select(Axis(0), &order));
}

fn keys_of_zero_give_the_mean_of_the_values(random: &mut Random) {
    let [q, k, v] = draw(random);
    let mean = column_sums(&v) / v.nrows() as f64;
    let mean = mean.broadcast((q.nrows(), v.ncols())).unwrap().to_owned();
    assert_close(&run(&q, &(&k * 0.0), &v).unwrap(), &mean, 1e-12);
    assert_close(&run(&(&q * 0.0), &k, &v).unwrap(), &mean, 1e-12);
}

fn a_vector_added_to_every_key_changes_nothing(random: &mut Random) {
    let [q, k, v] = draw(random);
    let u: Array2<f64> = random.uniform((1, k.ncols()), 2.0);
    assert_close(&run(&q, &(&k + &u), &v).unwrap(), &run(&q, &k, &v).unwrap(), 1e-12);
    let (_, dk, _, ds) = gradients(&q, &k, &v, None, &random.uniform((q.nrows(), v.ncols()), 1.0));
    assert!(row_sums(&ds).iter().chain(&column_sums(&dk)).all(|sum| sum.abs() < 1e-13));
}

fn a_pair_may_be_there_twice(random: &mut Random) {
    let [q, k, v] = draw(random);
    let twice = |x: &Array2<f64>| concatenate![Axis(0), *x, *x];
    assert_close(&run(&q, &twice(&k), &twice(&v)).unwrap(), &run(&q, &k, &v).unwrap(), 1e-12);
}

fn is_linear_in_the_values(random: &mut Random) {
    let [q, k, v] = draw(random);
    let w: Array2<f64> = random.uniform(v.dim(), 2.0);
    let sum = run(&q, &k, &(&v * 3.0 + &w)).unwrap();
    assert_close(&sum, &(run(&q, &k, &v).unwrap() * 3.0 + run(&q, &k, &w).unwrap()), 1e-12);
}

fn one_key_gives_its_value(random: &mut Random) {
    let [q, k, v] = draw(random);
    let (k, v) = (k.slice(s![..1, ..]), v.slice(s![..1, ..]));
    let o = run(&q, &k, &v).unwrap();
    assert!(o.rows().into_iter().all(|o| o == v.row(0)));
    let (dq, dk, _, _) = gradients(&q, &k, &v, None, &random.uniform((q.nrows(), v.ncols()), 1.0));
    assert!(dq.iter().chain(&dk).all(|x| x.abs() < 1e-14), "{dq} {dk}");
}

fn the_sum_of_the_softmax_gradient_needs_no_second_pass(random: &mut Random) {
    let [q, k, v] = draw(random);
    let (o, tape) = attention(&q, &k, &v, None, DeadRows::Refuse).unwrap();
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let dp = mmt_tensor::ops::matmul(&d_o, &v.t());
    assert_close(&row_sums(&(dp * &tape.p)), &row_sums(&(d_o * &o)), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let never = R::of(f64::NEG_INFINITY);
    let mut dead: Array2<R> = qres(6, (5, 7), 1.0);
    dead.row_mut(2).fill(never);
    dead[(0, 3)] = never;
    for (name, n, m, d_v, c, bias) in [
        ("normal", 5, 5, 4, 2.0, None),
        ("cross", 5, 7, 6, 2.0, None),
        ("large", 5, 7, 4, 16.0, None),
        ("len1", 1, 1, 1, 1.0, None),
        ("bias", 5, 7, 4, 2.0, Some(qres(5, (5, 7), 1.0))),
        ("deadrow", 5, 7, 4, 2.0, Some(dead)),
    ] {
        let (q, k, v): (Array2<R>, _, _) = (qres(1, (n, 4), c), qres(2, (m, 4), c), qres(3, (m, d_v), 1.0));
        let d_o = qres(4, (n, d_v), 1.0);
        let (o, tape) = attention(&q, &k, &v, bias.as_deref(), DeadRows::Zero)?;
        let (dq, dk, dv, dbias) = attention_backward(&tape, &d_o);
        let case = cases.case(&format!("sdpa.plain.{name}")).input("q", &q).input("k", &k).input("v", &v);
        (case.act("p", &tape.p).out("o", &o).cot("o", &d_o))
            .grad_in("q", &dq)
            .grad_in("k", &dk)
            .grad_in("v", &dv);
        if let Some(bias) = bias {
            case.input("bias", &bias).grad_in("bias", &dbias);
        }
    }
    Ok(())
}
