//! All modalities as one sequence, then each by itself.

use mmt_blocks::Mask;
use mmt_tensor::{Error, Real, Result, tree};
use ndarray::{Array2, ArrayRef2};

use crate::concat::join_gradients;
use crate::{Layout, Stream, StreamTape, concat, concat_backward};

/// Hierarchical attention from one stream to two. The note calls it "2-to-1".
#[derive(Clone, Debug)]
pub struct HierOneToMulti<R> {
    /// `Tf_1`, of both.
    pub joint: Stream<R>,
    /// `Tf_2`, of the first modality.
    pub a: Stream<R>,
    /// `Tf_3`, of the second modality.
    pub b: Stream<R>,
}

tree!(HierOneToMulti { joint, a, b });

/// What [`HierOneToMulti::backward`] reads.
#[derive(Clone, Debug)]
pub struct HierOneToMultiTape<R> {
    /// Of the joint stream.
    pub joint: StreamTape<R>,
    /// Of the stream of the first modality.
    pub a: StreamTape<R>,
    /// Of the stream of the second modality.
    pub b: StreamTape<R>,
    /// The segments of the first modality.
    pub layout_a: Layout,
    /// The segments of the second modality.
    pub layout_b: Layout,
}

tree!(HierOneToMultiTape { joint, a, b; layout_a, layout_b });

impl<R: Real> HierOneToMulti<R> {
    /// The modalities meet first and go separate ways then.
    ///
    /// **eq-3-hier-o2m**
    /// ```math
    /// \mathcal C(U_A, U_B) = \operatorname{Tf}_1\bigl( \mathcal C(X_A, X_B) \bigr), \qquad
    /// Z_A = \operatorname{Tf}_2(U_A), \qquad Z_B = \operatorname{Tf}_3(U_B)
    /// ```
    ///
    /// `a: [n_a, d]`, `b: [n_b, d]` → `[n_a, d]`, `[n_b, d]`; the mask is that of `Tf_1`
    ///
    /// The note ends with the split and leaves out `Tf_2` and `Tf_3`: with the identity in their place that is what this
    /// computes.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3 (hierarchical attention,
    /// one-stream to multi-stream); Lin et al. 2020, *InterBERT*.
    ///
    /// # Errors
    /// [`Error::LayoutMismatch`] if `Tf_1` changes the number of tokens; the errors of [`concat()`] and of the streams.
    pub fn forward(
        &self,
        (a, layout_a): (&ArrayRef2<R>, &Layout),
        (b, layout_b): (&ArrayRef2<R>, &Layout),
        mask: &Mask,
    ) -> Result<((Array2<R>, Array2<R>), HierOneToMultiTape<R>)> {
        let (x, layout) = concat((a, layout_a), (b, layout_b))?;
        let (u, joint) = self.joint.forward(&x, &layout.rows(), mask)?;
        check_tokens(&u, &layout)?;
        let (u_a, u_b) = concat_backward(layout_a, layout_b, &u);
        let (z_a, tape_a) = self.a.forward(&u_a, &layout_a.rows(), &Mask::None)?;
        let (z_b, tape_b) = self.b.forward(&u_b, &layout_b.rows(), &Mask::None)?;
        let (layout_a, layout_b) = (layout_a.clone(), layout_b.clone());
        Ok(((z_a, z_b), HierOneToMultiTape { joint, a: tape_a, b: tape_b, layout_a, layout_b }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the two modalities, adds to those of the streams.
    ///
    /// **eq-3-hier-o2m, backward**
    /// ```math
    /// \bar U = \mathcal C\bigl( \operatorname{Tf}_2\text{-backward}(\bar Z_A),\;
    ///   \operatorname{Tf}_3\text{-backward}(\bar Z_B) \bigr), \qquad
    /// (\bar X_A, \bar X_B) = \operatorname{Split}\bigl( \operatorname{Tf}_1\text{-backward}(\bar U) \bigr)
    /// ```
    ///
    /// Derivation: the chain rule from the last functions to the first; the adjoint of the split is the concatenation,
    /// eq-3-concat-split. A gradient that comes from `Z_A` alone still reaches `X_B`, because the two met in `Tf_1`.
    pub fn backward(
        &self,
        tape: &HierOneToMultiTape<R>,
        (dz_a, dz_b): (&ArrayRef2<R>, &ArrayRef2<R>),
        grad: &mut Self,
    ) -> (Array2<R>, Array2<R>) {
        let HierOneToMultiTape { joint, a, b, layout_a, layout_b } = tape;
        let du_a = self.a.backward(a, dz_a, &mut grad.a);
        let du_b = self.b.backward(b, dz_b, &mut grad.b);
        let du = join_gradients((&du_a, layout_a), (&du_b, layout_b));
        let dx = self.joint.backward(joint, &du, &mut grad.joint);
        concat_backward(layout_a, layout_b, &dx)
    }
}

fn check_tokens<R>(u: &ArrayRef2<R>, layout: &Layout) -> Result<()> {
    let (rows, tokens) = (u.nrows(), layout.rows().tokens());
    if rows == tokens {
        Ok(())
    } else {
        Err(Error::LayoutMismatch { at: "hier_one_to_multi: u", rows, tokens })
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Ragged;

    use super::*;

    #[test]
    fn wrong_inputs_are_refused() {
        let streams =
            HierOneToMulti { joint: Stream::<f64>::identity(), a: Stream::identity(), b: Stream::identity() };
        let layout = |tag: &str, n| Layout::of(tag, Ragged::one(n)).unwrap();
        let run = |a: (usize, usize), b: (usize, usize), la: &Layout| {
            let (x, y) = (Array2::ones(a), Array2::ones(b));
            streams.forward((&x, la), (&y, &layout("b", b.0)), &Mask::None).unwrap_err().to_string()
        };
        assert_eq!(run((3, 4), (2, 5), &layout("a", 3)), "concat: b: expected shape [2, 4], got [2, 5]");
        let long = "concat: a: the segments have 4 tokens, but there are 3 rows";
        assert_eq!(run((3, 4), (2, 4), &layout("a", 4)), long);
    }

    #[test]
    fn a_joint_stream_that_changes_the_number_of_tokens_is_refused() {
        let layout = Layout::of("a", Ragged::one(3)).unwrap();
        let error = check_tokens(&Array2::<f64>::zeros((2, 4)), &layout).unwrap_err();
        assert_eq!(
            error.to_string(),
            "hier_one_to_multi: u: the segments have 3 tokens, but there are 2 rows"
        );
    }
}
