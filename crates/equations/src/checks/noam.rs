//! Evidence for `eq-1.24-noam`.

use mmt_golden::Cases;
use mmt_tensor::optim::noam;
use mmt_tensor::testing::{assert_close, assert_printed};
use mmt_tensor::{Random, Real, Result};
use ndarray::Array1;

use crate::{Property, properties};

/// Numbers of the specification, section 5.
pub fn forward() {
    for (step, printed) in [
        (1, "1.746928107e-7"),
        (100, "1.746928107e-5"),
        (4000, "6.987712430e-4"),
        (16000, "3.493856215e-4"),
        (100_000, "1.397542486e-4"),
    ] {
        let want: f64 = printed.parse().unwrap();
        assert_close(&(noam::<f64>(step, 512, 4000, 1.0).unwrap() / want), &1.0, 1e-9);
    }
    assert_printed(noam(1, 1, 1, 1.0).unwrap(), "1");
}

/// A schedule is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_peak_stands_at_the_end_of_the_warm_up,
    there_is_no_jump_at_the_peak,
    the_warm_up_is_a_straight_line,
    four_times_the_warm_up_halves_the_rate,
    the_scale_is_a_factor,
];

/// Width and warm-up.
fn draw(random: &mut Random) -> (usize, usize) {
    (1 + random.below(2000), 2 + random.below(5000))
}

fn rate(step: usize, (d, w): (usize, usize)) -> f64 {
    noam(step, d, w, 1.0).unwrap()
}

fn the_peak_stands_at_the_end_of_the_warm_up(random: &mut Random) {
    let of = draw(random);
    let (d, w) = of;
    assert_close(&(rate(w, of) * ((d * w) as f64).sqrt()), &1.0, 1e-14);
    let (before, after) = (1 + random.below(w - 1), w + random.below(3 * w));
    assert!(rate(before, of) < rate(before + 1, of) && rate(after, of) > rate(after + 1, of));
}

/// One step beside the peak the rate has changed by less than a share of `1/w`.
fn there_is_no_jump_at_the_peak(random: &mut Random) {
    let of = draw(random);
    let w = of.1;
    for beside in [w - 1, w + 1] {
        let change = (rate(beside, of) / rate(w, of) - 1.0).abs();
        assert!(change <= (1.0 + 1e-9) / w as f64, "{change}");
    }
}

fn the_warm_up_is_a_straight_line(random: &mut Random) {
    let of = draw(random);
    let step = 1 + random.below(of.1);
    assert_close(&(rate(step, of) / rate(1, of)), &(step as f64), 1e-14);
}

fn four_times_the_warm_up_halves_the_rate(random: &mut Random) {
    let of = draw(random);
    assert_close(&(rate(4 * of.1, of) / rate(of.1, of)), &0.5, 1e-14);
}

fn the_scale_is_a_factor(random: &mut Random) {
    let (d, w) = draw(random);
    let (step, scale) = (1 + random.below(20_000), 0.1 + random.unit());
    assert_close(&(noam::<f64>(step, d, w, scale).unwrap() / rate(step, (d, w))), &scale, 1e-14);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let steps = Array1::from(vec![1, 100, 4000, 16000, 100_000]);
    let rates: Vec<R> = steps.iter().map(|&step| noam(step, 512, 4000, 1.0)).collect::<Result<_>>()?;
    cases.case("noam.base.steps").ids("step", &steps).out("rate", &Array1::from(rates));
    Ok(())
}
