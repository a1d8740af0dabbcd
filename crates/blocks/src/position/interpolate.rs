//! A table of positions for another number of patches.

use mmt_tensor::parallel::new_rows;
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::{Array2, Array3, ArrayRef2, ArrayRef3, Axis, concatenate, s};

/// The positions of a square grid of patches, resampled for another grid; the row of the class token is kept.
///
/// **eq-1.27-position-interpolation**
/// ```math
/// E'_{1 + iw + j} = \sum_{a,b} \Lambda_a(u_i)\, \Lambda_b(v_j)\, E_{1 + ag + b}, \qquad
/// u_i = i\, \frac{g - 1}{h - 1}, \qquad v_j = j\, \frac{g - 1}{w - 1}, \qquad E'_0 = E_0
/// ```
///
/// `table: [1 + g², d]`, size `(h, w)` → `[1 + h w, d]`
///
/// `Λ_a(u) = max(0, 1 - |u - a|)` is the bilinear weight, so each new row is a mean of at most four old ones. The
/// corners of the two grids lie on each other; with `h = 1` the only row lies on the first, `u = 0`, and the same for
/// columns. Where a coordinate falls is computed in whole numbers: a position that is kept is kept to the last bit.
///
/// Source: Dosovitskiy et al. 2021, *An Image is Worth 16x16 Words*, section 3.2; Kim et al. 2021, *ViLT*, released
/// code (`align_corners = True`).
///
/// # Errors
/// [`Error::ShapeMismatch`] if the table has not `1 + g²` rows; [`Error::EmptyInput`] if it has no patch or no column;
/// [`Error::InvalidHyperparameter`] if `h` or `w` is zero; [`Error::NonFinite`] for NaN and infinities.
pub fn interpolate_positions<R: Real>(table: &ArrayRef2<R>, size: (usize, usize)) -> Result<Array2<R>> {
    let (rows, d) = table.dim();
    if rows < 2 || d == 0 {
        return Err(Error::EmptyInput { at: "interpolate_positions: table" });
    }
    let g = (rows - 1).isqrt();
    check_shape("interpolate_positions: table", table.shape(), &[1 + g * g, d])?;
    check_finite("interpolate_positions: table", table)?;
    let grid = table.slice(s![1.., ..]).as_standard_layout().into_owned();
    let grid = grid.into_shape_with_order((g, g, d)).expect("as many rows as patches");
    let resized = flat(resize_grid(&grid, size)?);
    Ok(concatenate![Axis(0), table.slice(s![..1, ..]), resized])
}

/// Gradient of [`interpolate_positions`]: `dy: [1 + h w, d]` → that of a table with `1 + g²` rows.
///
/// **eq-1.27-position-interpolation, backward**
/// ```math
/// \bar E_{1 + ag + b} = \sum_{i,j} \Lambda_a(u_i)\, \Lambda_b(v_j)\, \bar E'_{1 + iw + j}, \qquad
/// \bar E_0 = \bar E'_0
/// ```
///
/// Derivation: the table is multiplied with a constant matrix, `E' = R E`, so its gradient is `R^\top \bar E'`: every
/// row of `Ē'` is handed back to the four rows that it was made of, with the same weights.
pub fn interpolate_positions_backward<R: Real>(
    g: usize,
    size: (usize, usize),
    dy: &ArrayRef2<R>,
) -> Array2<R> {
    let (class, patches) = dy.view().split_at(Axis(0), 1);
    let patches = patches.as_standard_layout().into_owned();
    let patches = patches.into_shape_with_order((size.0, size.1, dy.ncols())).expect("a row per patch");
    concatenate![Axis(0), class, flat(resize_grid_backward((g, g), &patches))]
}

