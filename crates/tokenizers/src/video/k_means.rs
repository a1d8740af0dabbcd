//! Clusters of vectors around their means.

use mmt_tensor::ops::sum::{column_sums, sum, sum_of_2};
use mmt_tensor::parallel::{contiguous, map};
use mmt_tensor::simd::vectorize;
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::{Array1, Array2, ArrayRef2, Axis};

/// Points that one task assigns.
const BLOCK: usize = 64;

/// What [`k_means`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Clusters<R> {
    /// `c: [k, d]`, the mean of the points of every cluster.
    pub centers: Array2<R>,
    /// The cluster of every point that the centers are means of.
    pub nearest: Vec<usize>,
    /// `J` after every assignment.
    pub objectives: Vec<R>,
}

/// The iteration of Lloyd: points go to the nearest center, centers to the mean of their points.
///
/// **eq-2.9-k-means**
/// ```math
/// a_i = \arg\min_j |x_i - c_j|^2, \qquad
/// c_j = \frac{1}{|\{i : a_i = j\}|} \sum_{i \,:\, a_i = j} x_i, \qquad
/// J = \sum_i |x_i - c_{a_i}|^2
/// ```
///
/// `x: [n, d]`, `start: [k, d]` → `c: [k, d]`, `a: [n]`; `J` never grows
///
/// Of centers at the same distance the first is the nearest. A center without points moves to a point of the largest
/// cluster, whose mean is then taken without it: the one farthest from its center, the first of several. (If all its
/// points lie on the center, the largest cluster for which this is not so.) The iteration ends when no point changes its cluster, or after `iterations`.
///
/// Source: Lloyd 1982, *Least squares quantization in PCM*, section 2.
///
/// # Errors
/// [`Error::EmptyInput`] for no point; [`Error::ShapeMismatch`] for centers of another width;
/// [`Error::InvalidHyperparameter`] for fewer than two centers or no iteration, and for fewer distinct points than
/// centers; [`Error::NonFinite`] for NaN, infinities and distances that overflow.
pub fn k_means<R: Real>(x: &ArrayRef2<R>, start: &ArrayRef2<R>, iterations: usize) -> Result<Clusters<R>> {
    check_not_empty("k_means: x", x)?;
    check_shape("k_means: start", start.shape(), &[start.nrows(), x.ncols()])?;
    check_setting("k_means: k", start.nrows() > 1, || format!("must be at least 2, got {}", start.nrows()))?;
    check_setting("k_means: iterations", iterations > 0, || "must be positive, got 0".to_string())?;
    check_finite("k_means: x", x)?;
    check_finite("k_means: start", start)?;
    check_distinct(distinct(x, start.nrows()), start.nrows())?;
    let mut found = Clusters { centers: start.to_owned(), nearest: Vec::new(), objectives: Vec::new() };
    for _ in 0..iterations {
        let (nearest, distances) = assign(x, &found.centers)?;
        found.objectives.push(sum(&distances));
        if nearest == found.nearest {
            break;
        }
        found.nearest = nearest;
        found.centers = update(x, &mut found.nearest, start.nrows());
    }
    Ok(found)
}

/// The nearest center of every point, and the square of the distance to it.
pub(super) fn assign<R: Real>(x: &ArrayRef2<R>, centers: &ArrayRef2<R>) -> Result<(Vec<usize>, Vec<R>)> {
    let (x, centers) = (contiguous(x), contiguous(centers));
    let n = x.nrows();
    let blocks = map(n.div_ceil(BLOCK), BLOCK * centers.len(), |block| {
        let rows = block * BLOCK..((block + 1) * BLOCK).min(n);
        let one = |i| nearest(x.row(i).to_slice().expect("contiguous"), &centers);
        rows.map(one).collect::<Vec<(usize, R)>>()
    });
    let (nearest, distances): (Vec<usize>, Vec<R>) = blocks.into_iter().flatten().unzip();
    if distances.iter().any(|d| !d.is_finite()) {
        return Err(Error::NonFinite { at: "k_means: distances" });
    }
    Ok((nearest, distances))
}

/// The first of the nearest centers, and the square of the distance to it.
pub(super) fn nearest<R: Real>(x: &[R], centers: &ArrayRef2<R>) -> (usize, R) {
    let (centers, mut best) = (contiguous(centers), (0, R::of(f64::INFINITY)));
    for (j, center) in centers.rows().into_iter().enumerate() {
        let distance = squared_distance(x, center.to_slice().expect("contiguous"));
        if distance < best.1 {
            best = (j, distance);
        }
    }
    best
}

