//! Evidence for `eq-2.9-tree-search`.

use mmt_golden::Cases;
use mmt_tensor::testing::ramp;
use mmt_tensor::{Random, Real, Result};
use mmt_tokenizers::video::{ShortNodes, VisualWords, VisualWordsConfig, k_means, sample_centers};
use ndarray::{Array1, Array2, Axis, array};

use crate::{Property, properties};

/// The tree of the specification, section 8: centers 0 and 10 above the leaves -4, 4.5 and 5, 15.
pub(super) fn example<R: Real>() -> VisualWords<R> {
    let centers = [vec![0.0, 10.0], vec![-4.0, 4.5, 5.0, 15.0]];
    let centers = centers.map(|c| Array1::from(c).mapv(R::of).insert_axis(Axis(1)));
    VisualWords::from_centers(2, centers.to_vec()).expect("a complete tree")
}

/// The example of the specification, section 8, and the number of words of VideoBERT.
pub fn forward() {
    let words = example::<f64>();
    assert_eq!(words.tree_search(&array![[4.9], [5.1], [-9.0], [15.0]]).unwrap(), [1, 2, 0, 3]);
    assert_eq!(words.words(), 4);
    assert_eq!(VisualWords::<f64> { k: 12, levels: vec![words.levels[0].clone(); 4] }.words(), 20_736);
}

/// Ids are data.
pub const BACKWARD: Option<fn()> = None;

/// See [`Equation::properties`](crate::Equation::properties).
pub const PROPERTIES: &[Property] = properties![
    ids_are_paths_of_nearest_children,
    leaves_on_their_own_path_are_their_own_words,
    prefixes_are_the_words_of_shallower_trees,
    one_level_is_plain_k_means,
    training_points_end_where_training_left_them,
    the_order_of_training_points_does_not_matter,
    a_vector_does_not_feel_its_neighbors,
];

/// Points without ties, and the settings of a tree over them.
pub(super) fn draw(random: &mut Random) -> (Array2<f64>, VisualWordsConfig) {
    let (k, depth) = (2 + random.below(3), 1 + random.below(3));
    let short = if depth == 1 { ShortNodes::Refuse } else { ShortNodes::Allow };
    let shape = (20 + random.below(40), 1 + random.below(3));
    let x = random.uniform(shape, 1.0);
    (x, VisualWordsConfig { k, depth, iterations: 100, short })
}

pub(super) fn train(x: &Array2<f64>, config: VisualWordsConfig, seed: u64) -> VisualWords<f64> {
    VisualWords::train(x, &config, &mut Random::seed(seed)).unwrap()
}

pub(super) fn distance(a: ndarray::ArrayView1<f64>, b: ndarray::ArrayView1<f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn ids_are_paths_of_nearest_children(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let other: Array2<f64> = random.uniform((10, x.ncols()), 1.5);
    for (x, id) in other.rows().into_iter().zip(words.tree_search(&other).unwrap()) {
        assert!(id < words.words());
        for (l, level) in words.levels.iter().enumerate() {
            let node = id / config.k.pow((config.depth - 1 - l) as u32);
            // Siblings are the nodes whose ids agree up to the last digit.
            let siblings = (0..level.ids.len()).filter(|&i| level.ids[i] / config.k == node / config.k);
            let nearest = siblings.min_by(|&i, &j| {
                let (i, j) = (level.centers.row(i), level.centers.row(j));
                distance(x, i).total_cmp(&distance(x, j))
            });
            assert_eq!(level.ids[nearest.unwrap()], node);
        }
    }
}

fn leaves_on_their_own_path_are_their_own_words(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let leaves = words.levels.last().unwrap();
    let found = words.tree_search(&leaves.centers).unwrap();
    for (i, (&id, &found)) in leaves.ids.iter().zip(&found).enumerate() {
        let on_path = words.levels.iter().enumerate().all(|(l, level)| {
            let node = id / config.k.pow((config.depth - 1 - l) as u32);
            let own = level.ids.iter().position(|&id| id == node).unwrap();
            let reach = distance(leaves.centers.row(i), level.centers.row(own));
            let siblings =
                (0..level.ids.len()).filter(|&j| j != own && level.ids[j] / config.k == node / config.k);
            siblings.into_iter().all(|j| reach < distance(leaves.centers.row(i), level.centers.row(j)))
        });
        assert!(found == id || !on_path, "leaf {id} became word {found}");
    }
}

fn prefixes_are_the_words_of_shallower_trees(random: &mut Random) {
    let (x, config) = draw(random);
    let deep = train(&x, config, 1);
    let ids = deep.tree_search(&x).unwrap();
    for depth in 1..=config.depth {
        let shallow = train(&x, VisualWordsConfig { depth, ..config }, 1);
        assert_eq!(shallow.levels, deep.levels[..depth]);
        let rest = config.k.pow((config.depth - depth) as u32);
        let prefixes: Vec<usize> = ids.iter().map(|id| id / rest).collect();
        assert_eq!(shallow.tree_search(&x).unwrap(), prefixes);
    }
}

fn one_level_is_plain_k_means(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, VisualWordsConfig { depth: 1, ..config }, 1);
    let start = sample_centers(&x, config.k, &mut Random::seed(1)).unwrap();
    let plain = k_means(&x, &start, config.iterations).unwrap();
    assert_eq!(words.levels[0].centers, plain.centers);
    assert_eq!(words.tree_search(&x).unwrap(), plain.nearest);
}

/// The center of a leaf is the mean of the training points that carry its word.
fn training_points_end_where_training_left_them(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let ids = words.tree_search(&x).unwrap();
    let leaves = words.levels.last().unwrap();
    for (id, center) in leaves.ids.iter().zip(leaves.centers.rows()) {
        let members: Vec<usize> = (0..x.nrows()).filter(|&i| ids[i] == *id).collect();
        let points = x.select(Axis(0), &members);
        for (j, column) in points.columns().into_iter().enumerate() {
            let mean = column.iter().sum::<f64>() / members.len() as f64;
            assert!((center[j] - mean).abs() < 1e-12, "word {id}");
        }
    }
}

fn the_order_of_training_points_does_not_matter(random: &mut Random) {
    let (x, config) = draw(random);
    let permuted = x.select(Axis(0), &random.permutation(x.nrows()));
    let (words, other) = (train(&x, config, 1), train(&permuted, config, 1));
    for (level, other) in words.levels.iter().zip(&other.levels) {
        assert_eq!(level.ids, other.ids);
        mmt_tensor::testing::assert_close(&other.centers, &level.centers, 1e-12);
    }
    assert_eq!(other.tree_search(&x).unwrap(), words.tree_search(&x).unwrap());
}

fn a_vector_does_not_feel_its_neighbors(random: &mut Random) {
    let (x, config) = draw(random);
    let words = train(&x, config, 1);
    let i = random.below(x.nrows());
    let alone = words.tree_search(&x.select(Axis(0), &[i])).unwrap();
    assert_eq!(words.tree_search(&x).unwrap()[i], alone[0]);
}

/// Golden cases.
pub fn golden<R: Real>(cases: &mut Cases<R>) -> Result<()> {
    let x: Array2<R> = ramp(1, (11, 1)) * R::of(6.0) + R::of(4.9);
    let words = example::<R>();
    let ids = Array1::from(words.tree_search(&x)?).mapv(|id| R::of(id as f64));
    (cases.case("visual-words.tree").input("x", &x).buf("level_1", &words.levels[0].centers))
        .buf("level_2", &words.levels[1].centers)
        .out("ids", &ids);
    Ok(())
}