/// Bilinear resampling of a grid of vectors, corner on corner.
///
/// `grid: [g_h, g_w, d]`, size `(h, w)` → `[h, w, d]`
///
/// # Errors
/// [`Error::EmptyInput`] for an empty grid; [`Error::InvalidHyperparameter`] if `h` or `w` is zero;
/// [`Error::NonFinite`] for NaN and infinities.
pub fn resize_grid<R: Real>(grid: &ArrayRef3<R>, (h, w): (usize, usize)) -> Result<Array3<R>> {
    check_not_empty("resize_grid: grid", grid)?;
    check_setting("resize_grid: size", h > 0 && w > 0, || format!("must be positive, got {h}x{w}"))?;
    let (g_h, g_w, d) = grid.dim();
    let (rows, columns) = (taps::<R>(g_h, h), taps::<R>(g_w, w));
    let y = new_rows((h, w, d), d, 8, |at, y| {
        let y = y.zeros();
        for &(a, row_weight) in &rows[at / w] {
            for &(b, column_weight) in &columns[at % w] {
                let weight = row_weight * column_weight;
                for (y, &x) in y.iter_mut().zip(grid.slice(s![a, b, ..])) {
                    *y += weight * x;
                }
            }
        }
    });
    check_finite("resize_grid: grid", grid)?;
    check_finite("resize_grid: y", &y)?;
    Ok(y)
}

/// Gradient of [`resize_grid`], its adjoint: `dy: [h, w, d]` → `[g_h, g_w, d]`
pub fn resize_grid_backward<R: Real>((g_h, g_w): (usize, usize), dy: &ArrayRef3<R>) -> Array3<R> {
    let (h, w, d) = dy.dim();
    let (rows, columns) = (taps::<R>(g_h, h), taps::<R>(g_w, w));
    let mut dx = Array3::zeros((g_h, g_w, d));
    for (i, row) in rows.iter().enumerate() {
        for (j, column) in columns.iter().enumerate() {
            for &(a, row_weight) in row {
                for &(b, column_weight) in column {
                    let mut dx = dx.slice_mut(s![a, b, ..]);
                    dx.scaled_add(row_weight * column_weight, &dy.slice(s![i, j, ..]));
                }
            }
        }
    }
    dx
}

/// For each of `n` positions along an axis of `g` cells: the one or two cells around it, with their weights.
fn taps<R: Real>(g: usize, n: usize) -> Vec<Vec<(usize, R)>> {
    let last = (n - 1).max(1);
    let tap = |i: usize| {
        let place = if n == 1 { 0 } else { i * (g - 1) };
        let (a, rest) = (place / last, place % last);
        let part = R::of(rest as f64) / R::of(last as f64);
        if rest == 0 { vec![(a, R::of(1.0))] } else { vec![(a, R::of(1.0) - part), (a + 1, part)] }
    };
    (0..n).map(tap).collect()
}

/// `[h, w, d]` → `[h w, d]`
fn flat<R: Real>(grid: Array3<R>) -> Array2<R> {
    let (h, w, d) = grid.dim();
    grid.into_shape_with_order((h * w, d)).expect("standard layout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(rows: usize, size: (usize, usize)) -> String {
        interpolate_positions(&Array2::<f64>::zeros((rows, 3)), size).unwrap_err().to_string()
    }

    #[test]
    fn a_table_that_is_not_a_square_and_a_class_row_is_refused() {
        let text = refused(4, (2, 2));
        assert_eq!(text, "interpolate_positions: table: expected shape [2, 3], got [4, 3]");
        let text = refused(16, (2, 2));
        assert_eq!(text, "interpolate_positions: table: expected shape [10, 3], got [16, 3]");
        for rows in [0, 1] {
            assert_eq!(refused(rows, (2, 2)), "interpolate_positions: table: empty");
        }
        let narrow = interpolate_positions(&Array2::<f64>::zeros((5, 0)), (2, 2)).unwrap_err();
        assert_eq!(narrow.to_string(), "interpolate_positions: table: empty");
    }

    #[test]
    fn a_size_of_zero_is_refused() {
        assert_eq!(refused(5, (0, 4)), "resize_grid: size: must be positive, got 0x4");
        assert_eq!(refused(5, (4, 0)), "resize_grid: size: must be positive, got 4x0");
        let error = resize_grid(&Array3::<f64>::zeros((0, 2, 3)), (2, 2)).unwrap_err();
        assert_eq!(error.to_string(), "resize_grid: grid: empty");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut table = Array2::zeros((5, 3));
            table[(4, 2)] = bad;
            let error = interpolate_positions(&table, (2, 2)).unwrap_err();
            assert_eq!(error.to_string(), "interpolate_positions: table: not a finite number");
            let grid = Array3::from_elem((2, 2, 3), bad);
            let error = resize_grid(&grid, (3, 2)).unwrap_err();
            assert_eq!(error.to_string(), "resize_grid: grid: not a finite number");
        }
    }
}
