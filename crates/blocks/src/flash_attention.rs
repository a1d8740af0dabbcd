//! Attention in tiles: the same function as `attention.rs`, with memory in proportion to the length.

use std::ops::Range;

use mmt_tensor::ops::sum::max;
use mmt_tensor::ops::{add_matmul, set_matmul};
use mmt_tensor::simd::vectorize;
use mmt_tensor::{Error, Ragged, Real, Result, check_setting, parallel, tree};
use ndarray::{Array1, Array2, ArrayRef1, ArrayRef2, ArrayViewMut1, ArrayViewMut2, Axis, s};

use crate::attention::{check_operands, checked, exp_row, row_dots, scaled, tau};
use crate::mask::Visible;
use crate::{DeadRows, Mask};

/// How many queries and keys are in the cache at a time. The result depends on it by rounding only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows of a tile of scores.
    pub queries: usize,
    /// Columns of a tile of scores.
    pub keys: usize,
}

impl Default for Tiles {
    /// A tile of scores in single precision fits into half a megabyte.
    fn default() -> Self {
        Tiles { queries: 128, keys: 256 }
    }
}

impl Tiles {
    pub(crate) fn check(self) -> Result<()> {
        let valid = self.queries > 0 && self.keys > 0;
        check_setting("flash_attention: tiles", valid, || {
            format!("must not be empty, got {} queries and {} keys", self.queries, self.keys)
        })
    }
}

/// What [`flash_attention_backward`] reads: nothing of size `[n, m]`.
#[derive(Clone, Debug)]
pub struct FlashTape<R> {
    /// `Q: [n, d]`
    pub q: Array2<R>,
    /// `K: [m, d]`
    pub k: Array2<R>,
    /// `V: [m, d_v]`
    pub v: Array2<R>,
    /// `O: [n, d_v]`
    pub o: Array2<R>,
    /// `Λ: [n]`, the logarithm of the sum of every row of exponentials; `-∞` for a query without keys.
    pub log_sums: Array1<R>,
}

tree!(FlashTape { q, k, v, o, log_sums });

/// Attention without the matrix of weights: keys come in tiles, and every query keeps a running maximum, a running
/// sum and a running output.
///
/// **eq-5-flash**
/// ```math
/// S = \frac{Q K_J^\top}{\sqrt d} + B_J, \qquad m' = \max(m, \max_j S_j), \qquad
/// \ell \leftarrow e^{m - m'} \ell + \sum_j e^{S_j - m'}, \qquad
/// \tilde O \leftarrow e^{m - m'} \tilde O + e^{S - m'} V_J, \qquad
/// O = \frac{\tilde O}{\ell}, \qquad \Lambda = m + \log \ell
/// ```
///
/// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]` → `o: [n, d_v]`; the tape holds `Λ: [n]`
///
/// The state of a query starts at `m = -∞`, `ℓ = 0`, `Õ = 0`; when a larger score comes, what was summed before is
/// scaled down to the new maximum. Tiles that the mask hides whole are not computed. The result is that of
/// eq-1.1-attention for any tiles, up to rounding.
///
/// Source: Dao et al. 2022, *FlashAttention*, algorithm 1; the online softmax: Milakov & Gimelshein 2018.
///
/// # Errors
/// As [`attention`](crate::attention()), and those of the mask; [`Error::InvalidHyperparameter`] for tiles of size zero.
pub fn flash_attention<R: Real>(
    q: &ArrayRef2<R>,
    k: &ArrayRef2<R>,
    v: &ArrayRef2<R>,
    mask: &Mask,
    dead_rows: DeadRows,
    tiles: Tiles,
) -> Result<(Array2<R>, FlashTape<R>)> {
    tiles.check()?;
    check_operands(q, k, v)?;
    let visible = visible(q, k, mask)?;
    let mut o = Array2::zeros((q.nrows(), v.ncols()));
    let cost = q.nrows() * k.nrows() * q.ncols();
    let mut log_sums = flash_forward(vec![o.view_mut()], tiles, cost, |_, queries, o| {
        flash_tile((q, k, v), &visible, dead_rows, tiles.keys, queries, o)
    })?;
    let log_sums = log_sums.pop().expect("one head");
    let tape = FlashTape { q: q.to_owned(), k: k.to_owned(), v: v.to_owned(), o: o.clone(), log_sums };
    Ok((o, tape))
}

