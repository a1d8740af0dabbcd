//! A stack of Post-LN blocks with weighted shortcuts.

use mmt_tensor::{Ragged, Random, Real, Result, check_finite, check_setting, check_shape, tree};
use ndarray::{Array1, Array2, ArrayRef2, Axis};

use super::{AdminBlock, AdminBlockTape, AdminKind, Shortcut, SubLayer};
use crate::{Block, BlockConfig, Encoder, Ffn, LayerNorm, Linear, Mask, MultiHead, PostLn};

/// Blocks with weighted shortcuts, one after the other.
#[derive(Clone, Debug)]
pub struct AdminEncoder<R> {
    /// In the order in which they are run.
    pub blocks: Vec<AdminBlock<R>>,
}

tree!(AdminEncoder { blocks });

impl<R: Real> AdminEncoder<R> {
    /// `depth` blocks with `ω = 1`: a Post-LN encoder.
    ///
    /// # Errors
    /// Those of [`AdminBlock::new`]; `InvalidHyperparameter` if `depth` is zero.
    pub fn new(depth: usize, config: &BlockConfig, random: &mut Random) -> Result<Self> {
        check_setting("admin: depth", depth > 0, || "must be positive, got 0".to_string())?;
        Ok(AdminEncoder {
            blocks: (0..depth).map(|_| AdminBlock::new(config, random)).collect::<Result<_>>()?,
        })
    }

    /// Sets every `ω` from a batch `x: [n, d]`; returns `ω_1, .., ω_N`, two for each block.
    ///
    /// Done once, before training, with the norms and weights of the initialization.
    ///
    /// # Errors
    /// Those of [`AdminKind::omega`] and of the layers; nothing is changed then.
    pub fn initialize(
        &mut self,
        kind: AdminKind,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<Vec<R>> {
        let omega = kind.omega(x, &self.sub_layers(rows, mask))?;
        for (shortcut, &omega) in self.shortcuts_mut().zip(&omega) {
            shortcut.omega.fill(omega);
        }
        Ok(omega)
    }

    /// Attention and feed-forward networks in the order in which they run.
    fn sub_layers<'a>(&'a self, rows: &'a Ragged, mask: &'a Mask) -> Vec<SubLayer<'a, R>> {
        let of_block = |block: &'a AdminBlock<R>| {
            let attn = move |x: &ArrayRef2<R>| Ok(block.attn.forward(x, x, rows, rows, mask)?.0);
            let ffn = move |x: &ArrayRef2<R>| Ok(block.ffn.forward(x)?.0);
            [
                SubLayer { branch: Box::new(attn), norm: &block.shortcut_1.norm },
                SubLayer { branch: Box::new(ffn), norm: &block.shortcut_2.norm },
            ]
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    fn shortcuts_mut(&mut self) -> impl Iterator<Item = &mut Shortcut<R>> {
        self.blocks.iter_mut().flat_map(|block| [&mut block.shortcut_1, &mut block.shortcut_2])
    }

    /// `x: [n, d]` → `[n, d]`
    ///
    /// # Errors
    /// Those of the blocks.
    pub fn forward(
        &self,
        x: &ArrayRef2<R>,
        rows: &Ragged,
        mask: &Mask,
    ) -> Result<(Array2<R>, Vec<AdminBlockTape<R>>)> {
        let (mut x, mut tapes) = (x.to_owned(), vec![]);
        for block in &self.blocks {
            let (y, tape) = block.forward(&x, rows, mask)?;
            tapes.push(tape);
            x = y;
        }
        Ok((x, tapes))
    }

    /// `dy: [n, d]` → `[n, d]`; adds to the gradients of the parameters.
    ///
    /// ```math
    /// \bar x_{l} = \text{block}_l\text{-backward}(\bar x_{l+1}), \qquad l = L, \ldots, 1
    /// ```
    ///
    /// Derivation: the stack is the composition of its blocks, and the transposed Jacobian of a composition is the product
    /// of those of its parts in the opposite order.
    pub fn backward(&self, tapes: &[AdminBlockTape<R>], dy: &ArrayRef2<R>, grad: &mut Self) -> Array2<R> {
        let mut dx = dy.to_owned();
        for ((block, tape), grad) in self.blocks.iter().zip(tapes).zip(&mut grad.blocks).rev() {
            dx = block.backward(tape, &dx, grad);
        }
        dx
    }

