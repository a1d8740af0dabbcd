//! The maximum of windows of any sizes.

use std::ops::Range;

use ndarray::{Array4, ArrayRef4, Axis};

use crate::parallel::{all_finite, map};
use crate::{Error, Real, Result, check_not_empty, check_setting};

/// Windows of nearly equal size that cover an axis of `size` pixels: window `i` of `count` runs from `⌊i size / count⌋` up
/// to `⌈(i + 1) size / count⌉`, without the last. PyTorch calls them adaptive.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for a count or a size of zero.
pub fn adaptive_windows(size: usize, count: usize) -> Result<Vec<Range<usize>>> {
    check_setting("adaptive_windows", size > 0 && count > 0, || {
        format!("expected pixels and windows, got {size} and {count}")
    })?;
    Ok((0..count).map(|i| i * size / count..((i + 1) * size).div_ceil(count)).collect())
}

/// Windows of `kernel` pixels every `stride` pixels, the last one perhaps sticking out of the axis and cut there; each
/// begins inside. PyTorch's `ceil_mode` without padding.
///
/// # Errors
/// [`Error::InvalidHyperparameter`] for a size, a kernel or a stride of zero.
pub fn cut_windows(size: usize, kernel: usize, stride: usize) -> Result<Vec<Range<usize>>> {
    check_setting("cut_windows", size > 0 && kernel > 0 && stride > 0, || {
        format!("expected a size, a kernel and a stride above 0, got {size}, {kernel} and {stride}")
    })?;
    let count = size.saturating_sub(kernel).div_ceil(stride) + 1;
    let starts = (0..count).map(|i| i * stride).take_while(|&start| start < size);
    Ok(starts.map(|start| start..start.saturating_add(kernel).min(size)).collect())
}

/// The maximum of every window of every channel, where a window is a range of rows and a range of columns.
///
/// **eq-0.10-max-of-windows**
/// ```math
/// y_{c,i,j} = \max_{u \in I_i,\; v \in J_j}\; x_{c,u,v}
/// ```
///
/// `x: [batch, c, h, w]`, ranges `I` of rows and `J` of columns → `y: [batch, c, |I|, |J|]`
///
/// The ranges are those of [`adaptive_windows`], of [`cut_windows`], or any others: they may overlap and leave gaps.
///
/// Source: He, Zhang, Ren & Sun 2014, *Spatial pyramid pooling in deep convolutional networks*, section 2.2: windows by
/// the size of the result. The ranges are those of PyTorch.
///
/// # Errors
/// [`Error::EmptyInput`] for no number, for no window and for a window without a pixel; [`Error::IndexOutOfRange`] for a window that
/// leaves the image; [`Error::NonFinite`] for NaN and infinities.
pub fn max_of_windows<R: Real>(x: &ArrayRef4<R>, [rows, columns]: [&[Range<usize>]; 2]) -> Result<Array4<R>> {
    let (batch, c, h, w) = x.dim();
    check_not_empty("max_of_windows: x", x)?;
    check_ranges("max_of_windows: rows", rows, h)?;
    check_ranges("max_of_windows: columns", columns, w)?;
    if !all_finite(x) {
        return Err(Error::NonFinite { at: "max_of_windows: x" });
    }
    let places = first_maxima(x, [rows, columns]);
    let values = places
        .into_iter()
        .enumerate()
        .flat_map(|(i, places)| places.into_iter().map(move |(u, v)| x[(i / c, i % c, u, v)]));
    Ok(Array4::from_shape_vec((batch, c, rows.len(), columns.len()), values.collect()).expect("a place each"))
}

fn check_ranges(at: &'static str, ranges: &[Range<usize>], size: usize) -> Result<()> {
    if ranges.is_empty() || ranges.iter().any(Range::is_empty) {
        return Err(Error::EmptyInput { at });
    }
    match ranges.iter().find(|range| range.end > size) {
        Some(range) => Err(Error::IndexOutOfRange { at, index: range.end - 1, size }),
        None => Ok(()),
    }
}

