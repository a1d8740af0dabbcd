//! Rows of sequences: below each other, apart, and the same for every sample.

use std::ops::Range;

use mmt_tensor::{Ragged, Real};
use ndarray::{Array2, s};

use super::shape::{Sequence, is_kept};

/// The rows of sequences below each other, sample by sample.
pub(super) fn stacked<R: Real>(parts: &[(&Array2<R>, Ragged)]) -> Array2<R> {
    let rows: Vec<Ragged> = parts.iter().map(|(_, rows)| rows.clone()).collect();
    let tokens = rows.iter().map(Ragged::tokens).sum();
    let mut z = Array2::zeros((tokens, parts[0].0.ncols()));
    for (part, joint, own) in pieces(&rows) {
        z.slice_mut(s![joint, ..]).assign(&parts[part].0.slice(s![own, ..]));
    }
    z
}

/// The inverse of [`stacked`].
pub(super) fn unstacked<R: Real>(z: &Array2<R>, rows: &[Ragged]) -> Vec<Array2<R>> {
    let mut parts: Vec<Array2<R>> =
        rows.iter().map(|rows| Array2::zeros((rows.tokens(), z.ncols()))).collect();
    for (part, joint, own) in pieces(rows) {
        parts[part].slice_mut(s![own, ..]).assign(&z.slice(s![joint, ..]));
    }
    parts
}

/// The rows of the segments that are kept.
pub(super) fn pick<R: Real>(x: &Array2<R>, shape: &Sequence, tags: &[String]) -> Array2<R> {
    let kept: Vec<Range<usize>> = kept(shape, tags);
    let mut z = Array2::zeros((kept.iter().map(Range::len).sum(), x.ncols()));
    let mut at = 0;
    for rows in kept {
        let next = at + rows.len();
        z.slice_mut(s![at..next, ..]).assign(&x.slice(s![rows, ..]));
        at = next;
    }
    z
}

/// The adjoint of [`pick`]: zeros where nothing was kept.
pub(super) fn put<R: Real>(dz: &Array2<R>, shape: &Sequence, tags: &[String]) -> Array2<R> {
    let mut dx = Array2::zeros((shape.tokens(), dz.ncols()));
    let mut at = 0;
    for rows in kept(shape, tags) {
        let next = at + rows.len();
        dx.slice_mut(s![rows, ..]).assign(&dz.slice(s![at..next, ..]));
        at = next;
    }
    dx
}

/// The same tokens for every sample.
pub(super) fn tiled<R: Real>(tokens: &Array2<R>, samples: usize) -> Array2<R> {
    let n = tokens.nrows();
    Array2::from_shape_fn((samples * n, tokens.ncols()), |(i, c)| tokens[(i % n, c)])
}

/// Adds the gradients of all samples.
pub(super) fn tiled_backward<R: Real>(dz: &Array2<R>, grad: &mut Array2<R>) {
    let n = grad.nrows();
    for sample in 0..dz.nrows() / n {
        *grad += &dz.slice(s![sample * n..(sample + 1) * n, ..]);
    }
}

/// Part, rows of the joint matrix, rows of the part.
fn pieces(rows: &[Ragged]) -> Vec<(usize, Range<usize>, Range<usize>)> {
    let (mut list, mut at) = (vec![], 0);
    for b in 0..rows[0].samples() {
        for (part, rows) in rows.iter().enumerate() {
            let own = rows.range(b);
            list.push((part, at..at + own.len(), own.clone()));
            at += own.len();
        }
    }
    list
}

fn kept(shape: &Sequence, tags: &[String]) -> Vec<Range<usize>> {
    let rows: Vec<Ragged> = shape.segments.iter().map(|segment| segment.rows.clone()).collect();
    let all = pieces(&rows).into_iter();
    all.filter(|(part, ..)| is_kept(&shape.segments[*part], tags)).map(|(_, joint, _)| joint).collect()
}