    /// The same function as a plain Post-LN encoder behind a scale of its input: `encoder(ω_1 ⊙ x)`.
    ///
    /// ```math
    /// x' = \omega_i \odot x, \qquad W' = \operatorname{diag}(\omega_i)^{-1} W, \qquad
    /// \gamma'_{i-1} = \omega_i \odot \gamma_{i-1}, \quad \beta'_{i-1} = \omega_i \odot \beta_{i-1}
    /// ```
    ///
    /// The norm before sub-layer `i` gives `ω_i ⊙ x`, which is what the shortcut needs, and the maps that read it (`W_Q`,
    /// `W_K`, `W_V`, or `W_1`) divide it out: `x' W' = x W`. The first sub-layer has no norm before it, so its weight is
    /// returned, to go into the embedding.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for a weight that is zero: it deletes a
    /// feature from the shortcut that the branch still reads;
    /// [`Error::NonFinite`](mmt_tensor::Error::NonFinite) for a weight that is NaN or infinite;
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for one of another width than its sub-layer.
    pub fn fold(&self) -> Result<(Array1<R>, Encoder<R>)> {
        let mut omegas: Vec<&Array1<R>> =
            self.blocks.iter().flat_map(|block| [&block.shortcut_1.omega, &block.shortcut_2.omega]).collect();
        omegas.iter().try_for_each(|omega| check_finite("admin: omega", omega))?;
        check_setting("admin: omega", omegas.iter().all(|w| w.iter().all(|&w| w != R::of(0.0))), || {
            "a weight of zero cannot be folded".to_string()
        })?;
        let ones = Array1::ones(omegas.first().map_or(0, |omega| omega.len()));
        omegas.push(&ones);
        let fold = |(i, block): (usize, &AdminBlock<R>)| -> Result<Block<R>> {
            let [first, second, next] = [omegas[2 * i], omegas[2 * i + 1], omegas[2 * i + 2]];
            let attn = MultiHead {
                w_q: divided(&block.attn.w_q, first)?,
                w_k: divided(&block.attn.w_k, first)?,
                w_v: divided(&block.attn.w_v, first)?,
                ..block.attn.clone()
            };
            let ffn = Ffn { w_1: divided(&block.ffn.w_1, second)?, ..block.ffn.clone() };
            let norm_1 = scaled(&block.shortcut_1.norm, second)?;
            let norm_2 = scaled(&block.shortcut_2.norm, next)?;
            Ok(Block::Post(PostLn { attn, norm_1, ffn, norm_2 }))
        };
        let blocks = self.blocks.iter().enumerate().map(fold).collect::<Result<_>>()?;
        Ok((omegas[0].to_owned(), Encoder { blocks, norm: None, repeats: 1 }))
    }
}

/// `diag(ω)^{-1} W`
fn divided<R: Real>(map: &Linear<R>, omega: &Array1<R>) -> Result<Linear<R>> {
    check_shape("admin: omega", omega.shape(), &[map.weight.nrows()])?;
    Ok(Linear { weight: &map.weight / &omega.view().insert_axis(Axis(1)), bias: map.bias.clone() })
}

/// `ω ⊙ γ` and `ω ⊙ β`
fn scaled<R: Real>(norm: &LayerNorm<R>, omega: &Array1<R>) -> Result<LayerNorm<R>> {
    check_shape("admin: gamma", norm.gamma.shape(), omega.shape())?;
    check_shape("admin: beta", norm.beta.shape(), omega.shape())?;
    Ok(LayerNorm { gamma: &norm.gamma * omega, beta: &norm.beta * omega, eps: norm.eps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OutputChange;

    #[test]
    fn a_stack_without_blocks_is_refused() {
        let error = AdminEncoder::<f64>::new(0, &BlockConfig::small(), &mut Random::seed(0)).unwrap_err();
        assert_eq!(error.to_string(), "admin: depth: must be positive, got 0");
        let error = AdminEncoder::<f64> { blocks: vec![] }
            .initialize(AdminKind::Code, &Array2::ones((2, 4)), &Ragged::one(2), &Mask::None)
            .unwrap_err();
        assert_eq!(error.to_string(), "admin: sub-layers: empty");
    }

    #[test]
    fn a_weight_of_zero_cannot_be_folded() {
        let mut encoder = AdminEncoder::<f64>::new(2, &BlockConfig::small(), &mut Random::seed(0)).unwrap();
        encoder.blocks[1].shortcut_1.omega[2] = 0.0;
        assert_eq!(
            encoder.fold().unwrap_err().to_string(),
            "admin: omega: a weight of zero cannot be folded"
        );
    }

    #[test]
    fn a_weight_that_is_not_finite_cannot_be_folded() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut encoder =
                AdminEncoder::<f64>::new(2, &BlockConfig::small(), &mut Random::seed(0)).unwrap();
            encoder.blocks[0].shortcut_2.omega[1] = bad;
            assert_eq!(encoder.fold().unwrap_err().to_string(), "admin: omega: not a finite number");
        }
    }

    #[test]
    fn an_initialization_that_fails_changes_nothing() {
        let mut encoder = AdminEncoder::<f64>::new(2, &BlockConfig::small(), &mut Random::seed(0)).unwrap();
        let (rows, x) = (Ragged::one(3), Random::seed(1).normal((3, 4), 1.0));
        let scale = OutputChange::Constant;
        encoder.initialize(AdminKind::Closed { scale }, &x, &rows, &Mask::None).unwrap();
        encoder.blocks[1].ffn.w_2.weight.fill(0.0);
        let error = encoder.initialize(AdminKind::Code, &x, &rows, &Mask::None).unwrap_err();
        assert_eq!(error.to_string(), "admin: branch: number 4 is constant: its variance is zero");
        assert!(encoder.shortcuts_mut().all(|shortcut| shortcut.omega.iter().all(|&w| w == 2.0)));
    }
}