/// For every channel of every image, where the first maximum of each window is, in row-major order.
fn first_maxima<R: Real>(
    x: &ArrayRef4<R>,
    [rows, columns]: [&[Range<usize>]; 2],
) -> Vec<Vec<(usize, usize)>> {
    let (batch, c, h, w) = x.dim();
    map(batch * c, 4 * h * w, |i| {
        let image = x.index_axis(Axis(0), i / c);
        let x = image.index_axis(Axis(0), i % c);
        let first = |rows: &Range<usize>, columns: &Range<usize>| {
            let mut best = (rows.start, columns.start);
            for u in rows.clone() {
                for v in columns.clone() {
                    if x[(u, v)] > x[best] {
                        best = (u, v);
                    }
                }
            }
            best
        };
        rows.iter().flat_map(|r| columns.iter().map(move |c| first(r, c))).collect()
    })
}

/// Gradient of [`max_of_windows`], given its input.
///
/// **eq-0.10-max-of-windows, backward**
/// ```math
/// \bar x_{c,u,v} = \sum_{i,j} \bar y_{c,i,j}\, [(u, v) = m_{c,i,j}], \qquad
/// m_{c,i,j} = \text{the first maximum of the window } (i, j)
/// ```
///
/// Derivation: as for [`max_pool_backward`](crate::ops::max_pool_backward): near a point where the maximum is unique,
/// `y = x_m` with a constant `m`, and a pixel that is the maximum of several windows collects from each.
pub fn max_of_windows_backward<R: Real>(
    x: &ArrayRef4<R>,
    windows: [&[Range<usize>]; 2],
    dy: &ArrayRef4<R>,
) -> Array4<R> {
    let (c, mut dx) = (x.dim().1, Array4::zeros(x.raw_dim()));
    for (i, places) in first_maxima(x, windows).into_iter().enumerate() {
        let dy = dy.index_axis(Axis(0), i / c);
        for ((u, v), &dy) in places.into_iter().zip(&dy.index_axis(Axis(0), i % c)) {
            dx[(i / c, i % c, u, v)] += dy;
        }
    }
    dx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_that_are_cut_begin_inside() {
        assert_eq!(cut_windows(7, 2, 2).unwrap(), [0..2, 2..4, 4..6, 6..7]);
        assert_eq!(cut_windows(6, 2, 2).unwrap(), [0..2, 2..4, 4..6]);
        assert_eq!(cut_windows(5, 1, 4).unwrap(), [0..1, 4..5]);
        assert_eq!(cut_windows(2, 5, 1).unwrap().len(), 1);
        assert_eq!(cut_windows(2, 5, 1).unwrap()[0], 0..2);
    }

    #[test]
    fn wrong_windows_are_refused() {
        let error = adaptive_windows(0, 2).unwrap_err().to_string();
        assert_eq!(error, "adaptive_windows: expected pixels and windows, got 0 and 2");
        let error = cut_windows(4, 2, 0).unwrap_err().to_string();
        assert_eq!(error, "cut_windows: expected a size, a kernel and a stride above 0, got 4, 2 and 0");
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let x = Array4::<f64>::ones((1, 1, 2, 3));
        let text = |rows: &[Range<usize>], columns: &[Range<usize>]| {
            max_of_windows(&x, [rows, columns]).unwrap_err().to_string()
        };
        assert_eq!(text(&[], &[0..1, 1..2]), "max_of_windows: rows: empty");
        assert_eq!(text(&[0..1, 1..2], &[0..2, 2..2]), "max_of_windows: columns: empty");
        let far = text(&[0..1, 1..2], &[0..2, 2..4]);
        assert_eq!(far, "max_of_windows: columns: index 3 is outside a table of 3");
    }

    #[test]
    fn nothing_is_refused() {
        for shape in [(0, 1, 2, 2), (1, 0, 2, 2), (1, 1, 0, 2)] {
            let x = Array4::<f64>::zeros(shape);
            let error = max_of_windows(&x, [&[0..1, 1..2], &[0..1, 1..2]]).unwrap_err();
            assert_eq!(error.to_string(), "max_of_windows: x: empty");
        }
    }

    #[test]
    fn nan_and_infinity_are_refused() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = Array4::zeros((1, 1, 3, 3));
            x[(0, 0, 2, 2)] = bad; // though no window reads it
            let error = max_of_windows(&x, [&[0..1, 1..2], &[0..1, 1..2]]).unwrap_err();
            assert_eq!(error.to_string(), "max_of_windows: x: not a finite number");
        }
    }
}
