//! From hidden tokens to scores of words, with the table of words as the last weight.

use mmt_tensor::ops::sum::add_column_sums;
use mmt_tensor::ops::{add_matmul, linear, matmul};
use mmt_tensor::{Error, Random, Real, Result, check_index, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2, Axis};

use crate::{Activation, LayerNorm, LayerNormTape, Linear, LinearTape};

/// The head that scores every word of the vocabulary at the chosen tokens.
///
/// **eq-1.30-mlm-head**
/// ```math
/// t = \operatorname{LN}\bigl( \sigma(h W_t + b_t) \bigr), \qquad
/// z = t\, E_{tok}^\top + b_{out}
/// ```
///
/// `h: [n, d]`, `e: [v, d]`, `chosen: [k]` → `z: [k, v]`
///
/// `E_tok` is the table that the words of the input are looked up in: one array with one optimizer state, which the head
/// reads a second time. So it is no field of the head but an argument, and its gradient has two parts. Only chosen tokens
/// are computed.
///
/// Source: Devlin et al. 2019, *BERT*, released code, `run_pretraining.py`, where `σ` is the tanh form of GELU. ViLBERT,
/// VL-BERT, UNITER and HERO tie the weights as well, with the exact form; the released code of ViLT, exact too, does not
/// tie, and hands a table of its own to its head.
#[derive(Clone, Debug)]
pub struct TiedDecoder<R> {
    /// `W_t, b_t`
    pub transform: Linear<R>,
    /// `LN`
    pub norm: LayerNorm<R>,
    /// `b_out: [v]`
    pub bias: Array1<R>,
    /// `σ`
    pub activation: Activation,
}

tree!(TiedDecoder { transform, norm, bias; activation });

/// What [`TiedDecoder::backward`] reads.
#[derive(Clone, Debug)]
pub struct TiedDecoderTape<R> {
    /// Of the first linear map, whose input is the chosen tokens.
    pub transform: LinearTape<R>,
    /// `a = h W_t + b_t: [k, d]`, the input of `σ`.
    pub a: Array2<R>,
    /// Of the norm.
    pub norm: LayerNormTape<R>,
    /// `t: [k, d]`
    pub t: Array2<R>,
    /// Which rows of `h` were taken.
    pub chosen: Vec<usize>,
    /// `n`, how many rows `h` has.
    pub n: usize,
}

tree!(TiedDecoderTape { transform, a, norm, t; chosen, n });

impl<R: Real> TiedDecoder<R> {
    /// For tokens of width `d` and a table of `words` rows; `eps` is that of the norm.
    pub fn new(d: usize, words: usize, activation: Activation, eps: f64, random: &mut Random) -> Self {
        TiedDecoder {
            transform: Linear::new(d, d, random),
            norm: LayerNorm::new(d, eps),
            bias: Array1::zeros(words),
            activation,
        }
    }

    /// `h: [n, d]`, `e: [v, d]`, `chosen: [k]` → `z: [k, v]`
    ///
    /// # Errors
    /// [`Error::EmptyInput`] if nothing is chosen; [`Error::IndexOutOfRange`] for a chosen position that is no row of `h`;
    /// [`Error::ShapeMismatch`] for a table of another size than the head; those of the layers, and
    /// [`Error::NonFinite`] for NaN and infinities.
    pub fn forward(
        &self,
        h: &ArrayRef2<R>,
        e: &ArrayRef2<R>,
        chosen: &[usize],
    ) -> Result<(Array2<R>, TiedDecoderTape<R>)> {
        if chosen.is_empty() {
            return Err(Error::EmptyInput { at: "tied_decoder: chosen" });
        }
        chosen.iter().try_for_each(|&i| check_index("tied_decoder: chosen", i, h.nrows()))?;
        check_shape("tied_decoder: e", e.shape(), &[self.bias.len(), self.norm.gamma.len()])?;
        let (a, transform) = self.transform.forward(&h.select(Axis(0), chosen))?;
        let (t, norm) = self.norm.forward(&self.activation.forward(&a)?)?;
        let z = linear(&t, &e.t(), Some(&self.bias))?;
        Ok((z, TiedDecoderTape { transform, a, norm, t, chosen: chosen.to_vec(), n: h.nrows() }))
    }

