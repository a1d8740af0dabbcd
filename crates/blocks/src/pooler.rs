//! One vector for a sequence: its first token, once more transformed.

use mmt_tensor::parallel::{map_elements, zip_elements};
use mmt_tensor::{Error, Ragged, Random, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Linear, LinearTape};

/// Rough operations of a tangent per element, for the decision to use threads.
const COST: usize = 20;

/// A linear map and a hyperbolic tangent of the first token of every sample.
///
/// **eq-1.31-pooler**
/// ```math
/// p = \tanh( h_{\mathtt{[CLS]}} W_p + b_p )
/// ```
///
/// `h: [tokens, d]`, `w_p: [d, d]`, `b_p: [d]` → `p: [B, d]`
///
/// `[CLS]` is the first row of a sample. A sequence that is padded on the left has something else there.
///
/// Source: Devlin et al. 2019, *BERT*, section 3.1; the map and the tangent are in the released code, `modeling.py`.
#[derive(Clone, Debug)]
pub struct Pooler<R> {
    /// `W_p, b_p`
    pub dense: Linear<R>,
}

tree!(Pooler { dense });

/// What [`Pooler::backward`] reads.
#[derive(Clone, Debug)]
pub struct PoolerTape<R> {
    /// Of the linear map, whose input is the first tokens: `[B, d]`
    pub dense: LinearTape<R>,
    /// `p: [B, d]`
    pub p: Array2<R>,
    /// Where the samples begin.
    pub rows: Ragged,
}

tree!(PoolerTape { dense, p; rows });

impl<R: Real> Pooler<R> {
    /// For tokens of width `d`.
    pub fn new(d: usize, random: &mut Random) -> Self {
        Pooler { dense: Linear::new(d, d, random) }
    }

    /// `h: [tokens, d]` → `[B, d]`
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for no sample, and for one without tokens; [`Error::ShapeMismatch`] if `h` has not one row
    /// per token; those of the linear map. Only first rows are read.
    pub fn forward(&self, h: &ArrayRef2<R>, rows: &Ragged) -> Result<(Array2<R>, PoolerTape<R>)> {
        rows.check("pooler: h", h)?;
        if rows.samples() == 0 || rows.lengths().any(|n| n == 0) {
            return Err(Error::EmptyInput { at: "pooler: h" });
        }
        let mut first = Array2::zeros((rows.samples(), h.ncols()));
        for (mut first, range) in first.rows_mut().into_iter().zip(rows.ranges()) {
            first.assign(&h.row(range.start));
        }
        let (a, dense) = self.dense.forward(&first)?;
        let p = map_elements(&a, COST, R::tanh);
        Ok((p.clone(), PoolerTape { dense, p, rows: rows.clone() }))
    }

    /// Gradients: returns `h̄: [tokens, d]`, adds to those of the map.
    ///
    /// **eq-1.31-pooler, backward**
    /// ```math
    /// \bar a = \bar p \odot (1 - p \odot p), \qquad
    /// \bar h_{\mathtt{[CLS]}} = \bar a\, W_p^\top, \qquad
    /// \bar h_i = 0 \text{ elsewhere}, \qquad
    /// \bar W_p = h_{\mathtt{[CLS]}}^\top\, \bar a
    /// ```
    ///
    /// Derivation: `p = tanh(a)` with `a = h W_p + b_p`, and
    /// ```math
    /// \tanh' = 1 - \tanh^2 \quad\Rightarrow\quad \bar a_j = \bar p_j\, (1 - p_j^2)
    /// ```
    /// The other tokens were not read, so they have no gradient from here.
    pub fn backward(&self, tape: &PoolerTape<R>, dp: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let da = zip_elements(&tape.p, dp, 1, |p, dp| dp * (R::of(1.0) - p * p));
        let dfirst = self.dense.backward(&tape.dense, &da, &mut grad.dense);
        let mut dh = Array2::zeros((tape.rows.tokens(), dfirst.ncols()));
        for (dfirst, range) in dfirst.rows().into_iter().zip(tape.rows.ranges()) {
            dh.row_mut(range.start).assign(&dfirst);
        }
        dh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(h: &Array2<f64>, rows: &Ragged) -> String {
        Pooler::new(4, &mut Random::seed(0)).forward(h, rows).unwrap_err().to_string()
    }

    #[test]
    fn a_sample_without_tokens_is_refused() {
        assert_eq!(text(&Array2::ones((3, 4)), &Ragged::of_lengths([3, 0])), "pooler: h: empty");
        assert_eq!(text(&Array2::ones((0, 4)), &Ragged::of_lengths([])), "pooler: h: empty");
    }

    #[test]
    fn rows_and_widths_that_do_not_fit_are_refused() {
        let error = text(&Array2::ones((3, 4)), &Ragged::one(2));
        assert_eq!(error, "pooler: h: expected shape [2, 4], got [3, 4]");
        let error = text(&Array2::ones((3, 5)), &Ragged::one(3));
        assert_eq!(error, "linear: w: expected shape [5, 4], got [4, 4]");
    }

    #[test]
    fn a_nan_in_a_first_token_is_refused() {
        let mut h = Array2::ones((3, 4));
        h[(0, 1)] = f64::NAN;
        assert_eq!(text(&h, &Ragged::one(3)), "linear: x: not a finite number");
    }
}
