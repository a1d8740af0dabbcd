//! A drawn stack, measured.

use mmt_tensor::ops::sum::mean;
use mmt_tensor::optim::{Norm, global_norm};
use mmt_tensor::{Random, Real, Result, Tree};
use ndarray::Array2;

use super::{DepthConfig, DepthProbe};
use crate::{Block, BlockTape, EncoderTape, NormOrder, PostLn, PreLn};

/// What one draw of weights and inputs shows.
#[derive(Clone, Debug, PartialEq)]
pub struct DepthReading {
    /// `ℓ`
    pub loss: f64,
    /// `‖∂ℓ/∂W^{2,l}‖_F` of every layer, from the first to the last.
    pub gradients: Vec<f64>,
    /// Squared lengths over `d`, the mean over tokens: Post-LN `x^{post,5}_l` of every layer, Pre-LN the stream before the
    /// first block and after every block.
    pub squares: Vec<f64>,
}

/// Draws a stack of `depth` layers and measures it.
///
/// # Errors
/// Those of [`DepthProbe::new`] and [`DepthProbe::forward`]; a loss or a gradient that is not finite is an error.
pub fn read_depth<R: Real>(
    order: NormOrder,
    depth: usize,
    config: &DepthConfig,
    seed: u64,
) -> Result<DepthReading> {
    let random = &mut Random::seed(seed);
    let probe = DepthProbe::<R>::new(order, depth, config, random)?;
    let x = random.normal((config.tokens, config.width), 1.0);
    let labels: Vec<usize> = (0..config.tokens).map(|_| random.below(config.classes)).collect();
    let (loss, tape) = probe.forward(&x, &labels)?;
    let mut grad = probe.zeros_like();
    probe.backward(&tape, R::of(1.0), &mut grad);
    let norm = |block: &Block<R>| -> Result<f64> {
        let (Block::Pre(PreLn { ffn, .. }) | Block::Post(PostLn { ffn, .. })) = block;
        Ok(global_norm(&ffn.w_2.weight, Norm::Two)?.to_f64())
    };
    Ok(DepthReading {
        loss: loss.to_f64(),
        gradients: grad.encoder.blocks.iter().map(norm).collect::<Result<_>>()?,
        squares: squares(&tape.encoder)?,
    })
}

/// Mean squares of what the norms of the lemma get to see.
fn squares<R: Real>(tape: &EncoderTape<R>) -> Result<Vec<f64>> {
    let of_block = |tape: &BlockTape<R>| match tape {
        BlockTape::Pre(tape) => mean_square(&tape.norm_1.x),
        BlockTape::Post(tape) => mean_square(&tape.norm_2.x),
    };
    let last = tape.norm.iter().map(|norm| mean_square(&norm.x));
    tape.blocks.iter().map(of_block).chain(last).collect()
}

/// `‖x‖² / d`, the mean over rows.
fn mean_square<R: Real>(x: &Array2<R>) -> Result<f64> {
    Ok(mean("depth: x", &(x * x))?.to_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_without_sense_are_refused() {
        let text =
            |depth, config| read_depth::<f64>(NormOrder::Pre, depth, &config, 1).unwrap_err().to_string();
        let small = DepthConfig { width: 4, tokens: 3, classes: 5 };
        assert_eq!(text(0, small), "encoder: depth: must be positive, got 0");
        assert_eq!(text(1, DepthConfig { width: 1, ..small }), "depth: width: must be at least 2, got 1");
        assert_eq!(text(1, DepthConfig { classes: 0, ..small }), "depth: classes: must be positive, got 0");
        assert_eq!(text(1, DepthConfig { tokens: 0, ..small }), "layer_norm: x: empty");
    }
}
