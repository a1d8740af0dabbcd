//! Multi-head attention over one sample, with the logarithms of its sums.

use mmt_blocks::{AttentionTape, DeadRows, attention, attention_backward};
use mmt_tensor::ops::{log_sum_exp, matmul};
use mmt_tensor::{Error, Real, Result, tree};
use ndarray::{Array2, ArrayRef2, Ix2, SliceInfo, SliceInfoElem, Zip, s};

/// What [`attention_with_sums_backward`] reads.
#[derive(Clone, Debug)]
pub struct AttentionWithSumsTape<R> {
    /// One for each head.
    pub heads: Vec<AttentionTape<R>>,
}

tree!(AttentionWithSumsTape { heads });

/// Attention of every head, and how much weight its keys had together before the softmax made it one.
///
/// **eq-3-attn**
/// ```math
/// S_a = \frac{Q_a K_a^\top}{\sqrt{d_h}} + B, \qquad P_a = \operatorname{softmax}_\text{row}(S_a), \qquad
/// O = \bigl[ P_1 V_1 \,\|\, \cdots \,\|\, P_h V_h \bigr], \qquad \ell_{ia} = \log \sum_j e^{S_{a,ij}}
/// ```
///
/// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]`, `bias: [n, m]` or none → `o: [n, d_v]`, `l: [n, h]`, with `d_h = d / h`
///
/// Queries and keys may have different numbers of rows. Two attentions over parts of a sequence of keys cannot be joined
/// from their outputs alone; with `ℓ` they can: eq-3-gate. A query that sees no key has `ℓ = -∞`.
///
/// Source: Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.2; the sums from Milakov & Gimelshein 2018,
/// *Online normalizer calculation for softmax*.
///
/// # Errors
/// [`Error::HeadDivisibility`] if `heads` is zero or does not divide `d` and `d_v`; the errors of
/// [`attention`](mmt_blocks::attention()), among them [`Error::FullyMaskedRow`] for a query that may see no key, unless
/// `dead_rows` says that its output is zero.
pub fn attention_with_sums<R: Real>(
    (q, k, v): (&ArrayRef2<R>, &ArrayRef2<R>, &ArrayRef2<R>),
    heads: usize,
    bias: Option<&ArrayRef2<R>>,
    dead_rows: DeadRows,
) -> Result<(Array2<R>, Array2<R>, AttentionWithSumsTape<R>)> {
    for x in [q, k, v] {
        check_heads(x, heads)?;
    }
    let (mut o, mut l) = (Array2::zeros((q.nrows(), v.ncols())), Array2::zeros((q.nrows(), heads)));
    let mut tapes = Vec::with_capacity(heads);
    for a in 0..heads {
        let block = |x: &ArrayRef2<R>| x.slice(columns(x.ncols() / heads, a)).to_owned();
        let (head, tape) = attention(&block(q), &block(k), &block(v), bias, dead_rows)?;
        o.slice_mut(columns(head.ncols(), a)).assign(&head);
        for (i, row) in scores(&tape.q, &tape.k, bias).rows().into_iter().enumerate() {
            l[(i, a)] = match log_sum_exp(&row) {
                Ok(sum) => sum[0],
                Err(Error::FullyMaskedRow { .. }) => R::of(f64::NEG_INFINITY),
                Err(error) => return Err(error),
            };
        }
        tapes.push(tape);
    }
    Ok((o, l, AttentionWithSumsTape { heads: tapes }))
}

/// Gradients of [`attention_with_sums`], given `ō` and `ℓ̄`: returns `q̄`, `k̄`, `v̄`.
///
/// **eq-3-attn, backward**
/// ```math
/// \bar V_a = P_a^\top \bar O_a, \qquad
/// \bar S_a = P_a \odot \bigl( \bar O_a V_a^\top - (\rho_a - \bar\ell_a) \mathbf 1^\top \bigr), \quad
/// \rho_{a,i} = \langle \bar O_{a,i}, O_{a,i} \rangle, \qquad
/// \bar Q_a = \frac{\bar S_a K_a}{\sqrt{d_h}}, \qquad \bar K_a = \frac{\bar S_a^\top Q_a}{\sqrt{d_h}}
/// ```
///
/// Derivation: without `ℓ` this is eq-1.1-attention, head by head. The logarithm of a sum of exponentials has the softmax as
/// its gradient, so `ℓ̄` adds to every score of its row in proportion to the weight:
/// ```math
/// \frac{\partial \ell_i}{\partial S_{ij}} = \frac{e^{S_{ij}}}{\sum_k e^{S_{ik}}} = P_{ij} .
/// ```
pub fn attention_with_sums_backward<R: Real>(
    tape: &AttentionWithSumsTape<R>,
    d_o: &ArrayRef2<R>,
    dl: &ArrayRef2<R>,
) -> (Array2<R>, Array2<R>, Array2<R>) {
    let heads = tape.heads.len();
    let first = &tape.heads[0];
    let wide = |x: &Array2<R>| Array2::zeros((x.nrows(), x.ncols() * heads));
    let (mut dq, mut dk, mut dv) = (wide(&first.q), wide(&first.k), wide(&first.v));
    for (a, head) in tape.heads.iter().enumerate() {
        let (own, own_v) = (columns(head.q.ncols(), a), columns(head.v.ncols(), a));
        let (q, k, v, _) = attention_backward(head, &d_o.slice(own_v));
        let mut ds = head.p.clone();
        Zip::from(ds.rows_mut()).and(dl.column(a)).for_each(|mut row, &dl| row.mapv_inplace(|p| p * dl));
        let scale = R::of(1.0) / R::of(head.q.ncols() as f64).sqrt();
        dq.slice_mut(own).assign(&(q + matmul(&ds, &head.k) * scale));
        dk.slice_mut(own).assign(&(k + matmul(&ds.t(), &head.q) * scale));
        dv.slice_mut(own_v).assign(&v);
    }
    (dq, dk, dv)
}

