//! Rows of a table, by their ids.

use ndarray::{Array2, ArrayRef2};

use crate::{Error, Real, Result, check_finite, check_index};

/// The rows of a table with these ids.
///
/// **eq-0.9-embedding**
/// ```math
/// y_i = E_{t_i}
/// ```
///
/// `table: [v, d]`, `ids: [n]` → `y: [n, d]`
///
/// The row of `padding` is looked up as any other; its gradient is zero, so what it was at the start it stays.
///
/// Source: Bengio, Ducharme, Vincent & Janvin 2003, *A Neural Probabilistic Language Model*, section 2; `padding` is the
/// `padding_idx` of PyTorch.
///
/// # Errors
/// [`Error::IndexOutOfRange`] for an id or a padding id that is not a row; [`Error::EmptyInput`] for no id and for rows
/// of no number; [`Error::NonFinite`] for NaN and infinities in a row that is looked up.
pub fn lookup<R: Real>(table: &ArrayRef2<R>, ids: &[usize], padding: Option<usize>) -> Result<Array2<R>> {
    let (rows, d) = table.dim();
    ids.iter().try_for_each(|&id| check_index("lookup: ids", id, rows))?;
    padding.map_or(Ok(()), |id| check_index("lookup: padding", id, rows))?;
    if ids.is_empty() {
        return Err(Error::EmptyInput { at: "lookup: ids" });
    }
    if d == 0 {
        return Err(Error::EmptyInput { at: "lookup: table" });
    }
    let mut y = Array2::zeros((ids.len(), d));
    for (&id, mut y) in ids.iter().zip(y.rows_mut()) {
        y.assign(&table.row(id));
    }
    check_finite("lookup: table", &y)?;
    Ok(y)
}

/// Gradient of [`lookup`]: adds to `Ē`.
///
/// **eq-0.9-embedding, backward**
/// ```math
/// \bar E_v = \sum_{i :\, t_i = v} \bar y_i \quad (v \ne \text{padding}), \qquad \bar E_\text{padding} = 0
/// ```
///
/// Derivation: the map is linear in `E`; with `S_{iv} = [t_i = v]` it is `Y = S E`, and its transpose is `S' Ȳ`. An id that
/// occurs twice collects both rows. Rows are added in the order of the ids, on one thread: the same bits every time.
pub fn lookup_backward<R: Real>(
    ids: &[usize],
    padding: Option<usize>,
    dy: &ArrayRef2<R>,
    dtable: &mut Array2<R>,
) {
    for (&id, dy) in ids.iter().zip(dy.rows()) {
        if padding != Some(id) {
            let mut row = dtable.row_mut(id);
            row += &dy;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn text(table: Array2<f64>, ids: &[usize], padding: Option<usize>) -> String {
        lookup(&table, ids, padding).unwrap_err().to_string()
    }

    #[test]
    fn ids_outside_the_table_are_refused() {
        let table = array![[1.0], [2.0]];
        assert_eq!(text(table.clone(), &[0, 2], None), "lookup: ids: index 2 is outside a table of 2");
        assert_eq!(text(table.clone(), &[0], Some(2)), "lookup: padding: index 2 is outside a table of 2");
        assert_eq!(text(Array2::zeros((0, 3)), &[0], None), "lookup: ids: index 0 is outside a table of 0");
        assert_eq!(text(table, &[], None), "lookup: ids: empty");
        assert_eq!(text(Array2::zeros((2, 0)), &[0], None), "lookup: table: empty");
    }

    #[test]
    fn a_row_that_is_not_finite_is_refused_when_it_is_looked_up() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let table = array![[1.0], [bad]];
            assert_eq!(text(table.clone(), &[0, 1], None), "lookup: table: not a finite number");
            assert_eq!(lookup(&table, &[0], None).unwrap(), array![[1.0]]);
        }
    }
}
