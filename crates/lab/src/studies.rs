//! The studies of depth, in the number types in which they are run, from several seeds side by side.
//!
//! They are compiled here, where loops are optimized in full, once for everyone who runs them.

use mmt_blocks::depth::{
    self, AmplificationConfig, DepthConfig, DepthProbe, DepthReading, Residual, WarmUpConfig, WarmUpRun,
    output_change, parallel_pair, states,
};
use mmt_blocks::{Mask, NormOrder};
use mmt_tensor::{Ragged, Random, Result, parallel};
use ndarray::Array2;

/// A study from one seed is worth a thread.
const COST: usize = 1 << 30;

fn of_seeds<T: Send>(seeds: &[u64], f: impl Fn(u64) -> Result<T> + Send + Sync) -> Result<Vec<T>> {
    parallel::try_map(seeds.len(), COST, |i| f(seeds[i]))
}

/// [`depth::warm_up`](depth::warm_up()), eq-1.17-warm-up, in single precision; the seed of `config` is replaced.
///
/// # Errors
/// Those of a training; the first that fails stands for all.
pub fn warm_up(config: &WarmUpConfig, seeds: &[u64]) -> Result<Vec<WarmUpRun>> {
    of_seeds(seeds, |seed| depth::warm_up::<f32>(&WarmUpConfig { seed, ..*config }))
}

/// [`depth::amplification`](depth::amplification()), eq-1.18-amplification, in single precision.
///
/// # Errors
/// Those of the layers.
pub fn amplification(
    residual: Residual,
    depth: usize,
    config: &AmplificationConfig,
    seeds: &[u64],
) -> Result<Vec<f64>> {
    of_seeds(seeds, |seed| Ok(f64::from(depth::amplification::<f32>(residual, depth, config, seed)?)))
}

/// [`depth::read_depth`](depth::read_depth()), eq-1.16-gradient-scale, in double precision.
///
/// # Errors
/// Those of the layers.
pub fn read_depth(
    order: NormOrder,
    depth: usize,
    config: &DepthConfig,
    seeds: &[u64],
) -> Result<Vec<DepthReading>> {
    of_seeds(seeds, |seed| depth::read_depth::<f64>(order, depth, config, seed))
}

/// What eq-1.20-relative-update says about a drawn Pre-LN stack.
#[derive(Clone, Debug, PartialEq)]
pub struct RelativeUpdates {
    /// `ρ_l` of every layer.
    pub updates: Vec<f64>,
    /// The root of the mean squared change of the output when a layer and the next one read the same state.
    pub changes: Vec<f64>,
}

/// Measures a stack of `depth` layers, and the pairs that begin with each of `layers`, in single precision.
///
/// # Errors
/// Those of the layers; [`IndexOutOfRange`](mmt_tensor::Error::IndexOutOfRange) for a layer without a next one.
pub fn relative_updates(
    depth: usize,
    layers: &[usize],
    config: &DepthConfig,
    seeds: &[u64],
) -> Result<Vec<RelativeUpdates>> {
    of_seeds(seeds, |seed| {
        let random = &mut Random::seed(seed);
        let encoder = DepthProbe::<f32>::new(NormOrder::Pre, depth, config, random)?.encoder;
        let x: Array2<f32> = random.normal((config.tokens, config.width), 1.0);
        let rows = Ragged::one(config.tokens);
        let states = states(&encoder, &x, &rows, &Mask::None)?;
        let (y, _) = encoder.forward(&x, &rows, &Mask::None)?;
        let change = |&layer: &usize| {
            let other = parallel_pair(&encoder, layer, &x, &rows, &Mask::None)?;
            Ok(f64::from(output_change(&y, &other)?).sqrt())
        };
        Ok(RelativeUpdates {
            updates: depth::relative_updates(&states)?.into_iter().map(f64::from).collect(),
            changes: layers.iter().map(change).collect::<Result<_>>()?,
        })
    })
}
