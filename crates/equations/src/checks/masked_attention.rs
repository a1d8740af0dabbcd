//! Evidence for `eq-1.5-masked-attention`.

use mmt_blocks::{DeadRows, Heads, HeadsTape, Mask, attention, attention_backward};
use mmt_golden::Cases;
use mmt_tensor::ops::softmax;
use mmt_tensor::testing::{assert_close, check_backward, qres, ramp};
use mmt_tensor::{Dual, Error, Ragged, Random, Real, Result};
use ndarray::{Array2, Axis, array, s};

use crate::{Property, properties};

const NEVER: f64 = f64::NEG_INFINITY;

/// One head over one sample.
fn run<R: Real>(all: &[Array2<R>; 3], mask: &Mask) -> Result<(Array2<R>, HeadsTape<R>)> {
    let [q, k, v] = all;
    let heads = Heads { dead_rows: DeadRows::Refuse, ..Heads::new(1) };
    heads.forward(q, k, v, &Ragged::one(q.nrows()), &Ragged::one(k.nrows()), mask)
}

fn gradients<R: Real>(
    tape: &HeadsTape<R>,
    d_o: &Array2<R>,
    mask: &Mask,
) -> (Array2<R>, Array2<R>, Array2<R>) {
    let (rows, of) = (Ragged::one(tape.q.nrows()), Ragged::one(tape.k.nrows()));
    Heads::new(1).backward(tape, d_o, &rows, &of, mask)
}

