//! Attention of several heads over the samples of a batch, without projections.

use mmt_tensor::ops::stored;
use mmt_tensor::parallel::copy;
use mmt_tensor::{Error, Ragged, Real, Result, check_not_empty, check_shape, parallel, tree};
use ndarray::{Array1, Array2, ArrayRef2, ArrayView2, ArrayViewMut2, Axis, s};

use crate::attention::{attend, attend_backward};
use crate::flash_attention::{flash_backward, flash_forward, flash_tile};
use crate::{DeadRows, Mask, Tiles};

/// How attention is computed: two pages, one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionKind {
    /// eq-1.1-attention: the weights are on the tape.
    Plain,
    /// eq-5-flash: in tiles, with memory in proportion to the length.
    Flash(Tiles),
}

/// Attention of every head and sample, side by side: multi-head attention as the note writes it.
///
/// **eq-1.2-mha-note**
/// ```math
/// \mathrm{MHA}(Q, K, V) = \bigl[ \operatorname{Attention}(q_1, k_1, v_1) \,\|\, \cdots \,\|\,
/// \operatorname{Attention}(q_c, k_c, v_c) \bigr]
/// ```
///
/// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]` → `[n, d_v]`, where `q_i`, `k_i`, `v_i` are the `i`-th of `c` equal blocks of
/// columns
///
/// The scale inside a head is `√(d/c)`, the root of the width that the head sees. Heads do not mix: that is the work
/// of the output projection of eq-1.3-mha-full, which this form does not have.
///
/// Source: the note, section 1.1; the scale from Vaswani et al. 2017, *Attention Is All You Need*, section 3.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    /// `c`, a divisor of `d` and of `d_v`.
    pub count: usize,
    /// How attention is computed.
    pub kind: AttentionKind,
    /// What happens to a query that may see no key.
    pub dead_rows: DeadRows,
}

/// What [`Heads::backward`] reads. One entry of a list per head and sample: sample 0 with all its heads, sample 1, ..
#[derive(Clone, Debug)]
pub struct HeadsTape<R> {
    /// `Q: [n, d]`
    pub q: Array2<R>,
    /// `K: [m, d]`
    pub k: Array2<R>,
    /// `V: [m, d_v]`
    pub v: Array2<R>,
    /// The output: `[n, d_v]`
    pub o: Array2<R>,
    /// The weights, each `[n_b, m_b]`; nothing if computed in tiles.
    pub p: Vec<Array2<R>>,
    /// `Λ`, the logarithm of the sum of every row of exponentials, each `[n_b]`; nothing if the weights are there.
    pub log_sums: Vec<Array1<R>>,
}

tree!(HeadsTape { q, k, v, o, p, log_sums });

impl Heads {
    /// `count` heads that keep their weights and refuse a query without keys.
    pub fn new(count: usize) -> Self {
        Heads { count, kind: AttentionKind::Plain, dead_rows: DeadRows::Refuse }
    }

    /// `q: [n, d]`, `k: [m, d]`, `v: [m, d_v]` → `[n, d_v]`; the queries of sample `b` are the rows `rows.range(b)`, and
    /// they see keys and values in the rows `context_rows.range(b)`.
    ///
    /// # Errors
    /// [`Error::HeadDivisibility`] if `count` is zero or does not divide `d` and `d_v`; the errors of
    /// [`attention`](crate::attention()) and of the mask.
    pub fn forward<R: Real>(
        &self,
        q: &ArrayRef2<R>,
        k: &ArrayRef2<R>,
        v: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, HeadsTape<R>)> {
        self.forward_owned((q.to_owned(), k.to_owned(), v.to_owned()), rows, context_rows, mask)
    }

