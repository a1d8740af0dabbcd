//! The Vision Transformer behind its patch embedding.

use mmt_tensor::{Ragged, Random, Real, Result, check_not_empty, tree};
use ndarray::{Array2, ArrayRef2, Axis};

use crate::{
    Block, BlockConfig, ClassHead, ClassHeadTape, ClassToken, Encoder, EncoderTape, Mask, NormOrder,
};

/// Standard deviation of the first biases of the feed-forward networks.
const BIAS_STD: f64 = 1e-6;

/// The sizes of a [`VisionTransformer`].
#[derive(Clone, Debug, PartialEq)]
pub struct VisionTransformerConfig {
    /// Width, heads, hidden width and the rest of a block. ViT has `ε = 1e-6` and GELU.
    pub block: BlockConfig,
    /// `L`, how many blocks.
    pub depth: usize,
    /// `N`, patches of an image.
    pub patches: usize,
    /// Width of the hidden layer of the classifier, for pre-training; none for fine-tuning.
    pub hidden: Option<usize>,
    /// `K`
    pub classes: usize,
}

/// Patches as words: a class token in front, positions, a Pre-LN encoder, and scores from the class token.
///
/// **eq-1.26-vit**
/// ```math
/// z_0 = [x_{cls};\, x_p^1 E;\, \dots;\, x_p^N E] + E_{pos}, \qquad
/// z'_l = \mathrm{MHSA}(\mathrm{LN}(z_{l-1})) + z_{l-1}, \qquad
/// z_l = \mathrm{FFN}(\mathrm{LN}(z'_l)) + z'_l, \qquad
/// y = \mathrm{LN}(z_L)_0
/// ```
///
/// `patches: [B N, d]`, `x_cls: [d]`, `E_pos: [N + 1, d]`, `z_l: [B (N + 1), d]`, `y: [B, d]` → `scores: [B, K]`
///
/// A sample has `N + 1 = HW/P² + 1` tokens. The patches come embedded, `x_p E` is eq-2.1-patch, and another number of
/// patches needs another table, eq-1.27-position-interpolation. The blocks are eq-1.14-pre-ln-block, the norm before the
/// scores is that of eq-1.15-pre-ln-final-norm.
///
/// Source: Dosovitskiy et al. 2021, *An Image is Worth 16x16 Words*, eq. 1 to 4; the first values of the parameters from
/// google-research/vision_transformer, `vit_jax/models_vit.py`: class token and last layer zero, positions normal with
/// 0.02, biases of the feed-forward networks normal with 1e-6, matrices as [`Linear::new`](crate::Linear::new).
#[derive(Clone, Debug)]
pub struct VisionTransformer<R> {
    /// `x_cls`, `E_pos`
    pub tokens: ClassToken<R>,
    /// The blocks and the last norm.
    pub encoder: Encoder<R>,
    /// From `y` to the scores.
    pub head: ClassHead<R>,
}

tree!(VisionTransformer { tokens, encoder, head });

/// What [`VisionTransformer::backward`] reads.
#[derive(Clone, Debug)]
pub struct VisionTransformerTape<R> {
    /// Of the blocks and the last norm.
    pub encoder: EncoderTape<R>,
    /// Of the scores; its input is `y`.
    pub head: ClassHeadTape<R>,
    /// Where the patches of each image begin.
    pub rows: Ragged,
}

tree!(VisionTransformerTape { encoder, head; rows });

impl<R: Real> VisionTransformer<R> {
    /// # Errors
    /// Those of [`Encoder::new`].
    pub fn new(config: &VisionTransformerConfig, random: &mut Random) -> Result<Self> {
        let VisionTransformerConfig { block, depth, patches, hidden, classes } = config;
        let tokens = ClassToken::new(*patches, block.width, random);
        let mut encoder = Encoder::new(NormOrder::Pre, *depth, block, random)?;
        for block in &mut encoder.blocks {
            let Block::Pre(block) = block else { continue };
            for layer in [&mut block.ffn.w_1, &mut block.ffn.w_2] {
                layer.bias = Some(random.normal(layer.weight.ncols(), BIAS_STD));
            }
        }
        Ok(VisionTransformer {
            tokens,
            encoder,
            head: ClassHead::new(block.width, *hidden, *classes, random),
        })
    }

