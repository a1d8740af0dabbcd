//! Foreign layouts: the only file that knows how other libraries lay out weights, heads, channels and batches.
//!
//! PyTorch keeps a linear weight as `[out, in]`, stacks the three projections of attention on axis 0, has channels
//! before pixels and a batch axis in front. Here a weight is `[in, out]` and the tokens of all samples are rows.

use mmt_tensor::Real;
use ndarray::{Array, Array2, ArrayD, ArrayRef2, Dimension, IxDyn, s};

use super::case::{Found, Record};

/// All leading axes become rows: `[.., d]` → `[n, d]`
pub fn rows<R: Real>(x: &ArrayD<R>) -> Array2<R> {
    let d = x.shape().last().copied().unwrap_or(1);
    let n = x.len().checked_div(d).unwrap_or(0);
    reshape(x, &[n, d])
}

/// The same numbers in row-major order under another shape.
pub fn reshape<R: Real, D: Dimension, E: Dimension>(x: &Array<R, D>, shape: &[usize]) -> Array<R, E> {
    let x = x.as_standard_layout().into_owned().into_dyn();
    let x = x.into_shape_with_order(IxDyn(shape)).expect("as many numbers as before");
    x.into_dimensionality().expect("the rank the caller asks for")
}

/// The axis of a setting, which may count from the end.
pub fn axis(record: &Record, key: &str, rank: usize) -> Found<usize> {
    let axis = record.number(key)?;
    let axis = if axis < 0.0 { axis + rank as f64 } else { axis };
    if axis >= 0.0 && axis < rank as f64 {
        return Ok(axis as usize);
    }
    Err(record.invalid(0, format!("axis `{key}` is outside {rank} axes")))
}

/// Swaps an axis with the last one; its own inverse.
pub fn last<R: Real>(x: &ArrayD<R>, axis: usize) -> ArrayD<R> {
    let mut view = x.view();
    view.swap_axes(axis, x.ndim() - 1);
    view.as_standard_layout().into_owned()
}

/// A linear weight `[out, in]` → `[in, out]`, and back.
pub fn transposed<R: Real>(w: &ArrayRef2<R>) -> Array2<R> {
    w.t().as_standard_layout().into_owned()
}

/// A linear weight of a record, as ours.
pub fn weight<R: Real>(record: &Record, key: &str) -> Found<Array2<R>> {
    Ok(transposed(&record.real::<R, ndarray::Ix2>(key)?))
}

/// The matrix of a batch entry and a head: `[batch, head, n, d]` → `[n, d]`
pub fn head<R: Real>(x: &ndarray::Array4<R>, b: usize, h: usize) -> Array2<R> {
    x.slice(s![b, h, .., ..]).to_owned()
}