    /// [`forward`](Self::forward) of inputs that nobody else needs: the tape keeps them, without a copy.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_owned<R: Real>(
        &self,
        (q, k, v): (Array2<R>, Array2<R>, Array2<R>),
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, HeadsTape<R>)> {
        self.check(&q, &k, &v, rows, context_rows)?;
        let visible = mask.of_samples::<R>(rows, context_rows)?;
        let mut o = parallel::zeros((q.nrows(), v.ncols()));
        let (mut p, mut log_sums) = (vec![], vec![]);
        match self.kind {
            AttentionKind::Plain => {
                p = parallel::try_map_parts(self.blocks_mut(&mut o, rows), cost(&q, &v, rows), |i, o| {
                    let (q, k, v) = self.operands(&q, &k, &v, rows, context_rows, i);
                    let b = i / self.count;
                    attend(&q, &k, &v, &visible[b], self.dead_rows, o).map_err(|e| at_row(e, rows, b))
                })?;
            }
            AttentionKind::Flash(tiles) => {
                let blocks = self.blocks_mut(&mut o, rows);
                log_sums = flash_forward(blocks, tiles, cost(&q, &v, rows), |i, queries, o| {
                    let operands = self.operands(&q, &k, &v, rows, context_rows, i);
                    let operands = (&*operands.0, &*operands.1, &*operands.2);
                    let b = i / self.count;
                    flash_tile(operands, &visible[b], self.dead_rows, tiles.keys, queries, o)
                        .map_err(|e| at_row(e, rows, b))
                })?;
            }
        }
        let o = stored(o);
        let tape = HeadsTape { q, k, v, o: copy(&o), p, log_sums };
        Ok((o, tape))
    }

    /// Gradients of `q`, `k` and `v`.
    ///
    /// **eq-1.2-mha-note, backward**
    /// ```math
    /// \bar O = \bigl[ \bar o_1 \,\|\, \cdots \,\|\, \bar o_c \bigr], \qquad
    /// (\bar q_i, \bar k_i, \bar v_i) = \operatorname{Attention-backward}(\bar o_i), \qquad
    /// \bar Q = \bigl[ \bar q_1 \,\|\, \cdots \,\|\, \bar q_c \bigr]
    /// ```
    ///
    /// Derivation: block `i` of the output depends on the blocks `i` of the inputs alone, so the Jacobian is block
    /// diagonal: cut `Ō` into the columns of the heads, apply eq-1.1-attention backward to each, and put the gradients
    /// side by side.
    pub fn backward<R: Real>(
        &self,
        tape: &HeadsTape<R>,
        d_o: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        mask: &Mask,
    ) -> (Array2<R>, Array2<R>, Array2<R>) {
        let HeadsTape { q, k, v, o, p, log_sums } = tape;
        let zeros = |x: &Array2<R>| parallel::zeros(x.raw_dim());
        let (mut dq, mut dk, mut dv) = (zeros(q), zeros(k), zeros(v));
        let blocks_q = self.blocks_mut(&mut dq, rows);
        let blocks_k = self.blocks_mut(&mut dk, context_rows);
        let blocks_v = self.blocks_mut(&mut dv, context_rows);
        let blocks: Vec<_> =
            blocks_q.into_iter().zip(blocks_k).zip(blocks_v).map(|((q, k), v)| (q, k, v)).collect();
        let cost = 2 * cost(q, v, rows);
        match self.kind {
            AttentionKind::Plain => {
                parallel::map_parts(blocks, cost, |i, out| {
                    let operands = self.operands(q, k, v, rows, context_rows, i);
                    let (o, d_o) = (self.block(o, rows, i), self.block(d_o, rows, i));
                    attend_backward((&operands.0, &operands.1, &operands.2), &p[i], &o, &d_o, out);
                });
            }
            AttentionKind::Flash(tiles) => {
                let visible =
                    mask.of_samples::<R>(rows, context_rows).expect("the mask that the forward accepted");
                parallel::map_parts(blocks, cost, |i, out| {
                    let operands = self.operands(q, k, v, rows, context_rows, i);
                    let (o, d_o) = (self.block(o, rows, i), self.block(d_o, rows, i));
                    let operands = (&*operands.0, &*operands.1, &*operands.2);
                    flash_backward(operands, &visible[i / self.count], &log_sums[i], &o, &d_o, tiles, out);
                });
            }
        }
        (stored(dq), stored(dk), stored(dv))
    }

    fn check<R: Real>(
        &self,
        q: &ArrayRef2<R>,
        k: &ArrayRef2<R>,
        v: &ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
    ) -> Result<()> {
        check_heads(q.ncols(), self.count)?;
        check_heads(v.ncols(), self.count)?;
        check_not_empty("attention: q", q)?;
        check_not_empty("attention: k", k)?;
        check_not_empty("attention: v", v)?;
        check_shape("attention: k", k.shape(), &[k.nrows(), q.ncols()])?;
        check_shape("attention: v", v.shape(), &[k.nrows(), v.ncols()])?;
        rows.check("attention: q", q)?;
        context_rows.check("attention: k", k)?;
        context_rows.check_samples("attention: samples of the keys", rows.samples())?;
        mmt_tensor::check_finite("attention: q", q)?;
        mmt_tensor::check_finite("attention: k", k)?;
        mmt_tensor::check_finite("attention: v", v)
    }

    /// What head and sample `i` compute with.
    fn operands<'a, R: Real>(
        &self,
        q: &'a ArrayRef2<R>,
        k: &'a ArrayRef2<R>,
        v: &'a ArrayRef2<R>,
        rows: &Ragged,
        context_rows: &Ragged,
        i: usize,
    ) -> (ArrayView2<'a, R>, ArrayView2<'a, R>, ArrayView2<'a, R>) {
        (self.block(q, rows, i), self.block(k, context_rows, i), self.block(v, context_rows, i))
    }

    /// The rows of a sample and the columns of a head.
    fn block<'a, R>(&self, x: &'a ArrayRef2<R>, rows: &Ragged, i: usize) -> ArrayView2<'a, R> {
        let (b, head, width) = (i / self.count, i % self.count, x.ncols() / self.count);
        x.slice(s![rows.range(b), head * width..(head + 1) * width])
    }

    /// All blocks of a matrix to write to: sample 0 with all its heads, sample 1, ..
    fn blocks_mut<'a, R>(&self, x: &'a mut Array2<R>, rows: &Ragged) -> Vec<ArrayViewMut2<'a, R>> {
        let width = x.ncols() / self.count;
        let (mut below, mut blocks) = (x.view_mut(), vec![]);
        for n in rows.lengths() {
            let (mut right, rest) = below.split_at(Axis(0), n);
            for _ in 1..self.count {
                let (block, rest) = right.split_at(Axis(1), width);
                blocks.push(block);
                right = rest;
            }
            blocks.push(right);
            below = rest;
        }
        blocks
    }
}