fn squared_distance<R: Real>(a: &[R], b: &[R]) -> R {
    vectorize::<R, _>(
        #[inline(always)]
        || {
            sum_of_2(
                a,
                b,
                #[inline(always)]
                |a, b| (a - b) * (a - b),
            )
        },
    )
}

/// The means of the clusters; empty ones take over a point.
fn update<R: Real>(x: &ArrayRef2<R>, nearest: &mut [usize], k: usize) -> Array2<R> {
    let mut centers = Array2::zeros((k, x.ncols()));
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); k];
    nearest.iter().enumerate().for_each(|(i, &j)| members[j].push(i));
    let filled = members.iter().enumerate().filter(|(_, points)| !points.is_empty());
    filled.for_each(|(j, points)| centers.row_mut(j).assign(&mean(x, points)));
    for j in 0..k {
        if members[j].is_empty() {
            let (from, i) = farthest(x, &members, &centers);
            members[from].retain(|&other| other != i);
            members[j].push(i);
            nearest[i] = j;
            centers.row_mut(from).assign(&mean(x, &members[from]));
            centers.row_mut(j).assign(&x.row(i));
        }
    }
    centers
}

fn mean<R: Real>(x: &ArrayRef2<R>, points: &[usize]) -> Array1<R> {
    column_sums(&x.select(Axis(0), points)) / R::of(points.len() as f64)
}

/// Of the largest cluster that has a point away from its center: this cluster, and its farthest point.
fn farthest<R: Real>(x: &ArrayRef2<R>, members: &[Vec<usize>], centers: &Array2<R>) -> (usize, usize) {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&j| std::cmp::Reverse(members[j].len()));
    for j in order {
        let mut best = (0, R::of(0.0));
        for &i in &members[j] {
            let distance = squared_distance(&x.row(i).to_vec(), &centers.row(j).to_vec());
            if distance > best.1 {
                best = (i, distance);
            }
        }
        if best.1 > R::of(0.0) {
            return (j, best.0);
        }
    }
    // Squares of tiny differences may be zero: then any point of a cluster of several will do.
    let j = members.iter().position(|points| points.len() > 1).expect("more points than clusters");
    (j, members[j][0])
}

/// Distinct points, counted up to `most`.
pub(super) fn distinct<R: Real>(x: &ArrayRef2<R>, most: usize) -> usize {
    let order = sorted(x);
    let changes = order.windows(2).filter(|pair| x.row(pair[0]) != x.row(pair[1]));
    (1 + changes.take(most).count()).min(most)
}

/// The points in lexicographic order.
pub(super) fn sorted<R: Real>(x: &ArrayRef2<R>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..x.nrows()).collect();
    let compare = |&i: &usize, &j: &usize| x.row(i).iter().partial_cmp(x.row(j).iter()).expect("finite");
    order.sort_by(compare);
    order
}

/// Refuses fewer distinct points than clusters.
pub(super) fn check_distinct(distinct: usize, k: usize) -> Result<()> {
    check_setting("k_means: x", distinct >= k, || format!("{distinct} distinct points for {k} clusters"))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(x: &Array2<f64>, start: &Array2<f64>, iterations: usize) -> String {
        k_means(x, start, iterations).unwrap_err().to_string()
    }

    #[test]
    fn wrong_arguments_are_refused() {
        let (x, start) = (array![[0.0], [1.0], [2.0]], array![[0.0], [1.0]]);
        assert_eq!(text(&Array2::zeros((0, 1)), &start, 1), "k_means: x: empty");
        assert_eq!(text(&x, &array![[0.0]], 1), "k_means: k: must be at least 2, got 1");
        let width = "k_means: start: expected shape [2, 1], got [2, 2]";
        assert_eq!(text(&x, &array![[0.0, 1.0], [2.0, 3.0]], 1), width);
        assert_eq!(text(&x, &start, 0), "k_means: iterations: must be positive, got 0");
        let twice = array![[1.0], [1.0], [1.0]];
        assert_eq!(text(&twice, &start, 1), "k_means: x: 1 distinct points for 2 clusters");
    }

    #[test]
    fn nan_infinities_and_overflow_are_refused() {
        let (x, start) = (array![[0.0], [f64::NAN]], array![[0.0], [1.0]]);
        assert_eq!(text(&x, &start, 1), "k_means: x: not a finite number");
        let infinite = array![[0.0], [f64::INFINITY]];
        assert_eq!(text(&array![[0.0], [1.0]], &infinite, 1), "k_means: start: not a finite number");
        let far = array![[1e200], [-1e200]];
        assert_eq!(text(&far, &start, 1), "k_means: distances: not a finite number");
    }
}
