//! The sizes of a [`MinimalEmbedding`](super::MinimalEmbedding), and where the parts of its samples stand.

use std::ops::Range;

use mmt_tensor::{Error, Random, Real, Result, check_shape};
use ndarray::{Array2, Axis, concatenate};

use super::MinimalEmbeddingTape;

/// The sizes of a [`MinimalEmbedding`](super::MinimalEmbedding). ViLT: 30,522 words, texts of 40, patches of 32 with 3 channels, a grid of 12,
/// `d = 768`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimalConfig {
    /// Rows of the table of words.
    pub words: usize,
    /// Most words of a text.
    pub longest: usize,
    /// `P`
    pub patch: usize,
    /// `C`
    pub channels: usize,
    /// `g`, rows and columns of the grid that positions were learned for.
    pub grid: usize,
    /// `d`
    pub width: usize,
}

/// At most `most` patches of every picture, drawn without replacement, in their order. ViLT: 200 of up to 240.
pub fn sample_patches(patches: &[usize], most: usize, random: &mut Random) -> Vec<Vec<usize>> {
    let draw = |&n: &usize| {
        let mut kept = random.permutation(n);
        kept.truncate(most);
        kept.sort_unstable();
        kept
    };
    patches.iter().map(draw).collect()
}

/// Where the parts of a sample stand.
pub struct Sample<'a> {
    /// Rows of `Z`.
    pub text: Range<usize>,
    pub class: usize,
    pub image: Range<usize>,
    /// Rows of the words of all samples, and of the patches of all samples.
    pub words: Range<usize>,
    pub patches: Range<usize>,
    pub grid: (usize, usize),
    pub picture: [usize; 3],
    pub kept: &'a [usize],
}

impl<R> MinimalEmbeddingTape<R> {
    pub(super) fn samples(&self, patch: usize) -> impl Iterator<Item = Sample<'_>> {
        let (mut words, mut patches) = (0, 0);
        (0..self.words.len()).map(move |i| {
            let (rows, kept, picture) = (self.rows.range(i), &self.kept[i], self.pictures[i]);
            let class = rows.start + self.words[i];
            let from = (words, patches);
            (words, patches) = (words + self.words[i], patches + kept.len());
            Sample {
                text: rows.start..class,
                class,
                image: class + 1..rows.end,
                words: from.0..words,
                patches: from.1..patches,
                grid: (picture[0] / patch, picture[1] / patch),
                picture,
                kept,
            }
        })
    }
}

pub fn below<R: Real>(patches: &[Array2<R>]) -> Result<Array2<R>> {
    let width = patches.first().map_or(0, Array2::ncols);
    for rows in patches {
        check_shape("minimal embedding: patches", rows.shape(), &[rows.nrows(), width])?;
    }
    let views: Vec<_> = patches.iter().map(|rows| rows.view()).collect();
    concatenate(Axis(0), &views).map_err(|_| Error::EmptyInput { at: "minimal embedding: images" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_drawn_without_replacement() {
        let kept = sample_patches(&[5, 2, 3], 3, &mut Random::seed(1));
        assert_eq!([kept[0].len(), kept[1].len(), kept[2].len()], [3, 2, 3]);
        assert!(kept.iter().all(|kept| kept.windows(2).all(|pair| pair[0] < pair[1])));
        assert_eq!((&kept[1], &kept[2]), (&vec![0, 1], &vec![0, 1, 2]));
    }
}
