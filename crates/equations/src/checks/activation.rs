//! What the evidence for the nonlinearities shares.

use mmt_golden::Cases;
use mmt_tensor::testing::assert_printed;
use mmt_tensor::{Random, Real, Result};
use ndarray::Array1;

/// A nonlinearity.
pub(super) type Forward<R> = fn(&Array1<R>) -> Result<Array1<R>>;
/// Its gradient, given its input.
pub(super) type Backward<R> = fn(&Array1<R>, &Array1<R>) -> Array1<R>;

/// Quarters from -9 to 9.
pub(super) fn sweep<R: Real>() -> Array1<R> {
    (-36..=36).map(|i| R::of(f64::from(i) / 4.0)).collect()
}

/// Many numbers from -20 to 20.
pub(super) fn draw(random: &mut Random) -> Array1<f64> {
    random.uniform(64, 20.0)
}

/// A table of the specification, section 3: argument, value, slope.
pub(super) fn table(forward: Forward<f64>, backward: Backward<f64>, rows: [(f64, &str, &str); 5]) {
    let x: Array1<f64> = rows.iter().map(|row| row.0).collect();
    let (y, slope) = (forward(&x).unwrap(), backward(&x, &Array1::ones(rows.len())));
    for (i, (_, value, printed)) in rows.into_iter().enumerate() {
        assert_printed(y[i], value);
        assert_printed(slope[i], printed);
    }
}

/// The largest distance between two nonlinearities, and the argument where it is.
pub(super) fn distance(f: Forward<f64>, g: Forward<f64>) -> (f64, f64) {
    let x: Array1<f64> = (0..=8000).map(|i| f64::from(i) / 1000.0).collect();
    let apart = (f(&x).unwrap() - g(&x).unwrap()).mapv(f64::abs);
    x.into_iter().zip(apart).fold((0.0, 0.0), |(at, most), (x, d)| if d > most { (x, d) } else { (at, most) })
}

/// The golden case of a nonlinearity.
pub(super) fn golden<R: Real>(
    cases: &mut Cases<R>,
    name: &str,
    forward: Forward<R>,
    backward: Backward<R>,
) -> Result<()> {
    let x = sweep();
    let dy = mmt_tensor::testing::ramp(2, x.len());
    let (y, dx) = (forward(&x)?, backward(&x, &dy));
    cases.case(name).input("x", &x).out("y", &y).cot("y", &dy).grad_in("x", &dx);
    Ok(())
}