/// Refuses a number of heads that does not divide a width.
pub(crate) fn check_heads(width: usize, heads: usize) -> Result<()> {
    if heads > 0 && width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(Error::HeadDivisibility { width, heads })
}

/// Rough operations of a head and sample.
fn cost<R>(q: &ArrayRef2<R>, v: &ArrayRef2<R>, rows: &Ragged) -> usize {
    let n = q.nrows() / rows.samples().max(1);
    n * n * (q.ncols() + v.ncols()) / 8
}

/// The row of an error counts from the beginning of the batch.
fn at_row(error: Error, rows: &Ragged, b: usize) -> Error {
    match error {
        Error::FullyMaskedRow { row } => Error::FullyMaskedRow { row: rows.range(b).start + row },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_do_not_divide_a_width_are_refused() {
        let text = |d, d_v, count| {
            let (q, v) = (Array2::<f64>::ones((2, d)), Array2::ones((2, d_v)));
            let one = Ragged::one(2);
            Heads::new(count).forward(&q, &q, &v, &one, &one, &Mask::None).unwrap_err().to_string()
        };
        assert_eq!(text(4, 4, 0), "0 heads do not divide a width of 4");
        assert_eq!(text(4, 6, 3), "3 heads do not divide a width of 4");
        assert_eq!(text(6, 4, 3), "3 heads do not divide a width of 4");
    }

    #[test]
    fn operands_that_do_not_fit_are_refused() {
        let text = |q: (usize, usize), k: (usize, usize), v: (usize, usize)| {
            let (q, k, v) = (Array2::<f64>::ones(q), Array2::ones(k), Array2::ones(v));
            let (rows, of) = (Ragged::one(q.nrows()), Ragged::one(k.nrows()));
            Heads::new(2).forward(&q, &k, &v, &rows, &of, &Mask::None).unwrap_err().to_string()
        };
        assert_eq!(text((2, 4), (3, 6), (3, 2)), "attention: k: expected shape [3, 4], got [3, 6]");
        assert_eq!(text((2, 4), (3, 4), (2, 2)), "attention: v: expected shape [3, 2], got [2, 2]");
        assert_eq!(text((0, 4), (3, 4), (3, 2)), "attention: q: empty");
        assert_eq!(text((2, 4), (0, 4), (0, 2)), "attention: k: empty");
        assert_eq!(text((2, 4), (3, 4), (3, 0)), "attention: v: empty");
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused_by_name_even_if_hidden() {
        for (i, name) in ["q", "k", "v"].into_iter().enumerate() {
            let mut all = [Array2::<f64>::ones((2, 4)), Array2::ones((2, 4)), Array2::ones((2, 4))];
            all[i][(1, 1)] = f64::NAN;
            let [q, k, v] = all;
            let one = Ragged::one(2);
            let mask = Mask::Keys(vec![true, false]);
            let error = Heads::new(2).forward(&q, &k, &v, &one, &one, &mask).unwrap_err();
            assert_eq!(error.to_string(), format!("attention: {name}: not a finite number"));
        }
    }

    #[test]
    fn the_row_of_an_error_counts_from_the_beginning_of_the_batch() {
        let x = Array2::<f64>::ones((5, 4));
        let rows = Ragged::of_lengths([2, 3]);
        let mask = Mask::Keys(vec![true, true, false, true, true]);
        let mask = Mask::All(vec![mask, Mask::causal()]);
        for kind in [AttentionKind::Plain, AttentionKind::Flash(Tiles { queries: 2, keys: 2 })] {
            let heads = Heads { kind, ..Heads::new(2) };
            let error = heads.forward(&x, &x, &x, &rows, &rows, &mask).unwrap_err();
            assert_eq!(error.to_string(), "query 2 may see no key");
        }
    }
}
