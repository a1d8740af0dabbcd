//! Scaled dot-product attention of one head over one sample.

use mmt_tensor::ops::sum::{dot, max, sum};
use mmt_tensor::ops::{add_matmul, matmul, stored};
use mmt_tensor::parallel::contiguous;
use mmt_tensor::simd::{map_row, vectorize};
use mmt_tensor::{Error, Real, Result, check_finite, check_not_empty, check_shape, tree};
use ndarray::{Array2, ArrayRef2, ArrayViewMut2};

use crate::mask::{Visible, check_addable};

/// What happens to a query that may see no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadRows {
    /// It is an error: the softmax of nothing is 0/0.
    Refuse,
    /// Its output and its gradients are zero, as in PyTorch's `scaled_dot_product_attention` and the ONNX operator.
    Zero,
}

/// What [`attention_backward`] reads.
#[derive(Clone, Debug)]
pub struct AttentionTape<R> {
    /// `Q: [n, d]`
    pub q: Array2<R>,
    /// `K: [m, d]`
    pub k: Array2<R>,
    /// `V: [m, d_v]`
    pub v: Array2<R>,
    /// `P: [n, m]`, the weights: row `i` says how much of each value is in the output of query `i`.
    pub p: Array2<R>,
    /// `O: [n, d_v]`
    pub o: Array2<R>,
}

tree!(AttentionTape { q, k, v, p, o });

/// Every query gets the mean of the values, weighted by how well their keys match.
///
/// **eq-1.1-attention**
/// ```math
/// O = P V, \qquad P = \operatorname{softmax}_\text{row}(S), \qquad S = \frac{Q K^\top}{\sqrt d} + B
/// ```
///
/// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]`, `bias: [n, m]` or none → `o: [n, d_v]`
///
/// Computed with `Q / √d` instead of scaled scores: the same product with fewer divisions. The softmax subtracts the
/// largest score of its row. An entry `-∞` of the bias hides the key: its weight is exactly zero.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, eq. 1.
///
/// # Errors
/// [`Error::ShapeMismatch`] if the widths of `q` and `k`, the lengths of `k` and `v`, or the shape of `bias` do not
/// fit; [`Error::EmptyInput`] for no query or no key; [`Error::NonFinite`] for NaN and infinities in `q`, `k`, `v`,
/// for NaN and `+∞` in `bias`, and for scores that overflow; [`Error::FullyMaskedRow`] for a query that may see no
/// key, unless `dead_rows` says that its output is zero.
pub fn attention<R: Real>(
    q: &ArrayRef2<R>,
    k: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    bias: Option<&ArrayRef2<R>>,
    dead_rows: DeadRows,
) -> Result<(Array2<R>, AttentionTape<R>)> {
    check_operands(q, k, v)?;
    let visible = match bias {
        None => Visible::all(q.nrows(), k.nrows()),
        Some(bias) => {
            check_shape("attention: bias", bias.shape(), &[q.nrows(), k.nrows()])?;
            check_addable("attention: bias", bias)?;
            Visible::biased(bias)
        }
    };
    let mut o = Array2::zeros((q.nrows(), v.ncols()));
    let p = attend(q, k, v, &visible, dead_rows, o.view_mut())?;
    let tape = AttentionTape { q: q.to_owned(), k: k.to_owned(), v: v.to_owned(), p, o: o.clone() };
    Ok((o, tape))
}

/// The shapes and values that [`attention`] and its tiled form ask for.
pub(crate) fn check_operands<R: Real>(q: &ArrayRef2<R>, k: &ArrayRef2<R>, v: &ArrayRef2<R>) -> Result<()> {
    check_not_empty("attention: q", q)?;
    check_not_empty("attention: k", k)?;
    check_not_empty("attention: v", v)?;
    check_shape("attention: k", k.shape(), &[k.nrows(), q.ncols()])?;
    check_shape("attention: v", v.shape(), &[k.nrows(), v.ncols()])?;
    check_finite("attention: q", q)?;
    check_finite("attention: k", k)?;
    check_finite("attention: v", v)
}

