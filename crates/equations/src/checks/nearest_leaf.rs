//! Evidence for `eq-2.9-nearest-leaf`.

use mmt_golden::Cases;
use mmt_tensor::testing::ramp;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::video::VisualWordsConfig;
use ndarray::{Array1, Array2, array};

use super::tree_search::{distance, draw, example, train};
use crate::{Property, properties};

/// The example of the specification, section 8: 4.9 has the nearest leaf 5, and walking down the tree ends in 4.5.
pub fn forward() {
    let words = example::<f64>();
    let x = array![[4.9], [4.7], [5.1], [-9.0], [15.0]];
    assert_eq!(words.nearest_leaf(&x).unwrap(), [2, 1, 2, 0, 3]);
    assert_eq!(words.tree_search(&x).unwrap(), [1, 1, 2, 0, 3]);
}

/// Ids are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    no_leaf_is_nearer,
    leaves_are_their_own_words,
    one_level_is_the_walk_down_the_tree,
    the_walk_never_ends_nearer,
];

fn no_leaf_is_nearer(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let leaves = words.levels.last().unwrap();
    for (x, id) in x.rows().into_iter().zip(words.nearest_leaf(&x).unwrap()) {
        let own = leaves.ids.iter().position(|&leaf| leaf == id).unwrap();
        let reach = distance(x, leaves.centers.row(own));
        assert!(leaves.centers.rows().into_iter().all(|leaf| reach <= distance(x, leaf)));
        assert!(id < words.words());
    }
}

fn leaves_are_their_own_words(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let leaves = words.levels.last().unwrap();
    assert_eq!(words.nearest_leaf(&leaves.centers).unwrap(), leaves.ids);
}

fn one_level_is_the_walk_down_the_tree(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, VisualWordsConfig { depth: 1, ..config }, 1);
    let other: Array2<f64> = random.uniform(x.dim(), 2.0);
    assert_eq!(words.nearest_leaf(&other).unwrap(), words.tree_search(&other).unwrap());
}

fn the_walk_never_ends_nearer(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let other: Array2<f64> = random.uniform(x.dim(), 2.0);
    let leaves = words.levels.last().unwrap();
    let reach = |i: usize, id: usize| {
        let own = leaves.ids.iter().position(|&leaf| leaf == id).unwrap();
        distance(other.row(i), leaves.centers.row(own))
    };
    let (flat, walk) = (words.nearest_leaf(&other).unwrap(), words.tree_search(&other).unwrap());
    for (i, (&flat, &walk)) in flat.iter().zip(&walk).enumerate() {
        assert!(reach(i, flat) <= reach(i, walk));
    }
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array2<R> = ramp(1, (11, 1)) * R::of(6.0) + R::of(4.9);
    let words = example::<R>();
    let ids = Array1::from(words.nearest_leaf(&x)?).mapv(|id| R::of(id as f64));
    let leaves = &words.levels[1].centers;
    cases.case("visual-words.flat").input("x", &x).buf("leaves", leaves).out("ids", &ids);
    Ok(())
}
