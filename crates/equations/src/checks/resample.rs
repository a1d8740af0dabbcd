//! Evidence for `eq-0.10-resample`.

use mmt_golden::Cases;
use mmt_tensor::ops::sum::total;
use mmt_tensor::ops::{Resampling, resample, resample_backward};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array4, s};

use crate::{Property, properties};

const RULES: [Resampling; 5] = [
    Resampling::Mean,
    Resampling::Nearest,
    Resampling::Linear,
    Resampling::Cubic(-0.75),
    Resampling::Cubic(-0.5),
];

const WANT_MEAN: [&str; 4] = ["-0.02777777778", "-10.38888889", "-0.5", "57.5"];
const WANT_NEAREST: [&str; 4] = ["-3.25", "251.25", "-0.5", "64"];
const WANT_LINEAR: [&str; 4] = ["-0.28125", "-538.2552083", "-0.5", "62.54166667"];
const WANT_CUBIC: [&str; 4] = ["-0.1915592617", "-561.5718707", "-0.5", "61.89246058"];

/// Numbers of PyTorch 2.15 in double precision: `adaptive_avg_pool2d`, `interpolate` with `nearest`, `bilinear` and
/// `bicubic`.
pub fn forward() {
    let x: Array4<f64> = ramp(1, (2, 3, 7, 6));
    let want = [
        (Resampling::Mean, (3, 2), WANT_MEAN),
        (Resampling::Nearest, (4, 9), WANT_NEAREST),
        (Resampling::Linear, (4, 9), WANT_LINEAR),
        (Resampling::Cubic(-0.75), (4, 9), WANT_CUBIC),
    ];
    for (rule, size, [y_1, y_2, dx_1, dx_2]) in want {
        let y = resample(&x, size, rule).unwrap();
        assert_sums(&y, y_1, y_2);
        assert_sums(&resample_backward((7, 6), rule, &ramp(4, y.dim())), dx_1, dx_2);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array4<Dual> = ramp(1, (2, 2, 5, 3));
    for rule in RULES {
        for size in [(2, 4), (7, 2)] {
            check_backward(&x, |x| resample(x, size, rule), |_, dy| resample_backward((5, 3), rule, dy));
        }
    }
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    the_same_size_changes_nothing,
    a_constant_image_stays_constant,
    forward_and_backward_are_adjoint,
    the_mean_to_one_pixel_is_the_mean,
    twice_the_size_repeats_pixels_by_the_nearest,
    a_slope_is_kept_between_centers,
    mirrored_images_give_mirrored_results,
];

fn draw(random: &mut Random) -> (Array4<f64>, (usize, usize)) {
    let [batch, c, g, g_w, h, w] = [2, 3, 6, 6, 6, 6].map(|most| 1 + random.below(most));
    (random.uniform((batch, c, g, g_w), 2.0), (h, w))
}

fn pixels(x: &Array4<f64>) -> (usize, usize) {
    (x.dim().2, x.dim().3)
}

fn the_same_size_changes_nothing(random: &mut Random) {
    let x = draw(random).0;
    for rule in RULES {
        assert_eq!(resample(&x, pixels(&x), rule).unwrap(), x, "{rule:?}");
    }
}

fn a_constant_image_stays_constant(random: &mut Random) {
    let (x, size) = draw(random);
    let constant = Array4::from_elem(x.dim(), random.unit());
    for rule in RULES {
        let y = resample(&constant, size, rule).unwrap();
        assert_close(&y, &Array4::from_elem(y.dim(), constant[(0, 0, 0, 0)]), 1e-14);
    }
}

fn forward_and_backward_are_adjoint(random: &mut Random) {
    let (x, size) = draw(random);
    for rule in RULES {
        let y = resample(&x, size, rule).unwrap();
        let dy: Array4<f64> = random.uniform(y.dim(), 1.0);
        let dx = resample_backward(pixels(&x), rule, &dy);
        assert_close(&total(&(y * dy)), &total(&(x.clone() * dx)), 1e-12);
    }
}

fn the_mean_to_one_pixel_is_the_mean(random: &mut Random) {
    let (x, _) = draw(random);
    let y = resample(&x, (1, 1), Resampling::Mean).unwrap();
    for ((n, c, ..), &y) in y.indexed_iter() {
        let channel = x.slice(s![n, c, .., ..]);
        assert_close(&y, &(total(&channel) / channel.len() as f64), 1e-13);
    }
}

fn twice_the_size_repeats_pixels_by_the_nearest(random: &mut Random) {
    let x = draw(random).0;
    let (g, g_w) = pixels(&x);
    let y = resample(&x, (2 * g, 2 * g_w), Resampling::Nearest).unwrap();
    for ((n, c, i, j), &y) in y.indexed_iter() {
        assert_eq!(y, x[(n, c, i / 2, j / 2)]);
    }
}

/// A straight ramp stays one, where no border is near: its values are those at the centers.
fn a_slope_is_kept_between_centers(random: &mut Random) {
    let (g, h) = (6 + random.below(5), 3 + random.below(12));
    let slope = random.unit() + 0.5;
    let x = Array4::from_shape_fn((1, 1, g, 1), |(_, _, i, _)| slope * i as f64);
    for rule in [Resampling::Linear, Resampling::Cubic(-0.5)] {
        let y = resample(&x, (h, 1), rule).unwrap();
        for i in 0..h {
            let center = (i as f64 + 0.5) * g as f64 / h as f64 - 0.5;
            if (1.0..g as f64 - 2.0).contains(&center) {
                assert_close(&y[(0, 0, i, 0)], &(slope * center), 1e-12);
            }
        }
    }
}

fn mirrored_images_give_mirrored_results(random: &mut Random) {
    let (x, size) = draw(random);
    for rule in [Resampling::Mean, Resampling::Linear, Resampling::Cubic(-0.75)] {
        let mirrored = |x: &Array4<f64>| x.slice(s![.., .., ..;-1, ..]).to_owned();
        let there = resample(&mirrored(&x), size, rule).unwrap();
        assert_close(&there, &mirrored(&resample(&x, size, rule).unwrap()), 1e-12);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array4<R> = ramp(1, (1, 2, 5, 4));
    let names = ["mean", "nearest", "linear", "cubic"];
    for (name, rule) in names.into_iter().zip(RULES) {
        let y = resample(&x, (3, 6), rule)?;
        let dy = ramp(4, y.dim());
        let dx = resample_backward((5, 4), rule, &dy);
        cases.case(&format!("resample.{name}")).input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    }
    Ok(())
}
