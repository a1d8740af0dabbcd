//! How much a layer changes what passes through it.

use mmt_tensor::optim::{Norm, global_norm};
use mmt_tensor::{Error, Ragged, Real, Result, check_index, check_setting, check_shape};
use ndarray::{Array2, ArrayRef2};

use crate::{Encoder, Mask};

/// The size of the change of every layer, relative to what it changes.
///
/// **eq-1.20-relative-update**
/// ```math
/// \rho_l = \frac{\lVert x_{l+1} - x_l \rVert_F}{\lVert x_l \rVert_F} \sim \frac{1}{\sqrt l}
/// ```
///
/// states `x_1, .., x_{L+1}: [n, d]` → `ρ_1, .., ρ_L`
///
/// The law is about Pre-LN stacks at initialization: a branch reads a normalized stream, so its size stays, while the
/// squared length of the stream grows by a constant per layer (lemma 2 of eq-1.16-gradient-scale). Measured with `d = 64`,
/// `n = 16` and 10 seeds, `ρ_l √l` stays between 0.75 and 1.25 up to the 32nd layer.
///
/// So a late layer reads almost the same stream as the one before it: two neighbors act almost as if they
/// stood side by side, see [`parallel_pair`]. That a Pre-LN stack is "wider rather than deeper" is a reading of this, not a
/// theorem.
///
/// Source: the law follows from lemma 2 of Xiong et al. 2020, *On Layer Normalization in the Transformer Architecture*; the
/// reading is quoted by the note, section 1.2.
///
/// # Errors
/// [`Error::EmptyInput`] for fewer than two states; [`Error::ShapeMismatch`] if they differ in shape;
/// [`Error::InvalidHyperparameter`] for a state of length zero; [`Error::NonFinite`] for NaN, infinities and lengths that
/// overflow.
pub fn relative_updates<R: Real>(states: &[Array2<R>]) -> Result<Vec<R>> {
    if states.len() < 2 {
        return Err(Error::EmptyInput { at: "relative_updates: states" });
    }
    let update = |(l, pair): (usize, &[Array2<R>])| {
        check_shape("relative_updates: states", pair[1].shape(), pair[0].shape())?;
        let length = global_norm(&pair[0], Norm::Two)?;
        check_setting("relative_updates: states", length > R::of(0.0), || {
            format!("number {} is zero", l + 1)
        })?;
        Ok(global_norm(&(&pair[1] - &pair[0]), Norm::Two)? / length)
    };
    states.windows(2).enumerate().map(update).collect()
}

/// The input of a stack and what leaves each of its blocks, before a final norm: `L + 1` states. A block that is run
/// several times counts once for each run.
///
/// # Errors
/// Those of the blocks.
pub fn states<R: Real>(
    encoder: &Encoder<R>,
    x: &ArrayRef2<R>,
    rows: &Ragged,
    mask: &Mask,
) -> Result<Vec<Array2<R>>> {
    let mut states = vec![x.to_owned()];
    for block in encoder.runs() {
        states.push(block.forward(&states[states.len() - 1], rows, mask)?.0);
    }
    Ok(states)
}

/// The output of a Pre-LN stack in which block `first` and the one after it read the same state.
///
/// ```math
/// x_{l+2} = x_l + f_l(x_l) + f_{l+1}(x_l) \qquad \text{instead of} \qquad
/// x_{l+2} = x_l + f_l(x_l) + f_{l+1}\bigl(x_l + f_l(x_l)\bigr)
/// ```
///
/// `x: [n, d]` → `[n, d]`; `first` counts from 0, over all runs of a stack that shares its weights
///
/// # Errors
/// [`Error::IndexOutOfRange`] if there is no block after `first`; those of the blocks.
pub fn parallel_pair<R: Real>(
    encoder: &Encoder<R>,
    first: usize,
    x: &ArrayRef2<R>,
    rows: &Ragged,
    mask: &Mask,
) -> Result<Array2<R>> {
    let blocks: Vec<_> = encoder.runs().collect();
    check_index("parallel_pair: first", first, blocks.len().saturating_sub(1))?;
    let mut x = x.to_owned();
    for (i, block) in blocks.iter().enumerate() {
        let y = block.forward(&x, rows, mask)?.0;
        if i == first {
            let beside = blocks[i + 1].forward(&x, rows, mask)?.0;
            x = y + beside - x;
        } else if i != first + 1 {
            x = y;
        }
    }
    match &encoder.norm {
        Some(norm) => Ok(norm.forward(&x)?.0),
        None => Ok(x),
    }
}