/// Numbers of the specification, section 2.
pub fn forward() {
    let all: [Array2<f64>; 3] = [ramp(1, (2, 4)), ramp(2, (3, 4)), ramp(3, (3, 2))];
    let bias = array![[0.0, NEVER, NEVER], [0.0, 0.0, NEVER]];
    for mask in [Mask::causal(), Mask::Bias(vec![bias.clone()])] {
        let (o, tape) = run(&all, &mask).unwrap();
        assert_close(&o, &array![[1.0, 0.0], [0.230175711032, 0.288684108363]], 1e-12);
        let (dq, _, dv) = gradients(&tape, &ramp(4, (2, 2)), &mask);
        assert!(dq.row(0).iter().all(|dq| dq.abs() < 1e-15));
        let want = array![[0.064737636664, -0.077685163996, 0.064737636664, 0.064737636664]];
        assert_close(&dq.slice(s![1.., ..]).to_owned(), &want, 1e-12);
        let want = array![[-1.153771963879, -0.018859819395], [-0.096228036121, -0.481140180605], [0.0, 0.0]];
        assert_close(&dv, &want, 1e-12);
    }
    let [q, k, v] = &all;
    let (_, tape) = attention(q, k, v, Some(&bias), DeadRows::Refuse).unwrap();
    let (.., ds) = attention_backward(&tape, &ramp(4, (2, 2)));
    assert!(ds.iter().zip(&bias).all(|(&ds, &b)| b == 0.0 || ds == 0.0), "a hidden pair has no gradient");
    // A large finite number is another function: hidden everywhere, it hides nothing.
    let scores = array![[1.0, 2.0, 3.0]];
    let want = array![[0.09003057317, 0.244728471055, 0.665240955775]];
    assert_close(&softmax(&scores).unwrap(), &want, 1e-11);
    assert_close(&softmax(&(scores - 1e4)).unwrap(), &want, 1e-11);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let all: [Array2<Dual>; 3] = [qres(1, (4, 4), 1.5), qres(2, (5, 4), 1.5), qres(3, (5, 2), 1.0)];
    let [q, k, v] = all;
    let keys = Mask::Keys(vec![true, false, true, true, false]);
    let finite = Mask::Finite { value: -2.0, mask: Box::new(keys.clone()) };
    let bias = Mask::Bias(vec![qres(4, (4, 5), 1.0)]);
    for mask in
        [Mask::causal(), keys, finite, bias.clone(), Mask::All(vec![bias, Mask::Causal { offset: 2 }])]
    {
        check_backward(
            &(q.clone(), k.clone(), v.clone()),
            |(q, k, v)| Ok(run(&[q.clone(), k.clone(), v.clone()], &mask)?.0),
            |(q, k, v), d_o| {
                let (_, tape) = run(&[q.clone(), k.clone(), v.clone()], &mask).expect("a valid point");
                gradients(&tape, d_o, &mask)
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_query_does_not_feel_what_comes_later,
    a_prefix_of_causal_attention_is_causal_attention_of_the_prefix,
    hiding_a_key_is_deleting_it,
    a_bias_of_zero_changes_nothing,
    the_first_causal_query_gets_the_first_value,
    a_mask_without_the_diagonal_leaves_the_first_query_nothing,
    a_finite_value_hides_nothing_where_it_hides_everything,
    a_finite_value_leaks_through_a_larger_score,
];

/// As many queries as keys.
fn draw(random: &mut Random) -> [Array2<f64>; 3] {
    let (n, d, d_v) = (2 + random.below(5), 1 + random.below(4), 1 + random.below(4));
    [random.uniform((n, d), 2.0), random.uniform((n, d), 2.0), random.uniform((n, d_v), 2.0)]
}

fn a_query_does_not_feel_what_comes_later(random: &mut Random) {
    let all = draw(random);
    let (before, _) = run(&all, &Mask::causal()).unwrap();
    let j = 1 + random.below(all[0].nrows() - 1);
    let moved = all.map(|mut x| {
        let noise: Array2<f64> = random.uniform((1, x.ncols()), 9.0);
        let mut row = x.row_mut(j);
        row += &noise.row(0);
        x
    });
    let (after, _) = run(&moved, &Mask::causal()).unwrap();
    assert_eq!(before.slice(s![..j, ..]), after.slice(s![..j, ..]));
    assert_ne!(before.row(j), after.row(j));
}

fn a_prefix_of_causal_attention_is_causal_attention_of_the_prefix(random: &mut Random) {
    let all = draw(random);
    let n = all[0].nrows();
    let (whole, _) = run(&all, &Mask::causal()).unwrap();
    let m = 1 + random.below(n);
    let (prefix, _) = run(&all.clone().map(|x| x.slice(s![..m, ..]).to_owned()), &Mask::causal()).unwrap();
    assert_close(&prefix, &whole.slice(s![..m, ..]).to_owned(), 1e-14);
    // One query more, against all keys so far: the step of a decoder.
    let [q, k, v] = &all;
    let last = [
        q.slice(s![m - 1..m, ..]).to_owned(),
        k.slice(s![..m, ..]).to_owned(),
        v.slice(s![..m, ..]).to_owned(),
    ];
    let (step, _) = run(&last, &Mask::Causal { offset: m as isize - 1 }).unwrap();
    assert_close(&step, &whole.slice(s![m - 1..m, ..]).to_owned(), 1e-14);
}

fn hiding_a_key_is_deleting_it(random: &mut Random) {
    let [q, k, v] = draw(random);
    let hidden = random.below(k.nrows());
    let keep: Vec<usize> = (0..k.nrows()).filter(|&j| j != hidden).collect();
    let mask = Mask::Keys((0..k.nrows()).map(|j| j != hidden).collect());
    let deleted = [q.clone(), k.select(Axis(0), &keep), v.select(Axis(0), &keep)];
    let all = [q, k, v];
    let (o, tape) = run(&all, &mask).unwrap();
    let (same, short) = run(&deleted, &Mask::None).unwrap();
    assert_close(&o, &same, 1e-14);
    let d_o: Array2<f64> = random.uniform(o.dim(), 1.0);
    let (dq, dk, dv) = gradients(&tape, &d_o, &mask);
    let want = gradients(&short, &d_o, &Mask::None);
    assert!(dk.row(hidden).iter().chain(dv.row(hidden)).all(|&x| x == 0.0), "a hidden key has no gradient");
    assert_close(&(dq, dk.select(Axis(0), &keep), dv.select(Axis(0), &keep)), &want, 1e-13);
}

fn a_bias_of_zero_changes_nothing(random: &mut Random) {
    let all = draw(random);
    let n = all[0].nrows();
    let (want, _) = run(&all, &Mask::None).unwrap();
    let [q, k, v] = &all;
    assert_eq!(attention(q, k, v, Some(&Array2::zeros((n, n))), DeadRows::Refuse).unwrap().0, want);
    for mask in [
        Mask::Bias(vec![Array2::zeros((n, n))]),
        Mask::Keys(vec![true; n]),
        Mask::All(vec![]),
        Mask::Causal { offset: n as isize - 1 },
    ] {
        assert_eq!(run(&all, &mask).unwrap().0, want);
    }
}

fn the_first_causal_query_gets_the_first_value(random: &mut Random) {
    let all = draw(random);
    assert_eq!(run(&all, &Mask::causal()).unwrap().0.row(0), all[2].row(0));
}

fn a_mask_without_the_diagonal_leaves_the_first_query_nothing(random: &mut Random) {
    let error = run(&draw(random), &Mask::Causal { offset: -1 }).unwrap_err();
    assert_eq!(error, Error::FullyMaskedRow { row: 0 });
}

fn a_finite_value_hides_nothing_where_it_hides_everything(random: &mut Random) {
    let all = draw(random);
    let hidden = Box::new(Mask::Keys(vec![false; all[1].nrows()]));
    let (o, _) = run(&all, &Mask::Finite { value: -1e4, mask: hidden }).unwrap();
    assert_close(&o, &run(&all, &Mask::None).unwrap().0, 1e-10);
}

fn a_finite_value_leaks_through_a_larger_score(random: &mut Random) {
    let d = 1 + random.below(4);
    let q = Array2::from_elem((1, d), 1.0);
    let mut k = Array2::zeros((3, d));
    k.row_mut(1).fill(12000.0 / (d as f64).sqrt());
    let v: Array2<f64> = random.uniform((3, 2), 1.0);
    let hidden = Mask::Keys(vec![true, false, true]);
    let all = [q, k, v];
    let (leak, _) = run(&all, &Mask::Finite { value: -1e4, mask: Box::new(hidden.clone()) }).unwrap();
    assert_eq!(leak.row(0), all[2].row(1), "the hidden value is the whole output");
    let (o, _) = run(&all, &hidden).unwrap();
    assert_close(&o.row(0).to_owned(), &((&all[2].row(0) + &all[2].row(2)) / 2.0), 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let all: [Array2<R>; 3] = [qres(1, (5, 4), 2.0), qres(2, (7, 4), 2.0), qres(3, (7, 4), 1.0)];
    let keep = [true, true, false, true, false, true, true];
    let keys = Mask::Keys(keep.to_vec());
    for (name, mask) in [
        ("causal_nm", Mask::causal()),
        ("causal_nm.last", Mask::Causal { offset: 2 }),
        ("padmid", keys.clone()),
        ("causal_padmid", Mask::All(vec![Mask::causal(), keys.clone()])),
        ("finite", Mask::Finite { value: -1e4, mask: Box::new(keys) }),
    ] {
        let (o, tape) = run(&all, &mask)?;
        let d_o = qres(4, (5, 4), 1.0);
        let (dq, dk, dv) = gradients(&tape, &d_o, &mask);
        let [q, k, v] = &all;
        let case = cases.case(&format!("sdpa.masked.{name}")).input("q", q).input("k", k).input("v", v);
        (case.act("p", &tape.p[0]).out("o", &o).cot("o", &d_o))
            .grad_in("q", &dq)
            .grad_in("k", &dk)
            .grad_in("v", &dv);
        if name.contains("pad") || name == "finite" {
            case.mask("keep", &ndarray::aview1(&keep));
        }
    }
    Ok(())
}
