//! Two streams that look at each other.

use mmt_blocks::Mask;
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Cross, CrossTape, Layout};

/// Co-attention: each modality asks, the other one answers.
#[derive(Clone, Debug)]
pub struct CrossAttention<R> {
    /// `Ca_A`: queries of A, keys and values of B.
    pub a: Cross<R>,
    /// `Ca_B`: queries of B, keys and values of A.
    pub b: Cross<R>,
}

tree!(CrossAttention { a, b });

/// What [`CrossAttention::backward`] reads.
#[derive(Clone, Debug)]
pub struct CrossAttentionTape<R> {
    /// Of the block of A.
    pub a: CrossTape<R>,
    /// Of the block of B.
    pub b: CrossTape<R>,
}

tree!(CrossAttentionTape { a, b });

impl<R: Real> CrossAttention<R> {
    /// Keys and values are swapped between two streams; queries and residuals stay.
    ///
    /// **eq-3-cross**
    /// ```math
    /// Z_A = \operatorname{Ca}_A(X_A;\, X_B), \qquad Z_B = \operatorname{Ca}_B(X_B;\, X_A), \qquad
    /// \text{inside: } \mathrm{MHA}(Q_A, K_B, V_B), \quad \mathrm{MHA}(Q_B, K_A, V_A)
    /// ```
    ///
    /// `a: [n_a, d_a]`, `b: [n_b, d_b]` → `[n_a, d_a]`, `[n_b, d_b]`; the first mask is about what A sees of B, the second about
    /// what B sees of A
    ///
    /// Both blocks read the inputs, so their order does not matter. Widths may differ. A token of A never sees A here: the
    /// self-attention that lets it follows, as in ViLBERT, or eq-3-cross-concat.
    ///
    /// Source: Lu et al. 2019, *ViLBERT*, section 2.2 (co-attentional Transformer layer); Xu, Zhu & Clifton 2023, *Multimodal
    /// Learning with Transformers: A Survey*, section 3.3.
    ///
    /// # Errors
    /// Those of the blocks: [`Error::HeadDivisibility`](mmt_tensor::Error::HeadDivisibility),
    /// [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for a sample without keys,
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for projections of another width.
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        (mask_a, mask_b): (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), CrossAttentionTape<R>)> {
        let (rows_a, rows_b) = (layout_a.rows(), layout_b.rows());
        let (z_a, tape_a) = self.a.forward(a, b, &rows_a, &rows_b, mask_a)?;
        let (z_b, tape_b) = self.b.forward(b, a, &rows_b, &rows_a, mask_b)?;
        Ok(((z_a, z_b), CrossAttentionTape { a: tape_a, b: tape_b }))
    }

    /// The other way to say it: queries are swapped between two streams, and an output is named after its keys.
    ///
    /// **eq-3-cross-equiv**
    /// ```math
    /// Z'_A = \mathrm{MHA}(Q_B, K_A, V_A) = Z_B, \qquad Z'_B = \mathrm{MHA}(Q_A, K_B, V_B) = Z_A
    /// ```
    ///
    /// `a: [n_a, d_a]`, `b: [n_b, d_b]` → `Z'_A: [n_b, d_b]`, `Z'_B: [n_a, d_a]`
    ///
    /// The same two matrices under exchanged names: `Z'_A` has the rows of B. A residual, a norm or a network of stream A
    /// cannot follow it unless both have as many tokens, and would then add rows of B to rows of A. So the outputs of
    /// [`forward`](Self::forward) are the ones to build on, and this is a renaming.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (exchange of
    /// queries); the identity follows from the definitions.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_by_keys(
        &self,
        a: (&ArrayRef2<R>, &Layout),
        b: (&ArrayRef2<R>, &Layout),
        masks: (&Mask, &Mask),
    ) -> Result<((Array2<R>, Array2<R>), CrossAttentionTape<R>)> {
        let ((z_a, z_b), tape) = self.forward(a, b, masks)?;
        Ok(((z_b, z_a), tape))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the blocks.
    ///
    /// **eq-3-cross, backward**
    /// ```math
    /// (\bar X_A^{q}, \bar X_B^{kv}) = \operatorname{Ca}_A\text{-backward}(\bar Z_A), \qquad
    /// (\bar X_B^{q}, \bar X_A^{kv}) = \operatorname{Ca}_B\text{-backward}(\bar Z_B), \qquad
    /// \bar X_A = \bar X_A^{q} + \bar X_A^{kv}, \quad \bar X_B = \bar X_B^{q} + \bar X_B^{kv}
    /// ```
    ///
    /// Derivation: each input is used twice, once for queries and once for keys and values, and the gradients of the two uses
    /// add up.
    ///
    /// **eq-3-cross-equiv, backward**
    /// ```math
    /// \bar Z_A = \bar Z'_B, \qquad \bar Z_B = \bar Z'_A
    /// ```
    ///
    /// Derivation: a renaming of outputs is a renaming of their gradients.
    pub fn backward(
        &self,
        tape: &CrossAttentionTape<R>,
        (dz_a, dz_b): (&ArrayRef2<R>, &ArrayRef2<R>),
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let (da_q, db_kv) = self.a.backward(&tape.a, dz_a, &mut grad.a);
        let (db_q, da_kv) = self.b.backward(&tape.b, dz_b, &mut grad.b);
        (da_q + da_kv, db_q + db_kv)
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::{Ragged, Random};

    use super::*;
    use crate::ResidualAttention;

    fn block(d: usize, context: usize) -> Cross<f64> {
        Cross::Attention(ResidualAttention::new(d, context, 2, &mut Random::seed(0)).unwrap())
    }

    fn refused(module: &CrossAttention<f64>, a: (usize, usize), b: (usize, usize)) -> String {
        let layout = |tag: &str, n| Layout::with_missing(tag, Ragged::one(n)).unwrap();
        let (x, y) = (Array2::ones(a), Array2::ones(b));
        let (la, lb) = (layout("a", a.0), layout("b", b.0));
        module.forward((&x, &la), (&y, &lb), (&Mask::None, &Mask::None)).unwrap_err().to_string()
    }

    #[test]
    fn heads_that_do_not_divide_the_width_are_refused() {
        let error = ResidualAttention::<f64>::new(4, 6, 3, &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "3 heads do not divide a width of 4");
    }

    #[test]
    fn a_side_without_keys_is_refused() {
        let module = CrossAttention { a: block(4, 4), b: block(4, 4) };
        assert_eq!(refused(&module, (3, 4), (0, 4)), "attention: k: empty");
        assert_eq!(refused(&module, (0, 4), (3, 4)), "attention: q: empty");
    }

    #[test]
    fn projections_of_another_width_are_refused() {
        let module = CrossAttention { a: block(4, 6), b: block(6, 6) };
        assert_eq!(refused(&module, (3, 4), (2, 6)), "linear: w: expected shape [4, 6], got [6, 6]");
        assert_eq!(refused(&module, (3, 4), (2, 4)), "linear: w: expected shape [4, 4], got [6, 4]");
    }
}
