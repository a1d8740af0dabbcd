//! Which rows of the tall matrix are words, regions and ends.

use mmt_tensor::Real;
use ndarray::{Array2, ArrayRef2};

use super::VlBertInput;

/// Rows of the tokens of several sequences, each list in their order.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Tokens of text.
    pub text: Vec<usize>,
    /// Regions.
    pub regions: Vec<usize>,
    /// `[END]`, one per sample.
    pub ends: Vec<usize>,
    /// The first token of each text, as an index into `text`.
    pub firsts: Vec<usize>,
}

impl Rows {
    pub fn of(inputs: &[VlBertInput]) -> Self {
        let (mut rows, mut start) = (Rows::default(), 0);
        for input in inputs {
            rows.firsts.push(rows.text.len());
            let (image, end) = (start + input.ids.len(), start + input.tokens() - 1);
            rows.text.extend(start..image);
            rows.regions.extend(image..end);
            rows.ends.push(end);
            start = end + 1;
        }
        rows
    }
}

/// Copies the rows of `from` to rows of `to`.
pub fn put<R: Real>(from: &ArrayRef2<R>, rows: &[usize], to: &mut Array2<R>) {
    for (from, &row) in from.rows().into_iter().zip(rows) {
        to.row_mut(row).assign(&from);
    }
}

/// What every token of text is.
pub fn ids(inputs: &[VlBertInput]) -> Vec<usize> {
    inputs.iter().flat_map(|input| input.ids.iter().copied()).collect()
}

/// The segment of every token.
pub fn segments(inputs: &[VlBertInput]) -> Vec<usize> {
    inputs.iter().flat_map(VlBertInput::all_segments).collect()
}

/// The position of every token.
pub fn positions(inputs: &[VlBertInput]) -> Vec<usize> {
    inputs.iter().flat_map(VlBertInput::positions).collect()
}
