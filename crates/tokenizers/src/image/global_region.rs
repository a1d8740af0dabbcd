//! A region for the whole image.

use mmt_tensor::ops::sum::sum_of_2;
use mmt_tensor::{Error, Ragged, Real, Result, check_finite, check_shape};
use ndarray::{Array1, Array2, ArrayRef2, s};

/// Over which regions the feature of the whole image is a mean. Hidden regions have been replaced by zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlobalMean {
    /// The regions that are not hidden.
    Visible,
    /// All regions, the hidden ones as zeros, so that hiding shrinks the feature. Source: released code of ViLBERT,
    /// `vilbert/datasets/concept_cap_dataset.py` of vilbert_beta.
    All,
    /// The sum of the visible regions, divided by the number of regions that overlap no hidden one, or by one if there
    /// is none; `true` for regions that overlap a hidden one. Source: the same file of vilbert-multi-task.
    Clear(Vec<bool>),
}

/// Features and geometry with a row for the whole image in front of every sample.
///
/// **eq-2.3-global-region**
/// ```math
/// v_{\text{img}} = \frac{1}{|U|} \sum_{i \in U} v_i, \qquad g_{\text{img}} = (0, 0, 1, 1, 1)
/// ```
///
/// `v: [n, d]`, `g: [n, 5]` of `B` samples → `[n + B, d]`, `[n + B, 5]`; `U` are the regions that are not hidden
///
/// Hidden regions come out as zeros. [`GlobalMean`] has two more means, those of released codes, which let the number of
/// hidden regions show in the length of the feature.
///
/// Source: Lu et al. 2019, *ViLBERT*, section 3.1 (the mean-pooled feature and the box of the entire image).
///
/// # Errors
/// [`Error::ShapeMismatch`] if the arguments disagree about the number of regions or geometry has not five columns;
/// [`Error::EmptyInput`] for a sample without regions and, for [`GlobalMean::Visible`], for one whose regions are all
/// hidden; [`Error::NonFinite`] for NaN and infinities.
pub fn with_global_region<R: Real>(
    v: &ArrayRef2<R>,
    g: &ArrayRef2<R>,
    rows: &Ragged,
    hidden: &[bool],
    mean: &GlobalMean,
) -> Result<(Array2<R>, Array2<R>)> {
    rows.check("global region: v", v)?;
    check_shape("global region: g", g.shape(), &[v.nrows(), 5])?;
    check_finite("global region: v", v)?;
    check_finite("global region: g", g)?;
    let weights = weights::<R>(rows, hidden, mean)?;
    let all = rows_with_global(rows);
    let (mut v_all, mut g_all) = (Array2::zeros((all.tokens(), v.ncols())), Array2::zeros((all.tokens(), 5)));
    for (from, to) in rows.ranges().zip(all.ranges()) {
        let weights = &weights.as_slice().expect("one row")[from.clone()];
        for (j, column) in v.slice(s![from.clone(), ..]).columns().into_iter().enumerate() {
            v_all[(to.start, j)] = sum_of_2(weights, &column.to_vec(), |w, v| w * v);
        }
        g_all.row_mut(to.start).assign(&ndarray::arr1(&[0.0, 0.0, 1.0, 1.0, 1.0].map(R::of)));
        g_all.slice_mut(s![to.start + 1..to.end, ..]).assign(&g.slice(s![from.clone(), ..]));
        for (from, to) in from.zip(to.start + 1..to.end).filter(|(from, _)| !hidden[*from]) {
            v_all.row_mut(to).assign(&v.row(from));
        }
    }
    check_finite("global region: mean", &v_all)?;
    Ok((v_all, g_all))
}