    /// Gradients: returns `h̄: [n, d]`, adds to those of the head and to `de`, that of the table.
    ///
    /// **eq-1.30-mlm-head, backward**
    /// ```math
    /// \bar t = \bar z\, E_{tok}, \qquad
    /// \bar E_{tok} \mathrel{+}= \bar z^\top t, \qquad
    /// \bar b_{out} = \sum_i \bar z_i, \qquad
    /// \bar a = \operatorname{LN}^\top(\bar t) \odot \sigma'(a), \qquad
    /// \bar h = \bar a\, W_t^\top
    /// ```
    ///
    /// Derivation, from `z_{iv} = Σ_j t_{ij} E_{vj} + b_v`:
    /// ```math
    /// \bar t_{ij} = \sum_v \bar z_{iv}\, E_{vj}, \qquad
    /// \bar E_{vj} = \sum_i \bar z_{iv}\, t_{ij}
    /// ```
    /// The input of the model depends on the same table, and what flows back through `h̄` reaches it by the lookup. The
    /// total is the sum: with `ℓ(E, E')` for the two uses, `dℓ(E, E)/dE = ∂ℓ/∂E + ∂ℓ/∂E'`. Tokens that were not chosen
    /// have no gradient.
    pub fn backward(
        &self,
        tape: &TiedDecoderTape<R>,
        e: &ArrayRef2<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
        de: &mut Array2<R>,
    ) -> Array2<R> {
        add_column_sums(&mut grad.bias, dz);
        add_matmul(de, &dz.t(), &tape.t);
        let dg = self.norm.backward(&tape.norm, &matmul(dz, e), &mut grad.norm);
        let da = self.activation.backward(&tape.a, &dg);
        let dchosen = self.transform.backward(&tape.transform, &da, &mut grad.transform);
        let mut dh = Array2::zeros((tape.n, dchosen.ncols()));
        for (&i, dchosen) in tape.chosen.iter().zip(dchosen.rows()) {
            let mut row = dh.row_mut(i);
            row += &dchosen;
        }
        dh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(h: &Array2<f64>, e: &Array2<f64>, chosen: &[usize]) -> String {
        let head = TiedDecoder::new(4, 5, Activation::GeluTanh, 1e-12, &mut Random::seed(0));
        head.forward(h, e, chosen).unwrap_err().to_string()
    }

    #[test]
    fn positions_that_do_not_exist_are_refused() {
        let error = text(&Array2::ones((3, 4)), &Array2::ones((5, 4)), &[0, 3]);
        assert_eq!(error, "tied_decoder: chosen: index 3 is outside a table of 3");
    }

    #[test]
    fn no_chosen_position_is_refused() {
        assert_eq!(text(&Array2::ones((3, 4)), &Array2::ones((5, 4)), &[]), "tied_decoder: chosen: empty");
    }

    #[test]
    fn a_table_of_another_size_is_refused() {
        let h = Array2::ones((3, 4));
        let error = text(&h, &Array2::ones((6, 4)), &[0]);
        assert_eq!(error, "tied_decoder: e: expected shape [5, 4], got [6, 4]");
        let error = text(&h, &Array2::ones((5, 3)), &[0]);
        assert_eq!(error, "tied_decoder: e: expected shape [5, 4], got [5, 3]");
    }

    #[test]
    fn tokens_of_another_width_are_refused() {
        let error = text(&Array2::ones((3, 2)), &Array2::ones((5, 4)), &[0]);
        assert_eq!(error, "linear: w: expected shape [2, 4], got [4, 4]");
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let (mut h, mut e) = (Array2::ones((3, 4)), Array2::ones((5, 4)));
            e[(2, 2)] = bad;
            assert_eq!(text(&h, &e, &[1]), "linear: w: not a finite number");
            e[(2, 2)] = 1.0;
            h[(1, 0)] = bad;
            assert_eq!(text(&h, &e, &[1]), "linear: x: not a finite number");
        }
    }
}
