//! What the evidence for the losses of numbers against numbers shares.

use mmt_golden::Cases;
use mmt_tensor::testing::{assert_close, qres};
use mmt_tensor::{Random, Real};
use ndarray::{Array2, arr0};

/// Predictions and targets of the specification.
pub(super) fn example<R: Real>() -> (Array2<R>, Array2<R>) {
    (qres(3, (3, 4), 1.0), qres(4, (3, 4), 1.0))
}

pub(super) fn draw(random: &mut Random) -> (Array2<f64>, Array2<f64>) {
    let shape = (1 + random.below(4), 1 + random.below(80));
    (random.uniform(shape, 2.0), random.uniform(shape, 2.0))
}

pub(super) fn is_invariant_to_a_shift(random: &mut Random, loss: impl Fn(&Array2<f64>, &Array2<f64>) -> f64) {
    let ((y, t), shift) = (draw(random), 20.0 * random.unit() - 10.0);
    assert_close(&loss(&(&y + shift), &(&t + shift)), &loss(&y, &t), 1e-12);
}

pub(super) fn is_zero_at_the_target(
    random: &mut Random,
    loss: impl Fn(&Array2<f64>, &Array2<f64>) -> f64,
    backward: impl Fn(&Array2<f64>, &Array2<f64>) -> Array2<f64>,
) {
    let y = draw(random).0;
    assert_eq!(loss(&y, &y), 0.0);
    assert_eq!(backward(&y, &y), Array2::<f64>::zeros(y.dim()));
}

/// The golden case of a loss of [`example`].
pub(super) fn golden<R: Real>(cases: &mut Cases<R>, name: &str, loss: R, dy: &Array2<R>) {
    let (y, t) = example::<R>();
    cases.case(name).input("y", &y).input("t", &t).loss("loss", &arr0(loss)).grad_in("y", dy);
}
