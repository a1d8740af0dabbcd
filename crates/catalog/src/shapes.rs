//! From the shapes of files to those of the operations and back.
//!
//! A file holds padded batches, `[B, n, d]` and `[B, h, n, d]`; an operation sees the tokens of all samples as rows of one
//! matrix, and heads as blocks of columns.

use mmt_blocks::HeadsTape;
use mmt_golden::run::Run;
use mmt_tensor::ops::Moments;
use mmt_tensor::{Ragged, Real, Tree};
use ndarray::{Array, Array2, Array4, Dimension};

/// `B` samples of `n` rows.
pub fn samples(b: usize, n: usize) -> Ragged {
    Ragged::of_lengths(std::iter::repeat_n(n, b))
}

/// Any array as a matrix of its last axis.
pub fn rows_of<R: Real, D: Dimension>(x: &Array<R, D>) -> Array2<R> {
    let width = x.shape().last().copied().unwrap_or(1);
    let list: Vec<R> = x.iter().copied().collect();
    Array2::from_shape_vec((list.len() / width.max(1), width), list).expect("whole rows")
}

/// `[B, h, n, d]` → `[B n, h d]`
pub fn merge_heads<R: Real>(x: &Array4<R>) -> Array2<R> {
    let (b, h, n, d) = x.dim();
    Array2::from_shape_fn((b * n, h * d), |(i, j)| x[(i / n, j / d, i % n, j % d)])
}

/// `[B n, h d]` → `[B, h, n, d]`
pub fn split_heads<R: Real>(x: &Array2<R>, b: usize, h: usize) -> Array4<R> {
    let (n, d) = (x.nrows() / b, x.ncols() / h);
    Array4::from_shape_fn((b, h, n, d), |(s, head, i, j)| x[(s * n + i, head * d + j)])
}

/// Keeps the weights of attention as `[B, h, n, m]`; nothing if it was computed in tiles.
pub fn keep_weights<R: Real>(run: &mut Run<R>, key: &str, tape: &HeadsTape<R>, b: usize) {
    let Some(first) = tape.p.first() else { return };
    let (n, m) = first.dim();
    let all: Vec<R> = tape.p.iter().flatten().copied().collect();
    let p =
        Array4::from_shape_vec((b, tape.p.len() / b, n, m), all).expect("weights of every sample and head");
    run.keep(key, &p);
}

/// Keeps the moments of a norm in the shape of the input without its last axis.
pub fn keep_moments<R: Real>(run: &mut Run<R>, name: &str, moments: &Moments<R>, shape: &[usize]) {
    run.keep_as(&format!("act/{name}mean"), &moments.mean, shape);
    run.keep_as(&format!("act/{name}rstd"), &moments.rstd, shape);
}

/// Keeps an output of all samples, and draws its gradient.
pub fn finish<R: Real>(run: &mut Run<R>, name: &str, z: &Array2<R>) -> Array2<R> {
    let shape = batched(run, z);
    run.keep_as(&format!("out/{name}"), z, &shape);
    rows_of(&run.cot(name, shape))
}

fn batched<R: Real>(run: &Run<R>, x: &Array2<R>) -> [usize; 3] {
    let b = run.size("batch");
    [b, x.nrows() / b, x.ncols()]
}

/// Keeps the gradients of inputs and parameters.
pub fn gradients<R: Real>(run: &mut Run<R>, inputs: &[(&str, &Array2<R>)], grad: &impl Tree<R>) {
    for (name, x) in inputs {
        let shape = batched(run, x);
        run.keep_as(&format!("grad_in/{name}"), x, &shape);
    }
    run.keep_tree("grad_param", "", grad);
}
