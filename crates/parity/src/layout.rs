//! Foreign layouts: the file that, with `flax.rs`, knows how other libraries lay out weights, heads, channels and batches.
//!
//! PyTorch keeps a linear weight as `[out, in]`, stacks the three projections of attention on axis 0, has channels
//! before pixels and a batch axis in front. Here a weight is `[in, out]` and the tokens of all samples are rows.

use mmt_blocks::{AttentionKind, DeadRows, LayerNorm, Linear, Mask, MultiHead};
use mmt_tensor::{Ragged, Real};
use ndarray::{Array, Array1, Array2, ArrayD, ArrayRef2, Axis, Dimension, Ix2, IxDyn, concatenate, s};

use super::Answer;
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

/// The axis of a setting, which may count from the end; the last axis if it is not said.
pub fn axis(record: &Record, key: &str, rank: usize) -> Found<usize> {
    let axis = record.number_or(key, -1.0)?;
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
    Ok(transposed(&record.real::<R, Ix2>(key)?))
}

/// The matrix of a batch entry and a head: `[batch, head, n, d]` → `[n, d]`
pub fn head<R: Real>(x: &ndarray::Array4<R>, b: usize, h: usize) -> Array2<R> {
    x.slice(s![b, h, .., ..]).to_owned()
}

/// A linear layer `<prefix>.weight: [out, in]`, `<prefix>.bias: [out]` of known sizes.
pub fn linear<R: Real>(record: &Record, prefix: &str, d_in: usize, d_out: usize) -> Found<Linear<R>> {
    let weight: Array2<R> = record.shaped(&format!("{prefix}.weight"), &[d_out, d_in])?;
    let bias = record.shaped(&format!("{prefix}.bias"), &[d_out])?;
    Ok(Linear { weight: transposed(&weight), bias: Some(bias) })
}

/// A linear layer whose sizes only its weight says.
pub fn linear_of_any_size<R: Real>(record: &Record, prefix: &str) -> Found<Linear<R>> {
    let weight: Array2<R> = weight(record, &format!("{prefix}.weight"))?;
    let bias = record.shaped(&format!("{prefix}.bias"), &[weight.ncols()])?;
    Ok(Linear { weight, bias: Some(bias) })
}

/// The gradient of [`linear`], under the keys of the library.
pub fn with_linear<R: Real>(answer: Answer<R>, prefix: &str, grad: &Linear<R>) -> Answer<R> {
    let answer = answer.with(&format!("{prefix}.weight"), &transposed(&grad.weight));
    answer.with_tree(&format!("{prefix}.bias"), &grad.bias)
}

/// A layer norm `<prefix>.weight`, `<prefix>.bias` of known width.
pub fn layer_norm<R: Real>(record: &Record, prefix: &str, d: usize, eps: f64) -> Found<LayerNorm<R>> {
    let gamma = record.shaped(&format!("{prefix}.weight"), &[d])?;
    Ok(LayerNorm { gamma, beta: record.shaped(&format!("{prefix}.bias"), &[d])?, eps })
}

/// The gradient of [`layer_norm`], under the keys of the library.
pub fn with_layer_norm<R: Real>(answer: Answer<R>, prefix: &str, grad: &LayerNorm<R>) -> Answer<R> {
    let answer = answer.with(&format!("{prefix}.weight"), &grad.gamma);
    answer.with(&format!("{prefix}.bias"), &grad.beta)
}