/// Gradients of [`attention`]: `q̄`, `k̄`, `v̄` and that of the bias.
///
/// **eq-1.1-attention, backward**
/// ```math
/// \bar V = P^\top \bar O, \qquad \bar P = \bar O V^\top, \qquad
/// \bar S = P \odot \bigl( \bar P - \operatorname{rowsum}(\bar O \odot O)\, \mathbf 1^\top \bigr), \qquad
/// \bar Q = \frac{\bar S K}{\sqrt d}, \qquad \bar K = \frac{\bar S^\top Q}{\sqrt d}, \qquad \bar B = \bar S
/// ```
///
/// Derivation: `O = P V` is a product, `S̄` is the gradient of a softmax by rows, and the sum of that gradient needs no
/// second pass over `P`, because
/// ```math
/// \sum_j \bar P_{ij} P_{ij} = \sum_j \sum_k \bar O_{ik} V_{jk} P_{ij} = \sum_k \bar O_{ik} O_{ik} .
/// ```
/// The scores are a product again, divided by `√d`, so `Q̄` and `K̄` carry the factor `1/√d`.
pub fn attention_backward<R: Real>(
    tape: &AttentionTape<R>,
    d_o: &ArrayRef2<R>,
) -> (Array2<R>, Array2<R>, Array2<R>, Array2<R>) {
    let AttentionTape { q, k, v, p, o } = tape;
    let (mut dq, mut dk, mut dv) =
        (Array2::zeros(q.raw_dim()), Array2::zeros(k.raw_dim()), Array2::zeros(v.raw_dim()));
    let out = (dq.view_mut(), dk.view_mut(), dv.view_mut());
    let ds = attend_backward((q, k, v), p, o, d_o, out);
    (dq, dk, dv, ds)
}

/// One head of one sample: adds `P V` to `o`, which is zero, and returns `P`.
pub(crate) fn attend<R: Real>(
    q: &ArrayRef2<R>,
    k: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    visible: &Visible<R>,
    dead_rows: DeadRows,
    mut o: ArrayViewMut2<R>,
) -> Result<Array2<R>> {
    let (n, m) = (q.nrows(), k.nrows());
    if n == 0 {
        return Ok(Array2::zeros((n, m)));
    }
    if m == 0 {
        return Err(Error::EmptyInput { at: "attention: k" });
    }
    let mut p = matmul(&scaled(q), &k.t());
    let rows = p.as_slice_mut().expect("standard layout");
    vectorize::<R, _>(
        #[inline(always)]
        || {
            for (i, row) in rows.chunks_exact_mut(m).enumerate() {
                let (seen, hidden) = row.split_at_mut(visible.end(i));
                hidden.fill(R::of(0.0));
                visible.add_to(i, 0, seen);
                let sum = exp_row(seen, max(seen));
                let scale = R::of(1.0) / checked(sum, i, visible, dead_rows)?;
                for p in seen {
                    *p *= scale;
                }
            }
            Ok(())
        },
    )?;
    let p = stored(p);
    add_matmul(&mut o, &p, v);
    Ok(p)
}

/// `e^{s - m}` in place, and the sum. Hidden scores give zero; the sum is zero if all are hidden, and NaN if a score is
/// NaN or `+∞`.
#[inline(always)]
pub(crate) fn exp_row<R: Real>(s: &mut [R], m: R) -> R {
    let never = R::of(f64::NEG_INFINITY);
    map_row(
        s,
        #[inline(always)]
        |s| {
            let e = (s - m).exp();
            if s <= never { R::of(0.0) } else { e }
        },
    );
    sum(s)
}

