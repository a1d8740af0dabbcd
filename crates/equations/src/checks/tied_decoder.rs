//! Evidence for `eq-1.30-mlm-head`.

use mmt_blocks::{Embedding, LayerNorm, Linear, TiedDecoder, TiedDecoderTape};
use mmt_golden::Cases;
use mmt_objectives::{Denominator, masked_tokens, masked_tokens_backward};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree, tree};
use ndarray::{Array2, Axis};

use crate::{Property, properties};

/// A table of words that is read twice, by the lookup and by the head: the smallest model with tied weights.
#[derive(Clone, Debug)]
struct Tied<R> {
    word: Embedding<R>,
    head: TiedDecoder<R>,
}

tree!(Tied { word, head });

struct TiedTape<R> {
    ids: Vec<usize>,
    head: TiedDecoderTape<R>,
}

impl<R: Real> Tied<R> {
    fn forward(&self, ids: &[usize], chosen: &[usize]) -> Result<(Array2<R>, TiedTape<R>)> {
        let (z, head) = self.head.forward(&self.word.forward(ids)?, &self.word.table, chosen)?;
        Ok((z, TiedTape { ids: ids.to_vec(), head }))
    }

    fn backward(&self, tape: &TiedTape<R>, dz: &Array2<R>, grad: &mut Self) {
        let e = &self.word.table;
        let dh = self.head.backward(&tape.head, e, dz, &mut grad.head, &mut grad.word.table);
        self.word.backward(&tape.ids, &dh, &mut grad.word);
    }
}

/// The model of the specification.
fn example<R: Real>() -> Tied<R> {
    Tied {
        word: Embedding { table: ramp(4, (5, 4)) },
        head: TiedDecoder {
            transform: Linear { weight: ramp(2, (4, 4)), bias: Some(ramp(3, 4)) },
            norm: LayerNorm::new(4, 1e-12),
            bias: ramp(5, 5),
        },
    }
}

const LABELS: [Option<usize>; 2] = [Some(2), Some(0)];

