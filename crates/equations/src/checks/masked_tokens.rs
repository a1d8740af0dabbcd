//! Evidence for `eq-1.30-mlm-loss`.

use mmt_golden::Cases;
use mmt_objectives::{Denominator, masked_tokens, masked_tokens_backward};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array2, Axis};

use crate::{Property, properties};

const LABELS: [Option<usize>; 3] = [Some(0), Some(2), Some(4)];

/// Numbers of the specification, sections 1 and 7: a mean over three rows, and the same sum divided by `3 + 1e-5`.
pub fn forward() {
    let z = ramp(1, (3, 5));
    let (loss, tape) = masked_tokens(&z, &LABELS, Denominator::Count).unwrap();
    assert_printed(loss, "2.059594692564");
    assert_sums(&masked_tokens_backward(&tape, &z, &LABELS, Denominator::Count, 1.0), "0", "-0.10198762");
    let (bert, _) = masked_tokens::<f64>(&z, &LABELS, Denominator::Bert).unwrap();
    let rows = 2.648448278161 + 0.765167899766 + 2.765167899766;
    assert_close(&bert, &(rows / 3.00001), 1e-11);
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let z: Array2<Dual> = ramp(1, (3, 5)) * Dual::of(0.9);
    let labels = [Some(3), None, Some(1)];
    for denominator in [Denominator::Count, Denominator::Bert] {
        check_backward(
            &z,
            |z| Ok(masked_tokens(z, &labels, denominator)?.0),
            |z, &dl| {
                let (_, tape) = masked_tokens(z, &labels, denominator).expect("a valid point");
                masked_tokens_backward(&tape, z, &labels, denominator, dl)
            },
        );
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_code_of_bert_divides_by_a_little_more,
    positions_without_a_label_change_nothing,
    scores_that_know_nothing_give_the_logarithm_of_the_vocabulary,
];

fn draw(random: &mut Random) -> (Array2<f64>, Vec<Option<usize>>) {
    let (k, v) = (1 + random.below(6), 2 + random.below(6));
    let mut labels: Vec<Option<usize>> =
        (0..k).map(|_| (random.unit() < 0.6).then(|| random.below(v))).collect();
    labels[0] = Some(random.below(v));
    (random.uniform((k, v), 3.0), labels)
}

fn the_code_of_bert_divides_by_a_little_more(random: &mut Random) {
    let (z, labels) = draw(random);
    let counted = labels.iter().flatten().count() as f64;
    let (mean, tape) = masked_tokens(&z, &labels, Denominator::Count).unwrap();
    let (bert, _) = masked_tokens(&z, &labels, Denominator::Bert).unwrap();
    assert_close(&(bert * (counted + 1e-5)), &(mean * counted), 1e-14);
    let of = |denominator| masked_tokens_backward(&tape, &z, &labels, denominator, 1.0);
    assert_close(&(of(Denominator::Bert) * (counted + 1e-5)), &(of(Denominator::Count) * counted), 1e-14);
}

fn positions_without_a_label_change_nothing(random: &mut Random) {
    let (z, labels) = draw(random);
    let with: Vec<usize> = (0..labels.len()).filter(|&i| labels[i].is_some()).collect();
    let only: Vec<Option<usize>> = with.iter().map(|&i| labels[i]).collect();
    for denominator in [Denominator::Count, Denominator::Bert] {
        let (loss, tape) = masked_tokens(&z, &labels, denominator).unwrap();
        let (alone, _) = masked_tokens(&z.select(Axis(0), &with), &only, denominator).unwrap();
        assert_close(&loss, &alone, 1e-14);
        let dz = masked_tokens_backward(&tape, &z, &labels, denominator, 1.0);
        let rest = dz.rows().into_iter().zip(&labels).filter(|(_, label)| label.is_none());
        assert!(rest.flat_map(|(row, _)| row.to_vec()).all(|g| g == 0.0));
    }
}

fn scores_that_know_nothing_give_the_logarithm_of_the_vocabulary(random: &mut Random) {
    let (z, labels) = draw(random);
    let (loss, _) = masked_tokens(&(&z * 0.0), &labels, Denominator::Count).unwrap();
    assert_close(&Real::exp(loss), &(z.ncols() as f64), 1e-13);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, denominator) in [("count", Denominator::Count), ("bert", Denominator::Bert)] {
        let z = ramp(1, (3, 5));
        let (loss, tape) = masked_tokens::<R>(&z, &LABELS, denominator)?;
        let dz = masked_tokens_backward(&tape, &z, &LABELS, denominator, R::of(1.0));
        (cases.case(&format!("masked-tokens.{name}.ramp")).input("z", &z))
            .ids("labels", &ndarray::arr1(&[0, 2, 4]))
            .loss("loss", &ndarray::arr0(loss))
            .grad_in("z", &dz);
    }
    Ok(())
}