/// What the queries of the only sample see.
fn visible<R: Real>(q: &ArrayRef2<R>, k: &ArrayRef2<R>, mask: &Mask) -> Result<Visible<R>> {
    let mut visible = mask.of_samples(&Ragged::one(q.nrows()), &Ragged::one(k.nrows()))?;
    Ok(visible.pop().expect("one sample"))
}

/// Gradients of [`flash_attention`]: `q̄`, `k̄`, `v̄`.
///
/// **eq-5-flash, backward**, for every tile:
/// ```math
/// P = e^{S - \Lambda}, \qquad D = \operatorname{rowsum}(\bar O \odot O), \qquad
/// \bar V_J \mathrel{+}= P^\top \bar O, \qquad
/// \bar S = P \odot (\bar O V_J^\top - D), \qquad
/// \bar Q \mathrel{+}= \frac{\bar S K_J}{\sqrt d}, \qquad
/// \bar K_J \mathrel{+}= \frac{\bar S^\top Q}{\sqrt d}
/// ```
///
/// Derivation: `Λ = log Σ_j e^{S_j}` holds the maximum and the sum of a row at once, so every tile of the weights is
/// recomputed from its scores alone,
/// ```math
/// P_{ij} = \frac{e^{S_{ij} - m_i}}{\ell_i} = e^{S_{ij} - (m_i + \log \ell_i)} = e^{S_{ij} - \Lambda_i} ,
/// ```
/// and the gradients are those of eq-1.1-attention, sums over tiles. Sums over queries run from the first tile of
/// queries to the last.
pub fn flash_attention_backward<R: Real>(
    tape: &FlashTape<R>,
    d_o: &ArrayRef2<R>,
    mask: &Mask,
    tiles: Tiles,
) -> (Array2<R>, Array2<R>, Array2<R>) {
    let FlashTape { q, k, v, o, log_sums } = tape;
    let visible = visible(q, k, mask).expect("the mask that the forward accepted");
    let (mut dq, mut dk, mut dv) =
        (Array2::zeros(q.raw_dim()), Array2::zeros(k.raw_dim()), Array2::zeros(v.raw_dim()));
    let out = (dq.view_mut(), dk.view_mut(), dv.view_mut());
    flash_backward((q, k, v), &visible, log_sums, o, d_o, tiles, out);
    (dq, dk, dv)
}

/// Runs `tile(i, queries, o)` for every tile of queries of every block `i` of outputs, in parallel; `Λ` of each block.
pub(crate) fn flash_forward<R: Real>(
    blocks: Vec<ArrayViewMut2<R>>,
    tiles: Tiles,
    cost: usize,
    tile: impl Fn(usize, Range<usize>, ArrayViewMut2<R>) -> Result<Vec<R>> + Send + Sync,
) -> Result<Vec<Array1<R>>> {
    tiles.check()?;
    let lengths: Vec<usize> = blocks.iter().map(|block| block.nrows()).collect();
    let mut parts = vec![];
    for (i, mut below) in blocks.into_iter().enumerate() {
        let n = below.nrows();
        for first in (0..n).step_by(tiles.queries) {
            let (part, rest) = below.split_at(Axis(0), tiles.queries.min(n - first));
            parts.push((i, first, part));
            below = rest;
        }
    }
    let pieces = parallel::try_map_parts(parts, cost, |_, (i, first, o)| {
        let queries = first..first + o.nrows();
        tile(i, queries, o)
    })?;
    let mut pieces = pieces.into_iter();
    let of_block = |n: usize| pieces.by_ref().take(n.div_ceil(tiles.queries)).flatten().collect();
    Ok(lengths.into_iter().map(of_block).collect())
}

