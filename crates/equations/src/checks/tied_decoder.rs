//! Evidence for `eq-1.30-mlm-head`.

use mmt_blocks::{Activation, Embedding, TiedDecoder};
use mmt_golden::Cases;
use mmt_objectives::{Denominator, masked_tokens};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, sums};
use mmt_tensor::{Dual, Random, Real, Result, Tree};
use ndarray::{Array2, Axis};

use super::tied::{Tied, cost, example};
use crate::{Property, properties};

/// What the head gives with one form of GELU: the loss and the checksums of gradients.
struct Numbers {
    activation: Activation,
    loss: &'static str,
    dh: [&'static str; 3],
    w_t: [&'static str; 3],
    b_t: [&'static str; 2],
    de: [&'static str; 3],
    b_out: &'static str,
}

/// The exact form is that of the specification, section 8A; the tanh form is the same model in PyTorch 2.
const NUMBERS: [Numbers; 2] = [
    Numbers {
        activation: Activation::Gelu,
        loss: "1.715157851826",
        dh: ["-0.8951834418", "-3.896348216", "1.75613384137"],
        w_t: ["0.09199744096", "-0.1849175164", "0.570344884855"],
        b_t: ["0.2731062684", "0.6993398803"],
        de: ["0", "0", "2.03690819764"],
        b_out: "1.919293676",
    },
    Numbers {
        activation: Activation::GeluTanh,
        loss: "1.715276194948",
        dh: ["-0.8964455821", "-3.902649182", "1.761529682"],
        w_t: ["0.09208173537", "-0.1850457097", "0.5719872557"],
        b_t: ["0.2733698967", "0.7003501907"],
        de: ["0", "0", "2.036779042"],
        b_out: "1.919301893",
    },
];

/// Numbers of the head, and of both uses of one table. The tied total is seen in the third checksum alone.
pub fn forward() {
    let three = |a: &Array2<f64>, [c1, c2, c3]: [&str; 3]| {
        assert_sums(a, c1, c2);
        assert_printed(sums(a)[2], c3);
    };
    for Numbers { activation, loss: printed, dh: dh_sums, w_t, b_t, de: de_sums, b_out } in NUMBERS {
        let Tied { word, head } = example::<f64>(activation);
        let (z, tape) = head.forward(&ramp(1, (2, 4)), &word.table, &[0, 1]).unwrap();
        let (loss, dz) = cost(&z).unwrap();
        assert_printed(loss, printed);
        let (mut grad, mut de) = (head.zeros_like(), word.table.zeros_like());
        let dh = head.backward(&tape, &word.table, &dz, &mut grad, &mut de);
        three(&dh, dh_sums);
        three(&grad.transform.weight, w_t);
        assert_sums(&grad.transform.bias.unwrap(), b_t[0], b_t[1]);
        three(&de, de_sums);
        assert_sums(&grad.bias, "0", b_out);
    }

    let model = example::<f64>(Activation::Gelu);
    let (z, tape) = model.forward(&[1, 3], &[0, 1]).unwrap();
    let (loss, dz) = cost(&z).unwrap();
    assert_printed(loss, "3.349791715427");
    let mut grad = model.zeros_like();
    model.backward(&tape, &dz, &mut grad);
    three(&grad.word.table, ["-8.707412138", "-119.7126441", "96.935694263"]);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    for activation in [Activation::Gelu, Activation::GeluTanh, Activation::QuickGelu] {
        let head = TiedDecoder::new(3, 6, activation, 1e-5, &mut Random::seed(0));
        one_use(&head);
        both_uses(head);
    }
}

/// The head by itself, with a position that is chosen twice.
fn one_use(head: &TiedDecoder<Dual>) {
    let inputs = (ramp(1, (4, 3)) * Dual::of(0.9), ramp(2, (6, 3)) * Dual::of(0.7));
    check_module(
        head,
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
}

/// Both paths to one table.
fn both_uses(head: TiedDecoder<Dual>) {
    let model = Tied { word: Embedding::new(6, 3, 1.0, &mut Random::seed(1)), head };
    check_module(
        &model,
        Vec::<Array2<Dual>>::new(),
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
    let mut head = TiedDecoder::new(d, words, Activation::GeluTanh, 1e-5, random);
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
    let labels: Vec<_> = chosen.iter().map(|_| Some(random.below(e.nrows()))).collect();
    let (loss, _) = masked_tokens(&z, &labels, Denominator::Count).unwrap();
    assert_close(&Real::exp(loss), &(e.nrows() as f64), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    separate(cases, "tied-decoder.separate.ramp", Activation::Gelu)?;
    separate(cases, "tied-decoder.separate.gelu-tanh", Activation::GeluTanh)?;
    let model = example::<R>(Activation::Gelu);
    let (z, tape) = model.forward(&[1, 3], &[0, 1])?;
    let (loss, dz) = cost(&z)?;
    let mut grad = model.zeros_like();
    model.backward(&tape, &dz, &mut grad);
    (cases.case("tied-decoder.tied.ramp").ids("ids", &ndarray::arr1(&[1, 3])).param("", &model))
        .out("z", &z)
        .loss("loss", &ndarray::arr0(loss))
        .grad_param("", &grad);
    Ok(())
}

/// A table for the head alone.
fn separate<R: Real>(cases: &mut Cases<R>, name: &str, activation: Activation) -> Result<()> {
    let Tied { word, head } = example::<R>(activation);
    let (h, e) = (ramp(1, (2, 4)), word.table);
    let (z, tape) = head.forward(&h, &e, &[0, 1])?;
    let (loss, dz) = cost(&z)?;
    let (mut grad, mut de) = (head.zeros_like(), e.zeros_like());
    let dh = head.backward(&tape, &e, &dz, &mut grad, &mut de);
    (cases.case(name).input("h", &h).input("e", &e).param("", &head))
        .act("", &tape)
        .out("z", &z)
        .loss("loss", &ndarray::arr0(loss))
        .grad_in("h", &dh)
        .grad_in("e", &de)
        .grad_param("", &grad);
    Ok(())
}
