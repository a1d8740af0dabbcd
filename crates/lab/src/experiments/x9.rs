//! `x9-ln-gradients`: where the norm stands decides how gradients depend on depth.

use mmt_blocks::depth::DepthProbe;
use mmt_blocks::{Activation, AttentionKind, Block, BlockConfig, Encoder, Linear, NormOrder, PostLn, PreLn};
use mmt_tensor::optim::{Norm, global_norm};
use mmt_tensor::{Random, Tree, parallel};

use super::{Band, Experiment, Figure, Line, Outcome, Plan, Result, Table, Watch};
use crate::stats::mean;

pub const EXPERIMENT: Experiment = Experiment {
    id: "x9-ln-gradients",
    claim: "at initialization, gradients of the last layer shrink with depth in Pre-LN stacks and not in Post-LN ones",
    method: "Double precision, width 32, four heads, ReLU networks of width 128, 16 normal tokens, cross entropy over 32 classes, \
             weights of Xavier with normal numbers. The norm of the gradient of the second matrix of the feed-forward network, before any training, the mean of eight \
             draws from each seed.",
    steps: || 2 * DEPTHS.len(),
    run,
};

const DEPTHS: [usize; 4] = [2, 6, 12, 24];
const WIDTH: usize = 32;
const TOKENS: usize = 16;
/// Draws from each seed.
const DRAWS: u64 = 8;

fn run(plan: &Plan, watch: Watch) -> Result<Outcome> {
    let (mut lines, mut last) = (vec![], vec![]);
    for order in [NormOrder::Post, NormOrder::Pre] {
        let (mut ends, mut by_seed) = ([vec![], vec![]], vec![]);
        for depth in DEPTHS {
            let norms = parallel::try_map(plan.seeds.len() * DRAWS as usize, 1 << 30, |i| {
                let (seed, draw) = (plan.seeds[i / DRAWS as usize], (i as u64) % DRAWS);
                first_and_last(order, depth, seed.wrapping_mul(DRAWS).wrapping_add(draw))
            })?;
            watch(1);
            ends[0].push(point(depth, norms.iter().map(|n| n.0).collect()));
            ends[1].push(point(depth, norms.iter().map(|n| n.1).collect()));
            let of_seed = |norms: &[(f64, f64)]| mean(&norms.iter().map(|n| n.1).collect::<Vec<_>>());
            by_seed.push(norms.chunks(DRAWS as usize).map(of_seed).collect());
        }
        last.push(by_seed);
        let name = if order == NormOrder::Post { "Post-LN" } else { "Pre-LN" };
        for (place, points) in ["first layer", "last layer"].into_iter().zip(ends) {
            lines.push(Line { name: format!("{name}, {place}"), points });
        }
    }
    Ok(Outcome { bands: bands(&last[0], &last[1]), ..outcome(lines) })
}

/// How the norms in the last layer grow from 6 to 24 layers. Given: for every depth, the mean of each seed.
fn bands(post: &[Vec<f64>], pre: &[Vec<f64>]) -> Vec<Band> {
    let band = |name: &str, norms: &[Vec<f64>], low, high| {
        let each = norms[3].iter().zip(&norms[1]).map(|(deep, shallow)| deep / shallow).collect();
        let claim = format!("{name}, last layer: 24 layers over 6");
        Band { each, ..Band::number(&claim, mean(&norms[3]) / mean(&norms[1]), low, high) }
    };
    vec![band("Pre-LN", pre, Some(0.4), Some(0.75)), band("Post-LN", post, Some(1.0), None)]
}

fn outcome(lines: Vec<Line>) -> Outcome {
    let head = std::iter::once("layers".to_string()).chain(lines.iter().map(|line| line.name.clone()));
    let row = |i: usize| {
        let numbers = lines.iter().map(|line| format!("{:.2}", line.points[i][1]));
        std::iter::once(DEPTHS[i].to_string()).chain(numbers).collect()
    };
    let title = "Norms of gradients at initialization".to_string();
    let table =
        Table { title: title.clone(), head: head.collect(), rows: (0..DEPTHS.len()).map(row).collect() };
    let figure =
        Figure::Lines { title, across: "layers", up: "norm of the gradient", lines, logarithmic: false };
    Outcome { tables: vec![table], figures: vec![figure], ..Outcome::default() }
}

/// The mean and the range of the draws.
fn point(depth: usize, norms: Vec<f64>) -> [f64; 4] {
    let least = norms.iter().fold(f64::MAX, |m, &x| m.min(x));
    let most = norms.iter().fold(f64::MIN, |m, &x| m.max(x));
    [depth as f64, mean(&norms), least, most]
}

/// The norms in the first and in the last layer of a stack that was just drawn.
fn first_and_last(order: NormOrder, depth: usize, seed: u64) -> mmt_tensor::Result<(f64, f64)> {
    let random = &mut Random::seed(seed);
    let config = BlockConfig {
        width: WIDTH,
        heads: 4,
        hidden: 4 * WIDTH,
        activation: Activation::Relu,
        eps: 1e-5,
        attention: AttentionKind::Plain,
    };
    let mut encoder = Encoder::<f64>::new(order, depth, &config, random)?;
    for (_, mut weight) in encoder.arrays_mut().into_iter().filter(|(name, _)| name.ends_with(".weight")) {
        let std = (2.0 / (weight.shape()[0] + weight.shape()[1]) as f64).sqrt();
        weight.mapv_inplace(|_| std * random.normal_number());
    }
    let probe = DepthProbe { encoder, output: Linear::new(WIDTH, WIDTH, random) };
    let x = random.normal((TOKENS, WIDTH), 1.0);
    let labels: Vec<usize> = (0..TOKENS).map(|_| random.below(WIDTH)).collect();
    let (_, tape) = probe.forward(&x, &labels)?;
    let mut grad = probe.zeros_like();
    probe.backward(&tape, 1.0, &mut grad);
    let norm = |block: &Block<f64>| {
        let (Block::Pre(PreLn { ffn, .. }) | Block::Post(PostLn { ffn, .. })) = block;
        global_norm(&ffn.w_2.weight, Norm::Two)
    };
    let blocks = &grad.encoder.blocks;
    Ok((norm(&blocks[0])?, norm(&blocks[depth - 1])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_fail_where_they_are_wrong() {
        let norms = |deep: f64| vec![vec![1.0, 1.0], vec![0.5, 1.5], vec![1.0, 1.0], vec![deep, deep]];
        let holds = |post: f64, pre: f64| -> Vec<bool> {
            bands(&norms(post), &norms(pre)).iter().map(Band::holds).collect()
        };
        assert_eq!(holds(1.1, 0.5), [true, true]);
        assert_eq!(holds(0.99, 0.39), [false, false]);
        assert_eq!(holds(1.1, 0.76), [false, true]);
        assert_eq!(bands(&norms(1.0), &norms(0.6))[0].each, [1.2, 0.6 / 1.5]);
    }

    #[test]
    fn a_run_is_repeated_to_the_last_bit() {
        let one = first_and_last(NormOrder::Pre, 2, 8).unwrap();
        assert_eq!(one, first_and_last(NormOrder::Pre, 2, 8).unwrap());
        assert_ne!(one, first_and_last(NormOrder::Post, 2, 8).unwrap());
        assert!(one.0 > 0.0 && one.1 > 0.0);
    }
}