/// One tile of queries against all keys: adds to `o`, which is zero, and returns `Λ`.
pub(crate) fn flash_tile<R: Real>(
    (q, k, v): (&ArrayRef2<R>, &ArrayRef2<R>, &ArrayRef2<R>),
    visible: &Visible<R>,
    dead_rows: DeadRows,
    keys: usize,
    queries: Range<usize>,
    mut o: ArrayViewMut2<R>,
) -> Result<Vec<R>> {
    if k.nrows() == 0 {
        return Err(Error::EmptyInput { at: "attention: k" });
    }
    let first = queries.start;
    let q = scaled(&q.slice(s![queries.clone(), ..]));
    let never = R::of(f64::NEG_INFINITY);
    let (mut m, mut l) = (vec![never; q.nrows()], vec![R::of(0.0); q.nrows()]);
    let end = visible.end(queries.end - 1);
    let mut s = Array2::zeros((q.nrows(), keys.min(end)));
    for j in (0..end).step_by(keys) {
        let tile = j..(j + keys).min(end);
        let mut s = s.slice_mut(s![.., ..tile.len()]);
        set_matmul(&mut s, &q, &k.slice(s![tile.clone(), ..]).t());
        let rows = s.rows_mut().into_iter().zip(o.rows_mut()).zip(m.iter_mut().zip(&mut l));
        vectorize::<R, _>(
            #[inline(always)]
            || {
                for (r, ((mut s, mut o), (m, l))) in rows.enumerate() {
                    let s = s.as_slice_mut().expect("a row without gaps");
                    let seen = visible.end(first + r).clamp(tile.start, tile.end) - tile.start;
                    let (seen, hidden) = s.split_at_mut(seen);
                    hidden.fill(R::of(0.0));
                    visible.add_to(first + r, tile.start, seen);
                    let new = m.max(max(seen));
                    let sum = exp_row(seen, new);
                    if *m < new {
                        let shrink = if *m <= never { R::of(0.0) } else { (*m - new).exp() };
                        *l *= shrink;
                        rescale(&mut o, shrink);
                        *m = new;
                    }
                    *l += sum;
                }
            },
        );
        add_matmul(&mut o, &s, &v.slice(s![tile, ..]));
    }
    for (r, ((m, l), mut o)) in m.iter_mut().zip(&l).zip(o.rows_mut()).enumerate() {
        let sum = checked(*l, first + r, visible, dead_rows)?;
        rescale(&mut o, R::of(1.0) / sum);
        if *m > never {
            *m += sum.ln();
        }
    }
    Ok(m)
}

/// A row of outputs, times a factor.
#[inline(always)]
fn rescale<R: Real>(row: &mut ArrayViewMut1<R>, factor: R) {
    for x in row {
        *x *= factor;
    }
}

