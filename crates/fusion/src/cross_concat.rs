//! Two streams that look at each other, then one over both.

use mmt_blocks::Mask;
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{CrossAttention, CrossAttentionTape, Layout, Stream, StreamTape, concat, concat_backward};

/// Cross-attention to concatenation.
#[derive(Clone, Debug)]
pub struct CrossConcat<R> {
    /// The two blocks that look at each other.
    pub cross: CrossAttention<R>,
    /// `Tf_3`
    pub joint: Stream<R>,
}

tree!(CrossConcat { cross, joint });

/// What [`CrossConcat::backward`] reads.
#[derive(Clone, Debug)]
pub struct CrossConcatTape<R> {
    /// Of the two blocks.
    pub cross: CrossAttentionTape<R>,
    /// Of the joint stream.
    pub joint: StreamTape<R>,
    /// The segments of the first modality.
    pub layout_a: Layout,
    /// The segments of the second modality.
    pub layout_b: Layout,
    /// The segments of the joint sequence.
    pub layout: Layout,
}

tree!(CrossConcatTape { cross, joint; layout_a, layout_b, layout });

impl<R: Real> CrossConcat<R> {
    /// The streams look at each other first; a joint stack gives them back the sight of themselves.
    ///
    /// **eq-3-cross-concat**
    /// ```math
    /// (Z_A, Z_B) = \bigl( \operatorname{Ca}_A(X_A;\, X_B),\; \operatorname{Ca}_B(X_B;\, X_A) \bigr), \qquad
    /// Z = \operatorname{Tf}_3\bigl( \mathcal C(Z_A, Z_B) \bigr)
    /// ```
    ///
    /// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a + n_b, d]`, with the layout on the tape; masks: of what A sees of B, of what B sees of
    /// A, and of the joint stream
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (cross-attention to
    /// concatenation).
    ///
    /// # Errors
    /// Those of [`CrossAttention::forward`], of [`concat()`] and of the joint stream.
    pub fn forward(
        &self,
        a: (&ArrayRef2<R>, &Layout),
        b: (&ArrayRef2<R>, &Layout),
        (mask_a, mask_b, mask): (&Mask, &Mask, &Mask),
    ) -> Result<(Array2<R>, CrossConcatTape<R>)> {
        let ((z_a, z_b), cross) = self.cross.forward(a, b, (mask_a, mask_b))?;
        let (u, layout) = concat((&z_a, a.1), (&z_b, b.1))?;
        let (z, joint) = self.joint.forward(&u, &layout.rows(), mask)?;
        Ok((z, CrossConcatTape { cross, joint, layout_a: a.1.clone(), layout_b: b.1.clone(), layout }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the parts.
    ///
    /// **eq-3-cross-concat, backward**
    /// ```math
    /// (\bar Z_A, \bar Z_B) = \operatorname{Split}\bigl( \operatorname{Tf}_3\text{-backward}(\bar Z) \bigr), \qquad
    /// (\bar X_A, \bar X_B) = \operatorname{Cross-backward}(\bar Z_A, \bar Z_B)
    /// ```
    ///
    /// Derivation: the chain rule through eq-3-early-concat, whose inputs are the outputs of eq-3-cross.
    pub fn backward(
        &self,
        tape: &CrossConcatTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let du = self.joint.backward(&tape.joint, dz, &mut grad.joint);
        let (dz_a, dz_b) = concat_backward(&tape.layout_a, &tape.layout_b, &du);
        self.cross.backward(&tape.cross, (&dz_a, &dz_b), &mut grad.cross)
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::{Ragged, Random};

    use super::*;
    use crate::{Cross, ResidualAttention};

    fn refused(widths: [usize; 2], a: (usize, usize), b: (usize, usize), tag: &str) -> String {
        let [d_a, d_b] = widths;
        let block = |d, context| {
            Cross::Attention(ResidualAttention::<f64>::new(d, context, 2, &mut Random::seed(0)).unwrap())
        };
        let cross = CrossAttention { a: block(d_a, d_b), b: block(d_b, d_a) };
        let module = CrossConcat { cross, joint: Stream::identity() };
        let layout = |tag: &str, n| Layout::with_missing(tag, Ragged::one(n)).unwrap();
        let (x, y) = (Array2::ones(a), Array2::ones(b));
        let (la, lb) = (layout("a", a.0), layout(tag, b.0));
        let none = &Mask::None;
        module.forward((&x, &la), (&y, &lb), (none, none, none)).unwrap_err().to_string()
    }

    #[test]
    fn streams_that_cannot_be_joined_are_refused() {
        assert_eq!(refused([4, 6], (3, 4), (2, 6), "b"), "concat: b: expected shape [2, 4], got [2, 6]");
        assert_eq!(refused([4, 4], (3, 4), (2, 4), "a"), "two segments are called `a`");
        assert_eq!(refused([4, 4], (3, 4), (0, 4), "b"), "attention: k: empty");
        assert_eq!(refused([4, 4], (3, 6), (2, 4), "b"), "linear: w: expected shape [6, 4], got [4, 4]");
    }
}