#[cfg(test)]
mod tests {
    use mmt_tensor::Random;
    use ndarray::array;

    use super::*;
    use crate::NormOrder;
    use crate::depth::{DepthConfig, DepthProbe};

    fn refused(states: &[Array2<f64>]) -> String {
        relative_updates(states).unwrap_err().to_string()
    }

    #[test]
    fn a_change_is_relative_to_what_it_changes() {
        let states = [array![[3.0, 4.0]], array![[3.0, 14.0]], array![[3.0, 14.0]]];
        assert_eq!(relative_updates(&states).unwrap(), [2.0, 0.0]);
    }

    #[test]
    fn states_that_have_no_change_are_refused() {
        assert_eq!(refused(&[]), "relative_updates: states: empty");
        assert_eq!(refused(&[array![[1.0]]]), "relative_updates: states: empty");
        assert_eq!(
            refused(&[array![[1.0]], array![[0.0]], array![[1.0]]]),
            "relative_updates: states: number 2 is zero"
        );
        let text = refused(&[array![[1.0]], array![[1.0, 2.0]]]);
        assert_eq!(text, "relative_updates: states: expected shape [1, 1], got [1, 2]");
        let text = refused(&[array![[1.0]], array![[f64::NAN]]]);
        assert_eq!(text, "global_norm: gradient: not a finite number");
    }

    #[test]
    fn a_stack_that_shares_its_weights_is_one_with_copies_of_them() {
        let config = DepthConfig { width: 4, tokens: 3, classes: 5 };
        let mut shared =
            DepthProbe::<f64>::new(NormOrder::Pre, 2, &config, &mut Random::seed(1)).unwrap().encoder;
        shared.repeats = 3;
        let blocks = [&shared.blocks[..]; 3].concat();
        let copies = Encoder { blocks, repeats: 1, ..shared.clone() };
        let (x, rows): (Array2<f64>, _) = (Random::seed(2).normal((3, 4), 1.0), Ragged::one(3));
        let seen = |encoder| states(encoder, &x, &rows, &Mask::None).unwrap();
        assert_eq!(seen(&shared).len(), 7);
        assert_eq!(seen(&shared), seen(&copies));
        let pair = |encoder, first| parallel_pair(encoder, first, &x, &rows, &Mask::None);
        for first in 0..5 {
            assert_eq!(pair(&shared, first).unwrap(), pair(&copies, first).unwrap());
        }
        let text = pair(&shared, 5).unwrap_err().to_string();
        assert_eq!(text, "parallel_pair: first: index 5 is outside a table of 5");
    }

    #[test]
    fn a_pair_needs_two_blocks() {
        let config = DepthConfig { width: 4, tokens: 3, classes: 5 };
        let probe = DepthProbe::<f64>::new(NormOrder::Pre, 2, &config, &mut Random::seed(1)).unwrap();
        let x: Array2<f64> = Random::seed(2).normal((3, 4), 1.0);
        let run = |first| parallel_pair(&probe.encoder, first, &x, &Ragged::one(3), &Mask::None);
        assert_eq!(run(0).unwrap().dim(), (3, 4));
        assert_eq!(run(1).unwrap_err().to_string(), "parallel_pair: first: index 1 is outside a table of 1");
    }
}
