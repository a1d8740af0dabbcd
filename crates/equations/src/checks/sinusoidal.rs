//! Evidence for `eq-1.21-sinusoidal`.

use mmt_blocks::{SinusoidalKind, sinusoidal};
use mmt_golden::Cases;
use mmt_tensor::ops::sum::dot;
use mmt_tensor::testing::{assert_close, assert_printed};
use mmt_tensor::{Random, Real, Result};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// Numbers of the specification, section 5.
pub fn forward() {
    let table: Array2<f64> = sinusoidal(3, 4, SinusoidalKind::Interleaved).unwrap();
    let printed = [
        ["0", "1", "0", "1"],
        ["0.841470984808", "0.540302305868", "0.009999833334", "0.999950000417"],
        ["0.909297426826", "-0.416146836547", "0.019998666693", "0.999800006667"],
    ];
    for (row, printed) in table.rows().into_iter().zip(printed) {
        row.iter().zip(printed).for_each(|(&x, printed)| assert_printed(x, printed));
    }
    let table: Array2<f64> = sinusoidal(2, 4, SinusoidalKind::T2tConcat).unwrap();
    for (&x, printed) in
        table.row(1).iter().zip(["0.841470984808", "0.0001", "0.540302305868", "0.999999995"])
    {
        assert_printed(x, printed);
    }
    assert_single_precision_is_rounded_once();
}

/// An angle computed in single precision has an error of 1e-3 at position 10,000.
fn assert_single_precision_is_rounded_once() {
    let (n, d) = (10_001, 4);
    let wide: Array2<f64> = sinusoidal(n, d, SinusoidalKind::Interleaved).unwrap();
    let narrow: Array2<f32> = sinusoidal(n, d, SinusoidalKind::Interleaved).unwrap();
    for (&a, &b) in wide.row(n - 1).iter().zip(narrow.row(n - 1)) {
        assert!((a - f64::from(b)).abs() < 6e-8, "{a} and {b}");
    }
}

/// A constant is not differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    sine_and_cosine_lie_on_a_circle,
    a_shift_is_a_rotation,
    products_depend_on_the_distance_alone,
    a_row_does_not_depend_on_the_length_of_the_table,
];

/// Both forms of a table, each as pairs of sine and cosine: `[n, d / 2]`.
fn draw(random: &mut Random) -> [(Array2<f64>, Array2<f64>); 2] {
    let (n, d) = (4 + random.below(60), 2 * (1 + random.below(8)));
    let pairs = |kind| {
        let table: Array2<f64> = sinusoidal(n, d, kind).unwrap();
        let column = |pair: usize, cosine: usize| match kind {
            SinusoidalKind::Interleaved => 2 * pair + cosine,
            SinusoidalKind::T2tConcat => pair + cosine * d / 2,
        };
        let part = |cosine| Array2::from_shape_fn((n, d / 2), |(p, i)| table[(p, column(i, cosine))]);
        (part(0), part(1))
    };
    [pairs(SinusoidalKind::Interleaved), pairs(SinusoidalKind::T2tConcat)]
}

fn sine_and_cosine_lie_on_a_circle(random: &mut Random) {
    for (sine, cosine) in draw(random) {
        let squares = &sine * &sine + &cosine * &cosine;
        assert_close(&squares, &Array2::ones(sine.dim()), 1e-14);
    }
    // So the square of the norm of a row is d/2.
    let d = 2 * (1 + random.below(20));
    let table: Array2<f64> = sinusoidal(5, d, SinusoidalKind::Interleaved).unwrap();
    let norms: Array1<f64> =
        table.rows().into_iter().map(|row| dot(row.to_slice().unwrap(), row.to_slice().unwrap())).collect();
    assert_close(&norms, &Array1::from_elem(5, d as f64 / 2.0), 1e-13);
}

/// The rotation by `k ω_i` is read off row `k`.
fn a_shift_is_a_rotation(random: &mut Random) {
    for (sine, cosine) in draw(random) {
        let n = sine.nrows();
        let k = random.below(n);
        for p in 0..n - k {
            for i in 0..sine.ncols() {
                let (s, c) = (sine[(k, i)], cosine[(k, i)]);
                let turned_sine = sine[(p, i)] * c + cosine[(p, i)] * s;
                let turned_cosine = cosine[(p, i)] * c - sine[(p, i)] * s;
                assert_close(&turned_sine, &sine[(p + k, i)], 1e-12);
                assert_close(&turned_cosine, &cosine[(p + k, i)], 1e-12);
            }
        }
    }
}

fn products_depend_on_the_distance_alone(random: &mut Random) {
    let (d, distance) = (2 * (1 + random.below(8)), random.below(20));
    for kind in [SinusoidalKind::Interleaved, SinusoidalKind::T2tConcat] {
        let table: Array2<f64> = sinusoidal(60, d, kind).unwrap();
        let product =
            |p: usize, q: usize| dot(table.row(p).to_slice().unwrap(), table.row(q).to_slice().unwrap());
        let p = random.below(40);
        assert_close(&product(p, p + distance), &product(0, distance), 1e-12);
        assert_close(&product(p + distance, p), &product(0, distance), 1e-12);
    }
}

fn a_row_does_not_depend_on_the_length_of_the_table(random: &mut Random) {
    let (n, d) = (1 + random.below(20), 2 * (1 + random.below(8)));
    for kind in [SinusoidalKind::Interleaved, SinusoidalKind::T2tConcat] {
        let [short, long]: [Array2<f64>; 2] = [n, n + 7].map(|n| sinusoidal(n, d, kind).unwrap());
        assert_eq!(long.slice(ndarray::s![..n, ..]), short);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    for (name, kind) in [("interleaved", SinusoidalKind::Interleaved), ("concat", SinusoidalKind::T2tConcat)]
    {
        let table: Array2<R> = sinusoidal(6, 8, kind)?;
        cases.case(&format!("embed.sinusoid.{name}")).out("table", &table);
    }
    Ok(())
}
