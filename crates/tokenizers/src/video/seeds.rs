//! Where clusters start.

use mmt_tensor::{Random, Real, Result, check_finite, check_not_empty};
use ndarray::{Array2, ArrayRef2, Axis};

use super::k_means::{check_distinct, distinct, sorted};

/// `k` different points: the first with equal chances, every further one in proportion to the square of its distance to
/// the nearest of those that were drawn (k-means++).
///
/// The points are drawn from in lexicographic order, so that the draw depends on their values and not on their order.
///
/// `x: [n, d]` → `[k, d]`
///
/// Source: Arthur & Vassilvitskii 2007, *k-means++: the advantages of careful seeding*, section 2.2.
///
/// # Errors
/// [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for no point; `InvalidHyperparameter` for fewer distinct points
/// than `k`; `NonFinite` for NaN and infinities.
pub fn sample_centers<R: Real>(x: &ArrayRef2<R>, k: usize, random: &mut Random) -> Result<Array2<R>> {
    check_not_empty("k_means: x", x)?;
    check_finite("k_means: x", x)?;
    check_distinct(distinct(x, k), k)?;
    let order = sorted(x);
    let mut chosen = Vec::with_capacity(k);
    let mut distances = vec![f64::INFINITY; order.len()];
    for _ in 0..k {
        let new = match chosen.is_empty() {
            true => order[random.below(order.len())],
            false => order[weighted(&distances, random.unit())],
        };
        for (&i, distance) in order.iter().zip(&mut distances) {
            *distance = distance.min(squared_distance(x, i, new));
        }
        chosen.push(new);
    }
    Ok(x.select(Axis(0), &chosen))
}

/// For the chances of a draw only. Points that differ keep a chance even if the square of the difference vanishes.
fn squared_distance<R: Real>(x: &ArrayRef2<R>, i: usize, j: usize) -> f64 {
    let mut sum = 0.0;
    for (&a, &b) in x.row(i).iter().zip(x.row(j)) {
        let difference = (a - b).to_f64();
        sum += difference * difference;
    }
    if sum == 0.0 && x.row(i) != x.row(j) { f64::MIN_POSITIVE } else { sum.min(f64::MAX) }
}

/// The first index at which the running sum of the weights passes the share `unit` of all.
fn weighted(weights: &[f64], unit: f64) -> usize {
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let mut total = 0.0;
    weights.iter().for_each(|w| total += w / largest);
    let mut rest = unit * total;
    for (i, w) in weights.iter().enumerate() {
        rest -= w / largest;
        if rest < 0.0 {
            return i;
        }
    }
    // Rounding may leave a little: the last point that has a weight.
    weights.iter().rposition(|&w| w > 0.0).expect("a point that was not drawn yet")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn wrong_points_are_refused() {
        let text = |x: &Array2<f64>, k| sample_centers(x, k, &mut Random::seed(0)).unwrap_err().to_string();
        assert_eq!(text(&Array2::zeros((0, 2)), 2), "k_means: x: empty");
        assert_eq!(text(&array![[1.0], [1.0], [2.0]], 3), "k_means: x: 2 distinct points for 3 clusters");
        assert_eq!(text(&array![[1.0], [f64::NAN]], 2), "k_means: x: not a finite number");
    }

    #[test]
    fn points_that_differ_are_never_drawn_twice() {
        let x = array![[0.0], [0.0], [1e-300], [1e300], [-0.0], [1.0]];
        for seed in 0..50 {
            let centers = sample_centers::<f64>(&x, 4, &mut Random::seed(seed)).unwrap();
            assert_eq!(distinct(&centers, 4), 4);
        }
    }
}
