//! The word of a vector, by two searches.

use mmt_tensor::{Real, Result, check_finite, check_not_empty, check_setting, check_shape};
use ndarray::{ArrayRef2, s};

use super::k_means::{assign, nearest};
use super::visual_words::{VisualWords, check_size};

impl<R: Real> VisualWords<R> {
    /// The word of every vector, found by walking down the tree.
    ///
    /// **eq-2.9-tree-search**
    /// ```math
    /// b_l = \arg\min_{j < k} |x - c_{b_0 \dots b_{l-1} j}|^2, \qquad
    /// \mathrm{id} = \sum_{l=0}^{d-1} b_l\, k^{d-1-l}
    /// ```
    ///
    /// `x: [n, w]` → `[n]`
    ///
    /// `k · d` distances instead of `k^d`; of children at the same distance the first wins. It is not always the
    /// nearest leaf: see [`nearest_leaf`](Self::nearest_leaf). Ids are data, so nothing is differentiated.
    ///
    /// Source: Sun et al. 2019, *VideoBERT*, section 4.2; Nistér & Stewénius 2006, *Scalable recognition with a
    /// vocabulary tree*, section 3. Which of the two searches VideoBERT uses is not said.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`](mmt_tensor::Error::ShapeMismatch) for vectors of another width; `EmptyInput` for no
    /// vector; `NonFinite` for NaN, infinities and distances that overflow.
    pub fn tree_search(&self, x: &ArrayRef2<R>) -> Result<Vec<usize>> {
        self.check(x)?;
        let mut at = vec![0; x.nrows()];
        for level in &self.levels {
            for (i, node) in at.iter_mut().enumerate() {
                let children = level.children[*node].clone();
                let centers = level.centers.slice(s![children.clone(), ..]);
                let (child, distance) = nearest(&x.row(i).to_vec(), &centers);
                check_setting("visual words: x", distance.is_finite(), || {
                    format!("vector {i} is too far from every center")
                })?;
                *node = children.start + child;
            }
        }
        Ok(self.ids(&at))
    }

    /// The nearest word of every vector, found by looking at all of them.
    ///
    /// **eq-2.9-nearest-leaf**
    /// ```math
    /// \mathrm{id} = \arg\min_{b < k^d} |x - c_b|^2
    /// ```
    ///
    /// `x: [n, w]` → `[n]`
    ///
    /// With `k = d = 2`, centers 0 and 10 above the leaves -4, 4.5 and 5, 15, the vector 4.9 has the nearest leaf 5; the
    /// walk goes to 0 first and ends in 4.5.
    ///
    /// Source: released code of an unofficial VideoBERT, ammesatyajit/VideoBERT, `data/label_data.py`.
    ///
    /// # Errors
    /// As [`tree_search`](Self::tree_search).
    pub fn nearest_leaf(&self, x: &ArrayRef2<R>) -> Result<Vec<usize>> {
        self.check(x)?;
        let leaves = self.levels.last().expect("checked");
        Ok(self.ids(&assign(x, &leaves.centers)?.0))
    }

    fn check(&self, x: &ArrayRef2<R>) -> Result<()> {
        check_size(self.k, self.levels.len())?;
        let mut parents = 1;
        for level in &self.levels {
            let nodes = level.centers.nrows();
            let whole = level.ids.len() == nodes
                && level.children.len() == parents
                && level.children.iter().all(|children| !children.is_empty() && children.end <= nodes);
            check_setting("visual words: levels", whole, || "not a tree".to_string())?;
            parents = nodes;
        }
        check_shape("visual words: x", x.shape(), &[x.nrows(), self.levels[0].centers.ncols()])?;
        check_not_empty("visual words: x", x)?;
        check_finite("visual words: x", x)
    }

    /// The ids of leaves.
    fn ids(&self, leaves: &[usize]) -> Vec<usize> {
        let ids = &self.levels.last().expect("checked").ids;
        leaves.iter().map(|&leaf| ids[leaf]).collect()
    }
}
