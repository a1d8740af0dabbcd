//! Words for vectors: a tree of clusters.

use std::ops::Range;

use mmt_tensor::{Random, Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::{Array2, ArrayRef2, Axis};

use super::k_means::{check_distinct, distinct, k_means};
use super::seeds::sample_centers;

/// A tree of cluster centers; a leaf is a word.
#[derive(Clone, Debug, PartialEq)]
pub struct VisualWords<R> {
    /// `k`, children of a node.
    pub k: usize,
    /// From the root down.
    pub levels: Vec<Level<R>>,
}

/// The nodes at one distance from the root, in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Level<R> {
    /// `[nodes, d]`
    pub centers: Array2<R>,
    /// The path to every node as a number in base `k`.
    pub ids: Vec<usize>,
    /// For every node of the level above, which nodes of this level are its children. The root is alone.
    pub children: Vec<Range<usize>>,
}

/// What becomes of a cluster with fewer distinct points than it should have children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortNodes {
    /// It is refused.
    Refuse,
    /// It has one child per distinct point.
    Allow,
}

/// The settings of [`VisualWords::train`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisualWordsConfig {
    /// `k`, 12 in VideoBERT.
    pub k: usize,
    /// `d`, 4 in VideoBERT.
    pub depth: usize,
    /// Steps of Lloyd per cluster, at most.
    pub iterations: usize,
    /// Clusters that are too small.
    pub short: ShortNodes,
}

impl<R: Real> VisualWords<R> {
    /// Splits all points by [`k_means`], then every cluster by itself, level by level.
    ///
    /// Centers start at [`sample_centers`]; draws are made from the root down, so that a deeper tree begins with the
    /// levels of a shallower one.
    ///
    /// `x: [n, w]`
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for `k` below 2, no level, more words
    /// than can be counted, and fewer distinct points than `k` at a split unless that is allowed; `EmptyInput` for no
    /// point; `NonFinite` for NaN, infinities and distances that overflow.
    pub fn train(x: &ArrayRef2<R>, config: &VisualWordsConfig, random: &mut Random) -> Result<Self> {
        check_size(config.k, config.depth)?;
        check_not_empty("visual words: x", x)?;
        check_finite("visual words: x", x)?;
        let mut clusters: Vec<(usize, Vec<usize>)> = vec![(0, (0..x.nrows()).collect())];
        let mut levels = Vec::with_capacity(config.depth);
        for _ in 0..config.depth {
            let mut level = Level { centers: Array2::zeros((0, x.ncols())), ids: vec![], children: vec![] };
            let mut next = Vec::new();
            for (id, points) in clusters {
                let first = level.ids.len();
                let (centers, nearest) = split(&x.select(Axis(0), &points), config, random)?;
                for (j, center) in centers.rows().into_iter().enumerate() {
                    let members = points.iter().zip(&nearest).filter(|(_, own)| **own == j);
                    next.push((id * config.k + j, members.map(|(&point, _)| point).collect()));
                    level.ids.push(id * config.k + j);
                    level.centers.push_row(center).expect("rows of one width");
                }
                level.children.push(first..level.ids.len());
            }
            levels.push(level);
            clusters = next;
        }
        Ok(VisualWords { k: config.k, levels })
    }

    /// A complete tree from its centers: `[k, w]`, `[k², w]`, and so on, in the order of the ids.
    ///
    /// # Errors
    /// [`Error::InvalidHyperparameter`](mmt_tensor::Error::InvalidHyperparameter) for `k` below 2, no level or more
    /// words than can be counted; `ShapeMismatch` for another number of centers or centers of different widths;
    /// `NonFinite` for NaN and infinities.
    pub fn from_centers(k: usize, centers: Vec<Array2<R>>) -> Result<Self> {
        check_size(k, centers.len())?;
        let width = centers[0].ncols();
        let (mut nodes, mut levels) = (1, Vec::with_capacity(centers.len()));
        for centers in centers {
            check_shape("visual words: centers", centers.shape(), &[nodes * k, width])?;
            check_finite("visual words: centers", &centers)?;
            let children = (0..nodes).map(|node| node * k..(node + 1) * k).collect();
            nodes *= k;
            levels.push(Level { centers, ids: (0..nodes).collect(), children });
        }
        Ok(VisualWords { k, levels })
    }

    /// `k^d`: ids are below it.
    pub fn words(&self) -> usize {
        self.k.saturating_pow(self.levels.len() as u32)
    }
}