/// The sum of a row of weights, if it is one: at least 1, because the largest term is `e^0`. A row without any key
/// gives 1 if it may be there.
#[inline(always)]
pub(crate) fn checked<R: Real>(sum: R, row: usize, visible: &Visible<R>, dead_rows: DeadRows) -> Result<R> {
    if sum.is_finite() && sum > R::of(0.0) { Ok(sum) } else { without_sum(sum, row, visible, dead_rows) }
}

/// A row whose scores are all `-∞` sees no key, or they overflowed.
#[cold]
fn without_sum<R: Real>(sum: R, row: usize, visible: &Visible<R>, dead_rows: DeadRows) -> Result<R> {
    if !sum.is_finite() || visible.sees_a_key(row) {
        return Err(Error::NonFinite { at: "attention: scores" });
    }
    if dead_rows == DeadRows::Zero { Ok(R::of(1.0)) } else { Err(Error::FullyMaskedRow { row }) }
}

/// `Q / √d`
pub(crate) fn scaled<R: Real>(q: &ArrayRef2<R>) -> Array2<R> {
    let scale = R::of(1.0) / tau(q);
    q.mapv(|q| q * scale)
}

/// `τ = √d`
pub(crate) fn tau<R: Real>(q: &ArrayRef2<R>) -> R {
    R::of(q.ncols() as f64).sqrt()
}

/// One head of one sample: adds to three gradients that are zero, and returns `S̄`.
pub(crate) fn attend_backward<R: Real>(
    (q, k, v): (&ArrayRef2<R>, &ArrayRef2<R>, &ArrayRef2<R>),
    p: &ArrayRef2<R>,
    o: &ArrayRef2<R>,
    d_o: &ArrayRef2<R>,
    (mut dq, mut dk, mut dv): (ArrayViewMut2<R>, ArrayViewMut2<R>, ArrayViewMut2<R>),
) -> Array2<R> {
    let m = k.nrows();
    add_matmul(&mut dv, &p.t(), d_o);
    let mut ds = matmul(d_o, &v.t());
    if ds.is_empty() {
        return ds;
    }
    let means = row_dots(d_o, o);
    let p = p.as_slice().expect("standard layout");
    let rows = ds.as_slice_mut().expect("standard layout");
    vectorize::<R, _>(
        #[inline(always)]
        || {
            for ((ds, p), &mean) in rows.chunks_exact_mut(m).zip(p.chunks_exact(m)).zip(&means) {
                for (ds, &p) in ds.iter_mut().zip(p) {
                    *ds = p * (*ds - mean);
                }
            }
        },
    );
    add_matmul(&mut dq, &ds, k);
    let scale = R::of(1.0) / tau(q);
    dq.mapv_inplace(|dq| dq * scale);
    add_matmul(&mut dk, &ds.t(), &scaled(q));
    ds
}