    /// `patches: [B N, d]` → `[B, K]`; `rows` says where the patches of each image begin.
    ///
    /// # Errors
    /// Those of [`ClassToken::forward`]: an image with another number of patches than there are positions; those of the
    /// blocks; [`Error::EmptyInput`](mmt_tensor::Error::EmptyInput) for no patch.
    pub fn forward(
        &self,
        patches: &ArrayRef2<R>,
        rows: &Ragged,
    ) -> Result<(Array2<R>, VisionTransformerTape<R>)> {
        check_not_empty("vision_transformer: patches", patches)?;
        let z = self.tokens.forward(patches, rows)?;
        let (z, encoder) = self.encoder.forward(&z, &ClassToken::<R>::rows(rows), &Mask::None)?;
        let (scores, head) = self.head.forward(&z.select(Axis(0), &first_rows(rows)))?;
        Ok((scores, VisionTransformerTape { encoder, head, rows: rows.clone() }))
    }

    /// Gradients: returns that of the patches, adds to those of the parameters.
    ///
    /// **eq-1.26-vit, backward**
    /// ```math
    /// \overline{\mathrm{LN}(z_L)}_{b,i} = \begin{cases} \bar y_b & i = 0 \\ 0 & i > 0 \end{cases}, \qquad
    /// \bar x_{cls} = \sum_b \bar z_{0,b,0}, \qquad
    /// \bar E_{pos} = \sum_b \bar z_{0,b}, \qquad
    /// \overline{x_p^i E} = \bar z_{0,b,i}
    /// ```
    ///
    /// Derivation: only row 0 of every sample reaches the scores, so the gradient of the last norm is `ȳ` there and zero
    /// elsewhere. The chain of the blocks spreads it over all rows. All samples share one class token and one table of
    /// positions, whose gradients are sums over the batch.
    pub fn backward(
        &self,
        tape: &VisionTransformerTape<R>,
        dscores: &ArrayRef2<R>,
        grad: &mut Self,
    ) -> Array2<R> {
        let dy = self.head.backward(&tape.head, dscores, &mut grad.head);
        let mut dz = Array2::zeros((ClassToken::<R>::rows(&tape.rows).tokens(), dy.ncols()));
        for (row, dy) in first_rows(&tape.rows).into_iter().zip(dy.rows()) {
            dz.row_mut(row).assign(&dy);
        }
        let dz = self.encoder.backward(&tape.encoder, &dz, &mut grad.encoder);
        self.tokens.backward(&dz, &tape.rows, &mut grad.tokens)
    }
}

/// Where the class tokens are.
fn first_rows(rows: &Ragged) -> Vec<usize> {
    ClassToken::<f64>::rows(rows).ranges().map(|range| range.start).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, AttentionKind};

    fn model(hidden: Option<usize>) -> VisionTransformer<f64> {
        let block = BlockConfig {
            width: 16,
            heads: 2,
            hidden: 32,
            activation: Activation::Gelu,
            eps: 1e-6,
            attention: AttentionKind::Plain,
        };
        let config = VisionTransformerConfig { block, depth: 2, patches: 16, hidden, classes: 10 };
        VisionTransformer::new(&config, &mut Random::seed(0)).unwrap()
    }

    fn refused(patches: Array2<f64>, rows: Ragged) -> String {
        model(None).forward(&patches, &rows).unwrap_err().to_string()
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        let text = refused(Array2::ones((9, 16)), Ragged::one(9));
        assert_eq!(text, "class_token: position: expected shape [10, 16], got [17, 16]");
    }

    #[test]
    fn patches_that_do_not_fit_are_refused() {
        let text = refused(Array2::ones((16, 8)), Ragged::one(16));
        assert_eq!(text, "class_token: class: expected shape [8], got [16]");
        assert_eq!(
            refused(Array2::ones((0, 16)), Ragged::of_lengths([])),
            "vision_transformer: patches: empty"
        );
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for bad in [f64::NAN, f64::INFINITY] {
            let text = refused(Array2::from_elem((16, 16), bad), Ragged::one(16));
            assert_eq!(text, "class_token: x: not a finite number");
        }
    }

    #[test]
    fn the_first_parameters_are_those_of_the_released_code() {
        let model = model(Some(16));
        assert!(model.tokens.class.iter().chain(&model.head.out.weight).all(|&x| x == 0.0));
        let std = |a: &[f64]| (a.iter().map(|x| x * x).sum::<f64>() / a.len() as f64).sqrt();
        let spread = std(model.tokens.position.as_slice().unwrap());
        assert!((spread / 0.02 - 1.0).abs() < 0.15, "{spread}");
        for block in &model.encoder.blocks {
            let Block::Pre(block) = block else { panic!("Pre-LN") };
            let spread = std(block.ffn.w_1.bias.as_ref().unwrap().as_slice().unwrap());
            assert!((spread / 1e-6 - 1.0).abs() < 0.5, "{spread}");
            assert!(block.attn.w_q.bias.as_ref().unwrap().iter().all(|&b| b == 0.0));
        }
        assert!(model.encoder.norm.is_some());
    }
}
