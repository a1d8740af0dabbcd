//! Evidence for `eq-0.4-cross-entropy`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::row_sums;
use mmt_tensor::ops::{OnEmpty, cross_entropy, cross_entropy_backward};
use mmt_tensor::testing::{assert_close, assert_printed, assert_sums, check_backward, checksum, qres, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array1, Array2, Axis, arr0, concatenate};

use crate::{Property, properties};

type Labels = Vec<Option<usize>>;

/// The loss and its gradient.
fn run<R: Real>(z: &Array2<R>, labels: &Labels) -> Result<(R, Array2<R>)> {
    let (loss, tape) = cross_entropy(z, labels, OnEmpty::Refuse)?;
    Ok((loss, cross_entropy_backward(&tape, z, labels, R::of(1.0))))
}

/// Numbers of the specification: core, section 1; pretraining, section 4.12.
pub fn forward() {
    let (z, labels): (Array2<f64>, _) = (ramp(1, (3, 5)), vec![Some(0), Some(2), Some(4)]);
    for (i, printed) in ["2.648448278161", "0.765167899766", "2.765167899766"].iter().enumerate() {
        let row = z.select(Axis(0), &[i]);
        assert_printed(run(&row, &vec![labels[i]]).unwrap().0, printed);
    }
    let (loss, dz) = run(&z, &labels).unwrap();
    assert_printed(loss, "2.059594692564");
    assert_sums(&dz, "0", "-0.10198762");

    let (loss, dz) = run(&qres(1, (5, 7), 2.0), &vec![Some(3), None, Some(0), Some(6), None]).unwrap();
    assert_printed(loss, "2.171398068238");
    assert_printed(checksum(&dz), "0.217156845668");
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let (z, labels): (Array2<Dual>, Labels) = (ramp(1, (4, 5)), vec![Some(0), None, Some(2), Some(4)]);
    let forward = |z: &Array2<Dual>| cross_entropy(z, &labels, OnEmpty::Refuse);
    check_backward(
        &z,
        |z| Ok(forward(z)?.0),
        |z, &dl| cross_entropy_backward(&forward(z).unwrap().1, z, &labels, dl),
    );
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    it_is_never_negative,
    equal_logits_give_the_logarithm_of_the_width,
    rows_of_the_gradient_sum_to_zero,
    a_shift_of_a_row_changes_nothing,
    a_row_without_a_label_counts_for_nothing,
];

fn draw(random: &mut Random) -> (Array2<f64>, Labels) {
    let (n, k) = (1 + random.below(6), 1 + random.below(80));
    let mut labels: Labels = (0..n).map(|_| (random.below(4) > 0).then(|| random.below(k))).collect();
    labels[0] = Some(random.below(k));
    (random.uniform((n, k), 5.0), labels)
}

fn it_is_never_negative(random: &mut Random) {
    let (z, labels) = draw(random);
    let loss = run(&z, &labels).unwrap().0;
    assert!(loss >= -1e-14, "{loss}");
}

fn equal_logits_give_the_logarithm_of_the_width(random: &mut Random) {
    let (z, labels) = draw(random);
    let equal = Array2::from_elem(z.dim(), z[(0, 0)]);
    assert_close(&run(&equal, &labels).unwrap().0, &Real::ln(z.ncols() as f64), 1e-13);
}

fn rows_of_the_gradient_sum_to_zero(random: &mut Random) {
    let (z, labels) = draw(random);
    let dz = run(&z, &labels).unwrap().1;
    assert_close(&row_sums(&dz), &Array1::zeros(z.nrows()), 1e-14);
}

fn a_shift_of_a_row_changes_nothing(random: &mut Random) {
    let (z, labels) = draw(random);
    let shifted: Array2<f64> = &z + &random.uniform::<f64, _>((z.nrows(), 1), 50.0);
    let ((loss, dz), (same, dsame)) = (run(&z, &labels).unwrap(), run(&shifted, &labels).unwrap());
    assert_close(&same, &loss, 1e-13);
    assert_close(&dsame, &dz, 1e-13);
}

fn a_row_without_a_label_counts_for_nothing(random: &mut Random) {
    let (z, mut labels) = draw(random);
    let more: Array2<f64> = random.uniform((1, z.ncols()), 5.0);
    let longer = concatenate(Axis(0), &[z.view(), more.view()]).expect("rows of one width");
    let (loss, want) = run(&z, &labels).unwrap();
    labels.push(None);
    let (same, dz) = run(&longer, &labels).unwrap();
    assert_eq!(same, loss);
    assert_eq!(dz.slice(ndarray::s![..z.nrows(), ..]), want);
    for (row, _) in dz.rows().into_iter().zip(&labels).filter(|(_, y)| y.is_none()) {
        assert!(row.iter().all(|&dz| dz == 0.0), "{row}");
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let (z, labels): (Array2<R>, _) = (ramp(1, (3, 5)), vec![Some(0), Some(2), Some(4)]);
    let (loss, dz) = run(&z, &labels)?;
    (cases.case("loss.cross-entropy.ramp").input("z", &z).ids("labels", &ndarray::arr1(&[0, 2, 4])))
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz);

    let (z, labels) = (qres(1, (5, 7), 2.0), vec![Some(3), None, Some(0), Some(6), None]);
    let (loss, dz) = run(&z, &labels)?;
    let counted: Array1<bool> = labels.iter().map(Option::is_some).collect();
    let filled: Array1<usize> = labels.iter().map(|y| y.unwrap_or(0)).collect();
    (cases.case("loss.cross-entropy.ignored").input("z", &z).ids("labels", &filled))
        .mask("counted", &counted)
        .loss("loss", &arr0(loss))
        .grad_in("z", &dz);
    Ok(())
}