/// Numbers of the specification, section 8A. The tied total is seen in the third checksum alone.
pub fn forward() {
    let Tied { word, head } = example::<f64>();
    let (z, tape) = head.forward(&ramp(1, (2, 4)), &word.table, &[0, 1]).unwrap();
    let (loss, ce) = masked_tokens(&z, &LABELS, Denominator::Count).unwrap();
    assert_printed(loss, "1.715157851826");
    let dz = masked_tokens_backward(&ce, &z, &LABELS, Denominator::Count, 1.0);
    let (mut grad, mut de) = (head.zeros_like(), word.table.zeros_like());
    let dh = head.backward(&tape, &word.table, &dz, &mut grad, &mut de);
    let third = |a: &Array2<f64>, printed: &str| assert_printed(sums(a)[2], printed);
    assert_sums(&dh, "-0.8951834418", "-3.896348216");
    third(&dh, "1.75613384137");
    assert_sums(&grad.transform.weight, "0.09199744096", "-0.1849175164");
    third(&grad.transform.weight, "0.570344884855");
    assert_sums(&grad.transform.bias.unwrap(), "0.2731062684", "0.6993398803");
    assert_sums(&de, "0", "0");
    third(&de, "2.03690819764");
    assert_sums(&grad.bias, "0", "1.919293676");

    let model = example::<f64>();
    let (z, tape) = model.forward(&[1, 3], &[0, 1]).unwrap();
    let (loss, ce) = masked_tokens(&z, &LABELS, Denominator::Count).unwrap();
    assert_printed(loss, "3.349791715427");
    let mut grad = model.zeros_like();
    let dz = masked_tokens_backward(&ce, &z, &LABELS, Denominator::Count, 1.0);
    model.backward(&tape, &dz, &mut grad);
    assert_sums(&grad.word.table, "-8.707412138", "-119.7126441");
    third(&grad.word.table, "96.935694263");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// The head by itself, with a position that is chosen twice, and then both paths to one table.
fn backward() {
    let (d, words) = (3, 6);
    let head = TiedDecoder::<Dual>::new(d, words, 1e-5, &mut Random::seed(0));
    let inputs = (ramp(1, (4, d)) * Dual::of(0.9), ramp(2, (words, d)) * Dual::of(0.7));
    check_module(
        &head,
        inputs,
        |m, (h, e)| {
            let (z, tape) = m.forward(h, e, &[2, 0, 2])?;
            Ok((z, (tape, e.clone())))
        },
        |m, (tape, e), dz, grad| {
            let mut de = e.zeros_like();
            let dh = m.backward(tape, e, dz, grad, &mut de);
            (dh, de)
        },
    );
    let model = Tied { word: Embedding::new(words, d, 1.0, &mut Random::seed(1)), head };
    let none: Vec<Array2<Dual>> = Vec::new();
    check_module(
        &model,
        none,
        |m, _| m.forward(&[1, 4, 1, 5], &[0, 3]),
        |m, tape, dz, grad| {
            m.backward(tape, dz, grad);
            vec![]
        },
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    choosing_before_the_head_is_choosing_behind_it,
    tokens_that_were_not_chosen_have_no_gradient,
    an_empty_table_knows_nothing,
];

struct Drawn {
    head: TiedDecoder<f64>,
    h: Array2<f64>,
    e: Array2<f64>,
    chosen: Vec<usize>,
}

fn draw(random: &mut Random) -> Drawn {
    let (n, d, words) = (2 + random.below(5), 2 + random.below(4), 2 + random.below(8));
    let mut head = TiedDecoder::new(d, words, 1e-5, random);
    head.bias = random.uniform(words, 1.0);
    let k = 1 + random.below(n - 1);
    let chosen = random.permutation(n)[..k].to_vec();
    Drawn { head, h: random.uniform((n, d), 1.0), e: random.uniform((words, d), 1.0), chosen }
}

fn choosing_before_the_head_is_choosing_behind_it(random: &mut Random) {
    let Drawn { head, h, e, chosen } = draw(random);
    let all: Vec<usize> = (0..h.nrows()).collect();
    let (z, _) = head.forward(&h, &e, &chosen).unwrap();
    assert_eq!(z, head.forward(&h, &e, &all).unwrap().0.select(Axis(0), &chosen));
}

fn tokens_that_were_not_chosen_have_no_gradient(random: &mut Random) {
    let Drawn { head, h, e, chosen } = draw(random);
    let (z, tape) = head.forward(&h, &e, &chosen).unwrap();
    let dz = random.uniform(z.dim(), 1.0);
    let dh = head.backward(&tape, &e, &dz, &mut head.zeros_like(), &mut e.zeros_like());
    for (i, row) in dh.rows().into_iter().enumerate() {
        assert!(chosen.contains(&i) || row.iter().all(|&g| g == 0.0));
    }
}

/// With `E = 0` and no bias every word is as likely as any other.
fn an_empty_table_knows_nothing(random: &mut Random) {
    let Drawn { mut head, h, e, chosen } = draw(random);
    head.bias.fill(0.0);
    let (z, _) = head.forward(&h, &e.zeros_like(), &chosen).unwrap();
    let labels: Vec<Option<usize>> = chosen.iter().map(|_| Some(random.below(e.nrows()))).collect();
    let (loss, _) = masked_tokens(&z, &labels, Denominator::Count).unwrap();
    assert_close(&Real::exp(loss), &(e.nrows() as f64), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let Tied { word, head } = example::<R>();
    let (h, e) = (ramp(1, (2, 4)), word.table);
    let (z, tape) = head.forward(&h, &e, &[0, 1])?;
    let (loss, ce) = masked_tokens(&z, &LABELS, Denominator::Count)?;
    let dz = masked_tokens_backward(&ce, &z, &LABELS, Denominator::Count, R::of(1.0));
    let (mut grad, mut de) = (head.zeros_like(), e.zeros_like());
    let dh = head.backward(&tape, &e, &dz, &mut grad, &mut de);
    (cases.case("tied-decoder.separate.ramp").input("h", &h).input("e", &e).param("", &head))
        .act("", &tape)
        .out("z", &z)
        .loss("loss", &ndarray::arr0(loss))
        .grad_in("h", &dh)
        .grad_in("e", &de)
        .grad_param("", &grad);
    let model = example::<R>();
    let (z, tape) = model.forward(&[1, 3], &[0, 1])?;
    let (loss, ce) = masked_tokens(&z, &LABELS, Denominator::Count)?;
    let mut grad = model.zeros_like();
    model.backward(
        &tape,
        &masked_tokens_backward(&ce, &z, &LABELS, Denominator::Count, R::of(1.0)),
        &mut grad,
    );
    (cases.case("tied-decoder.tied.ramp").ids("ids", &ndarray::arr1(&[1, 3])).param("", &model))
        .out("z", &z)
        .loss("loss", &ndarray::arr0(loss))
        .grad_param("", &grad);
    Ok(())
}
