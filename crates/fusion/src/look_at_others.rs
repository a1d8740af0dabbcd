//! Every modality looks at all others at once.

use mmt_blocks::Mask;
use mmt_tensor::{Error, Real, Result, check_shape, tree};
use ndarray::{Array2, ArrayRef2};

use crate::concat::{concat_all, concat_all_backward};
use crate::{Cross, CrossTape, Layout};

/// Cross-attention of any number of modalities.
#[derive(Clone, Debug)]
pub struct LookAtOthers<R> {
    /// `Ca_m`, one for each modality.
    pub streams: Vec<Cross<R>>,
}

tree!(LookAtOthers { streams });

/// What [`LookAtOthers::backward`] reads.
#[derive(Clone, Debug)]
pub struct LookAtOthersTape<R> {
    /// One for each modality.
    pub streams: Vec<CrossTape<R>>,
    /// The segments of every modality.
    pub layouts: Vec<Layout>,
}

tree!(LookAtOthersTape { streams; layouts });

impl<R: Real> LookAtOthers<R> {
    /// The keys and values of all other modalities lie below each other, and one softmax chooses among them.
    ///
    /// **eq-3-tri-survey**
    /// ```math
    /// Z_m = \operatorname{Ca}_m\bigl( X_m;\; \mathcal C_{m' \ne m}(X_{m'}) \bigr), \qquad
    /// \text{inside, of three: } \mathrm{MHA}\bigl( Q_v,\; \mathcal C(K_p, K_a),\; \mathcal C(V_p, V_a) \bigr)
    /// ```
    ///
    /// `x: [n_m, d]` of each of `k` modalities → `k` outputs `[n_m, d]`; `masks`: none at all, or one for each modality, about the tokens of the
    /// others in their order
    ///
    /// By eq-3-gate it is a gated mixture of cross-attentions, one to each other modality. A long modality has many keys in the
    /// softmax and takes a large share. Lengths may differ. With two modalities it is eq-3-cross.
    ///
    /// Source: Xu, Zhu & Clifton 2023, *Multimodal Learning with Transformers: A Survey*, section 3.3, about TriBERT; the
    /// released code joins channels instead: eq-3-tri-code.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] for fewer than two modalities; [`Error::ShapeMismatch`] for another number of inputs or masks than
    /// of streams; [`Error::FullyMaskedRow`] if the masks hide all others; those of [`concat()`](crate::concat()) and of
    /// the blocks.
    pub fn forward(
        &self,
        inputs: &[(&ArrayRef2<R>, &Layout)],
        masks: &[Mask],
    ) -> Result<(Vec<Array2<R>>, LookAtOthersTape<R>)> {
        if inputs.len() < 2 {
            return Err(Error::EmptyInput { at: "look_at_others: a second modality" });
        }
        check_shape("look_at_others: inputs", &[inputs.len()], &[self.streams.len()])?;
        if !masks.is_empty() {
            check_shape("look_at_others: masks", &[masks.len()], &[inputs.len()])?;
        }
        let (mut z, mut streams) = (vec![], vec![]);
        for (m, stream) in self.streams.iter().enumerate() {
            let (context, layout) = concat_all(&others(inputs, m))?;
            let (x, own) = inputs[m];
            let mask = masks.get(m).unwrap_or(&Mask::None);
            let (z_m, tape) = stream.forward(x, &context, &own.rows(), &layout.rows(), mask)?;
            z.push(z_m);
            streams.push(tape);
        }
        let layouts = inputs.iter().map(|(_, layout)| (*layout).clone()).collect();
        Ok((z, LookAtOthersTape { streams, layouts }))
    }

    /// Gradients of [`forward`](Self::forward): returns those of the modalities, adds to those of the blocks.
    ///
    /// **eq-3-tri-survey, backward**
    /// ```math
    /// (\bar X_m^{q}, \bar Y_m) = \operatorname{Ca}_m\text{-backward}(\bar Z_m), \qquad
    /// \bar X_m = \bar X_m^{q} + \sum_{m' \ne m} \operatorname{Split}_m(\bar Y_{m'})
    /// ```
    ///
    /// Derivation: a modality is read by its own block as queries and by all other blocks as a part of their context; the
    /// gradients of these uses add up, and the adjoint of the concatenation is the split.
    pub fn backward(&self, tape: &LookAtOthersTape<R>, dz: &[Array2<R>], grad: &mut Self) -> Vec<Array2<R>> {
        let layouts: Vec<&Layout> = tape.layouts.iter().collect();
        let zeros =
            |(dz, layout): (&Array2<R>, &&Layout)| Array2::zeros((layout.rows().tokens(), dz.ncols()));
        let mut dx: Vec<Array2<R>> = dz.iter().zip(&layouts).map(zeros).collect();
        for (m, stream) in self.streams.iter().enumerate() {
            let (own, context) = stream.backward(&tape.streams[m], &dz[m], &mut grad.streams[m]);
            dx[m] += &own;
            let parts = concat_all_backward(&others(&layouts, m), &context);
            for (i, part) in others(&(0..dx.len()).collect::<Vec<_>>(), m).into_iter().zip(parts) {
                dx[i] += &part;
            }
        }
        dx
    }
}

/// All but one, in order.
fn others<T: Copy>(list: &[T], but: usize) -> Vec<T> {
    list[..but].iter().chain(&list[but + 1..]).copied().collect()
}

#[cfg(test)]
mod tests {
    use mmt_tensor::{Ragged, Random};

    use super::*;
    use crate::ResidualAttention;

    fn module(count: usize) -> LookAtOthers<f64> {
        let block = || Cross::Attention(ResidualAttention::new(4, 4, 2, &mut Random::seed(0)).unwrap());
        LookAtOthers { streams: (0..count).map(|_| block()).collect() }
    }

    fn refused(streams: usize, inputs: usize, masks: &[Mask]) -> String {
        let x = Array2::ones((2, 4));
        let layouts: Vec<Layout> =
            (0..inputs).map(|i| Layout::of(&i.to_string(), Ragged::one(2)).unwrap()).collect();
        let inputs: Vec<_> = layouts.iter().map(|layout| (&*x, layout)).collect();
        module(streams).forward(&inputs, masks).unwrap_err().to_string()
    }

    #[test]
    fn one_modality_and_wrong_numbers_are_refused() {
        assert_eq!(refused(1, 1, &[]), "look_at_others: a second modality: empty");
        assert_eq!(refused(3, 2, &[]), "look_at_others: inputs: expected shape [3], got [2]");
        assert_eq!(refused(3, 3, &[Mask::None]), "look_at_others: masks: expected shape [3], got [1]");
    }

    #[test]
    fn hiding_all_other_modalities_is_refused() {
        let masks = [Mask::None, Mask::Keys(vec![false; 4]), Mask::None];
        assert_eq!(refused(3, 3, &masks), "query 0 may see no key");
    }
}
