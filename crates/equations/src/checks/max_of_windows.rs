//! Evidence for `eq-0.10-max-of-windows`.

use std::ops::Range;

use mmt_golden::Cases;
use mmt_tensor::ops::{
    Pool, adaptive_windows, cut_windows, max_of_windows, max_of_windows_backward, max_pool,
};
use mmt_tensor::testing::{assert_close, assert_sums, check_backward, ramp};
use mmt_tensor::{Dual, Random, Real, Result};
use ndarray::{Array4, s};

use crate::{Property, properties};

const WANT_ADAPTIVE: [&str; 4] = ["28.5", "355.75", "-0.25", "139.75"];
const WANT_CUT: [&str; 4] = ["62.25", "2246.75", "-1.75", "-266.25"];

/// Numbers of PyTorch 2.15 in double precision: `adaptive_max_pool2d`, and `max_pool2d` with `ceil_mode`.
pub fn forward() {
    let x: Array4<f64> = ramp(1, (2, 3, 7, 6));
    let adaptive = [adaptive_windows(7, 2).unwrap(), adaptive_windows(6, 2).unwrap()];
    let cut = [cut_windows(7, 2, 2).unwrap(), cut_windows(6, 2, 2).unwrap()];
    for (windows, [y_1, y_2, dx_1, dx_2]) in [(adaptive, WANT_ADAPTIVE), (cut, WANT_CUT)] {
        let windows = windows.each_ref().map(Vec::as_slice);
        let y = max_of_windows(&x, windows).unwrap();
        assert_sums(&y, y_1, y_2);
        assert_sums(&max_of_windows_backward(&x, windows, &ramp(4, y.dim())), dx_1, dx_2);
    }
}

/// See [`Equation::backward`](crate::Equation::backward).
pub const BACKWARD: Option<fn()> = Some(backward);

fn backward() {
    let x: Array4<Dual> = ramp(1, (2, 2, 5, 6));
    let windows: [&[Range<usize>]; 2] = [&[0..3, 2..5], &[0..1, 1..4, 3..6]];
    check_backward(&x, |x| max_of_windows(x, windows), |x, dy| max_of_windows_backward(x, windows, dy));
}

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    adaptive_windows_cover_every_pixel,
    windows_that_divide_are_those_of_max_pool,
    is_the_maximum_of_the_definition,
    the_first_of_equal_entries_takes_the_gradient,
    what_the_windows_hand_back_adds_up,
];

fn draw(random: &mut Random) -> (Array4<f64>, [Vec<Range<usize>>; 2]) {
    let shape = (1 + random.below(2), 1 + random.below(3), 1 + random.below(7), 1 + random.below(7));
    let mut windows = |size: usize| match random.below(2) {
        0 => adaptive_windows(size, 1 + random.below(size)).unwrap(),
        _ => cut_windows(size, 1 + random.below(3), 1 + random.below(3)).unwrap(),
    };
    let windows = [windows(shape.2), windows(shape.3)];
    (random.uniform(shape, 2.0), windows)
}

fn adaptive_windows_cover_every_pixel(random: &mut Random) {
    let size = 1 + random.below(30);
    let count = 1 + random.below(size);
    let windows = adaptive_windows(size, count).unwrap();
    assert_eq!((windows.len(), windows[0].start, windows[count - 1].end), (count, 0, size));
    for pair in windows.windows(2) {
        assert!(pair[1].start <= pair[0].end && pair[0].end - pair[1].start <= 1, "{windows:?}");
    }
    let (least, most) = (size.div_euclid(count), size.div_ceil(count) + 1);
    assert!(windows.iter().all(|window| (least..=most).contains(&window.len())), "{windows:?}");
}

fn windows_that_divide_are_those_of_max_pool(random: &mut Random) {
    let (kernel, count) =
        ([1 + random.below(3), 1 + random.below(3)], [1 + random.below(4), 1 + random.below(4)]);
    let x: Array4<f64> = random.uniform((2, 2, kernel[0] * count[0], kernel[1] * count[1]), 1.0);
    let want = max_pool(&x, &Pool::tiles(kernel)).unwrap();
    let adaptive = [0, 1].map(|axis| adaptive_windows(kernel[axis] * count[axis], count[axis]).unwrap());
    let cut = [0, 1].map(|axis| cut_windows(kernel[axis] * count[axis], kernel[axis], kernel[axis]).unwrap());
    for windows in [adaptive, cut] {
        assert_eq!(max_of_windows(&x, windows.each_ref().map(Vec::as_slice)).unwrap(), want);
    }
}

fn is_the_maximum_of_the_definition(random: &mut Random) {
    let (x, windows) = draw(random);
    let y = max_of_windows(&x, windows.each_ref().map(Vec::as_slice)).unwrap();
    for ((n, c, i, j), &y) in y.indexed_iter() {
        let window = x.slice(s![n, c, windows[0][i].clone(), windows[1][j].clone()]);
        assert_eq!(y, window.iter().fold(f64::NEG_INFINITY, |m, &x| m.max(x)));
    }
}

fn the_first_of_equal_entries_takes_the_gradient(random: &mut Random) {
    let (x, windows) = draw(random);
    let windows = windows.each_ref().map(Vec::as_slice);
    let equal = Array4::from_elem(x.dim(), 3.0);
    let y = max_of_windows(&equal, windows).unwrap();
    let dx = max_of_windows_backward(&equal, windows, &Array4::ones(y.dim()));
    let mut want = Array4::<f64>::zeros(x.dim());
    for ((n, c, i, j), _) in y.indexed_iter() {
        want[(n, c, windows[0][i].start, windows[1][j].start)] += 1.0;
    }
    assert_eq!(dx, want);
}

fn what_the_windows_hand_back_adds_up(random: &mut Random) {
    let (x, windows) = draw(random);
    let windows = windows.each_ref().map(Vec::as_slice);
    let y = max_of_windows(&x, windows).unwrap();
    let dy: Array4<f64> = random.uniform(y.dim(), 1.0);
    let dx = max_of_windows_backward(&x, windows, &dy);
    let sum = |x: &Array4<f64>| x.iter().fold(0.0, |sum, x| sum + x);
    assert_close(&sum(&dx), &sum(&dy), 1e-12);
    // The maximum is homogeneous of degree one.
    assert_close(&sum(&(&dx * &x)), &sum(&(&dy * &y)), 1e-12);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array4<R> = ramp(1, (1, 2, 5, 7));
    let windows = [adaptive_windows(5, 2)?, cut_windows(7, 3, 2)?];
    let windows = windows.each_ref().map(Vec::as_slice);
    let y = max_of_windows(&x, windows)?;
    let dy = ramp(4, y.dim());
    let dx = max_of_windows_backward(&x, windows, &dy);
    cases.case("max_of_windows.adaptive_and_cut").input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    Ok(())
}