/// `Σ_k a_ik b_ik`. Parts of wider rows are copied at once, which takes less time than a question for each of them.
pub(crate) fn row_dots<R: Real>(a: &ArrayRef2<R>, b: &ArrayRef2<R>) -> Vec<R> {
    assert_eq!(a.shape(), b.shape(), "rows of one shape");
    let (a, b) = (contiguous(a), contiguous(b));
    let (width, [a, b]) = (a.ncols().max(1), [&a, &b].map(|x| x.as_slice().expect("standard layout")));
    let mut dots = Vec::with_capacity(a.len() / width);
    vectorize::<R, _>(
        #[inline(always)]
        || {
            for (a, b) in a.chunks_exact(width).zip(b.chunks_exact(width)) {
                dots.push(dot(a, b));
            }
        },
    );
    dots
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn run(q: Array2<f64>, k: Array2<f64>, v: Array2<f64>, bias: Option<Array2<f64>>) -> String {
        attention(&q, &k, &v, bias.as_deref(), DeadRows::Refuse).unwrap_err().to_string()
    }

    fn operands() -> [Array2<f64>; 3] {
        [Array2::ones((2, 4)), Array2::ones((3, 4)), Array2::ones((3, 2))]
    }

    #[test]
    fn operands_that_do_not_fit_are_refused() {
        let [q, k, v] = operands();
        let narrow = Array2::ones((3, 5));
        assert_eq!(
            run(q.clone(), narrow, v.clone(), None),
            "attention: k: expected shape [3, 4], got [3, 5]"
        );
        let short = Array2::ones((2, 2));
        assert_eq!(run(q.clone(), k.clone(), short, None), "attention: v: expected shape [3, 2], got [2, 2]");
        let bias = Some(Array2::zeros((3, 2)));
        assert_eq!(run(q, k, v, bias), "attention: bias: expected shape [2, 3], got [3, 2]");
    }

    #[test]
    fn a_bias_and_a_gradient_in_another_order_are_like_any_other() {
        let [q, k, v] =
            [array![[1.0, 2.0], [0.5, -1.0]], array![[1.0, 0.0], [-1.0, 2.0]], array![[3.0], [4.0]]];
        let v = ndarray::concatenate![ndarray::Axis(1), v, v];
        let run = |bias: Array2<f64>, d_o: Array2<f64>| {
            let (o, tape) = attention(&q, &k, &v, Some(&bias), DeadRows::Refuse).unwrap();
            (o, attention_backward(&tape, &d_o))
        };
        let (bias, d_o) = (array![[0.0, 1.0], [2.0, -1.0]], array![[1.0, 2.0], [3.0, 4.0]]);
        let by_columns = |a: &Array2<f64>| a.t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(run(by_columns(&bias), by_columns(&d_o)), run(bias, d_o));
    }

    #[test]
    fn nothing_is_refused() {
        let [q, k, v] = operands();
        assert_eq!(run(Array2::zeros((0, 4)), k, v, None), "attention: q: empty");
        assert_eq!(run(q.clone(), Array2::zeros((0, 4)), Array2::zeros((0, 2)), None), "attention: k: empty");
        assert_eq!(run(q, Array2::ones((3, 4)), Array2::zeros((3, 0)), None), "attention: v: empty");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused_by_name() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
                let mut all = operands();
                all[i][(1, 1)] = bad;
                let [q, k, v] = all;
                assert_eq!(run(q, k, v, None), format!("attention: {name}: not a finite number"));
            }
        }
        for bad in [f64::NAN, f64::INFINITY] {
            let [q, k, v] = operands();
            let mut bias = Array2::zeros((2, 3));
            bias[(1, 2)] = bad;
            assert_eq!(run(q, k, v, Some(bias)), "attention: bias: not a finite number");
        }
    }

    #[test]
    fn scores_that_overflow_are_refused() {
        let big = Array2::from_elem((1, 2), 1e200);
        let text = "attention: scores: not a finite number";
        assert_eq!(run(big.clone(), big.clone(), array![[1.0]], None), text);
        let below = -&big;
        assert_eq!(run(big.clone(), below.clone(), array![[1.0]], None), text);
        let error = attention(&big, &below, &array![[1.0]], None, DeadRows::Zero).unwrap_err();
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_query_that_sees_nothing_is_refused_or_gives_zero() {
        let [q, k, v] = operands();
        let mut bias = Array2::zeros((2, 3));
        bias.row_mut(1).fill(f64::NEG_INFINITY);
        assert_eq!(run(q.clone(), k.clone(), v.clone(), Some(bias.clone())), "query 1 may see no key");
        let (o, tape) = attention(&q, &k, &v, Some(&bias), DeadRows::Zero).unwrap();
        assert_eq!(o, array![[1.0, 1.0], [0.0, 0.0]]);
        let d_o = array![[0.0, 0.0], [3.0, -1.0]];
        let (dq, dk, dv, ds) = attention_backward(&tape, &d_o);
        for zero in [dq, dk, dv, ds] {
            assert!(zero.iter().all(|&x| x == 0.0), "{zero}");
        }
    }
}
