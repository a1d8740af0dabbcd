//! Errata of section 1.2 of the note that are about depth: Post-LN and Pre-LN.

use mmt_blocks::depth::{
    DepthConfig, DepthProbe, log_slope, output_change, parallel_pair, read_depth, relative_updates, states,
    warm_up,
};
use mmt_blocks::{Encoder, Mask, NormOrder};
use mmt_tensor::{Error, Ragged, Random, Result};
use ndarray::Array2;

use super::{Erratum, Outcome, judge};
use crate::checks;

pub(super) const ROWS: &[Erratum] = &[
    Erratum {
        id: "ERR-C09",
        section: "1.2",
        claim: "the norm of the gradients of Pre-LN is stable, and smaller than that of Post-LN",
        correction: "it is smaller in the last layer alone, where it falls like 1/√L with the depth; over the layers of one \
                     stack it is not stable, and in the first layer not smaller",
        source: "Xiong et al. 2020, theorem 1, which is about the last layer; the rest is measured here",
        equation: "eq-1.16-gradient-scale",
        as_written: gradients_stable_and_smaller,
        as_corrected: last_gradient_smaller,
    },
    Erratum {
        id: "ERR-C10",
        section: "1.2",
        claim: "Post-LN has the larger potential",
        correction: "an observation about translation models that were trained to the end, not a property of the block: \
                     which order ends better depends on task, depth and training, and on an easy task at a moderate \
                     depth both end the same",
        source: "Liu et al. 2020, section 5, for translation; the counterexample is measured here",
        equation: "eq-1.17-warm-up",
        as_written: post_ln_ends_better,
        as_corrected: either_order_can_end_well,
    },
    Erratum {
        id: "ERR-C25",
        section: "1.2",
        claim: "Pre-LN makes a stack wider and less deep: its layers act side by side",
        correction: "a reading, and not of the first layers: there the order of two neighbors matters. What holds at \
                     initialization is that layer l changes the stream by a share like 1/√l, so that it matters less and less",
        source: "Xiong et al. 2020, lemma 2, from which the law follows",
        equation: "eq-1.20-relative-update",
        as_written: layers_side_by_side,
        as_corrected: shares_that_fall,
    },
];

/// `‖∂ℓ/∂W^{2,l}‖` of every layer: root mean squares over ten seeds.
fn gradients(order: NormOrder, depth: usize) -> Result<Vec<f64>> {
    let mut squares = vec![0.0; depth];
    for seed in 1..=10 {
        let reading = read_depth::<f32>(order, depth, &DepthConfig::SMALL, seed)?;
        squares.iter_mut().zip(reading.gradients).for_each(|(sum, g)| *sum += g * g / 10.0);
    }
    Ok(squares.into_iter().map(f64::sqrt).collect())
}

fn gradients_stable_and_smaller() -> Outcome {
    let post = gradients(NormOrder::Post, 8).map_err(text)?;
    let pre = gradients(NormOrder::Pre, 8).map_err(text)?;
    let stable = pre[0] / pre[7] < 1.5;
    let smaller = pre.iter().zip(&post).all(|(pre, post)| pre < post);
    judge(
        stable && smaller,
        format!(
            "of 8 Pre-LN layers the first has {:.2} and the last {:.2}; the first Post-LN layer has {:.2}",
            pre[0], pre[7], post[0]
        ),
    )
}

fn last_gradient_smaller() -> Outcome {
    let last = |order, depth| Ok(gradients(order, depth)?[depth - 1]);
    let post = last(NormOrder::Post, 16).map_err(text)?;
    let (few, many) = (last(NormOrder::Pre, 4).map_err(text)?, last(NormOrder::Pre, 16).map_err(text)?);
    judge(
        many < post && (0.4..0.6).contains(&(many / few)),
        format!("the last of 4 Pre-LN layers has {few:.2}, of 16 {many:.2}; of 16 Post-LN layers {post:.2}"),
    )
}

/// The shares of right words that Post-LN and Pre-LN end with, from the same seed.
fn ends(depth: usize) -> Result<[f64; 2]> {
    let end = |order| Ok(warm_up::<f32>(&checks::warm_up::small(order, depth))?.accuracy);
    Ok([end(NormOrder::Post)?, end(NormOrder::Pre)?])
}

fn post_ln_ends_better() -> Outcome {
    let [post, pre] = ends(6).map_err(text)?;
    judge(post >= pre, format!("six layers write backwards: Post-LN {post:.2} right, Pre-LN {pre:.2}"))
}

fn either_order_can_end_well() -> Outcome {
    let [post, pre] = ends(1).map_err(text)?;
    judge(
        post > 0.95 && pre > 0.95,
        format!("one layer writes backwards: Post-LN {post:.2} right, Pre-LN {pre:.2}"),
    )
}

/// A Pre-LN stack of 17 layers, and tokens.
fn deep_stack(seed: u64) -> Result<(Encoder<f32>, Array2<f32>)> {
    let mut random = Random::seed(seed);
    let probe = DepthProbe::new(NormOrder::Pre, 17, &DepthConfig::SMALL, &mut random)?;
    Ok((probe.encoder, random.normal((16, 64), 1.0)))
}

/// By how much the output changes when layer `l` and the next read the same state: a share of its length.
fn change_of_a_pair(l: usize) -> Result<f64> {
    let (encoder, x) = deep_stack(1)?;
    let (y, _) = encoder.forward(&x, &Ragged::one(16), &Mask::None)?;
    let other = parallel_pair(&encoder, l - 1, &x, &Ragged::one(16), &Mask::None)?;
    let length = output_change(&y, &Array2::zeros(y.dim()))?;
    Ok(f64::from((output_change(&y, &other)? / length).sqrt()))
}

fn layers_side_by_side() -> Outcome {
    let (first, late) = (change_of_a_pair(1).map_err(text)?, change_of_a_pair(16).map_err(text)?);
    judge(
        first < 0.1 && late < 0.1,
        format!(
            "side by side, layers 1 and 2 change the output by {first:.2}, layers 16 and 17 by {late:.2}"
        ),
    )
}

fn shares_that_fall() -> Outcome {
    let layers = [4, 8, 16];
    let mut shares = [0.0; 3];
    for seed in 1..=10 {
        let (encoder, x) = deep_stack(seed).map_err(text)?;
        let states = states(&encoder, &x, &Ragged::one(16), &Mask::None).map_err(text)?;
        let updates = relative_updates(&states).map_err(text)?;
        shares.iter_mut().zip(layers).for_each(|(sum, l)| *sum += f64::from(updates[l - 1]) / 10.0);
    }
    let slope = log_slope(&layers.map(|l| l as f64), &shares).map_err(text)?;
    judge(
        (-0.65..-0.35).contains(&slope),
        format!(
            "layers 4, 8 and 16 change the stream by {:.2}, {:.2} and {:.2}: l^{slope:.2}",
            shares[0], shares[1], shares[2]
        ),
    )
}

fn text(error: Error) -> String {
    error.to_string()
}