/// Gradient of [`with_global_region`] with respect to the features.
///
/// **eq-2.3-global-region, backward**
/// ```math
/// \bar v_i = \bar v'_i + \frac{1}{|U|} \bar v_{\text{img}} \quad (i \in U), \qquad \bar v_i = 0 \quad (i \notin U)
/// ```
///
/// Derivation: a visible feature stands in its own row `v'` and, with the weight of the mean, in the row of the image; a
/// hidden one was replaced by zeros and stands nowhere:
/// ```math
/// \frac{\partial v'_j}{\partial v_i} = \delta_{ij}\, [i \in U], \qquad
/// \frac{\partial v_{\text{img}}}{\partial v_i} = \frac{[i \in U]}{|U|}
/// ```
/// Geometry is data and has no gradient here.
pub fn with_global_region_backward<R: Real>(
    dv_all: &ArrayRef2<R>,
    rows: &Ragged,
    hidden: &[bool],
    mean: &GlobalMean,
) -> Array2<R> {
    let weights = weights::<R>(rows, hidden, mean).expect("the forward pass accepted these arguments");
    let mut dv = Array2::zeros((rows.tokens(), dv_all.ncols()));
    for (from, to) in rows.ranges().zip(rows_with_global(rows).ranges()) {
        for (from, own) in from.zip(to.start + 1..to.end).filter(|(from, _)| !hidden[*from]) {
            let mut dv = dv.row_mut(from);
            dv.assign(&dv_all.row(own));
            dv.scaled_add(weights[from], &dv_all.row(to.start));
        }
    }
    dv
}

/// Where the samples begin once each of them has a region for the whole image.
pub fn rows_with_global(rows: &Ragged) -> Ragged {
    Ragged::of_lengths(rows.lengths().map(|n| n + 1))
}

/// The weight of every region in the mean of its image.
fn weights<R: Real>(rows: &Ragged, hidden: &[bool], mean: &GlobalMean) -> Result<Array1<R>> {
    let n = rows.tokens();
    check_shape("global region: hidden", &[hidden.len()], &[n])?;
    if let GlobalMean::Clear(overlaps) = mean {
        check_shape("global region: overlaps", &[overlaps.len()], &[n])?;
    }
    let mut weights = Array1::zeros(n);
    if rows.samples() == 0 || rows.lengths().any(|n| n == 0) {
        return Err(Error::EmptyInput { at: "global region: v" });
    }
    for range in rows.ranges() {
        let count = match mean {
            GlobalMean::Visible => range.clone().filter(|&i| !hidden[i]).count(),
            GlobalMean::All => range.len(),
            GlobalMean::Clear(overlaps) => range.clone().filter(|&i| !overlaps[i]).count().max(1),
        };
        if count == 0 {
            return Err(Error::EmptyInput { at: "global region: visible regions" });
        }
        for i in range.filter(|&i| !hidden[i]) {
            weights[i] = R::of(1.0) / R::of(count as f64);
        }
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: [usize; 2], g: [usize; 2], lengths: &[usize], hidden: &[bool], mean: GlobalMean) -> String {
        let (v, g) = (Array2::<f64>::zeros(v), Array2::zeros(g));
        let rows = Ragged::of_lengths(lengths.iter().copied());
        with_global_region(&v, &g, &rows, hidden, &mean).unwrap_err().to_string()
    }

    #[test]
    fn arguments_that_disagree_are_refused() {
        let mean = GlobalMean::Visible;
        assert_eq!(
            text([2, 3], [2, 4], &[2], &[false; 2], mean.clone()),
            "global region: g: expected shape [2, 5], got [2, 4]"
        );
        assert_eq!(
            text([2, 3], [2, 5], &[2], &[false; 3], mean),
            "global region: hidden: expected shape [2], got [3]"
        );
        assert_eq!(
            text([2, 3], [2, 5], &[2], &[false; 2], GlobalMean::Clear(vec![true])),
            "global region: overlaps: expected shape [2], got [1]"
        );
    }

    #[test]
    fn no_region_and_nothing_to_see_are_refused() {
        let mean = GlobalMean::Visible;
        assert_eq!(text([0, 3], [0, 5], &[], &[], mean.clone()), "global region: v: empty");
        assert_eq!(text([1, 3], [1, 5], &[1, 0], &[false], mean.clone()), "global region: v: empty");
        let nothing = "global region: visible regions: empty";
        assert_eq!(text([2, 3], [2, 5], &[1, 1], &[false, true], mean), nothing);
    }

    #[test]
    fn a_nan_is_refused() {
        let (v, g) = (Array2::from_elem((1, 2), f64::NAN), Array2::zeros((1, 5)));
        let run = |v: &Array2<f64>, g: &Array2<f64>| {
            let made = with_global_region(v, g, &Ragged::one(1), &[false], &GlobalMean::All);
            made.unwrap_err().to_string()
        };
        assert_eq!(run(&v, &g), "global region: v: not a finite number");
        let (v, g) = (Array2::zeros((1, 2)), Array2::from_elem((1, 5), f64::INFINITY));
        assert_eq!(run(&v, &g), "global region: g: not a finite number");
    }
}
