//! How often the mask of attention, written as a product, destroys a row of scores.

use mmt_tensor::ops::softmax;
use mmt_tensor::{Random, Real};
use ndarray::Array2;

/// How many rows of scores have no softmax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// With `S ⊙ M`, `M` in {1, -∞}, as the note writes it.
    pub as_written: usize,
    /// With `S + B`, `B` in {0, -∞}.
    pub as_corrected: usize,
    /// How many were tried.
    pub rows: usize,
}

/// Causal masks over `n` positions on `count` matrices of normal scores.
pub fn product_mask<R: Real>(n: usize, count: usize, random: &mut Random) -> Lost {
    let mask = |hidden: f64, seen: f64| {
        Array2::from_shape_fn((n, n), |(i, j)| R::of(if j > i { hidden } else { seen }))
    };
    let (product, sum) = (mask(f64::NEG_INFINITY, 1.0), mask(f64::NEG_INFINITY, 0.0));
    let lost = |scores: Array2<R>| {
        let rows = scores.rows().into_iter();
        rows.filter(|row| softmax(&row.insert_axis(ndarray::Axis(0))).is_err()).count()
    };
    let mut total = Lost { as_written: 0, as_corrected: 0, rows: n * count };
    for _ in 0..count {
        let scores: Array2<R> = random.normal((n, n), 1.0);
        total.as_written += lost(&scores * &product);
        total.as_corrected += lost(&scores + &sum);
    }
    total
}

/// What is expected of the product: a row with `h` hidden scores survives if all of them are positive, which
/// symmetric scores are with probability `2^-h`.
pub fn expected(n: usize) -> f64 {
    let survives = (0..n).fold((1.0, 0.0), |(p, total), _| (p / 2.0, total + p)).1;
    1.0 - survives / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_abs_diff_eq;

    #[test]
    fn the_product_loses_what_theory_expects_and_the_sum_nothing() {
        assert_abs_diff_eq!(expected(8), 0.750_976_562_5, epsilon = 1e-15);
        let lost = product_mask::<f32>(8, 500, &mut Random::seed(1));
        assert_eq!((lost.rows, lost.as_corrected), (4000, 0));
        // Four standard deviations of 4000 draws.
        assert!((lost.as_written as f64 / 4000.0 - expected(8)).abs() < 0.028, "{lost:?}");
    }
}