/// One head of one sample: adds to three gradients that are zero.
pub(crate) fn flash_backward<R: Real>(
    (q, k, v): (&ArrayRef2<R>, &ArrayRef2<R>, &ArrayRef2<R>),
    visible: &Visible<R>,
    log_sums: &ArrayRef1<R>,
    o: &ArrayRef2<R>,
    d_o: &ArrayRef2<R>,
    tiles: Tiles,
    (mut dq, mut dk, mut dv): (ArrayViewMut2<R>, ArrayViewMut2<R>, ArrayViewMut2<R>),
) {
    let (n, m) = (q.nrows(), k.nrows());
    let means = row_dots(d_o, o);
    let never = R::of(f64::NEG_INFINITY);
    let scale = R::of(1.0) / tau(q);
    let q = scaled(q);
    let size = (tiles.queries.min(n), tiles.keys.min(m));
    let (mut p, mut ds) = (Array2::zeros(size), Array2::zeros(size));
    for j in (0..m).step_by(tiles.keys) {
        let keys = j..(j + tiles.keys).min(m);
        let (k, v) = (k.slice(s![keys.clone(), ..]), v.slice(s![keys.clone(), ..]));
        let mut dk = dk.slice_mut(s![keys.clone(), ..]);
        let mut dv = dv.slice_mut(s![keys.clone(), ..]);
        let start = visible.first_query(j) / tiles.queries * tiles.queries;
        for first in (start..n).step_by(tiles.queries) {
            let queries = first..(first + tiles.queries).min(n);
            let mut p = p.slice_mut(s![..queries.len(), ..keys.len()]);
            let mut ds = ds.slice_mut(s![..queries.len(), ..keys.len()]);
            let (q, d_o) = (q.slice(s![queries.clone(), ..]), d_o.slice(s![queries.clone(), ..]));
            set_matmul(&mut p, &q, &k.t());
            set_matmul(&mut ds, &d_o, &v.t());
            let rows = p.rows_mut().into_iter().zip(ds.rows_mut()).enumerate();
            vectorize::<R, _>(
                #[inline(always)]
                || {
                    for (r, (mut p, mut ds)) in rows {
                        let (i, log_sum, mean) = (first + r, log_sums[first + r], means[first + r]);
                        let p = p.as_slice_mut().expect("a row without gaps");
                        let ds = ds.as_slice_mut().expect("a row without gaps");
                        let dead = log_sum <= never;
                        let seen =
                            if dead { 0 } else { visible.end(i).clamp(keys.start, keys.end) - keys.start };
                        let (p, hidden) = p.split_at_mut(seen);
                        hidden.fill(R::of(0.0));
                        let (ds, hidden) = ds.split_at_mut(seen);
                        hidden.fill(R::of(0.0));
                        visible.add_to(i, keys.start, p);
                        for (p, ds) in p.iter_mut().zip(ds) {
                            let e = (*p - log_sum).exp();
                            *p = if *p <= never { R::of(0.0) } else { e };
                            *ds = *p * (*ds - mean);
                        }
                    }
                },
            );
            add_matmul(&mut dv, &p.t(), &d_o);
            add_matmul(&mut dq.slice_mut(s![queries, ..]), &ds, &k);
            add_matmul(&mut dk, &ds.t(), &q);
        }
    }
    dq.mapv_inplace(|dq| dq * scale);
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn run(q: Array2<f64>, k: Array2<f64>, v: Array2<f64>, mask: Mask, tiles: Tiles) -> String {
        flash_attention(&q, &k, &v, &mask, DeadRows::Refuse, tiles).unwrap_err().to_string()
    }

    fn operands() -> (Array2<f64>, Array2<f64>, Array2<f64>) {
        (Array2::ones((2, 4)), Array2::ones((3, 4)), Array2::ones((3, 2)))
    }

    #[test]
    fn tiles_without_rows_or_columns_are_refused() {
        for (queries, keys) in [(0, 2), (2, 0)] {
            let (q, k, v) = operands();
            let text = run(q, k, v, Mask::None, Tiles { queries, keys });
            let want =
                format!("flash_attention: tiles: must not be empty, got {queries} queries and {keys} keys");
            assert_eq!(text, want);
        }
    }

    #[test]
    fn a_bias_and_a_gradient_in_another_order_are_like_any_other() {
        let (q, k, v) = operands();
        let run = |bias: Array2<f64>, d_o: Array2<f64>| {
            let (mask, tiles) = (Mask::Bias(vec![bias]), Tiles { queries: 2, keys: 2 });
            let (o, tape) = flash_attention(&q, &k, &v, &mask, DeadRows::Refuse, tiles).unwrap();
            (o, flash_attention_backward(&tape, &d_o, &mask, tiles))
        };
        let (bias, d_o) = (array![[0.0, 1.0, -1.0], [2.0, -1.0, 0.5]], array![[1.0, 2.0], [3.0, 4.0]]);
        let by_columns = |a: &Array2<f64>| a.t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(run(by_columns(&bias), by_columns(&d_o)), run(bias, d_o));
    }

    #[test]
    fn what_attention_refuses_is_refused() {
        let tiles = Tiles::default();
        let (q, k, v) = operands();
        let narrow = Array2::ones((3, 5));
        assert_eq!(
            run(q.clone(), narrow, v.clone(), Mask::None, tiles),
            "attention: k: expected shape [3, 4], got [3, 5]"
        );
        assert_eq!(
            run(Array2::zeros((0, 4)), k.clone(), v.clone(), Mask::None, tiles),
            "attention: q: empty"
        );
        assert_eq!(
            run(q.clone(), k.clone(), v.clone(), Mask::Keys(vec![false; 3]), tiles),
            "query 0 may see no key"
        );
        assert_eq!(
            run(q.clone(), k.clone(), v.clone(), Mask::Causal { offset: -1 }, tiles),
            "query 0 may see no key"
        );
        assert_eq!(
            run(q.clone(), k.clone(), v.clone(), Mask::Keys(vec![true; 2]), tiles),
            "mask: keys: expected shape [3], got [2]"
        );
        let big = q.mapv(|_| 1e200);
        for bad in [1e200, -1e200] {
            let text = run(big.clone(), k.mapv(|_| bad), v.clone(), Mask::None, tiles);
            assert_eq!(text, "attention: scores: not a finite number");
        }
    }

    #[test]
    fn a_query_without_keys_gives_zero_where_that_is_asked_for() {
        let (q, k, v) = operands();
        let tiles = Tiles { queries: 1, keys: 2 };
        let mask = Mask::Causal { offset: -1 };
        let (o, tape) = flash_attention(&q, &k, &v, &mask, DeadRows::Zero, tiles).unwrap();
        assert_eq!(o, ndarray::array![[0.0, 0.0], [1.0, 1.0]]);
        let d_o = ndarray::array![[3.0, -1.0], [0.0, 0.0]];
        let (dq, dk, dv) = flash_attention_backward(&tape, &d_o, &mask, tiles);
        for zero in [dq, dk, dv] {
            assert!(zero.iter().all(|&x| x == 0.0), "{zero}");
        }
    }
}
