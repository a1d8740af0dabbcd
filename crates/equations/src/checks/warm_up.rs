//! Evidence for `eq-1.17-warm-up`.

use mmt_blocks::NormOrder;
use mmt_blocks::depth::{Reverser, Spread, WarmUpConfig, reversed};
use mmt_golden::Cases;
use mmt_lab::studies;
use mmt_tensor::ops::{OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::testing::{assert_close, check_module};
use mmt_tensor::{Dual, Ragged, Random, Real, Result, Tree};
use ndarray::{Array0, Array1, Array2};

use super::post_ln::config;
use crate::{Property, properties};

/// The claim on a task that takes a tenth of a second: 4 words, sequences of 3, width 16, a rate of 0.01.
///
/// The protocol of the specification takes a minute, see `mmt_lab::warm_up`.
pub(crate) fn small(order: NormOrder, depth: usize) -> WarmUpConfig {
    WarmUpConfig {
        depth,
        width: 16,
        words: 4,
        length: 3,
        batch: 8,
        steps: 150,
        last: 20,
        ..WarmUpConfig::new(order, 1e-2, 1)
    }
}

/// From the first step at the full rate, six Pre-LN layers learn to write backwards and six Post-LN layers do not. A
/// warm-up helps them, and so does having one layer only.
pub fn forward() {
    let accuracy = |config: WarmUpConfig| {
        let runs = studies::warm_up(&config, &[1, 2, 3]).unwrap();
        Spread::of(&runs.iter().map(|run| run.accuracy).collect::<Vec<_>>()).unwrap().median
    };
    let (post, pre) = (accuracy(small(NormOrder::Post, 6)), accuracy(small(NormOrder::Pre, 6)));
    assert!(post < 0.5, "Post-LN: {post}");
    assert!(pre > 0.95, "Pre-LN: {pre}");
    let warm = accuracy(WarmUpConfig { warm_up: 100, ..small(NormOrder::Post, 6) });
    assert!(warm > 0.75, "Post-LN with a warm-up: {warm}");
    let shallow = accuracy(small(NormOrder::Post, 1));
    assert!(shallow > 0.95, "Post-LN, one layer: {shallow}");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

/// Five words, samples of up to three.
fn draw<R: Real>(order: NormOrder, random: &mut Random) -> Reverser<R> {
    Reverser::new(order, 2, (5, 3), &config(), random).expect("valid sizes")
}

fn backward() {
    let (ids, rows) = ([4, 0, 2, 2, 1], Ragged::of_lengths([2, 3]));
    for order in [NormOrder::Post, NormOrder::Pre] {
        // Words have no gradient; the empty input stands for them.
        check_module(
            &draw::<Dual>(order, &mut Random::seed(0)),
            Array1::<Dual>::zeros(0),
            |m, _| m.forward(&ids, &rows),
            |m, tape, dscores, grad| {
                m.backward(tape, dscores, grad);
                Array1::zeros(0)
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    backwards_twice_is_forwards,
    a_sequence_does_not_feel_its_neighbors,
    both_uses_of_the_table_have_a_gradient,
];

fn sequences(random: &mut Random) -> (Vec<usize>, Ragged) {
    let rows = Ragged::of_lengths((0..1 + random.below(3)).map(|_| 1 + random.below(3)).collect::<Vec<_>>());
    ((0..rows.tokens()).map(|_| random.below(5)).collect(), rows)
}

fn backwards_twice_is_forwards(random: &mut Random) {
    let (ids, rows) = sequences(random);
    assert_eq!(reversed(&reversed(&ids, &rows).unwrap(), &rows).unwrap(), ids);
}

fn a_sequence_does_not_feel_its_neighbors(random: &mut Random) {
    let model = draw::<f64>(NormOrder::Pre, random);
    let (ids, rows) = sequences(random);
    let (all, _) = model.forward(&ids, &rows).unwrap();
    let sample = random.below(rows.samples());
    let alone = model.forward(&ids[rows.range(sample)], &Ragged::one(rows.length(sample))).unwrap().0;
    assert_eq!(rows.of(&all, sample), alone);
}

/// A word that does not occur is not looked up, but it has a score.
fn both_uses_of_the_table_have_a_gradient(random: &mut Random) {
    let model = draw::<f64>(NormOrder::Post, random);
    let (scores, tape) = model.forward(&[0, 1], &Ragged::one(2)).unwrap();
    let mut grad = model.zeros_like();
    let mut dscores: Array2<f64> = Array2::zeros(scores.dim());
    dscores[(0, 4)] = 1.0;
    model.backward(&tape, &dscores, &mut grad);
    assert_close(&grad.words.table.row(4).to_owned(), &tape.y.row(0).to_owned(), 1e-14);
    assert!(grad.words.table.row(0).iter().any(|&g| g != 0.0));
    assert!(grad.words.table.row(3).iter().all(|&g| g == 0.0));
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (ids, rows) = ([4, 0, 2, 2, 1], Ragged::of_lengths([2, 3]));
    let labels: Vec<Option<usize>> = reversed(&ids, &rows)?.into_iter().map(Some).collect();
    for (name, order) in [("post", NormOrder::Post), ("pre", NormOrder::Pre)] {
        let model = draw::<R>(order, &mut Random::seed(0));
        let (scores, tape) = model.forward(&ids, &rows)?;
        let (loss, loss_tape) = cross_entropy(&scores, &labels, OnEmpty::Refuse)?;
        let dscores = cross_entropy_backward(&loss_tape, &scores, &labels, R::of(1.0));
        let mut grad = model.zeros_like();
        model.backward(&tape, &dscores, &mut grad);
        (cases.case(&format!("depth.reversal.{name}")).ids("ids", &Array1::from(ids.to_vec())))
            .ids("lengths", &Array1::from(vec![2, 3]))
            .param("", &model)
            .act("", &tape)
            .out("scores", &scores)
            .loss("l", &Array0::from_elem((), loss))
            .cot("scores", &dscores)
            .grad_param("", &grad);
    }
    Ok(())
}
