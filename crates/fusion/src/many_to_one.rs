//! Each modality by itself, then all of them as one sequence.

use mmt_blocks::Mask;
use mmt_tensor::{Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::{Layout, Stream, StreamTape, concat, concat_backward};

/// Hierarchical attention from two streams to one. The note calls it "1-to-2".
#[derive(Clone, Debug)]
pub struct HierMultiToOne<R> {
    /// `Tf_1`, of the first modality.
    pub a: Stream<R>,
    /// `Tf_2`, of the second modality.
    pub b: Stream<R>,
    /// `Tf_3`, of both.
    pub joint: Stream<R>,
}

tree!(HierMultiToOne { a, b, joint });

/// What [`HierMultiToOne::backward`] reads.
#[derive(Clone, Debug)]
pub struct HierMultiToOneTape<R> {
    /// Of the stream of the first modality.
    pub a: StreamTape<R>,
    /// Of the stream of the second modality.
    pub b: StreamTape<R>,
    /// Of the joint stream.
    pub joint: StreamTape<R>,
    /// The segments of the first modality.
    pub layout_a: Layout,
    /// The segments of the second modality.
    pub layout_b: Layout,
    /// The segments of the joint sequence.
    pub layout: Layout,
}

tree!(HierMultiToOneTape { a, b, joint; layout_a, layout_b, layout });

impl<R: Real> HierMultiToOne<R> {
    /// The modalities meet after a stack of their own.
    ///
    /// **eq-3-hier-m2o**
    /// ```math
    /// Z = \operatorname{Tf}_3\bigl( \mathcal C(\operatorname{Tf}_1(X_A),\; \operatorname{Tf}_2(X_B)) \bigr)
    /// ```
    ///
    /// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a + n_b, d]`, with the layout on the tape; the mask is that of `Tf_3`
    ///
    /// A stream that ends with a norm gives the join tokens of one scale. Positions are usually added before `Tf_1` and `Tf_2`
    /// only. Streams of different widths need a linear map before the join.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (hierarchical attention,
    /// multi-stream to one-stream).
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for different widths at the join; the errors of
    /// [`concat()`] and of the streams.
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        mask: &Mask,
    ) -> Result<(Array2<R>, HierMultiToOneTape<R>)> {
        let (u_a, tape_a) = self.a.forward(a, &layout_a.rows(), &Mask::None)?;
        let (u_b, tape_b) = self.b.forward(b, &layout_b.rows(), &Mask::None)?;
        let (u, layout) = concat((&u_a, layout_a), (&u_b, layout_b))?;
        let (z, joint) = self.joint.forward(&u, &layout.rows(), mask)?;
        let (layout_a, layout_b) = (layout_a.clone(), layout_b.clone());
        Ok((z, HierMultiToOneTape { a: tape_a, b: tape_b, joint, layout_a, layout_b, layout }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the streams.
    ///
    /// **eq-3-hier-m2o, backward**
    /// ```math
    /// (\bar U_A, \bar U_B) = \operatorname{Split}\bigl( \operatorname{Tf}_3\text{-backward}(\bar Z) \bigr), \qquad
    /// \bar X_A = \operatorname{Tf}_1\text{-backward}(\bar U_A), \qquad
    /// \bar X_B = \operatorname{Tf}_2\text{-backward}(\bar U_B)
    /// ```
    ///
    /// Derivation: the chain rule from the last function to the first; the adjoint of the concatenation is the split,
    /// eq-3-concat-split. Streams that share their parameters add to the same gradient.
    pub fn backward(
        &self,
        tape: &HierMultiToOneTape<R>,
        dz: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let du = self.joint.backward(&tape.joint, dz, &mut grad.joint);
        let (du_a, du_b) = concat_backward(&tape.layout_a, &tape.layout_b, &du);
        (self.a.backward(&tape.a, &du_a, &mut grad.a), self.b.backward(&tape.b, &du_b, &mut grad.b))
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Ragged;

    use super::*;

    #[test]
    fn different_widths_at_the_join_are_refused() {
        let streams =
            HierMultiToOne { a: Stream::<f64>::identity(), b: Stream::identity(), joint: Stream::identity() };
        let layout = |tag: &str, n| Layout::of(tag, Ragged::one(n)).unwrap();
        let run = |a: (usize, usize), b: (usize, usize), tag| {
            let (x, y) = (Array2::ones(a), Array2::ones(b));
            let (la, lb) = (layout("a", a.0), layout(tag, b.0));
            streams.forward((&x, &la), (&y, &lb), &Mask::None).unwrap_err().to_string()
        };
        assert_eq!(run((3, 4), (2, 5), "b"), "concat: b: expected shape [2, 4], got [2, 5]");
        assert_eq!(run((3, 4), (2, 4), "a"), "two segments are called `a`");
    }
}
