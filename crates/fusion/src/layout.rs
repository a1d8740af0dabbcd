//! Which rows of a joint sequence belong to which modality.

use std::ops::Range;

use mmt_tensor::{Error, Ragged, Result};

/// The tokens that one modality contributes to every sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name of the modality: `"image"`.
    pub tag: String,
    /// How many tokens of it each sample has.
    pub rows: Ragged,
}

/// The segments of a joint sequence, in the order in which every sample has them.
///
/// ```math
/// X_b = \begin{bmatrix} A_b \\ B_b \\ \vdots \end{bmatrix} \quad \text{for every sample } b
/// ```
///
/// It travels with the matrix: without it nobody can tell a token of an image from a token of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    segments: Vec<Segment>,
}

impl Layout {
    /// One modality, with at least one token in every sample.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] if a sample has no token, or if there is no sample.
    pub fn of(tag: &str, rows: Ragged) -> Result<Self> {
        if rows.samples() == 0 || rows.lengths().any(|n| n == 0) {
            return Err(Error::EmptyInput { at: "layout: segment" });
        }
        Self::with_missing(tag, rows)
    }

    /// One modality that samples may lack.
    ///
    /// # Errors
    /// [`Error::EmptyInput`] if there is no sample.
    pub fn with_missing(tag: &str, rows: Ragged) -> Result<Self> {
        if rows.samples() == 0 {
            return Err(Error::EmptyInput { at: "layout: samples" });
        }
        Ok(Layout { segments: vec![Segment { tag: tag.to_string(), rows }] })
    }

    /// The segments of `self`, then those of `other`.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for another number of samples; [`Error::DuplicateModality`] for a tag that both
    /// have.
    pub fn join(&self, other: &Layout) -> Result<Self> {
        other.rows().check_samples("concat: samples", self.samples())?;
        let taken = |tag: &str| self.segments.iter().any(|s| s.tag == tag);
        if let Some(twice) = other.segments.iter().find(|s| taken(&s.tag)) {
            return Err(Error::DuplicateModality { tag: twice.tag.clone() });
        }
        Ok(Layout { segments: self.segments.iter().chain(&other.segments).cloned().collect() })
    }

    /// In order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// How many samples there are.
    pub fn samples(&self) -> usize {
        self.segments[0].rows.samples()
    }

    /// Where each sample begins in the joint matrix.
    pub fn rows(&self) -> Ragged {
        let length = |b| self.segments.iter().map(|s| s.rows.length(b)).sum();
        Ragged::of_lengths((0..self.samples()).map(length))
    }

    /// For every segment and sample, in the order of the joint matrix: `(segment, rows of the joint matrix, rows of
    /// the segment)`.
    pub fn pieces(&self) -> Vec<(usize, Range<usize>, Range<usize>)> {
        let mut pieces = Vec::with_capacity(self.samples() * self.segments.len());
        let mut at = 0;
        for b in 0..self.samples() {
            for (s, segment) in self.segments.iter().enumerate() {
                let own = segment.rows.range(b);
                pieces.push((s, at..at + own.len(), own.clone()));
                at += own.len();
            }
        }
        pieces
    }

    /// The rows that a modality has in a sample of the joint matrix.
    ///
    /// # Errors
    /// [`Error::UnknownId`] for a tag that no segment has; [`Error::IndexOutOfRange`] for a sample that does not
    /// exist.
    pub fn range(&self, tag: &str, sample: usize) -> Result<Range<usize>> {
        mmt_tensor::check_index("layout: sample", sample, self.samples())?;
        let unknown = || Error::UnknownId { at: "layout: modality", id: tag.to_string() };
        let s = self.segments.iter().position(|s| s.tag == tag).ok_or_else(unknown)?;
        let before: usize = self.segments[..s].iter().map(|s| s.rows.length(sample)).sum();
        let start = self.rows().range(sample).start + before;
        Ok(start..start + self.segments[s].rows.length(sample))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Layout {
        let image = Layout::of("image", Ragged::of_lengths([2, 3])).unwrap();
        image.join(&Layout::of("text", Ragged::of_lengths([1, 4])).unwrap()).unwrap()
    }

    #[test]
    fn every_sample_has_its_segments_in_order() {
        let layout = two();
        assert_eq!(layout.rows(), Ragged::of_lengths([3, 7]));
        let pieces = [(0, 0..2, 0..2), (1, 2..3, 0..1), (0, 3..6, 2..5), (1, 6..10, 1..5)];
        assert_eq!(layout.pieces(), pieces);
        assert_eq!(layout.range("text", 1).unwrap(), 6..10);
        assert_eq!(layout.range("image", 1).unwrap(), 3..6);
    }

    #[test]
    fn wrong_layouts_are_refused() {
        let text = |r: Result<Layout>| r.unwrap_err().to_string();
        assert_eq!(text(Layout::of("text", Ragged::of_lengths([2, 0]))), "layout: segment: empty");
        assert_eq!(text(Layout::of("text", Ragged::of_lengths([]))), "layout: segment: empty");
        assert_eq!(text(Layout::with_missing("text", Ragged::of_lengths([]))), "layout: samples: empty");
        let text_again = Layout::of("text", Ragged::even(2, 1)).unwrap();
        assert_eq!(text(two().join(&text_again)), "two segments are called `text`");
        let other = Layout::of("audio", Ragged::even(3, 1)).unwrap();
        assert_eq!(text(two().join(&other)), "concat: samples: expected shape [2], got [3]");
    }

    #[test]
    fn unknown_modalities_and_samples_are_refused() {
        assert_eq!(two().range("audio", 0).unwrap_err().to_string(), "layout: modality: unknown: `audio`");
        let error = two().range("text", 2).unwrap_err();
        assert_eq!(error.to_string(), "layout: sample: index 2 is outside a table of 2");
    }
}
