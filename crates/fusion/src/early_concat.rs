//! Two modalities as one sequence.

use mmt_blocks::Mask;
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Layout, Stream, StreamTape, concat, concat_backward};

/// One encoder over the tokens of both modalities.
#[derive(Clone, Debug)]
pub struct EarlyConcat<R> {
    /// `Tf`
    pub joint: Stream<R>,
}

tree!(EarlyConcat { joint });

/// What [`EarlyConcat::backward`] reads.
#[derive(Clone, Debug)]
pub struct EarlyConcatTape<R> {
    /// Of the encoder; attention maps are in it.
    pub joint: StreamTape<R>,
    /// The segments of the first modality.
    pub layout_a: Layout,
    /// The segments of the second modality.
    pub layout_b: Layout,
    /// The segments of the joint sequence.
    pub layout: Layout,
}

tree!(EarlyConcatTape { joint; layout_a, layout_b, layout });

impl<R: Real> EarlyConcat<R> {
    /// Every token of both modalities looks at every other one, from the first layer on.
    ///
    /// **eq-3-early-concat**
    /// ```math
    /// Z = \operatorname{Tf}\bigl( \mathcal C(X_A, X_B) \bigr)
    /// ```
    ///
    /// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a + n_b, d]`, with the layout on the tape
    ///
    /// The cost of the scores grows with the square of the joint length. Without embeddings of the modality, tokens of the
    /// two are told apart by their content alone.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (early
    /// concatenation, also called all-attention or co-transformer).
    ///
    /// # Errors
    /// Those of [`concat()`] and of the encoder.
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        mask: &Mask,
    ) -> Result<(Array2<R>, EarlyConcatTape<R>)> {
        let (x, layout) = concat((a, layout_a), (b, layout_b))?;
        let (z, joint) = self.joint.forward(&x, &layout.rows(), mask)?;
        Ok((z, EarlyConcatTape { joint, layout_a: layout_a.clone(), layout_b: layout_b.clone(), layout }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the encoder.
    ///
    /// **eq-3-early-concat, backward**
    /// ```math
    /// \bar U = \operatorname{Tf-backward}(\bar Z), \qquad (\bar X_A, \bar X_B) = \operatorname{Split}(\bar U)
    /// ```
    ///
    /// Derivation: the chain rule, with `U = C(X_A, X_B)`:
    /// ```math
    /// \langle \bar U,\; \mathcal C(\dot X_A, \dot X_B) \rangle
    ///   = \langle \bar U_A, \dot X_A \rangle + \langle \bar U_B, \dot X_B \rangle
    /// ```
    pub fn backward(
        &self,
        tape: &EarlyConcatTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let du = self.joint.backward(&tape.joint, dz, &mut grad.joint);
        concat_backward(&tape.layout_a, &tape.layout_b, &du)
    }
}

#[cfg(test)]
mod tests {
    use mmt_blocks::{Activation, AttentionKind, BlockConfig, Encoder, NormOrder};
    use mmt_tensor::{Ragged, Random};

    use super::*;

    #[test]
    fn wrong_arguments_are_refused() {
        let config = BlockConfig {
            width: 4,
            heads: 2,
            hidden: 6,
            activation: Activation::Relu,
            eps: 1e-5,
            attention: AttentionKind::Plain,
        };
        let joint = Encoder::<f64>::new(NormOrder::Pre, 1, &config, &mut Random::seed(0)).unwrap();
        let module = EarlyConcat { joint: joint.into() };
        let layout = |tag: &str, n| Layout::of(tag, Ragged::one(n)).unwrap();
        let (a, b) = (Array2::zeros((3, 4)), Array2::zeros((2, 4)));
        let run = |a: &Array2<f64>, b: &Array2<f64>, la: &Layout, lb: &Layout| {
            module.forward((a, la), (b, lb), &Mask::None).unwrap_err().to_string()
        };
        let (la, lb) = (layout("a", 3), layout("b", 2));
        assert_eq!(run(&a, &b, &la, &layout("a", 2)), "two segments are called `a`");
        let short = "concat: b: the segments have 3 tokens, but there are 2 rows";
        assert_eq!(run(&a, &b, &la, &layout("b", 3)), short);
        let wide = Array2::zeros((2, 5));
        assert_eq!(run(&a, &wide, &la, &lb), "concat: b: expected shape [2, 4], got [2, 5]");
        let nan = Array2::from_elem((2, 4), f64::NAN);
        assert_eq!(run(&a, &nan, &la, &lb), "concat: b: not a finite number");
    }
}
