//! Evidence for `eq-1.31-next-sentence`.

use mmt_blocks::{Activation, AttentionKind, BlockConfig, Encoder, Linear, Mask, NormOrder, Pooler};
use mmt_golden::Cases;
use mmt_objectives::NextSentence;
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_module, ramp, shake};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use mmt_tokenizers::text::{TextEmbedding, TextInput};
use ndarray::Array2;

use super::bert_input::SPECIAL;
use super::pooler;
use crate::{Property, properties};

fn example<R: Real>() -> NextSentence<R> {
    NextSentence { classifier: Linear { weight: ramp(4, (4, 2)), bias: Some(ramp(5, 2)) } }
}

/// Pooler and head of the specification on one sequence of three tokens: loss, `h̄` and the gradients of both.
pub(super) fn run<R: Real>(label: usize) -> (R, Array2<R>, Pooler<R>, NextSentence<R>) {
    let (pooler, head) = (pooler::example::<R>(), example::<R>());
    let (p, pooled) = pooler.forward(&ramp(1, (3, 4)), &Ragged::one(3)).unwrap();
    let (loss, tape) = head.forward(&p, &[label]).unwrap();
    let (mut pooler_grad, mut head_grad) = (pooler.zeros_like(), head.zeros_like());
    let dp = head.backward(&tape, R::of(1.0), &mut head_grad);
    let dh = pooler.backward(&pooled, &dp, &mut pooler_grad);
    (loss, dh, pooler_grad, head_grad)
}

/// Numbers of the specification, section 8A.
pub fn forward() {
    let (loss, dh, _, grad) = run::<f64>(1);
    assert_printed(loss, "0.681555045976");
    assert_sums(&dh, "0.1810443245", "1.425099063");
    assert_sums(&grad.classifier.weight, "0", "0.09432151087");
    assert_sums(&grad.classifier.bias.unwrap(), "0", "-0.4941702081");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let head = NextSentence::<Dual>::new(3, &mut Random::seed(0));
    check_module(
        &head,
        ramp(1, (4, 3)) * Dual::of(0.6),
        |m, p| m.forward(p, &[0, 1, 1, 0]),
        |m, tape, dl, grad| m.backward(tape, *dl, grad),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_other_label_costs_the_difference_of_the_scores,
    scores_of_pooled_tokens_are_bounded,
    the_order_of_the_words_matters,
];

fn the_other_label_costs_the_difference_of_the_scores(random: &mut Random) {
    let d = 1 + random.below(5);
    let head = shake(&NextSentence::new(d, random), random.below(1000) as u64);
    let p: Array2<f64> = random.uniform((1, d), 1.0);
    let (next, tape) = head.forward(&p, &[NextSentence::<f64>::NEXT]).unwrap();
    let (other, _) = head.forward(&p, &[NextSentence::<f64>::RANDOM]).unwrap();
    assert_close(&(other - next), &(tape.z[(0, 0)] - tape.z[(0, 1)]), 1e-13);
}

/// `|z| ≤ Σ |W_n| + max |b_n|`, since the entries of a pooled token lie in (-1, 1).
fn scores_of_pooled_tokens_are_bounded(random: &mut Random) {
    let d = 1 + random.below(5);
    let head = shake(&NextSentence::<f64>::new(d, random), random.below(1000) as u64);
    let pooler = Pooler::new(d, random);
    let (p, _) = pooler.forward(&random.uniform((3, d), 1e3), &Ragged::one(3)).unwrap();
    let (_, tape) = head.forward(&p, &[0]).unwrap();
    let Linear { weight, bias } = &head.classifier;
    let biases = bias.iter().flatten().map(|b| b.abs());
    let bound: f64 = weight.iter().map(|w| w.abs()).chain(biases).sum();
    assert!(tape.z.iter().all(|z| z.abs() <= bound));
}

/// Two words of the second text change places, and positions and segments stay.
fn the_order_of_the_words_matters(random: &mut Random) {
    let d = 4;
    let config = BlockConfig {
        width: d,
        heads: 2,
        hidden: 8,
        activation: Activation::Gelu,
        eps: 1e-12,
        attention: AttentionKind::Plain,
    };
    let embedding = shake(&TextEmbedding::<f64>::new(20, 16, d, 1e-12, random), random.below(1000) as u64);
    let stack = Encoder::<f64>::new(NormOrder::Post, 2, &config, random).unwrap();
    let (pooler, head) = (Pooler::new(d, random), NextSentence::new(d, random));
    let (one, two) = (4 + random.below(8), 12 + random.below(8));
    let scores = |b: &[usize]| {
        let text = [TextInput::new(&[5, 6], Some(b), &SPECIAL, 16).unwrap()];
        let rows = TextInput::rows(&text);
        let (y, _) = stack.forward(&embedding.forward(&text).unwrap().0, &rows, &Mask::None).unwrap();
        head.forward(&pooler.forward(&y, &rows).unwrap().0, &[0]).unwrap().1.z
    };
    assert_ne!(scores(&[one, two]), scores(&[two, one]));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for label in [NextSentence::<R>::NEXT, NextSentence::<R>::RANDOM] {
        let (loss, dh, pooler, head) = run::<R>(label);
        (cases.case(&format!("next-sentence.label-{label}.ramp")).input("h", &ramp(1, (3, 4))))
            .param("pooler", &pooler::example::<R>())
            .param("", &example::<R>())
            .loss("loss", &ndarray::arr0(loss))
            .grad_in("h", &dh)
            .grad_param("pooler", &pooler)
            .grad_param("", &head);
    }
    Ok(())
}