/// The centers of the children of a cluster, and which child every point goes to.
fn split<R: Real>(
    x: &Array2<R>,
    config: &VisualWordsConfig,
    random: &mut Random,
) -> Result<(Array2<R>, Vec<usize>)> {
    let found = distinct(x, config.k);
    if config.short == ShortNodes::Refuse {
        check_distinct(found, config.k)?;
    }
    if found < 2 {
        return Ok((x.slice(ndarray::s![..1, ..]).to_owned(), vec![0; x.nrows()]));
    }
    let start = sample_centers(x, found, random)?;
    let clusters = k_means(x, &start, config.iterations)?;
    Ok((clusters.centers, clusters.nearest))
}

/// Refuses trees without branches, without levels, or with more words than a number can count.
pub(super) fn check_size(k: usize, depth: usize) -> Result<()> {
    check_setting("visual words: k", k > 1, || format!("must be at least 2, got {k}"))?;
    check_setting("visual words: depth", depth > 0, || "must be positive, got 0".to_string())?;
    let words = u32::try_from(depth).ok().and_then(|depth| k.checked_pow(depth));
    check_setting("visual words: depth", words.is_some(), || format!("{k}^{depth} words are too many"))
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const CONFIG: VisualWordsConfig =
        VisualWordsConfig { k: 2, depth: 2, iterations: 20, short: ShortNodes::Refuse };

    fn train(x: &Array2<f64>, config: VisualWordsConfig) -> Result<VisualWords<f64>> {
        VisualWords::train(x, &config, &mut Random::seed(0))
    }

    #[test]
    fn wrong_trees_are_refused() {
        let x = array![[0.0], [1.0], [10.0], [11.0]];
        let text = |config| train(&x, config).unwrap_err().to_string();
        let k = VisualWordsConfig { k: 1, ..CONFIG };
        assert_eq!(text(k), "visual words: k: must be at least 2, got 1");
        let depth = VisualWordsConfig { depth: 0, ..CONFIG };
        assert_eq!(text(depth), "visual words: depth: must be positive, got 0");
        let many = VisualWordsConfig { depth: 64, ..CONFIG };
        assert_eq!(text(many), "visual words: depth: 2^64 words are too many");
        let never = VisualWordsConfig { iterations: 0, ..CONFIG };
        assert_eq!(text(never), "k_means: iterations: must be positive, got 0");
        let short = VisualWordsConfig { k: 3, depth: 2, ..CONFIG };
        assert!(text(short).ends_with("distinct points for 3 clusters"), "{}", text(short));
        let leaves = VisualWords::from_centers(2, vec![array![[0.0], [1.0]], array![[0.0], [1.0]]]);
        let text = "visual words: centers: expected shape [4, 1], got [2, 1]";
        assert_eq!(leaves.unwrap_err().to_string(), text);
    }

    #[test]
    fn wrong_points_are_refused() {
        let text = |x: &Array2<f64>| train(x, CONFIG).unwrap_err().to_string();
        assert_eq!(text(&Array2::zeros((0, 1))), "visual words: x: empty");
        assert_eq!(text(&array![[0.0], [f64::NAN]]), "visual words: x: not a finite number");
        let words = train(&array![[0.0], [1.0], [10.0], [11.0]], CONFIG).unwrap();
        for search in [VisualWords::tree_search, VisualWords::nearest_leaf] {
            let text = |x: &Array2<f64>| search(&words, x).unwrap_err().to_string();
            assert_eq!(text(&Array2::zeros((0, 1))), "visual words: x: empty");
            let width = "visual words: x: expected shape [1, 1], got [1, 2]";
            assert_eq!(text(&array![[0.0, 1.0]]), width);
            assert_eq!(text(&array![[f64::INFINITY]]), "visual words: x: not a finite number");
        }
        let far = array![[1e200]];
        let text = "visual words: x: vector 0 is too far from every center";
        assert_eq!(words.tree_search(&far).unwrap_err().to_string(), text);
        let text = "k_means: distances: not a finite number";
        assert_eq!(words.nearest_leaf(&far).unwrap_err().to_string(), text);
    }

    #[test]
    fn levels_that_are_no_tree_are_refused() {
        let mut words = train(&array![[0.0], [1.0], [10.0], [11.0]], CONFIG).unwrap();
        words.levels[1].children[1] = 2..5;
        let error = words.tree_search(&array![[0.0]]).unwrap_err();
        assert_eq!(error.to_string(), "visual words: levels: not a tree");
    }

    #[test]
    fn short_nodes_have_fewer_children() {
        let x = array![[0.0], [0.0], [10.0], [11.0]];
        let config = VisualWordsConfig { short: ShortNodes::Allow, ..CONFIG };
        let words = train(&x, config).unwrap();
        let mut ids = words.tree_search(&x).unwrap();
        assert_eq!(ids[0], ids[1]);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        assert_eq!(words.levels[1].ids.len(), 3);
    }
}