fn check_heads<R>(x: &ArrayRef2<R>, heads: usize) -> Result<()> {
    let width = x.ncols();
    let fine = heads > 0 && width.is_multiple_of(heads);
    if fine { Ok(()) } else { Err(Error::HeadDivisibility { width, heads }) }
}

/// The columns of head `a`.
fn columns(width: usize, a: usize) -> SliceInfo<[SliceInfoElem; 2], Ix2, Ix2> {
    s![.., a * width..(a + 1) * width]
}

/// `Q K' / √d + B`, where `-∞` of the bias wins in every number type.
fn scores<R: Real>(q: &ArrayRef2<R>, k: &ArrayRef2<R>, bias: Option<&ArrayRef2<R>>) -> Array2<R> {
    let scale = R::of(1.0) / R::of(q.ncols() as f64).sqrt();
    let mut s = matmul(&q.mapv(|q| q * scale), &k.t());
    if let Some(bias) = bias {
        s.zip_mut_with(bias, |s, &b| *s = if b <= R::of(f64::NEG_INFINITY) { b } else { *s + b });
    }
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(q: (usize, usize), k: (usize, usize), v: (usize, usize), heads: usize) -> String {
        let (q, k, v) = (Array2::<f64>::ones(q), Array2::ones(k), Array2::ones(v));
        attention_with_sums((&q, &k, &v), heads, None, DeadRows::Refuse).unwrap_err().to_string()
    }

    #[test]
    fn operands_that_do_not_fit_are_refused() {
        assert_eq!(refused((2, 4), (3, 4), (3, 4), 3), "3 heads do not divide a width of 4");
        assert_eq!(refused((2, 4), (3, 4), (3, 4), 0), "0 heads do not divide a width of 4");
        assert_eq!(refused((2, 4), (3, 4), (3, 3), 2), "2 heads do not divide a width of 3");
        assert_eq!(refused((2, 4), (3, 6), (3, 4), 2), "attention: k: expected shape [3, 2], got [3, 3]");
        assert_eq!(refused((2, 4), (3, 4), (2, 4), 2), "attention: v: expected shape [3, 2], got [2, 2]");
        assert_eq!(refused((2, 4), (0, 4), (0, 4), 2), "attention: k: empty");
        assert_eq!(refused((0, 4), (1, 4), (1, 4), 2), "attention: q: empty");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let (q, nan) = (Array2::<f64>::ones((2, 4)), Array2::from_elem((2, 4), f64::NAN));
        let text = |q: &Array2<f64>, k, v| {
            attention_with_sums((q, k, v), 2, None, DeadRows::Refuse).unwrap_err().to_string()
        };
        assert_eq!(text(&nan, &q, &q), "attention: q: not a finite number");
        assert_eq!(text(&q, &nan, &q), "attention: k: not a finite number");
        assert_eq!(text(&q, &q, &nan), "attention: v: not a finite number");
    }

    #[test]
    fn a_query_that_sees_nothing_is_refused_or_gives_zero() {
        let x = Array2::<f64>::ones((2, 4));
        let mut bias = Array2::zeros((2, 2));
        bias.row_mut(1).fill(f64::NEG_INFINITY);
        let error = attention_with_sums((&x, &x, &x), 2, Some(&bias), DeadRows::Refuse).unwrap_err();
        assert_eq!(error.to_string(), "query 1 may see no key");
        let (o, l, tape) = attention_with_sums((&x, &x, &x), 2, Some(&bias), DeadRows::Zero).unwrap();
        assert!(o.row(1).iter().all(|&o| o == 0.0));
        assert!(l.row(1).iter().all(|&l| l == f64::NEG_INFINITY));
        let (dq, _, _) = attention_with_sums_backward(&tape, &x, &Array2::ones((2, 2)));
        assert!(dq.row(1).iter().all(|&q| q == 0.0));
    }
}