/// Multi-head attention of `nn.MultiheadAttention`, its parameters below `prefix`: three projections stacked on axis 0,
/// or apart if keys and values have widths of their own.
pub fn multi_head<R: Real>(
    record: &Record,
    prefix: &str,
    [d, d_keys, d_values]: [usize; 3],
    heads: usize,
) -> Found<MultiHead<R>> {
    let key = |name: &str| format!("{prefix}{name}");
    let [w_q, w_k, w_v]: [Array2<R>; 3] = if record.has(&key("in_proj_weight")) {
        thirds(&record.shaped(&key("in_proj_weight"), &[3 * d, d])?)
    } else {
        [
            record.shaped(&key("q_proj_weight"), &[d, d])?,
            record.shaped(&key("k_proj_weight"), &[d, d_keys])?,
            record.shaped(&key("v_proj_weight"), &[d, d_values])?,
        ]
    };
    let [b_q, b_k, b_v]: [Option<Array1<R>>; 3] = if record.has(&key("in_proj_bias")) {
        thirds(&record.shaped::<R, ndarray::Ix1>(&key("in_proj_bias"), &[3 * d])?).map(Some)
    } else {
        [None, None, None]
    };
    let weight: Array2<R> = record.shaped(&key("out_proj.weight"), &[d, d])?;
    let b_o = if record.has(&key("out_proj.bias")) {
        Some(record.shaped(&key("out_proj.bias"), &[d])?)
    } else {
        None
    };
    let linear = |w: &Array2<R>, bias| Linear { weight: transposed(w), bias };
    Ok(MultiHead {
        w_q: linear(&w_q, b_q),
        w_k: linear(&w_k, b_k),
        w_v: linear(&w_v, b_v),
        w_o: linear(&weight, b_o),
        heads,
        kind: AttentionKind::Plain,
        dead_rows: DeadRows::Refuse,
    })
}

/// The gradient of [`multi_head`], under the keys of the library.
pub fn with_multi_head<R: Real>(
    answer: Answer<R>,
    prefix: &str,
    grad: &MultiHead<R>,
    stacked: bool,
) -> Answer<R> {
    let parts = [&grad.w_q, &grad.w_k, &grad.w_v];
    let weights = parts.map(|part| transposed(&part.weight));
    let answer = if stacked {
        answer.with(&format!("{prefix}in_proj_weight"), &on_axis_0(&weights))
    } else {
        ["q", "k", "v"].iter().zip(&weights).fold(answer, |answer, (name, weight)| {
            answer.with(&format!("{prefix}{name}_proj_weight"), weight)
        })
    };
    let biases: Vec<Array1<R>> = parts.iter().filter_map(|part| part.bias.clone()).collect();
    let answer = if biases.is_empty() {
        answer
    } else {
        answer.with(&format!("{prefix}in_proj_bias"), &on_axis_0(&biases))
    };
    with_linear(answer, &format!("{prefix}out_proj"), &grad.w_o)
}

/// Cuts what is stacked on axis 0.
fn thirds<R: Real, D: ndarray::RemoveAxis>(a: &Array<R, D>) -> [Array<R, D>; 3] {
    let n = a.len_of(Axis(0)) / 3;
    [0, 1, 2].map(|i| a.slice_axis(Axis(0), (i * n..(i + 1) * n).into()).to_owned())
}

fn on_axis_0<R: Real, D: ndarray::RemoveAxis>(parts: &[Array<R, D>]) -> Array<R, D> {
    let views: Vec<_> = parts.iter().map(|a| a.view()).collect();
    concatenate(Axis(0), &views).expect("projections of one width")
}

/// The masks of the library's layers, where true excludes: one over pairs, the same for all samples, and one over keys.
/// The causal pattern becomes our causal mask.
pub fn mask(record: &Record, pairs: &str, keys: &str, rows: &Ragged, context_rows: &Ragged) -> Found<Mask> {
    let mut masks = Vec::new();
    if record.has(pairs) {
        let bias = pair_bias(record, pairs)?;
        let causal = Array2::from_shape_fn(bias.dim(), |(i, j)| if j > i { f64::NEG_INFINITY } else { 0.0 });
        masks.push(if bias == causal { Mask::causal() } else { Mask::Bias(vec![bias; rows.samples()]) });
    }
    if record.has(keys) {
        let excluded = record.mask::<Ix2>(keys)?;
        if excluded.len() != context_rows.tokens() {
            return Err(record.invalid(0, format!("`{keys}` has not one entry per key")));
        }
        masks.push(Mask::Keys(excluded.iter().map(|&excluded| !excluded).collect()));
    }
    Ok(Mask::All(masks))
}

/// A mask over pairs as numbers to add: true excludes, numbers are added as they are.
fn pair_bias(record: &Record, key: &str) -> Found<Array2<f64>> {
    match record.mask::<Ix2>(key) {
        Ok(excluded) => Ok(excluded.mapv(|excluded| if excluded { f64::NEG_INFINITY } else { 0.0 })),
        Err(_) => record.real(key),
    }
}
