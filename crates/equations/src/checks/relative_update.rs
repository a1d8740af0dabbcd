//! Evidence for `eq-1.20-relative-update`.

use mmt_blocks::depth::{DepthConfig, DepthProbe, parallel_pair, relative_updates, states};
use mmt_blocks::{Block, Encoder, Mask, NormOrder};
use mmt_golden::Cases;
use mmt_lab::studies;
use mmt_tensor::testing::{assert_close, qres};
use mmt_tensor::{Ragged, Random, Real, Result, Tree};
use ndarray::{Array1, Array2};

use crate::{Property, properties};

/// The layers of the table of the specification, section 4; its seeds are 10 too.
const LAYERS: [usize; 6] = [1, 2, 4, 8, 16, 32];
const SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

/// `ρ_l √l` keeps its size, and a pair of neighbors in parallel matters less and less.
pub fn forward() {
    let (mut updates, mut pairs) = ([0.0; 32], [0.0; 6]);
    let first = LAYERS.map(|layer| layer - 1);
    for found in studies::relative_updates(33, &first, &DepthConfig::SMALL, &SEEDS).unwrap() {
        let add = |(sum, x): (&mut f64, f64)| *sum += x / SEEDS.len() as f64;
        updates.iter_mut().zip(found.updates).for_each(add);
        pairs.iter_mut().zip(found.changes).for_each(add);
    }
    for (i, update) in updates.iter().enumerate() {
        let scaled = update * ((i + 1) as f64).sqrt();
        assert!((0.7..=1.3).contains(&scaled), "layer {}: ρ √l is {scaled}", i + 1);
    }
    // Ten other seeds: 0.764, 0.665, 0.551, 0.407, 0.299, 0.190.
    for (layer, seen) in LAYERS.iter().zip([0.764, 0.665, 0.551, 0.407, 0.299, 0.190]) {
        let update = updates[layer - 1];
        assert!((update / seen - 1.0).abs() < 0.15, "layer {layer}: ρ is {update}, elsewhere {seen}");
    }
    assert!(pairs.windows(2).all(|pair| pair[1] < pair[0]), "changes of the output: {pairs:?}");
    assert!(pairs[5] < 0.2 * pairs[0], "changes of the output: {pairs:?}");
}

/// A stack in the setting of eq-1.16-gradient-scale.
fn draw<R: Real>(depth: usize, config: &DepthConfig, seed: u64) -> (Encoder<R>, Array2<R>, Ragged) {
    let random = &mut Random::seed(seed);
    let probe = DepthProbe::new(NormOrder::Pre, depth, config, random).unwrap();
    (probe.encoder, random.normal((config.tokens, config.width), 1.0), Ragged::one(config.tokens))
}

/// A measure: nothing is differentiated.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    a_factor_on_all_states_changes_nothing,
    the_last_state_is_what_the_final_norm_reads,
    a_second_block_without_branches_may_stand_beside_the_first,
];

const TINY: DepthConfig = DepthConfig { width: 4, tokens: 3, classes: 5 };

fn a_factor_on_all_states_changes_nothing(random: &mut Random) {
    let states: Vec<Array2<f64>> = (0..3).map(|_| random.normal((2, 3), 1.0)).collect();
    let factor = 0.1 + 10.0 * random.unit();
    let scaled: Vec<Array2<f64>> = states.iter().map(|x| x * factor).collect();
    let list = |states| Array1::from(relative_updates(states).unwrap());
    assert_close(&list(&scaled), &list(&states), 1e-12);
}

fn the_last_state_is_what_the_final_norm_reads(random: &mut Random) {
    let (encoder, x, rows) = draw::<f64>(1 + random.below(3), &TINY, random.below(1 << 20) as u64);
    let states = states(&encoder, &x, &rows, &Mask::None).unwrap();
    let (_, tape) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    assert_eq!(states.len(), encoder.blocks.len() + 1);
    assert_eq!(tape.norm.unwrap().x, states[states.len() - 1]);
}

fn a_second_block_without_branches_may_stand_beside_the_first(random: &mut Random) {
    let (mut encoder, x, rows) = draw::<f64>(3, &TINY, random.below(1 << 20) as u64);
    let Block::Pre(second) = &mut encoder.blocks[1] else { panic!("Pre-LN") };
    for map in [&mut second.attn.w_o, &mut second.ffn.w_2] {
        *map = map.zeros_like();
    }
    let (y, _) = encoder.forward(&x, &rows, &Mask::None).unwrap();
    for first in [0, 1] {
        let beside = parallel_pair(&encoder, first, &x, &rows, &Mask::None).unwrap();
        assert_close(&beside, &y, 1e-9);
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let probe = DepthProbe::<R>::new(NormOrder::Pre, 3, &TINY, &mut Random::seed(0))?;
    let (encoder, x, rows): (_, Array2<R>, _) = (probe.encoder, qres(1, (3, 4), 1.0), Ragged::one(3));
    let states = states(&encoder, &x, &rows, &Mask::None)?;
    let updates = Array1::from(relative_updates(&states)?);
    let pair = parallel_pair(&encoder, 1, &x, &rows, &Mask::None)?;
    (cases.case("depth.relative_update.pre").input("x", &x).param("", &encoder).act("states", &states))
        .out("updates", &updates)
        .out("parallel", &pair);
    Ok(())
}
